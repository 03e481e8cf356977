"""What the one writer promises to those who submit."""

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engram_sync.errors import DegradedError, PreconditionError
from engram_sync.store import (
    InlineExecutor,
    RollbackBrokenError,
    SqliteStore,
    Transaction,
    Writer,
)
from engram_sync.store._commit import Committer
from engram_sync.store._connection import open_memory
from engram_sync.store._database import Connection

from .rows import add_scope, metas

T = TypeVar("T")


class GatedExecutor:
    """Runs work in place, once its gate is open, and counts."""

    def __init__(self) -> None:
        self.gate = trio.Event()
        self.runs = 0

    async def run(self, work: Callable[[], T]) -> T:
        self.runs += 1
        await self.gate.wait()
        return work()


@pytest.fixture
def executor() -> GatedExecutor:
    return GatedExecutor()


_names = itertools.count(1)


@pytest.fixture
def connection() -> Connection:
    return open_memory(f"writer-{next(_names)}")


@pytest.fixture
async def writer(connection: Connection, executor: GatedExecutor) -> AsyncIterator[Writer]:
    writer = Writer(
        Committer(connection, "test"), executor, queue_weight_max=8, commit_weight_max=4
    )
    yield writer
    executor.gate.set()
    await writer.aclose(drain=False)


def keys(connection: Connection) -> list[str]:
    """What is committed."""
    return [row[0] for row in connection.execute("SELECT key FROM meta ORDER BY key").fetchall()]


def put(key: str) -> Callable[[Transaction], None]:
    return lambda tx: tx.put_meta(key, b"value")


class Results:
    """What became of many submitted jobs."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.ran: list[str] = []
        """In the order in which the writer ran them."""
        self.done: list[str] = []
        """In the order in which their submitters were resumed, which is the scheduler's."""
        self.errors: dict[str, DegradedError] = {}

    async def submit(self, key: str, weight: int = 1) -> None:
        def job(tx: Transaction) -> None:
            self.ran.append(key)
            tx.put_meta(key, b"value")

        try:
            await self.writer.submit(job, weight=weight)
        except DegradedError as error:
            self.errors[key] = error
        else:
            self.done.append(key)


@pytest.mark.slow
async def test_sixteen_producers_lose_nothing_and_never_meet_a_busy_database(
    tmp_path: Path,
) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    names = [[f"{producer}/{k}" for k in range(20)] for producer in range(16)]

    async def produce(mine: list[str]) -> None:
        for name in mine:
            await store.submit(put(name))
            assert b"value" in await store.read(lambda reader: metas(reader, mine))

    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        async with trio.open_nursery() as producers:
            for mine in names:
                producers.start_soon(produce, mine)
        await store.aclose()

    reopened = await SqliteStore.open(tmp_path / "store.db", executor=InlineExecutor())
    found = await reopened.read(lambda reader: metas(reader, [n for mine in names for n in mine]))
    assert found == [b"value"] * 320
    await reopened.aclose()


async def test_jobs_that_wait_together_share_one_commit(
    writer: Writer, executor: GatedExecutor, nursery: trio.Nursery
) -> None:
    executor.gate.set()
    results = Results(writer)
    for key in "abcd":
        nursery.start_soon(results.submit, key)
    await wait_all_tasks_blocked()
    assert executor.runs == 0
    await nursery.start(writer.serve)
    await wait_all_tasks_blocked()
    assert (sorted(results.done), executor.runs) == (["a", "b", "c", "d"], 1)


async def test_those_acknowledged_together_are_committed_together_again(
    writer: Writer, executor: GatedExecutor, nursery: trio.Nursery
) -> None:
    executor.gate.set()

    async def produce(name: str) -> None:
        for k in range(5):
            await writer.submit(put(f"{name}{k}"))

    async with trio.open_nursery() as producers:
        for name in "abc":
            producers.start_soon(produce, name)
        await wait_all_tasks_blocked()
        await nursery.start(writer.serve)
    assert executor.runs == 5


async def test_a_commit_is_bounded_and_a_heavier_job_goes_alone(
    writer: Writer, executor: GatedExecutor, nursery: trio.Nursery
) -> None:
    executor.gate.set()
    results = Results(writer)
    for key, weight in [("a", 3), ("b", 1), ("c", 1), ("d", 99), ("e", 1)]:
        nursery.start_soon(results.submit, key, weight)
        await wait_all_tasks_blocked()
    await nursery.start(writer.serve)
    await wait_all_tasks_blocked()
    # a+b, c, d, e: d does not fit beside c, and e does not fit beside d.
    assert (results.ran, executor.runs) == (["a", "b", "c", "d", "e"], 4)
    assert sorted(results.done) == results.ran


async def test_the_queue_is_bounded_and_nobody_overtakes(
    writer: Writer, executor: GatedExecutor, nursery: trio.Nursery
) -> None:
    executor.gate.set()
    results = Results(writer)
    for key, weight in [("a", 4), ("b", 3), ("c", 4), ("d", 1), ("e", 1)]:
        nursery.start_soon(results.submit, key, weight)
        await wait_all_tasks_blocked()
    # c has no room beside a and b; d would have, and waits behind it.
    assert writer.queued_weight == 7
    await nursery.start(writer.serve)
    await wait_all_tasks_blocked()
    assert (results.ran, writer.queued_weight) == (["a", "b", "c", "d", "e"], 0)
    assert sorted(results.done) == results.ran


async def test_one_poisoned_job_fails_alone(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    executor.gate.set()
    results = Results(writer)
    errors: list[Exception] = []

    def poison(tx: Transaction) -> None:
        tx.put_meta("poison", b"value")
        raise ValueError("poison")

    def contradict(tx: Transaction) -> None:
        tx.put_meta("contradiction", b"value")
        add_scope(tx)
        add_scope(tx)

    async def submit_bad(job: Callable[[Transaction], None]) -> None:
        with pytest.raises((ValueError, PreconditionError)) as caught:
            await writer.submit(job)
        errors.append(caught.value)

    nursery.start_soon(results.submit, "before")
    nursery.start_soon(submit_bad, poison)
    nursery.start_soon(submit_bad, contradict)
    nursery.start_soon(results.submit, "after")
    await wait_all_tasks_blocked()
    await nursery.start(writer.serve)
    await wait_all_tasks_blocked()
    assert {type(error) for error in errors} == {ValueError, PreconditionError}
    assert sorted(results.done) == ["after", "before"]
    assert (keys(connection), executor.runs) == (["after", "before"], 1)


async def test_a_job_is_not_acknowledged_before_its_commit(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    await nursery.start(writer.serve)
    nursery.start_soon(results.submit, "a")
    await wait_all_tasks_blocked()
    assert (executor.runs, results.done, keys(connection)) == (1, [], [])
    executor.gate.set()
    await wait_all_tasks_blocked()
    assert (results.done, keys(connection)) == (["a"], ["a"])


async def test_a_cancelled_submitter_withdraws_its_job(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    executor.gate.set()
    results = Results(writer)
    nursery.start_soon(results.submit, "kept")
    await wait_all_tasks_blocked()
    with trio.move_on_after(0):
        await writer.submit(put("withdrawn"), weight=7)
    with trio.move_on_after(0):
        await writer.submit(put("withdrawn from outside"), weight=99)
    assert writer.queued_weight == 1
    await nursery.start(writer.serve)
    await wait_all_tasks_blocked()
    assert (results.done, keys(connection)) == (["kept"], ["kept"])


async def test_withdrawing_a_heavy_job_lets_those_behind_it_in(
    writer: Writer, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    nursery.start_soon(results.submit, "first")
    await wait_all_tasks_blocked()
    heavy = trio.CancelScope()

    async def wait_outside() -> None:
        with heavy:
            await writer.submit(put("heavy"), weight=99)

    nursery.start_soon(wait_outside)
    await wait_all_tasks_blocked()
    nursery.start_soon(results.submit, "light")
    await wait_all_tasks_blocked()
    assert writer.queued_weight == 1
    heavy.cancel()
    await wait_all_tasks_blocked()
    assert writer.queued_weight == 2


async def test_a_submitter_cancelled_during_its_commit_still_learns_the_result(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    await nursery.start(writer.serve)
    results: list[int] = []
    scope = trio.CancelScope()

    async def submit() -> None:
        with scope:
            results.append(await writer.submit(add_scope))

    nursery.start_soon(submit)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert results == []
    executor.gate.set()
    await wait_all_tasks_blocked()
    assert results == [1]


async def test_a_draining_close_commits_what_is_queued(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    await nursery.start(writer.serve)
    for key in "abcde":
        nursery.start_soon(results.submit, key)
        await wait_all_tasks_blocked()
    executor.gate.set()
    assert await writer.aclose(drain=True) == 0
    await wait_all_tasks_blocked()
    assert keys(connection) == ["a", "b", "c", "d", "e"]
    assert sorted(results.done) == ["a", "b", "c", "d", "e"]
    with pytest.raises(DegradedError):
        await writer.submit(put("late"))


async def test_a_close_without_draining_reports_what_it_dropped(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    await nursery.start(writer.serve)
    for key in "abcd":
        nursery.start_soon(results.submit, key, 3)
        await wait_all_tasks_blocked()
    # a is being committed, b and c are queued, d waits outside.
    dropped: list[int] = []

    async def close() -> None:
        dropped.append(await writer.aclose(drain=False))

    nursery.start_soon(close)
    await wait_all_tasks_blocked()
    assert sorted(results.errors) == ["b", "c", "d"]
    executor.gate.set()
    await wait_all_tasks_blocked()
    assert (dropped, results.done, keys(connection)) == ([3], ["a"], ["a"])


async def test_a_close_before_serving_drops_what_was_queued(
    writer: Writer, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    nursery.start_soon(results.submit, "a")
    await wait_all_tasks_blocked()
    assert await writer.aclose(drain=True) == 1
    await wait_all_tasks_blocked()
    assert list(results.errors) == ["a"]


async def test_a_cancelled_close_waits_for_the_commit_under_way(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    await nursery.start(writer.serve)
    for key in ["running", "waiting"]:
        nursery.start_soon(results.submit, key)
        await wait_all_tasks_blocked()
    scope = trio.CancelScope()
    ended: list[str] = []

    async def close() -> None:
        with scope:
            await writer.aclose(drain=True)
        ended.append("closed")

    nursery.start_soon(close)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert (ended, list(results.errors)) == ([], ["waiting"])
    executor.gate.set()
    await wait_all_tasks_blocked()
    assert (ended, results.done, keys(connection)) == (["closed"], ["running"], ["running"])


async def test_a_cancelled_writer_finishes_its_commit_and_fails_the_rest(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    scope = trio.CancelScope()

    async def serve() -> None:
        with scope:
            await writer.serve()

    nursery.start_soon(serve)
    for key in ["running", "waiting"]:
        nursery.start_soon(results.submit, key)
        await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert (results.done, results.errors) == ([], {})
    executor.gate.set()
    await wait_all_tasks_blocked()
    assert (results.done, list(results.errors)) == (["running"], ["waiting"])
    assert keys(connection) == ["running"]


async def test_a_rollback_callback_that_raises_ends_the_writer(
    writer: Writer, executor: GatedExecutor, connection: Connection, nursery: trio.Nursery
) -> None:
    executor.gate.set()
    called: list[str] = []
    results = Results(writer)
    errors: list[Exception] = []

    def break_memory() -> None:
        raise ZeroDivisionError

    def job(tx: Transaction) -> None:
        tx.on_rollback(lambda: called.append("called all the same"))
        tx.on_rollback(break_memory)
        raise ValueError("rolled back")

    async def submit() -> None:
        with pytest.raises(DegradedError) as caught:
            await writer.submit(job)
        errors.append(caught.value)

    nursery.start_soon(results.submit, "beside")
    nursery.start_soon(submit)
    await wait_all_tasks_blocked()
    with pytest.raises(RollbackBrokenError):
        await writer.serve()
    await wait_all_tasks_blocked()
    assert called == ["called all the same"]
    assert (len(errors), list(results.errors), keys(connection)) == (1, ["beside"], [])
