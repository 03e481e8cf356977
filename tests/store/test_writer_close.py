"""How the one writer ends, in order or not."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engram_sync.errors import DegradedError
from engram_sync.store import RollbackBrokenError, Transaction, Writer
from engram_sync.store._database import Database

from .writing import GatedExecutor, Results, keys, put


async def test_a_draining_close_commits_what_is_queued(
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    await nursery.start(writer.serve)
    for key in "abcde":
        nursery.start_soon(results.submit, key)
        await wait_all_tasks_blocked()
    gated.gate.set()
    assert await writer.aclose(drain=True) == 0
    await wait_all_tasks_blocked()
    assert keys(connection) == ["a", "b", "c", "d", "e"]
    assert sorted(results.done) == ["a", "b", "c", "d", "e"]
    with pytest.raises(DegradedError):
        await writer.submit(put("late"))


async def test_a_close_without_draining_reports_what_it_dropped(
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
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
    gated.gate.set()
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
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
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
    gated.gate.set()
    await wait_all_tasks_blocked()
    assert (ended, results.done, keys(connection)) == (["closed"], ["running"], ["running"])


async def test_a_cancelled_writer_finishes_its_commit_and_fails_the_rest(
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
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
    gated.gate.set()
    await wait_all_tasks_blocked()
    assert (results.done, list(results.errors)) == (["running"], ["waiting"])
    assert keys(connection) == ["running"]


async def test_a_rollback_callback_that_raises_ends_the_writer(
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
) -> None:
    gated.gate.set()
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
