"""Wall time that follows trio's clock."""

from collections.abc import Callable
from typing import Final

import trio

EPOCH_MS: Final = 1_767_225_600_000
"""2026-01-01 UTC: what a wall clock without an error shows when trio's clock shows zero."""


class SimulatedClock:
    """The wall clock of one host: the time of the test, with an error of its own.

    Args:
        skew_ms: How far it is off; may be set at any time, as an administrator or NTP does.
        drift: How much faster it goes; 0.001 gains a millisecond per second.
        now_s: The time of the test in seconds; by default trio's, also when that is virtual.
    """

    def __init__(
        self,
        *,
        skew_ms: int = 0,
        drift: float = 0.0,
        now_s: Callable[[], float] = trio.current_time,
    ) -> None:
        self.skew_ms = skew_ms
        self._rate = 1000.0 * (1.0 + drift)
        self._now_s = now_s

    def set_right(self) -> None:
        """Show the time of the test, whether that is forward or back, and keep to it."""
        self.skew_ms = 0
        self._rate = 1000.0

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC, as this node believes."""
        return max(0, EPOCH_MS + self.skew_ms + int(self._now_s() * self._rate))
