"""The part of ``Transaction`` that changes live elements in place."""

from collections.abc import Sequence

from ._limits import LOG_SEQ_BITS
from ._rows import ElementRow, PartRow, TextRow
from ._sql_payloads import SqlPayloads

_DERIVED = (
    "DELETE FROM elem",
    "DELETE FROM part",
    "DELETE FROM contested",
    "DELETE FROM text",
    "DELETE FROM owed",
    "DELETE FROM eng",
    "DELETE FROM unindexed",
    "INSERT INTO fts (fts) VALUES ('delete-all')",
    "UPDATE scope SET materialised = 0, digest = zeroblob(32), live = 0, deleted = 0",
)


class SqlDerived(SqlPayloads):
    """See ``Transaction``, which states what each method promises."""

    def put_elements(self, n: int, rows: Sequence[ElementRow]) -> None:
        self._sql.many(
            """INSERT INTO elem (n, log, clk, seq, coll, born, digest, life, grp, val, grp2, val2)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [(n, *row) for row in rows],
        )

    def drop_elements(self, n: int, log: int, first: int, end: int) -> None:
        sql = "DELETE FROM elem WHERE n = ? AND log = ? AND clk >= ? AND clk < ?"
        self._sql.run(sql, (n, log, first, end))

    def set_contested(self, n: int, group: bytes, contested: bool) -> None:
        if contested:
            self._sql.run("INSERT OR IGNORE INTO contested (n, grp) VALUES (?, ?)", (n, group))
        else:
            self._sql.run("DELETE FROM contested WHERE n = ? AND grp = ?", (n, group))

    def put_part(self, n: int, row: PartRow) -> None:
        sql = """INSERT INTO part (n, log, clk, seq) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET clk = excluded.clk, seq = excluded.seq"""
        self._sql.run(sql, (n, *row))

    def put_text(self, n: int, row: TextRow) -> None:
        sql = "INSERT OR REPLACE INTO text (n, state, shown, orphans) VALUES (?, ?, ?, ?)"
        self._sql.run(sql, (n, *row))

    def drop_text(self, n: int) -> None:
        self._sql.run("DELETE FROM text WHERE n = ?", (n,))

    def clear_engram(self, n: int) -> None:
        for table in ("elem", "part", "contested", "text", "owed"):
            self._sql.run(f"DELETE FROM {table} WHERE n = ?", (n,))  # noqa: S608 - constants only

    def reset(self) -> None:
        for statement in _DERIVED:
            self._sql.run(statement)

    def drop_owed(self, log: int, seq: int) -> None:
        self._sql.run("DELETE FROM owed WHERE id = ?", (log << LOG_SEQ_BITS | seq,))
