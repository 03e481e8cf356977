"""The one task that writes: a bounded queue in front of group commits."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import trio

from engram_sync.host import Executor

from ._commit import Committer, Done, Failed, Outcome
from ._faults import closed_error, dropped_error
from ._interface import Transaction
from ._limits import COMMIT_WEIGHT_MAX, QUEUE_WEIGHT_MAX

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Entry:
    """A job in the queue, and the task that waits for it."""

    job: Callable[[Transaction], object]
    weight: int
    task: trio.lowlevel.Task
    outcome: Outcome | None = None


class Writer:
    """Commits jobs in the order of submission, as many at once as were waiting.

    A job never waits for company: while one commit is being synced the next one gathers, so that
    a lone writer pays one sync and many writers share one.

    Args:
        committer: Runs the jobs.
        executor: Where the committer runs.
        queue_weight_max: Weight that is accepted and not yet committed, which bounds the time
            that a draining close takes; further jobs wait outside in order.
        commit_weight_max: Weight of one commit; a heavier job goes alone.
    """

    def __init__(
        self,
        committer: Committer,
        executor: Executor,
        *,
        queue_weight_max: int = QUEUE_WEIGHT_MAX,
        commit_weight_max: int = COMMIT_WEIGHT_MAX,
    ) -> None:
        self._committer = committer
        self._executor = executor
        self._queue_weight_max = queue_weight_max
        self._commit_weight_max = commit_weight_max
        self._outside: deque[_Entry] = deque()
        self._queue: deque[_Entry] = deque()
        self._queued_weight = 0
        self._closing = False
        self._serving = False
        self._work = trio.lowlevel.ParkingLot()
        self._ended = trio.Event()

    @property
    def waiting(self) -> bool:
        """Whether jobs wait that no commit has begun; may be asked from any thread."""
        return bool(self._queue or self._outside)

    @property
    def queued_weight(self) -> int:
        """Weight of the jobs that wait for a commit to begin."""
        return self._queued_weight

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit until ``aclose``; see ``Store.serve``."""
        self._serving = True
        task_status.started()
        try:
            while await self._wait_for_work():
                await self._commit_next()
        finally:
            self._closing = True
            self._serving = False
            self._drop(self._outside)
            self._drop(self._queue)
            self._ended.set()

    async def submit(self, job: Callable[[Transaction], T], *, weight: int = 1) -> T:
        """Run ``job`` and return its result once it is durable; see ``Store.submit``."""
        if self._closing:
            raise closed_error()
        entry = _Entry(job, weight, trio.lowlevel.current_task())
        self._outside.append(entry)
        self._admit()
        await trio.lowlevel.wait_task_rescheduled(partial(self._withdraw, entry))
        if isinstance(entry.outcome, Done):
            # ``job`` made it; the queue does not know its type.
            return entry.outcome.value  # type: ignore[return-value] # pyright: ignore[reportReturnType]
        assert isinstance(entry.outcome, Failed)
        raise entry.outcome.error

    async def aclose(self, *, drain: bool = True) -> int:
        """Stop; see ``Store.aclose``."""
        self._closing = True
        dropped = self._drop(self._outside)
        if not drain or not self._serving:
            dropped += self._drop(self._queue)
        self._work.unpark_all()
        if self._serving:
            try:
                await self._ended.wait()
            except trio.Cancelled:
                # Not even a cancelled close leaves a commit running on a connection that is
                # about to be closed: drop what waits, and wait for what runs.
                self._drop(self._queue)
                with trio.CancelScope(shield=True):
                    await self._ended.wait()
                raise
        return dropped

    def _admit(self) -> None:
        """Let in whoever fits, in order: a heavy job is not overtaken by light ones."""
        while self._outside:
            weight = self._outside[0].weight
            if self._queue and self._queued_weight + weight > self._queue_weight_max:
                return
            self._queue.append(self._outside.popleft())
            self._queued_weight += weight
            self._work.unpark()

    def _withdraw(self, entry: _Entry, _: object) -> trio.lowlevel.Abort:
        """A cancelled submitter takes its job back, unless a commit has begun it."""
        if entry in self._outside:
            self._outside.remove(entry)
        elif entry in self._queue:
            self._queue.remove(entry)
            self._queued_weight -= entry.weight
        else:
            return trio.lowlevel.Abort.FAILED
        self._admit()
        return trio.lowlevel.Abort.SUCCEEDED

    async def _wait_for_work(self) -> bool:
        # Those whose job was just acknowledged run in the coming round of the scheduler, in any
        # order with this task.  One round later all that submit again at once are queued, and
        # join the next commit instead of waiting for the one after it.
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        while not self._queue:
            if self._closing:
                return False
            await self._work.park()
        return True

    async def _commit_next(self) -> None:
        batch = self._take_batch()
        jobs = [entry.job for entry in batch]
        try:
            # Whoever waits in ``batch`` can no longer withdraw, so the answer must come.
            with trio.CancelScope(shield=True):
                outcomes = await self._executor.run(partial(self._committer.commit, jobs))
                for entry, outcome in zip(batch, outcomes, strict=True):
                    self._finish(entry, outcome)
        except BaseException:
            for entry in batch:
                if entry.outcome is None:
                    self._finish(entry, Failed(closed_error()))
            raise

    def _take_batch(self) -> list[_Entry]:
        batch: list[_Entry] = []
        weight = 0
        while self._queue:
            weight += self._queue[0].weight
            if batch and weight > self._commit_weight_max:
                break
            entry = self._queue.popleft()
            self._queued_weight -= entry.weight
            batch.append(entry)
        self._admit()
        return batch

    def _finish(self, entry: _Entry, outcome: Outcome) -> None:
        entry.outcome = outcome
        trio.lowlevel.reschedule(entry.task)

    def _drop(self, entries: deque[_Entry]) -> int:
        dropped = len(entries)
        while entries:
            self._finish(entries.popleft(), Failed(dropped_error()))
        self._queued_weight = sum(entry.weight for entry in self._queue)
        return dropped
