"""The file itself: who may read it, what it is tuned for, and files that are not ours."""

import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
import trio

from engram_sync.errors import CorruptError, DegradedError, DeniedError, PreconditionError
from engram_sync.store import SCHEMA_VERSION, SqliteStore, Transaction
from engram_sync.store._connection import open_file, open_file_for_reading
from engram_sync.store._database import CREATE, READ_WRITE, connect
from engram_sync.store._schema import APPLICATION_ID
from engram_sync.testing import InlineExecutor

from .crash_vfs import CrashDisk
from .rows import add_log, add_scope, append, record

NOBODY = 65_534
posix_only = pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")


async def open_store(path: Path, *, vfs: str | None = None) -> SqliteStore:
    return await SqliteStore.open(path, executor=InlineExecutor(), vfs=vfs)


async def fill(path: Path, records: int = 50) -> None:
    """A closed store with one log."""
    store = await open_store(path)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        log = await store.submit(lambda tx: add_log(tx, add_scope(tx)))
        chain = [record(k, k.to_bytes(16, "big"), payload=bytes(400)) for k in range(1, records)]
        await store.submit(lambda tx: append(tx, log, *chain))
        await store.aclose()


@posix_only
@pytest.mark.parametrize("name", ["store.db", "store.db-wal"])
@pytest.mark.parametrize("replaced", [False, True])
async def test_nothing_is_acknowledged_once_a_file_is_gone(
    tmp_path: Path, name: str, replaced: bool
) -> None:
    store = await open_store(tmp_path / "store.db")
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(lambda tx: tx.put_meta("key", b"value"))
        await store.confirm()
        kept = (tmp_path / name).rename(tmp_path / "kept")
        if replaced:
            shutil.copy(kept, tmp_path / name)
        for attempt in (store.confirm, lambda: store.submit(lambda tx: tx.put_meta("key", b"2"))):
            with pytest.raises(DegradedError, match="removed, moved or replaced"):
                await attempt()
        kept.rename(tmp_path / name)
        await store.submit(lambda tx: tx.put_meta("key", b"3"))
        assert await store.read(lambda reader: reader.meta("key")) == b"3"
        await store.aclose()


@posix_only
async def test_only_the_owner_may_read_the_home(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        store = await open_store(tmp_path / "deep" / "home" / "store.db")
        async with trio.open_nursery() as nursery:
            await nursery.start(store.serve)
            await store.submit(lambda tx: tx.put_meta("key", b"value"))
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode)
                for path in [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
            }
            await store.aclose()
    finally:
        os.umask(old_mask)
    assert modes.pop("deep") == 0o700
    assert modes.pop("home") == 0o700
    assert set(modes) == {"store.db", "store.db-wal", "store.db-shm"}
    assert set(modes.values()) == {0o600}


@posix_only
async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    await fill(tmp_path / "store.db")
    (tmp_path / "store.db").chmod(0o644)
    store = await open_store(tmp_path / "store.db")
    await store.aclose()
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_both_connections_are_set_for_durability(tmp_path: Path) -> None:
    writing = open_file(tmp_path / "store.db")
    reading = open_file_for_reading(tmp_path / "store.db")
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "fullfsync": 1,
        "checkpoint_fullfsync": 1,
        "foreign_keys": 1,
        "cache_size": -8192,
        "temp_store": 2,  # MEMORY
        "busy_timeout": 5000,
        "application_id": APPLICATION_ID,
        "user_version": SCHEMA_VERSION,
    }
    for connection in (writing, reading):
        assert {name: connection.pragma(name) for name in expected} == expected
    assert (writing.pragma("query_only"), reading.pragma("query_only")) == (0, 1)
    reading.close()
    writing.close()


async def test_a_store_is_found_again_as_it_was_left(tmp_path: Path) -> None:
    await fill(tmp_path / "store.db")
    store = await open_store(tmp_path / "store.db")
    records = await store.read(lambda reader: reader.records(1, 1, 99))
    assert [found.seq for found in records] == list(range(1, 50))
    await store.aclose()


async def test_readers_see_the_last_commit_while_the_writer_is_inside_the_next(
    tmp_path: Path,
) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    inside, leave = trio.Event(), trio.Event()

    def stay_inside(tx: Transaction) -> None:
        tx.put_meta("key", b"new")
        trio.from_thread.run_sync(inside.set)
        trio.from_thread.run(leave.wait)

    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(lambda tx: tx.put_meta("key", b"old"))

        async def write() -> None:
            await store.submit(stay_inside)

        nursery.start_soon(write)
        await inside.wait()
        assert await store.read(lambda reader: reader.meta("key")) == b"old"
        leave.set()
        await store.aclose()


@pytest.mark.parametrize(
    "content",
    [b"not a database at all, but long enough to be looked at " * 20, b"short"],
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(CorruptError, match="is not an engram-sync store"):
        await open_store(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE theirs (a)",
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 7",
    ],
)
async def test_a_database_of_somebody_else_is_refused_and_left_alone(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "store.db"
    connection = connect(str(path), flags=READ_WRITE | CREATE)
    connection.execute(statement)
    connection.close()
    content = path.read_bytes()
    with pytest.raises(CorruptError, match="is not an engram-sync store") as caught:
        await open_store(path)
    assert caught.value.hint
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208 - iterdir in async code: ASYNC240


async def test_a_directory_is_not_a_store(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="is not an engram-sync store"):
        await open_store(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CorruptError, match="is not an engram-sync store"):
        await open_store(tmp_path / "file" / "store.db")


async def test_a_store_of_a_newer_version_names_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    connection = connect(str(path), flags=READ_WRITE | CREATE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    newer = rf"newer version \(schema 99, this program reads up to {SCHEMA_VERSION}\)"
    with pytest.raises(PreconditionError, match=newer) as caught:
        await open_store(path)
    assert "upgrade" in caught.value.hint


@contextmanager
def somebody_else() -> Generator[None]:
    """Run the block without the rights of root, who may read anything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Generator[Path]:
    """A directory that everybody may enter; pytest's own are for their owner only."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@posix_only
async def test_a_file_of_somebody_else_is_denied(open_folder: Path) -> None:
    store = open_folder / "store.db"
    await fill(store)
    store.chmod(0)
    with somebody_else(), pytest.raises(DeniedError) as caught:
        await open_store(store)
    assert "permission" in (caught.value.message + caught.value.hint).lower()


@pytest.mark.parametrize("error", [apsw.CantOpenError, apsw.PermissionsError, apsw.ReadOnlyError])
async def test_a_file_that_the_system_will_not_open_is_denied(
    tmp_path: Path, error: type[apsw.Error]
) -> None:
    await fill(tmp_path / "store.db")
    with CrashDisk(tmp_path) as disk:
        disk.fail_to_open(error)
        with pytest.raises(DeniedError) as caught:
            await open_store(tmp_path / "store.db", vfs=disk.name)
    assert "permissions" in caught.value.hint


async def test_a_damaged_page_is_reported_as_corruption(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path, 500)
    page_bytes = 4096
    content = path.read_bytes()
    connection = open_file(path)
    rows = connection.execute("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'").fetchall()
    connection.close()
    # Every page but those of the schema: the store opens and then fails.
    ruined = bytearray(b"\xff" * len(content))
    for (number,) in rows:
        page = slice((number - 1) * page_bytes, number * page_bytes)
        ruined[page] = content[page]
    path.write_bytes(ruined)
    shutil.copy(path, tmp_path / "before")
    store = await open_store(path)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        with pytest.raises(CorruptError, match="damaged") as caught:
            await store.read(lambda reader: reader.records(1, 1, 500))
        assert "backup" in caught.value.hint
        with pytest.raises(CorruptError, match="damaged"):
            await store.submit(lambda tx: append(tx, 1, record(500)))
        await store.aclose()
    assert path.read_bytes() == (tmp_path / "before").read_bytes()
