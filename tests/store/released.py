"""Stores as releases wrote them: ``python -m tests.store.released`` makes the newest one.

A fixture is made once, by the release that introduced its schema, and never again: what matters
is what that release really wrote.
"""

import gzip
import sys
import tempfile
from pathlib import Path

from engram_sync.store import SCHEMA_VERSION, Transaction
from engram_sync.store._commit import Committer, Done
from engram_sync.store._connection import open_file

from .families import add_branch, fork
from .rows import add_log, add_scope, append, engram_row, id_of, record

FIXTURES = Path(__file__).parent / "fixtures"


def fixture(version: int) -> Path:
    """Where the store of schema ``version`` is kept."""
    return FIXTURES / f"schema_{version}.db.gz"


def released(version: int) -> bytes:
    """A store as the first release with this schema wrote it.

    Until there is such a release, the newest schema is what this program writes.
    """
    if version == SCHEMA_VERSION and not fixture(version).exists():
        return made()
    return gzip.decompress(fixture(version).read_bytes())


def made() -> bytes:
    """A store as this program writes it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        connection = open_file(path)
        [done] = Committer(connection, "store").commit([newest])
        assert isinstance(done, Done), done
        connection.close()
        return path.read_bytes()


def common(tx: Transaction) -> int:
    """What the store of every release holds, in log 1 of scope 1; the engram's number."""
    scope = add_scope(tx)
    row = tx.scope(scope)
    assert row is not None
    tx.update_scope(row._replace(digest=2**255 + 1))
    first = record(1, b"1" * 16, payload=b"one")
    second = record(2, b"2" * 16, payload=None)
    third = record(3, b"1" * 16, payload=b"three", superseded=b"\x83\0\0\0")
    append(tx, add_log(tx, scope), first, second, third)
    (n,) = tx.put_engrams([engram_row(scope, b"1" * 16, 1 << 40)])
    tx.index(n, "meeting", "on tuesday", "")
    return n


def newest(tx: Transaction) -> None:
    """What schema 2 added: a second scope with a fork, and one of each mark."""
    n = common(tx)
    scope = add_scope(tx, "forked")
    trunk = add_log(tx, scope, "trunk")
    append(tx, trunk, *(record(seq, payload=b"left %d" % seq) for seq in (1, 2, 3)))
    left = fork(tx, trunk, 1, "left")
    right = add_branch(tx, scope, "right", trunk, 1)
    tx.put_records(right, [record(2, payload=b"right 2")])
    tx.put_run(right, 2, 2, id_of("right 2"), b"g" * 64, at=1_700_000_000_000)
    tx.set_head(right, 2, id_of("right 2"), 9)
    tx.seal_logs([(left, 3)])
    tx.erase([(left, 3)])
    tx.put_owed(n, [(1, 2)])
    tx.put_receipt(scope, left, 3, b"k" * 32, 1_700_000_000_001)


def main() -> None:
    """Make the fixture of the newest schema unless there is one."""
    target = fixture(SCHEMA_VERSION)
    if target.exists():
        sys.exit(f"{target.name} was released; a store of this schema is never made anew")
    target.write_bytes(gzip.compress(made(), mtime=0))


if __name__ == "__main__":
    main()
