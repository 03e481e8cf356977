"""``Transaction`` in SQL."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager

from engram_wire import Record

from ._limits import LOG_SEQ_BITS
from ._rows import EngramRow, PeerRow, ScopeRow
from ._sql_reader import EMPTY_LIST, UNCHANGED, SqlReader
from ._statements import Statements


class RollbackBrokenError(Exception):
    """A rollback callback raised: memory and store may disagree from now on.  Our bug."""


class SqlTransaction(SqlReader):
    """See ``Transaction``, which states what each method promises."""

    def __init__(self, statements: Statements) -> None:
        super().__init__(statements)
        self._undo: list[Callable[[], None]] = []

    # Undoing

    def on_rollback(self, callback: Callable[[], None]) -> None:
        self._undo.append(callback)

    @contextmanager
    def savepoint(self) -> Generator[None]:
        mark = len(self._undo)
        self._sql.run("SAVEPOINT block")
        try:
            yield
            self._sql.run("RELEASE block")
        except BaseException:
            # A full disk rolls the whole transaction back by itself: nothing is left to undo.
            if self._sql.in_transaction:
                self._sql.run("ROLLBACK TO block")
                self._sql.run("RELEASE block")
            self.undo(mark)
            raise

    def undo(self, mark: int = 0) -> None:
        """Forget what was cached and call back, newest first, down to the callback ``mark``.

        Raises:
            RollbackBrokenError: A callback raised; the others were called all the same.
        """
        self._sql.shapes.forget()
        problems: list[BaseException] = []
        while len(self._undo) > mark:
            try:
                self._undo.pop()()
            except BaseException as error:  # noqa: BLE001 - raised below, after the rest
                problems.append(error)
        if problems:
            raise RollbackBrokenError("a rollback callback raised") from problems[0]

    def end(self) -> None:
        """Refuse every further use: the job has ended."""
        self._sql.end()

    # Settings, scopes, logs

    def put_meta(self, key: str, value: bytes) -> None:
        self._sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def delete_meta(self, key: str) -> None:
        self._sql.run("DELETE FROM meta WHERE key = ?", (key,))

    def put_scope(self, scope_id: bytes, kind: str, secret: bytes, *, current: bool = False) -> int:
        sql = """INSERT INTO scope
            (id, kind, secret, current, materialised, digest, live, deleted, records)
            VALUES (?, ?, ?, ?, 0, zeroblob(32), 0, 0, 0) RETURNING n"""
        return self._sql.number(sql, (scope_id, kind, secret, int(current)))

    def update_scope(self, row: ScopeRow) -> None:
        sql = """UPDATE scope SET kind = ?, secret = ?, current = ?, materialised = ?, digest = ?,
            live = ?, deleted = ?, records = ? WHERE n = ?"""
        digest = row.digest.to_bytes(32, "big")
        changed = (row.kind, row.secret, int(row.current), row.materialised, digest)
        self._sql.run(sql, (*changed, row.live, row.deleted, row.records, row.n))

    def put_log(
        self, scope: int, log_id: bytes, domain: int, author: bytes, incarnation: bytes
    ) -> int:
        sql = """INSERT INTO log (id, scope, domain, author, incarnation, seq, head, hlc)
            VALUES (?, ?, ?, ?, ?, 0, ?, 0) RETURNING n"""
        return self._sql.number(sql, (log_id, scope, domain, author, incarnation, log_id))

    def set_head(self, log: int, seq: int, head: bytes, hlc: int) -> None:
        self._sql.run(
            "UPDATE log SET seq = ?, head = ?, hlc = ? WHERE n = ?", (seq, head, hlc, log)
        )

    # Records

    def put_records(self, log: int, records: Iterable[Record]) -> None:
        base = log << LOG_SEQ_BITS
        shapes = self._sql.shapes.by_bytes
        rows = [
            (
                base | seq,
                engram,
                hlc,
                shapes.get(shape) or self._shape_number(shape),
                None if superseded == EMPTY_LIST else superseded,
                payload,
                digest if payload is None else None,
                None if deps == EMPTY_LIST else deps,
                None if auth == UNCHANGED else auth,
            )
            for seq, engram, hlc, shape, superseded, payload, digest, deps, auth in records
        ]
        self._sql.many("INSERT INTO rec VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _shape_number(self, shape: bytes) -> int:
        row = self._sql.one("SELECT id FROM shape WHERE b = ?", (shape,))
        if row is None:
            number = self._sql.number("INSERT INTO shape (b) VALUES (?) RETURNING id", (shape,))
        else:
            number = int(row[0])
        self._sql.shapes.by_bytes[shape] = number
        return number

    def put_run(self, log: int, first: int, last: int, head: bytes, signature: bytes) -> int:
        scope = self._sql.number("SELECT scope FROM log WHERE n = ?", (log,))
        arrival = self.last_arrival(scope) + 1
        row = (log << LOG_SEQ_BITS | last, scope, arrival, first, head, signature)
        self._sql.run("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)", row)
        return arrival

    def put_past(self, log: int, seq: int, vector: bytes) -> None:
        sql = "INSERT OR REPLACE INTO past (id, vector) VALUES (?, ?)"
        self._sql.run(sql, (log << LOG_SEQ_BITS | seq, vector))

    # Engrams

    def put_engrams(self, rows: Sequence[EngramRow]) -> range:
        first = self._sql.number("SELECT coalesce(max(n), 0) + 1 FROM eng")
        numbers = range(first, first + len(rows))
        self._sql.many(
            "INSERT INTO eng VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(n, *row[1:]) for n, row in zip(numbers, rows, strict=True)],
        )
        return numbers

    def update_engrams(self, rows: Iterable[EngramRow]) -> None:
        self._sql.many(
            """UPDATE eng SET records = ?, hlc = ?, life = ?, conflict = ?, state = ?, view = ?,
            digest = ? WHERE n = ?""",
            [(*row[5:], row.n) for row in rows],
        )

    # The index of words

    def index(self, n: int, title: str, content: str, tags: str) -> None:
        self.index_many([(n, title, content, tags)])

    def index_many(self, rows: Sequence[tuple[int, str, str, str]]) -> None:
        self._sql.many(
            "INSERT OR REPLACE INTO fts (rowid, title, content, tags) VALUES (?, ?, ?, ?)", rows
        )
        self._sql.many("DELETE FROM unindexed WHERE n = ?", [(row[0],) for row in rows])

    def unindex(self, n: int) -> None:
        self._sql.run("DELETE FROM fts WHERE rowid = ?", (n,))
        self._sql.run("DELETE FROM unindexed WHERE n = ?", (n,))

    def mark_unindexed(self, n: int) -> None:
        self._sql.run("INSERT OR IGNORE INTO unindexed (n) VALUES (?)", (n,))

    def mark_many_unindexed(self, ns: Iterable[int]) -> None:
        self._sql.many("INSERT OR IGNORE INTO unindexed (n) VALUES (?)", [(n,) for n in ns])

    # Peers

    def put_peer(self, row: PeerRow) -> None:
        self._sql.run("INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def delete_peer(self, key: bytes) -> None:
        self._sql.run("DELETE FROM peer WHERE key = ?", (key,))
