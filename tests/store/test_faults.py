"""A disk that fails: nothing false is acknowledged, nothing acknowledged is lost, and when the
disk works again so does the store.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engram_sync.errors import DegradedError
from engram_sync.store import Reader, SqliteStore, Transaction
from engram_sync.testing import InlineExecutor

from .crash_vfs import CrashDisk
from .rows import add_log, add_scope, append, record


@asynccontextmanager
async def serving(path: Path, disk: CrashDisk) -> AsyncGenerator[SqliteStore]:
    store = await SqliteStore.open(path, executor=InlineExecutor(), vfs=disk.name)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        yield store
        disk.heal()
        await store.aclose()


def held(reader: Reader) -> list[int]:
    return [found.seq for found in reader.records(1, 1, 1000)]


def setup(tx: Transaction) -> None:
    log = add_log(tx, add_scope(tx))
    append(tx, log, record(1, payload=bytes(5000)))


async def fail_at(
    tmp_path: Path, after: int, times: int, error: type[apsw.Error]
) -> tuple[bool, int]:
    """One job on a disk that fails; whether it was refused, and how often the disk failed."""
    directory = tmp_path / f"{error.__name__}-{times}-{after}"
    directory.mkdir()
    undone: list[str] = []

    def job(tx: Transaction) -> None:
        tx.on_rollback(lambda: undone.append("undone"))
        append(tx, 1, *[record(k, bytes([k]) * 16, payload=bytes(3000)) for k in range(2, 6)])

    with CrashDisk(directory) as disk:
        async with serving(directory / "store.db", disk) as store:
            await store.submit(setup)
            disk.fail(after=after, times=times, error=error)
            refused = False
            try:
                await store.submit(job)
            except DegradedError as problem:
                refused = True
                assert problem.hint
            assert undone == (["undone"] if refused else [])
            kept = [1] if refused else [1, 2, 3, 4, 5]
            assert await store.read(held) == kept
            failures = disk.failures
            disk.heal()
            # The store is usable, and it still knows what it acknowledged.
            last = kept[-1]
            await store.submit(lambda tx: append(tx, 1, record(last + 1)))
            assert await store.read(held) == [*kept, last + 1]
        async with serving(directory / "store.db", disk) as store:
            assert await store.read(held) == [*kept, last + 1]
    return refused, failures


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 1_000_000], ids=["once", "for good"])
@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
async def test_whichever_write_or_sync_fails_nothing_acknowledged_is_lost(
    tmp_path: Path, error: type[apsw.Error], times: int
) -> None:
    after, refusals = 0, 0
    while True:
        refused, failures = await fail_at(tmp_path, after, times, error)
        refusals += refused
        if not failures:
            break
        assert refused
        after += 1
    # A commit writes pages and syncs: there was something to fail.
    assert refusals == after > 10


async def test_a_full_disk_is_named_and_the_whole_commit_is_undone_in_reverse(
    tmp_path: Path,
) -> None:
    ran: list[str] = []
    undone: list[str] = []
    errors: list[DegradedError] = []
    with CrashDisk(tmp_path) as disk:
        async with serving(tmp_path / "store.db", disk) as store:
            await store.submit(setup)

            async def submit(name: str) -> None:
                def job(tx: Transaction) -> None:
                    ran.append(name)
                    tx.on_rollback(lambda: undone.append(name))
                    tx.put_meta(name, b"value")

                with pytest.raises(DegradedError, match="full") as caught:
                    await store.submit(job)
                errors.append(caught.value)

            disk.fail(after=0)
            await wait_all_tasks_blocked()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(submit, "a")
                nursery.start_soon(submit, "b")
    assert sorted(ran) == ["a", "b"]
    assert undone == ran[::-1]
    assert len({id(error) for error in errors}) == 2
    assert all(error.exit_code == 6 for error in errors)


async def test_a_job_that_swallows_a_disk_error_cannot_write_on(tmp_path: Path) -> None:
    """The database has rolled back by then; what followed would be committed on its own."""

    def job(tx: Transaction) -> None:
        for key in range(3):
            try:
                tx.put_meta(f"large {key}", bytes(20_000_000))
            except apsw.FullError:
                tx.put_meta("small", b"value")

    with CrashDisk(tmp_path) as disk:
        async with serving(tmp_path / "store.db", disk) as store:
            disk.fail(after=0)
            with pytest.raises(DegradedError):
                await store.submit(job)
            assert disk.failures == 1
            assert await store.read(lambda reader: reader.meta("small")) is None
            await store.submit(lambda tx: tx.put_meta("small", b"again"))


@pytest.mark.slow
async def test_a_store_that_could_not_be_created_is_created_later(tmp_path: Path) -> None:
    after = 0
    failed = True
    while failed:
        directory = tmp_path / str(after)
        directory.mkdir()
        with CrashDisk(directory) as disk:
            disk.fail(after=after, times=1_000_000)
            failed = False
            try:
                async with serving(directory / "store.db", disk):
                    pass
            except* DegradedError:
                failed = True
            disk.heal()
            async with serving(directory / "store.db", disk) as store:
                await store.submit(setup)
        after += 1
    assert after > 10
