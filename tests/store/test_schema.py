"""Stores of earlier versions are brought forward, wholly or not at all."""

import sqlite3
from pathlib import Path

import apsw
import pytest

from engram_sync.errors import PreconditionError
from engram_sync.store import PeerRow, SqliteStore, Transaction
from engram_sync.store._commit import Committer, Done
from engram_sync.store._connection import open_file
from engram_sync.store._database import Database
from engram_sync.store._schema import MIGRATIONS, READABLE_MIN, SCHEMA_VERSION, check, migrate
from engram_sync.testing import InlineExecutor

from .released import newest, released
from .rows import id_of

READABLE = range(READABLE_MIN, SCHEMA_VERSION + 1)
_NEXT = ("ALTER TABLE peer ADD COLUMN colour TEXT", "CREATE TABLE extra (a)")


def described(connection: Database) -> list[tuple[object, ...]]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
    return [tuple(row) for row in rows.fetchall()]


@pytest.mark.parametrize("version", range(1, READABLE_MIN))
def test_a_store_from_before_the_mark_is_refused_and_left_as_it_is(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(released(version))
    with pytest.raises(PreconditionError, match="before the format of records was settled") as told:
        open_file(path)
    assert "writes what it holds into a new store" in told.value.hint
    assert path.read_bytes() == released(version)


@pytest.mark.parametrize("version", READABLE)
async def test_a_store_of_every_readable_schema_opens_with_what_it_holds(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(released(version))
    store = await SqliteStore.open(path, executor=InlineExecutor())
    scope = (await store.read(lambda reader: reader.scopes()))[0]
    log = (await store.read(lambda reader: reader.logs()))[0]
    records = await store.read(lambda reader: reader.records(log.n, 1, 9))
    runs = await store.read(lambda reader: reader.runs(scope.n, 0, 9))
    assert (scope.kind, scope.digest, log.seq) == ("agent", 2**255 + 1, 3)
    assert (log.parent, log.base, log.branch, log.sealed) == (None, 0, None, 0)
    assert [found.payload for found in records] == [b"one", None, b"three"]
    assert [(run.first, run.last, run.at) for run in runs] == [(1, 3, None)]
    hits = await store.read(lambda reader: reader.search(["tuesday"], limit=9))
    assert [n for n, _ in hits] == [1]
    await store.aclose()


@pytest.mark.parametrize("version", READABLE)
def test_a_migrated_store_has_the_schema_of_a_new_one(tmp_path: Path, version: int) -> None:
    (tmp_path / "old.db").write_bytes(released(version))
    old, new = open_file(tmp_path / "old.db"), open_file(tmp_path / "new.db")
    assert described(old) == described(new)
    old.close()
    new.close()


_TABLES = (
    *("meta", "scope", "log", "shape", "rec", "run", "past", "eng", "peer"),
    *("erased", "owed", "receipt"),
)


def rewrite(tx: Transaction) -> None:
    """Replace or change a row of every table."""
    row, engram, peer = tx.scope(1), tx.engram_by_n(1), PeerRow(b"k" * 32, "", "", "", None, 0, "")
    assert row is not None
    assert engram is not None
    tx.update_scope(row)
    tx.update_engrams([engram])
    tx.put_meta("key", b"value")
    tx.put_past(1, 3, b"past")
    tx.put_peer(peer)
    tx.put_receipt(2, 3, 3, b"k" * 32, 1)
    tx.put_owed(1, [(1, 2)])
    tx.erase([(3, 3)])
    tx.seal_logs([(1, 3)])
    tx.set_head(1, 3, id_of("head"), 9)
    for seq in (1, 3):
        tx.drop_payloads([(1, seq)])
        payload = b"one" if seq == 1 else b"three"
        assert tx.set_payload(1, seq, payload)


def test_columns_and_tables_of_others_survive_every_rewrite(tmp_path: Path) -> None:
    """What a later release may add without a new schema, and this one does not know."""
    connection = open_file(tmp_path / "store.db")
    committer = Committer(connection, "store")
    for table in _TABLES:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN later TEXT DEFAULT 'kept'")
    connection.execute("CREATE TABLE later (a)")
    assert [type(done) for done in committer.commit([newest, rewrite])] == [Done, Done]
    for table in _TABLES:
        connection.execute(f"UPDATE {table} SET later = 'written'")
    assert [type(done) for done in committer.commit([rewrite])] == [Done]
    committer.compact()
    for table in _TABLES:
        rows = connection.execute(f"SELECT DISTINCT later FROM {table}").fetchall()
        assert rows == [("written",)], table
    assert connection.execute("SELECT count(*) FROM later").fetchall() == [(0,)]
    connection.close()


def test_a_step_runs_once_and_counts_the_version_up(tmp_path: Path) -> None:
    connection = open_file(tmp_path / "store.db")
    steps = (*MIGRATIONS, _NEXT)
    migrate(connection, "store", steps)
    migrate(connection, "store", steps)
    assert check(connection, "store", len(steps)) == SCHEMA_VERSION + 1
    with pytest.raises(PreconditionError):
        check(connection, "store")
    connection.close()


def test_a_failing_step_leaves_the_earlier_version(tmp_path: Path) -> None:
    connection = open_file(tmp_path / "store.db")
    before = described(connection)
    with pytest.raises(apsw.SQLError):
        migrate(connection, "store", (*MIGRATIONS, (*_NEXT, "CREATE TABLE peer (a)")))
    assert described(connection) == before
    assert check(connection, "store") == SCHEMA_VERSION
    assert not connection.in_transaction
    connection.close()


def test_the_file_names_its_program_to_other_tools(tmp_path: Path) -> None:
    open_file(tmp_path / "store.db").close()
    assert (tmp_path / "store.db").read_bytes()[68:72] == b"engr"
    other = sqlite3.connect(tmp_path / "store.db")
    assert other.execute("PRAGMA application_id").fetchone() == (0x656E6772,)
    other.close()


async def test_a_store_with_other_tables_of_the_same_number_is_told_with_what_to_do(
    tmp_path: Path,
) -> None:
    """As a version between two releases writes it."""
    connection = open_file(tmp_path / "store.db")
    connection.execute("ALTER TABLE scope RENAME COLUMN sealed_sum TO sealed_digest")
    connection.close()
    store = await SqliteStore.open(tmp_path / "store.db", executor=InlineExecutor())
    with pytest.raises(PreconditionError, match="has not the tables that this version") as told:
        await store.read(lambda reader: reader.scopes())
    assert "the version that wrote it" in told.value.hint
    await store.aclose()
