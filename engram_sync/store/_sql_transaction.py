"""``Transaction`` in SQL."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager

from engram_wire import Record

from ._forks import CLOSE_LOG, split_log
from ._limits import LOG_SEQ_BITS
from ._merging import merge_runs
from ._rows import EngramRow, MergedRuns, PeerRow, ScopeRow
from ._sql_derived import SqlDerived
from ._sql_records import EMPTY_LIST, UNCHANGED
from ._statements import Statements


class RollbackBrokenError(Exception):
    """A rollback callback raised: memory and store may disagree from now on.  Our bug."""


class SqlTransaction(SqlDerived):
    """Implements ``Transaction``, which states what each method promises."""

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
        sql = """INSERT INTO meta (key, value) VALUES (?, ?)
            ON CONFLICT DO UPDATE SET value = excluded.value"""
        self._sql.run(sql, (key, value))

    def delete_meta(self, key: str) -> None:
        self._sql.run("DELETE FROM meta WHERE key = ?", (key,))

    def put_scope(self, scope_id: bytes, kind: str, secret: bytes, *, current: bool = False) -> int:
        sql = """INSERT INTO scope
            (id, kind, secret, current, materialised, digest, live, deleted, records, changes)
            VALUES (?, ?, ?, ?, 0, zeroblob(32), 0, 0, 0, 0) RETURNING n"""
        return self._sql.number(sql, (scope_id, kind, secret, int(current)))

    def update_scope(self, row: ScopeRow) -> None:
        sql = """UPDATE scope SET kind = ?, secret = ?, current = ?, materialised = ?, digest = ?,
            live = ?, deleted = ?, records = ?, changes = ?, sealed = ?, sealed_sum = ?
            WHERE n = ?"""
        digest = row.digest.to_bytes(32, "big")
        changed = (row.kind, row.secret, int(row.current), row.materialised, digest)
        counts = row.live, row.deleted, row.records, row.changes
        sealed = row.sealed, row.sealed_sum.to_bytes(32, "big")
        self._sql.run(sql, (*changed, *counts, *sealed, row.n))

    def put_log(
        self,
        scope: int,
        log_id: bytes,
        domain: int,
        author: bytes,
        incarnation: bytes,
        *,
        parent: int | None = None,
        base: int = 0,
        branch: bytes | None = None,
        follows: int | None = None,
        until: int = 0,
        depth: int = 0,
        jump: int = 0,
    ) -> int:
        sql = """INSERT INTO log
            (id, scope, domain, author, incarnation, seq, head, hlc, parent, base, branch, follows,
            until, depth, jump)
            VALUES (?1, ?2, ?3, ?4, ?5, ?7, ?1, 0, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING n"""
        named = (log_id, scope, domain, author, incarnation, parent, base, branch)
        return self._sql.number(sql, (*named, follows, until, depth, jump))

    def split_log(self, log: int, base: int, moved: int) -> None:
        split_log(self._sql, log, base, moved)

    def seal_log(self, log: int, seq: int) -> None:
        self._sql.run("UPDATE log SET sealed = ? WHERE n = ?", (seq, log))
        self._sql.run(CLOSE_LOG, (log,))

    def set_head(self, log: int, seq: int, head: bytes, hlc: int) -> None:
        self._sql.run(
            "UPDATE log SET seq = ?, head = ?, hlc = ? WHERE n = ?", (seq, head, hlc, log)
        )
        self._sql.run(CLOSE_LOG, (log,))

    # Records

    def put_records(self, log: int, records: Iterable[Record]) -> None:
        base = log << LOG_SEQ_BITS
        shapes = self._sql.shapes.by_bytes
        records = list(records)
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
                marked,
                first,
            )
            for (
                (seq, engram, hlc, shape, superseded, payload, digest, deps, auth, marked),
                first,
            ) in zip(records, self.first_clocks(log, records), strict=True)
        ]
        self._sql.many(
            """INSERT INTO rec (id, eid, hlc, shape, sups, payload, phash, deps, auth, marked, clk)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            rows,
        )

    def _shape_number(self, shape: bytes) -> int:
        row = self._sql.one("SELECT id FROM shape WHERE b = ?", (shape,))
        if row is None:
            number = self._sql.number("INSERT INTO shape (b) VALUES (?) RETURNING id", (shape,))
        else:
            number = int(row[0])
        self._sql.shapes.by_bytes[shape] = number
        return number

    def put_run(
        self,
        log: int,
        first: int,
        last: int,
        head: bytes,
        signature: bytes,
        *,
        at: int | None = None,
    ) -> int:
        scope = self._sql.number("SELECT scope FROM log WHERE n = ?", (log,))
        arrival = self.last_arrival(scope) + 1
        row = (log << LOG_SEQ_BITS | last, scope, arrival, first, head, signature, at)
        self._sql.run(
            """INSERT INTO run (id, scope, arrival, first, head, sig, at)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            row,
        )
        return arrival

    def merge_runs(
        self,
        scope: int,
        limit: int,
        before_at: int,
        *,
        after_arrival: int = 0,
    ) -> MergedRuns:
        return merge_runs(self._sql, scope, limit, before_at, after_arrival)

    def put_marks(self, log: int, marks: Iterable[tuple[int, bytes]]) -> None:
        rows = [(log << LOG_SEQ_BITS | seq, log, head) for seq, head in marks]
        sql = """INSERT INTO mark (id, scope, head)
            VALUES (?1, (SELECT scope FROM log WHERE n = ?2), ?3)"""
        self._sql.many(sql, rows)

    def put_past(self, log: int, seq: int, vector: bytes) -> None:
        sql = """INSERT INTO past (id, vector) VALUES (?, ?)
            ON CONFLICT DO UPDATE SET vector = excluded.vector"""
        self._sql.run(sql, (log << LOG_SEQ_BITS | seq, vector))

    # Engrams

    def put_engrams(self, rows: Sequence[EngramRow]) -> range:
        first = self._sql.number("SELECT coalesce(max(n), 0) + 1 FROM eng")
        numbers = range(first, first + len(rows))
        self._sql.many(
            """INSERT INTO eng (n, scope, eid, log, seq, records, hlc, created, born,
            changed, life, conflict, live, dead, erased, digest)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [(n, *row[1:]) for n, row in zip(numbers, rows, strict=True)],
        )
        return numbers

    def update_engrams(self, rows: Iterable[EngramRow]) -> None:
        self._sql.many(
            """UPDATE eng SET records = ?, hlc = ?, created = ?, born = ?, changed = ?, life = ?,
            conflict = ?, live = ?, dead = ?, erased = ?, digest = ? WHERE n = ?""",
            [(*row[5:], row.n) for row in rows],
        )

    def drop_engram(self, n: int) -> None:
        self.clear_engram(n)
        self.unindex(n)
        self._sql.run("DELETE FROM eng WHERE n = ?", (n,))

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
        sql = """INSERT INTO peer (key, label, address, via, last_success, failures, error)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET label = excluded.label,
            address = excluded.address, via = excluded.via, last_success = excluded.last_success,
            failures = excluded.failures, error = excluded.error"""
        self._sql.run(sql, row)
