"""Everything that is not a node and could still differ between two runs of one seed."""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager

from trio._core import _run
from trio._core._run import _r as scheduler_luck

from engram_sync.host import Entropy

_SWITCH = "_ALLOW_DETERMINISTIC_SCHEDULING"


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
