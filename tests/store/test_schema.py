"""Stores of earlier versions are brought forward, wholly or not at all."""

import gzip
import sqlite3
from pathlib import Path

import apsw
import pytest

from engram_sync.errors import PreconditionError
from engram_sync.store import InlineExecutor, SqliteStore
from engram_sync.store._connection import open_file
from engram_sync.store._database import Connection
from engram_sync.store._schema import MIGRATIONS, SCHEMA_VERSION, check, migrate

FIXTURES = Path(__file__).parent / "fixtures"
_NEXT = ("ALTER TABLE peer ADD COLUMN colour TEXT", "CREATE TABLE extra (a)")


def released(version: int) -> bytes:
    """A store as the first release with this schema wrote it."""
    return gzip.decompress((FIXTURES / f"schema_{version}.db.gz").read_bytes())


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
    (scope,) = await store.read(lambda reader: reader.scopes())
    (log,) = await store.read(lambda reader: reader.logs())
    records = await store.read(lambda reader: reader.records(log.n, 1, 9))
    assert (scope.kind, scope.digest, log.seq) == ("agent", 2**255 + 1, 3)
    assert [found.payload for found in records] == [b"one", None, b"three"]
    hits = await store.read(lambda reader: reader.search(["tuesday"], limit=9))
    assert [n for n, _ in hits] == [1]
    await store.aclose()


def test_a_migrated_store_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "old.db").write_bytes(released(1))
    old, new = open_file(tmp_path / "old.db"), open_file(tmp_path / "new.db")
    assert described(old) == described(new)
    old.close()
    new.close()


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
