"""The part of ``Transaction`` that changes live elements in place."""

from collections.abc import Iterable, Mapping, Sequence

from ._limits import CLOCK_BITS, LOG_SEQ_BITS
from ._rows import ElementRow, PartRow, TextRow
from ._sql_payloads import SqlPayloads

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


class SqlDerived(SqlPayloads):
    """Implements ``Transaction``, which states what each method promises."""

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
