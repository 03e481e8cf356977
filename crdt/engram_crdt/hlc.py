"""Hybrid logical clocks: one unsigned number, milliseconds << 16 | counter.

Pure arithmetic: the wall clock is an argument.  A clock never runs backwards, stays close to
wall time, and is larger than everything it has observed, so that causality implies order.
"""

from typing import Final

HLC_MIN: Final = 1 << 32
"""Smallest valid clock: its CBOR form always has nine bytes."""

HLC_MAX: Final = (1 << 63) - 1
"""Largest valid clock: it fits a signed 64-bit column."""

COUNTER_BITS: Final = 16


def pack(ms: int, counter: int) -> int:
    """Join milliseconds and counter into one clock.

    Raises:
        ValueError: The counter does not fit 16 bits or the result is no valid clock.
    """
    if not 0 <= counter < 1 << COUNTER_BITS:
        raise ValueError(f"counter {counter} does not fit {COUNTER_BITS} bits")
    return _checked(ms << COUNTER_BITS | counter)


def unpack(hlc: int) -> tuple[int, int]:
    """Split a clock into (milliseconds, counter)."""
    return hlc >> COUNTER_BITS, hlc & ((1 << COUNTER_BITS) - 1)


def tick(last: int, now_ms: int) -> int:
    """Return the clock of the next local event.

    Args:
        last: The clock so far; 0 for none.
        now_ms: Wall time in milliseconds since 1970.

    Returns:
        The smallest clock that is larger than ``last`` and not behind the wall.  When more than
        65,536 events share a millisecond, the counter carries into the milliseconds.

    Raises:
        ValueError: There is no larger valid clock.
    """
    return _checked(max(last + 1, now_ms << COUNTER_BITS, HLC_MIN))


def observe(last: int, seen: int) -> int:
    """Return the clock after seeing another one: the next ``tick`` is larger than both."""
    return max(last, seen)


def _checked(hlc: int) -> int:
    if not HLC_MIN <= hlc <= HLC_MAX:
        raise ValueError(f"clock {hlc} is outside {HLC_MIN}..{HLC_MAX}")
    return hlc
