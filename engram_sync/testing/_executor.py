"""Where blocking work runs when time is virtual."""

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class InlineExecutor:
    """Runs work in place, so that a simulation's virtual clock and order of events are exact.

    Under a mock clock a thread hop lets virtual time advance and destroys determinism.
    """

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` now; the event loop waits for it."""
        await trio.lowlevel.checkpoint()
        return work()
