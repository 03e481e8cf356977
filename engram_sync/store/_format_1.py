"""Reading a store of record format 1 (schemas 1 and 2), to write what it holds into a new one.

By the rules of today none of its records hashes to what was signed, so nothing of it is verified
here: this program's earlier versions did that when they stored it.  Nothing else may use this
module; it can be deleted once nobody has such a store any more.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from engram_wire import Record, payload_hash

from ._connection import open_file_for_reading
from ._database import Database, Row
from ._faults import gone_error, held_error, local_errors
from ._limits import LOG_SEQ_BITS, LOG_SEQ_MASK
from ._presence import BESIDE

_EMPTY_LIST = b"\x80"
_UNCHANGED = b"\xf6"
_NO_ENGRAM = bytes(16)
_ENGRAMS = """SELECT DISTINCT eid FROM rec JOIN log ON log.n = rec.id >> 40
    WHERE eid > ? AND log.scope = ? ORDER BY eid LIMIT ?"""
# In the order of arrival, in which everything follows what it refers to.
_RECORDS = """SELECT rec.id, rec.hlc, shape.b, sups, payload, phash, deps, auth, log.id FROM rec
    JOIN log ON log.n = rec.id >> 40 JOIN shape ON shape.id = rec.shape
    WHERE eid = ? AND log.scope = ? ORDER BY (
        SELECT arrival FROM run WHERE run.id BETWEEN rec.id AND rec.id | 0xFFFFFFFFFF
        ORDER BY run.id LIMIT 1) NULLS LAST, rec.id"""

_FORKED = """SELECT 1 FROM rec JOIN log ON log.n = rec.id >> 40 WHERE eid = ? AND log.scope = ?
    AND (log.parent IS NOT NULL OR log.n IN (SELECT parent FROM log)) LIMIT 1"""


class OldScope(NamedTuple):
    """A scope of an old store."""

    n: int
    id: bytes
    kind: str
    secret: bytes
    current: bool


class OldEngram(NamedTuple):
    """An engram of an old store."""

    engram: bytes
    view: bytes | None
    """What its readers were shown; None where it has just one record, or none was looked at yet."""
    complete: bool
    """Whether that is all that its records say."""
    oldest: int
    newest: int
    """The smallest and the largest clock among its records."""


class OldStore:
    """A store of record format 1, open for reading; nothing in it changes.

    Args:
        path: The file.
        vfs: Name of the SQLite file system layer; None means the system's.

    Raises:
        LocalError: It cannot be read.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self._path = path
        if vfs is None and not path.exists():
            raise gone_error(str(path))
        with local_errors(str(path)):
            self._connection: Database = open_file_for_reading(path, vfs=vfs)
            self._schema = int(self._connection.pragma("user_version"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def close(self) -> None:
        """Close it, with all it holds in the one file.

        Raises:
            DegradedError: Another program has it open, so that a part of it is in another file.
        """
        with local_errors(str(self._path)):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.close()
        if self._path.with_name(self._path.name + BESIDE).exists():
            raise held_error(str(self._path))

    def meta(self, key: str) -> bytes | None:
        """The value stored under ``key``."""
        rows = self._all("SELECT value FROM meta WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def scopes(self) -> list[OldScope]:
        """All scopes, oldest first."""
        rows = self._all("SELECT n, id, kind, secret, current FROM scope ORDER BY n")
        return [OldScope(*row)._replace(current=bool(row[4])) for row in rows]

    def authors(self) -> dict[bytes, bytes]:
        """Who wrote each log, by its id and by the id of a branch."""
        return {row[0]: row[1] for row in self._all("SELECT id, author FROM log")}

    def labels(self) -> dict[bytes, str]:
        """What peers call themselves, by key."""
        return {row[0]: row[1] for row in self._all("SELECT key, label FROM peer")}

    def engrams(self, scope: int, *, limit: int) -> Iterator[list[OldEngram]]:
        """All engrams of a scope, in pages."""
        behind = self.is_behind(scope)
        last = _NO_ENGRAM
        while rows := self._all(_ENGRAMS, (last, scope, limit)):
            last = rows[-1][0]
            yield [self._engram(scope, engram, behind=behind) for (engram,) in rows]

    def records(self, scope: int, engram: bytes) -> list[tuple[bytes, Record]]:
        """Id of the log and record, of all records of an engram, in order of arrival."""
        return [
            (
                log,
                Record(
                    row_id & LOG_SEQ_MASK,
                    engram,
                    hlc,
                    shape,
                    _EMPTY_LIST if superseded is None else superseded,
                    payload,
                    digest if payload is None else payload_hash(payload),
                    _EMPTY_LIST if deps is None else deps,
                    _UNCHANGED if auth is None else auth,
                ),
            )
            for row_id, hlc, shape, superseded, payload, digest, deps, auth, log in self._all(
                _RECORDS, (engram, scope)
            )
        ]

    def is_behind(self, scope: int) -> bool:
        """Whether records arrived that no view shows yet."""
        sql = """SELECT materialised < (SELECT coalesce(max(arrival), 0) FROM run WHERE scope = ?)
            FROM scope WHERE n = ?"""
        return bool(self._all(sql, (scope, scope))[0][0])

    def is_forked(self, scope: int, engram: bytes) -> bool:
        """Whether what records of an engram name depends on what their author had seen of a fork.

        One record of an engram names nothing of it.
        """
        if self._schema < 2 or len(self.records(scope, engram)) < 2:
            return False
        return bool(self._all(_FORKED, (engram, scope)))

    def _engram(self, scope: int, engram: bytes, *, behind: bool) -> OldEngram:
        rows = self._all("SELECT n, view FROM eng WHERE scope = ? AND eid = ?", (scope, engram))
        clocks = self._all("SELECT min(hlc), max(hlc) FROM rec WHERE eid = ?", (engram,))[0]
        view = rows[0][1] if rows else None
        complete = view is not None and not behind and not self._waits(rows[0][0])
        return OldEngram(engram, view, complete, *clocks)

    def _waits(self, n: int) -> bool:
        """Whether the view of an engram leaves records out whose clock was ahead."""
        if self._schema < 2:
            return False
        return bool(self._all("SELECT 1 FROM quarantine WHERE n = ?", (n,)))

    def _all(self, sql: str, bindings: Sequence[object] = ()) -> list[Row]:
        with local_errors(str(self._path)):
            return self._connection.execute(sql, bindings).fetchall()


assert LOG_SEQ_BITS == 40
