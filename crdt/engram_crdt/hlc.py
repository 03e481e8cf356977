"""Hybrid logical clocks: one unsigned number, milliseconds << 16 | counter.

Pure arithmetic: the wall clock is an argument.  It is a label that orders what nobody has ordered:
each change of an engram carries one above those of all that its author had seen of that engram.
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
    """Return the clock of the next change.

    Args:
        last: The largest clock that its author has seen of the engram; 0 for none.
        now_ms: Wall time in milliseconds since 1970.

    Returns:
        The smallest clock that is larger than ``last`` and not behind the wall.  When more than
        65,536 changes share a millisecond, the counter carries into the milliseconds.  At the end
        of the range the clock stands still: nobody may be kept from writing by what a clock says.
    """
    return min(max(last + 1, now_ms << COUNTER_BITS, HLC_MIN), HLC_MAX)


def _checked(hlc: int) -> int:
    if not HLC_MIN <= hlc <= HLC_MAX:
        raise ValueError(f"clock {hlc} is outside {HLC_MIN}..{HLC_MAX}")
    return hlc
