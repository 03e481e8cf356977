"""After an erasure and a purge the bytes are in no file; and what a rewrite of the store keeps."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from engram_sync.errors import DegradedError
from engram_sync.store import (
    MemoryStore,
    Reader,
    SqliteStore,
    Store,
    TextRow,
    ThreadExecutor,
    Transaction,
)
from engram_sync.store._connection import open_file
from engram_sync.store._database import READ_WRITE, connect
from engram_sync.testing import InlineExecutor

from .rows import add_log, add_scope, append, engram_row, metas, record
from .writing import put

SECRET = b"qzplover"
"""Seldom enough not to be in a file by chance, and its own stem."""
ENGRAMS = 120


def text(k: int) -> bytes:
    """What record ``k`` says; number 50 says the secret, and more than a page of it."""
    return (SECRET + b" ") * 900 if k == 50 else b"nothing special about number %d" % k


def remember(tx: Transaction) -> None:
    """Records, documents and words, all of which say the secret where it belongs."""
    scope = add_scope(tx)
    log = add_log(tx, scope)
    chain = [record(k, k.to_bytes(16, "big"), payload=text(k)) for k in range(1, ENGRAMS)]
    append(tx, log, *chain)
    rows = [engram_row(scope, r.engram, r.hlc)._replace(log=log, seq=r.seq) for r in chain]
    numbers = tx.put_engrams(rows)
    tx.update_engrams(
        row._replace(n=n, digest=bytes(32)) for n, row in zip(numbers, rows, strict=True)
    )
    for n in numbers:
        tx.put_text(n, TextRow(b"view " + text(n), False, 1, 0))
        tx.put_text_structure(n, b"doc " + text(n))
    tx.index_many([(n, "title", text(n).decode(), "") for n in numbers])


def forget(tx: Transaction) -> None:
    """Erase record 50 and everything derived from it."""
    tx.erase([(1, 50)])
    tx.drop_text(50)
    tx.unindex(50)


def found_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if SECRET in path.read_bytes()}


@pytest.mark.parametrize("make", [InlineExecutor, ThreadExecutor])
async def test_after_a_purge_no_file_of_the_home_holds_an_erased_byte(
    tmp_path: Path, make: Callable[[], InlineExecutor | ThreadExecutor]
) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", executor=make())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        assert await store.read(lambda reader: len(reader.search(["qzplover"], limit=9))) == 1
        assert found_in(tmp_path) == {"store.db-wal"}
        await store.submit(forget)
        assert found_in(tmp_path) == {"store.db-wal"}
        await store.purge()
        assert found_in(tmp_path) == set()
        await store.submit(lambda tx: tx.put_meta("life", b"goes on"))
        assert await store.read(lambda reader: reader.search(["qzplover"], limit=9)) == []
        assert await store.read(lambda reader: len(reader.search(["special"], limit=999))) == 118
        await store.aclose()
    assert found_in(tmp_path) == set()


async def test_bytes_that_a_checkpoint_had_moved_into_the_file_go_too(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for job in (remember, forget):
        store = await SqliteStore.open(path, executor=InlineExecutor())
        async with trio.open_nursery() as nursery:
            await nursery.start(store.serve)
            await store.submit(job)
            await store.aclose()
        assert found_in(tmp_path) == {"store.db"}
    # The process ended before it could purge: the next one knows.
    store = await SqliteStore.open(path, executor=InlineExecutor())
    await store.purge()
    assert found_in(tmp_path) == set()
    await store.aclose()


async def test_a_purge_without_an_erasure_writes_nothing(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", executor=InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        log = (tmp_path / "store.db-wal").read_bytes()
        await store.purge()
        assert (tmp_path / "store.db-wal").read_bytes() == log
        await store.submit(forget)
        await store.purge()
        await store.purge()
        await store.aclose()


async def test_a_purge_that_a_reader_prevents_says_so_and_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, executor=InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        other = connect(str(path), flags=READ_WRITE)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM rec").fetchall()
        await store.submit(forget)
        store._committer._connection.set_busy_timeout(1)
        with pytest.raises(DegradedError, match="read by another program"):
            await store.purge()
        other.close()
        await store.purge()
        assert found_in(tmp_path) == set()
        await store.aclose()


def content(reader: Reader) -> object:
    """Everything that a reader sees of the story above."""
    return (
        reader.scopes(),
        reader.logs(),
        reader.records(1, 1, 999),
        reader.runs(1, 0, 99),
        reader.engrams(limit=999),
        sorted(reader.search(["special"], limit=999)),
    )


async def test_compaction_keeps_everything_and_gives_room_back(store: Store) -> None:
    await store.submit(remember)
    await store.submit(lambda tx: tx.drop_payloads([(1, seq) for seq in range(1, ENGRAMS)]))
    before = await store.read(content)
    size = await store.compact()
    assert size.free_bytes > 0
    assert await store.read(content) == before
    after = await store.read(lambda reader: reader.size())
    assert after.total_bytes <= size.total_bytes - size.free_bytes
    assert after.free_bytes == 0
    await store.submit(lambda tx: append(tx, 1, record(ENGRAMS)))


async def test_compaction_leaves_no_write_ahead_log(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", executor=InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        await store.compact()
        assert (tmp_path / "store.db-wal").stat().st_size == 0
        await store.aclose()


async def test_a_closed_store_is_neither_purged_nor_compacted_nor_examined(store: Store) -> None:
    await store.aclose()
    for work in (store.purge, store.compact, store.integrity, store.confirm):
        with pytest.raises(DegradedError, match="closed"):
            await work()


async def test_commits_and_a_compaction_take_turns(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        async with trio.open_nursery() as writers:
            for key in "abcdefgh":
                writers.start_soon(store.submit, put(key))
                writers.start_soon(store.compact)
        assert await store.read(lambda reader: metas(reader, [*"abcdefgh"])) == [b"value"] * 8
        await store.aclose()


# Integrity


async def test_a_sound_store_does_not_contradict_itself(store: Store) -> None:
    def counted(tx: Transaction) -> None:
        remember(tx)
        row, erased = tx.scope(1), tx.engram_by_n(50)
        assert row is not None
        assert erased is not None
        held = ENGRAMS - 1
        tx.update_scope(
            row._replace(records=held, materialised=1, live=held - 1, deleted=1, changes=1)
        )
        tx.update_engrams([erased._replace(life=2)])
        forget(tx)

    await store.submit(counted)
    assert await store.integrity() == []


async def test_an_index_that_was_merged_since_it_was_read_is_no_damage(store: Store) -> None:
    await store.submit(remember)
    assert await store.read(lambda reader: reader.search([SECRET.decode()], limit=9))
    await store.submit(forget)
    await store.purge()
    assert [line for line in await store.integrity() if "fts" in line] == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM rec WHERE id & 1023 = 7", "log 1 holds 118 records where 119 are stated"),
        ("UPDATE rec SET id = id + 9 WHERE id & 1023 = 119", "holds record 128 beyond its end at"),
        ("UPDATE run SET first = 3", "records 1 to 2 of log 1 are in no run"),
        ("UPDATE run SET id = id - 1", "the end of log 1 at 119 is in no run"),
        ("UPDATE log SET parent = 1, base = 2", "log 1 branches off log 1 at 2, which ends at 119"),
        ("DELETE FROM shape", "record 1 of log 1 has a shape that is not kept"),
        ("UPDATE rec SET payload = NULL", "record 1 of log 1 has neither a payload nor its hash"),
        (f"INSERT INTO erased VALUES ({1 << 40 | 5})", "record 5 of log 1 was erased and has a"),
        (f"INSERT INTO owed VALUES ({1 << 40 | 6}, 1, 1)", "record 6 of log 1 is owed and has a"),
        (f"INSERT INTO owed VALUES ({9 << 40 | 6}, 1, 1)", "record 6 of log 9 is owed and has a"),
        ("UPDATE scope SET materialised = 5", "scope 1 is materialised up to run 5, the newest is"),
        ("UPDATE scope SET records = 7", "scope 1 counts 7 records and holds 119"),
        ("UPDATE eng SET live = 2 WHERE n = 3", "engram 3 has 0 live elements where 2 are counted"),
        (
            "INSERT INTO elem (n, log, clk, seq, coll, born, digest) VALUES (999,1,0,1,0,1,0)",
            "a row of elem belongs to engram 999, which has no such rows",
        ),
        ("UPDATE eng SET seq = 777 WHERE n = 3", "engram 3 begins with a record that is not held"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM scope", "refers to a missing row of scope"),
        ("DELETE FROM fts_data WHERE id > 10", "the database: "),
    ],
)
async def test_a_contradiction_is_told(tmp_path: Path, sql: str, message: str) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, executor=InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        await store.aclose()
    connection = open_file(path)
    connection.execute(sql).fetchall()
    connection.close()
    store = await SqliteStore.open(path, executor=InlineExecutor())
    found = await store.integrity()
    await store.aclose()
    assert [line for line in found if message in line], found


async def test_a_memory_store_is_purged_and_examined_like_a_file() -> None:
    store = await MemoryStore.open("purged", InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        await store.submit(forget)
        await store.purge()
        assert await store.read(lambda reader: reader.search(["qzplover"], limit=9)) == []
        await store.aclose()
    MemoryStore.discard("purged")
