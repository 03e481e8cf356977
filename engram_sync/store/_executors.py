"""Where blocking work runs."""

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class ThreadExecutor:
    """One call at a time, in order of arrival, in a worker thread.

    A call that has begun is waited for even when its caller is cancelled: a commit is never
    abandoned half-way.
    """

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` in the thread; see ``Executor.run``."""
        return await trio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=False)
