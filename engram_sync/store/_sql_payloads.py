"""The part of ``Transaction`` that takes payloads away, brings them back, and keeps count."""

from collections.abc import Iterable, Sequence

from engram_wire import payload_hash

from ._limits import LOG_SEQ_BITS
from ._schema import PURGE_INDEX, PURGE_KEY
from ._sql_reader import SqlReader
from ._sql_records import STREAMED

_PAYLOADS = """SELECT id, payload FROM rec
    WHERE payload IS NOT NULL AND id IN (SELECT value FROM json_each(?))"""
_ERASING = (
    "INSERT INTO erased (id) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
    "DELETE FROM owed WHERE id IN (SELECT value FROM json_each(?))",
)


class SqlPayloads(SqlReader):
    """Implements ``Transaction``, which states what each method promises."""

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
        return self._drop([log << LOG_SEQ_BITS | seq for log, seq in positions])

    def _drop(self, ids: Sequence[int]) -> int:
        freed = 0
        for start in range(0, len(ids), STREAMED):
            held = self._sql.all(_PAYLOADS, (str(ids[start : start + STREAMED]),))
            dropped = [(payload_hash(payload), row_id) for row_id, payload in held]
            self._sql.many("UPDATE rec SET payload = NULL, phash = ? WHERE id = ?", dropped)
            freed += sum([len(payload) for _, payload in held])
        return freed

    def erase(self, log: int, seqs: Iterable[int]) -> int:
        ids = [log << LOG_SEQ_BITS | seq for seq in seqs]
        for sql in _ERASING:
            self._sql.run(sql, (str(ids),))
        # A store of the first release has more to purge than the index: that mark stays.
        sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
        self._sql.run(sql, (PURGE_KEY, PURGE_INDEX))
        return self._drop(ids)

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
