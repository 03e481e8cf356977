"""``Transaction`` in SQL."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

from engram_wire import Record, payload_hash

from ._forks import CLOSE_LOG, split_log
from ._limits import CLOCK_BITS, LOG_SEQ_BITS
from ._merging import merge_runs
from ._rows import ElementRow, EngramRow, MergedRuns, PartRow, PeerRow, ScopeRow, TextRow
from ._schema import PURGE_INDEX, PURGE_KEY
from ._sql_reader import SqlReader
from ._sql_records import EMPTY_LIST, STREAMED, UNCHANGED, row_ids
from ._statements import Statements


class RollbackBrokenError(Exception):
    """A rollback callback raised: memory and store may disagree from now on.  Our bug."""


_PAYLOADS = """SELECT id, payload FROM rec
    WHERE payload IS NOT NULL AND id IN (SELECT value FROM json_each(?))"""
_ERASING = (
    "INSERT INTO erased (id) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
    "DELETE FROM owed WHERE id IN (SELECT value FROM json_each(?))",
)


_DERIVED = (
    "DELETE FROM elem",
    "DELETE FROM part",
    "DELETE FROM contested",
    "DELETE FROM text",
    "DELETE FROM text_structure",
    "DELETE FROM text_since",
    "DELETE FROM owed",
    "DELETE FROM eng",
    "DELETE FROM unindexed",
    "INSERT INTO fts (fts) VALUES ('delete-all')",
    "UPDATE scope SET materialised = 0, digest = zeroblob(32), live = 0, deleted = 0",
)

_TAKEN = """DELETE FROM elem WHERE {} RETURNING
    log, clk, seq, coll, born, digest, life, grp, val, grp2, val2"""
_TAKEN_SPAN = _TAKEN.format("n = ? AND log = ? AND clk >= ? AND clk < ?")
_TAKEN_DOTS = _TAKEN.format("n = ? AND (log, clk) IN (SELECT {}, {} FROM json_each(?))").format(
    f"value >> {CLOCK_BITS}", f"value & {(1 << CLOCK_BITS) - 1}"
)
_TEXT = ("text", "text_structure", "text_since")

# The smallest and the largest value of a group: two steps of an index, however many it has.
_CONTESTED = """INSERT INTO contested (n, grp) SELECT ?1, ?2
    WHERE (SELECT {val} FROM elem WHERE n = ?1 AND {grp} = ?2 ORDER BY {val} LIMIT 1)
    IS NOT (SELECT {val} FROM elem WHERE n = ?1 AND {grp} = ?2 ORDER BY {val} DESC LIMIT 1)"""
_CONTESTED_1 = _CONTESTED.format(grp="grp", val="val")
_CONTESTED_2 = _CONTESTED.format(grp="grp2", val="val2")


class SqlTransaction(SqlReader):
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

    def seal_logs(self, ends: Iterable[tuple[int, int]]) -> None:
        rows = [(seq, log) for log, seq in ends]
        self._sql.many("UPDATE log SET sealed = ? WHERE n = ?", rows)
        self._sql.many(CLOSE_LOG, [(log,) for _, log in rows])

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

    # Payloads: taken away, brought back, counted

    def set_payload(self, log: int, seq: int, payload: bytes) -> bool:
        row_id = log << LOG_SEQ_BITS | seq
        sql = """SELECT phash FROM rec WHERE id = ?1 AND payload IS NULL
            AND NOT EXISTS (SELECT 1 FROM erased WHERE id = ?1)"""
        row = self._sql.one(sql, (row_id,))
        if row is None or row[0] != payload_hash(payload):
            return False
        self._sql.run("UPDATE rec SET payload = ?, phash = NULL WHERE id = ?", (payload, row_id))
        self._sql.run("DELETE FROM owed WHERE id = ?", (row_id,))
        return True

    def drop_payloads(self, positions: Iterable[tuple[int, int]]) -> int:
        return self._drop(row_ids(positions))

    def _drop(self, ids: Sequence[int]) -> int:
        freed = 0
        for start in range(0, len(ids), STREAMED):
            held = self._sql.all(_PAYLOADS, (str(ids[start : start + STREAMED]),))
            dropped = [(payload_hash(payload), row_id) for row_id, payload in held]
            self._sql.many("UPDATE rec SET payload = NULL, phash = ? WHERE id = ?", dropped)
            freed += sum([len(payload) for _, payload in held])
        return freed

    def erase(self, positions: Iterable[tuple[int, int]]) -> int:
        ids = row_ids(positions)
        for sql in _ERASING:
            self._sql.run(sql, (str(ids),))
        # A store of the first release has more to purge than the index: that mark stays.
        sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
        self._sql.run(sql, (PURGE_KEY, PURGE_INDEX))
        return self._drop(ids)

    def spare(self, positions: Iterable[tuple[int, int]]) -> None:
        sql = "DELETE FROM erased WHERE id IN (SELECT value FROM json_each(?))"
        self._sql.run(sql, (str(row_ids(positions)),))

    def put_owed(self, n: int, positions: Iterable[tuple[int, int]]) -> None:
        sql = """INSERT INTO owed (id, scope, n) SELECT ?1, scope, n FROM eng WHERE n = ?2
            AND NOT EXISTS (SELECT 1 FROM erased WHERE id = ?1)
            ON CONFLICT DO UPDATE SET n = excluded.n"""
        self._sql.many(sql, [(log << LOG_SEQ_BITS | seq, n) for log, seq in positions])

    def clear_owed(self, n: int) -> None:
        self._sql.run("DELETE FROM owed WHERE n = ?", (n,))

    def put_void(self, scope: int, log: bytes, author: bytes, last: int) -> None:
        sql = """INSERT INTO void (log, author, scope, last) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET last = min(last, excluded.last)"""
        self._sql.run(sql, (log, author, scope, last))

    def drop_void(self, log: bytes, author: bytes) -> None:
        self._sql.run("DELETE FROM void WHERE log = ? AND author = ?", (log, author))

    def set_cut(self, log: int, last: int | None) -> None:
        self._sql.run("DELETE FROM cut WHERE log = ?", (log,))
        if last is not None:
            self._sql.run("INSERT INTO cut (log, last) VALUES (?, ?)", (log, last))

    def put_ratified(self, log: int, seq: int, saying: tuple[int, int]) -> None:
        sql = "INSERT INTO ratified (id, saying) VALUES (?, ?) ON CONFLICT DO NOTHING"
        self._sql.run(sql, (log << LOG_SEQ_BITS | seq, saying[0] << LOG_SEQ_BITS | saying[1]))

    def put_receipt(self, scope: int, log: int, seq: int, key: bytes, at: int) -> None:
        sql = """INSERT INTO receipt (scope, log, seq, key, at) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING"""
        self._sql.run(sql, (scope, log, seq, key, at))

    # Live elements, changed in place

    def put_elements(self, n: int, rows: Sequence[ElementRow]) -> None:
        self._sql.many(
            """INSERT INTO elem (n, log, clk, seq, coll, born, digest, life, grp, val, grp2, val2)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [(n, *row) for row in rows],
        )

    def take_elements(self, n: int, dots: Mapping[int, Iterable[int]]) -> list[ElementRow]:
        # One statement for all of them: a record may name thousands.
        named = [log << CLOCK_BITS | clock for log, clocks in dots.items() for clock in clocks]
        return [ElementRow(*row) for row in self._sql.all(_TAKEN_DOTS, (n, str(named)))]

    def take_span(self, n: int, log: int, first: int, end: int) -> list[ElementRow]:
        return [ElementRow(*row) for row in self._sql.all(_TAKEN_SPAN, (n, log, first, end))]

    def compare_groups(self, n: int, first: Iterable[bytes], second: Iterable[bytes]) -> None:
        for groups, found in ((first, _CONTESTED_1), (second, _CONTESTED_2)):
            rows = [(n, group) for group in groups]
            self._sql.many("DELETE FROM contested WHERE n = ? AND grp = ?", rows)
            self._sql.many(found, rows)

    def put_part(self, n: int, row: PartRow) -> None:
        sql = """INSERT INTO part (n, log, clk, seq) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET clk = excluded.clk, seq = excluded.seq"""
        self._sql.run(sql, (n, *row))

    def put_text(self, n: int, row: TextRow) -> None:
        sql = """INSERT OR REPLACE INTO text (n, shown, orphans, changed, since)
            VALUES (?, ?, ?, ?, ?)"""
        self._sql.run(sql, (n, *row))

    def put_text_structure(self, n: int, state: bytes) -> None:
        self._sql.run("INSERT OR REPLACE INTO text_structure (n, state) VALUES (?, ?)", (n, state))
        self._sql.run("DELETE FROM text_since WHERE n = ?", (n,))

    def add_text_since(self, n: int, positions: Iterable[tuple[int, int]]) -> None:
        sql = """INSERT INTO text_since (n, place, id) SELECT ?1,
            1 + ifnull((SELECT max(place) FROM text_since WHERE n = ?1), 0), ?2"""
        self._sql.many(sql, [(n, log << LOG_SEQ_BITS | seq) for log, seq in positions])

    def drop_text(self, n: int) -> None:
        self._clear(n, _TEXT)

    def clear_engram(self, n: int) -> None:
        self._clear(n, ("elem", "part", "contested", *_TEXT, "owed"))

    def _clear(self, n: int, tables: Iterable[str]) -> None:
        for table in tables:
            self._sql.run(f"DELETE FROM {table} WHERE n = ?", (n,))  # noqa: S608 - constants only

    def reset(self) -> None:
        for statement in _DERIVED:
            self._sql.run(statement)

    def drop_owed(self, log: int, seq: int) -> None:
        self._sql.run("DELETE FROM owed WHERE id = ?", (log << LOG_SEQ_BITS | seq,))
