"""Everything that is not a node and could still differ between two runs of one seed."""

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager

import trio
from trio._core import _run
from trio._core._run import _r as scheduler_luck

from engram_sync.host import Entropy

_SWITCH = "_ALLOW_DETERMINISTIC_SCHEDULING"

EPOCH_MS = 1_767_225_600_000
"""2026-01-01 UTC: what a wall clock without an error shows when a run begins."""


@contextmanager
def repeatable_scheduler(seed: int) -> Generator[None]:
    """Let trio choose between runnable tasks by ``seed`` for the time of the block.

    It is how hypothesis makes trio repeatable; trio has no public name for it.
    """
    state = scheduler_luck.getstate()
    before = getattr(_run, _SWITCH)
    setattr(_run, _SWITCH, True)
    scheduler_luck.seed(seed)
    try:
        yield
    finally:
        setattr(_run, _SWITCH, before)
        scheduler_luck.setstate(state)


def seeded_entropy(use: str) -> Entropy:
    """Bytes that look random and are the same every time for the same ``use``."""
    drawn = 0

    def draw(size: int, /) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{use} {drawn}".encode()).digest(size)

    return draw


class SimulatedClock:
    """The wall clock of one node: the time of the run, with an error of its own.

    Args:
        skew_ms: How far it is off when the run begins.
        drift: How much faster it goes; 0.001 gains a millisecond per second.
        now_s: The time of the run in seconds.
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
        """Show the time of the run, whether that is forward or back, and keep to it."""
        self.skew_ms = 0
        self._rate = 1000.0

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC, as this node believes."""
        return max(0, EPOCH_MS + self.skew_ms + int(self._now_s() * self._rate))
