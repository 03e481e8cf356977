"""Stores of earlier versions are brought forward, wholly or not at all."""

import sqlite3
from pathlib import Path

import apsw
import pytest

from engram_sync.errors import PreconditionError
from engram_sync.store import (
    InlineExecutor,
    PeerRow,
    Reader,
    ReceiptRow,
    SqliteStore,
    Transaction,
)
from engram_sync.store._commit import Committer, Done
from engram_sync.store._connection import open_file
from engram_sync.store._database import Connection
from engram_sync.store._schema import MIGRATIONS, SCHEMA_VERSION, check, migrate

from .released import newest, released
from .rows import id_of

_NEXT = ("ALTER TABLE peer ADD COLUMN colour TEXT", "CREATE TABLE extra (a)")


def described(connection: Connection) -> list[tuple[object, ...]]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
    return [tuple(row) for row in rows.fetchall()]


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
async def test_a_store_of_every_released_schema_opens_with_what_it_holds(
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


async def test_a_store_of_schema_2_opens_with_its_forks_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(released(2))
    store = await SqliteStore.open(path, executor=InlineExecutor())

    def check(reader: Reader) -> None:
        logs = {row.n: (row.parent, row.base, row.seq, row.sealed) for row in reader.logs()}
        assert logs == {1: (None, 0, 3, 0), 2: (None, 0, 1, 0), 3: (2, 1, 3, 3), 4: (2, 1, 2, 0)}
        told = [[found.payload for found in reader.records(log, 1, 9)] for log in (3, 4)]
        assert told == [[b"left 1", b"left 2", None], [b"left 1", b"right 2"]]
        assert [run.at for run in reader.runs(2, 0, 9)] == [None, 1_700_000_000_000]
        assert reader.erased(3, [1, 2, 3]) == {3}
        assert reader.owed(1, 9) == [(1, 1, 2)]
        assert [row.n for row in reader.quarantined(1, 1 << 50, 9)] == [1]
        assert reader.receipts(2) == [ReceiptRow(2, 3, 3, b"k" * 32, 1_700_000_000_001)]

    await store.read(check)
    await store.aclose()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_a_migrated_store_has_the_schema_of_a_new_one(tmp_path: Path, version: int) -> None:
    (tmp_path / "old.db").write_bytes(released(version))
    old, new = open_file(tmp_path / "old.db"), open_file(tmp_path / "new.db")
    assert described(old) == described(new)
    old.close()
    new.close()


_TABLES = (
    *("meta", "scope", "log", "shape", "rec", "run", "past", "eng", "peer"),
    *("erased", "owed", "quarantine", "receipt"),
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
    tx.put_quarantine(1, 7)
    tx.put_receipt(2, 3, 3, b"k" * 32, 1)
    tx.put_owed(1, [(1, 2)])
    tx.erase(3, [3])
    tx.seal_log(1, 3)
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
