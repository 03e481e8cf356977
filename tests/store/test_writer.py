"""What the one writer promises to those who submit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engram_sync.errors import PreconditionError
from engram_sync.store import SqliteStore, Transaction, Writer
from engram_sync.store._database import Database
from engram_sync.testing import InlineExecutor

from .rows import add_scope, metas
from .writing import GatedExecutor, Results, keys, put


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
    writer: Writer, gated: GatedExecutor, nursery: trio.Nursery
) -> None:
    gated.gate.set()
    results = Results(writer)
    for key in "abcd":
        nursery.start_soon(results.submit, key)
    await wait_all_tasks_blocked()
    assert gated.runs == 0
    await nursery.start(writer.serve)
    await wait_all_tasks_blocked()
    assert (sorted(results.done), gated.runs) == (["a", "b", "c", "d"], 1)


async def test_those_acknowledged_together_are_committed_together_again(
    writer: Writer, gated: GatedExecutor, nursery: trio.Nursery
) -> None:
    gated.gate.set()

    async def produce(name: str) -> None:
        for k in range(5):
            await writer.submit(put(f"{name}{k}"))

    async with trio.open_nursery() as producers:
        for name in "abc":
            producers.start_soon(produce, name)
        await wait_all_tasks_blocked()
        await nursery.start(writer.serve)
    assert gated.runs == 5


async def test_a_commit_is_bounded_and_a_heavier_job_goes_alone(
    writer: Writer, gated: GatedExecutor, nursery: trio.Nursery
) -> None:
    gated.gate.set()
    results = Results(writer)
    for key, weight in [("a", 3), ("b", 1), ("c", 1), ("d", 99), ("e", 1)]:
        nursery.start_soon(results.submit, key, weight)
        await wait_all_tasks_blocked()
    await nursery.start(writer.serve)
    await wait_all_tasks_blocked()
    # a+b, c, d, e: d does not fit beside c, and e does not fit beside d.
    assert (results.ran, gated.runs) == (["a", "b", "c", "d", "e"], 4)
    assert sorted(results.done) == results.ran


async def test_the_queue_is_bounded_and_nobody_overtakes(
    writer: Writer, gated: GatedExecutor, nursery: trio.Nursery
) -> None:
    gated.gate.set()
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
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
) -> None:
    gated.gate.set()
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
    assert (keys(connection), gated.runs) == (["after", "before"], 1)


async def test_a_job_is_not_acknowledged_before_its_commit(
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
) -> None:
    results = Results(writer)
    await nursery.start(writer.serve)
    nursery.start_soon(results.submit, "a")
    await wait_all_tasks_blocked()
    assert (gated.runs, results.done, keys(connection)) == (1, [], [])
    gated.gate.set()
    await wait_all_tasks_blocked()
    assert (results.done, keys(connection)) == (["a"], ["a"])


async def test_a_cancelled_submitter_withdraws_its_job(
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
) -> None:
    gated.gate.set()
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
    writer: Writer, gated: GatedExecutor, connection: Database, nursery: trio.Nursery
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
    gated.gate.set()
    await wait_all_tasks_blocked()
    assert results == [1]
