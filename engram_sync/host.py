"""What a node takes from the machine it runs on: time, entropy and where blocking work runs.

Every source of non-determinism enters through these protocols, so that a simulation can supply
its own and one seed gives one trace.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Wall-clock time.  Monotonic time is trio's (``trio.current_time``)."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC; may jump in either direction."""
        ...


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def __call__(self, size: int, /) -> bytes:
        """``size`` fresh bytes."""
        ...


class Executor(Protocol):
    """Runs blocking work, one call at a time, in order of arrival."""

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` to its end and return what it returned.

        Cancellation waits for ``work`` to finish: a commit is never abandoned half-way.
        """
        ...
