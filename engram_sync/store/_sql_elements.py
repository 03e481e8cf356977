"""Live elements, as rows that are changed in place."""

from collections.abc import Iterable

from engram_wire import Record

from ._limits import LOG_SEQ_BITS, LOG_SEQ_MASK
from ._rows import ElementRow, PartRow, TextRow
from ._sql_clocks import SqlClocks, taken_by
from ._sql_records import RECORD

_ELEMENT = """SELECT log, clk, seq, coll, born, digest, life, grp, val, grp2, val2
    FROM elem WHERE n = ?"""
_LIVE = " WHERE rec.id IN (SELECT log << 40 | seq FROM elem WHERE n = ?)"
_RECORDS = RECORD.replace(" FROM", ", clk FROM") + _LIVE

# By the clocks that each can have taken: a few steps, however much of the engram is live.
_LIVE_OF = """SELECT rec.clk, elem.log, elem.clk, elem.seq, coll, born, digest, life,
    grp, val, grp2, val2 FROM json_each(?1) CROSS JOIN rec ON rec.id = value
    CROSS JOIN elem ON n = ?2 AND log = rec.id >> 40 AND elem.clk >= rec.clk
    AND elem.clk < rec.clk + ?3 WHERE elem.seq = rec.id & 0xFFFFFFFFFF"""


class SqlElements(SqlClocks):
    """Implements ``Reader``, which states what each method promises."""

    def elements(self, n: int) -> list[ElementRow]:
        return [ElementRow(*row) for row in self._sql.all(_ELEMENT, (n,))]

    def bodies(self, n: int) -> list[tuple[int, int]]:
        sql = "SELECT log, clk FROM elem INDEXED BY elem_body WHERE n = ? AND coll = 'r/body'"
        return [(log, clock) for log, clock in self._sql.all(sql, (n,))]

    def live_records(self, n: int) -> list[tuple[int, int, Record]]:
        rows = self._sql.all(_RECORDS, (n,))
        found = self._decoded(row[:-1] for row in rows)
        return [(log, rows[i][-1], record) for i, (log, record) in enumerate(found)]

    def live_of(
        self, n: int, positions: Iterable[tuple[int, int]], puts: int
    ) -> list[tuple[int, ElementRow]]:
        ids = [log << LOG_SEQ_BITS | seq for log, seq in positions]
        rows = self._sql.all(_LIVE_OF, (str(ids), n, puts))
        return [(first, ElementRow(*row)) for first, *row in rows]

    def is_live(self, n: int, log: int, seq: int) -> bool:
        first = self.first_clock(log, seq)
        records = self._records(log, seq, seq)
        end = first + sum(taken_by(r.shape, r.superseded) for r in records)
        sql = "SELECT EXISTS (SELECT 1 FROM elem WHERE n = ? AND log = ? AND clk >= ? AND clk < ?)"
        return bool(self._sql.number(sql, (n, log, first, end)))

    def heaviest_life(self, n: int) -> bytes | None:
        sql = """SELECT life FROM elem INDEXED BY elem_life
            WHERE n = ? AND life IS NOT NULL ORDER BY life DESC LIMIT 1"""
        row = self._sql.one(sql, (n,))
        return None if row is None else row[0]

    def contested_classes(self, n: int) -> set[int]:
        sql = "SELECT grp FROM contested WHERE n = ? AND grp >= ? ORDER BY grp LIMIT 1"
        found: set[int] = set()
        begin = b"\x00"
        while (row := self._sql.one(sql, (n, begin))) is not None:
            found.add(row[0][0])
            begin = bytes((row[0][0] + 1,))
        return found

    def contested(self, n: int) -> set[bytes]:
        return {row[0] for row in self._sql.all("SELECT grp FROM contested WHERE n = ?", (n,))}

    def parts(self, n: int) -> list[PartRow]:
        sql = "SELECT log, clk, seq FROM part WHERE n = ? ORDER BY log"
        return [PartRow(*row) for row in self._sql.all(sql, (n,))]

    def part(self, n: int, log: int) -> PartRow | None:
        row = self._sql.one("SELECT log, clk, seq FROM part WHERE n = ? AND log = ?", (n, log))
        return None if row is None else PartRow(*row)

    def text(self, n: int) -> TextRow | None:
        sql = "SELECT shown, orphans, changed, since FROM text WHERE n = ?"
        row = self._sql.one(sql, (n,))
        return None if row is None else TextRow(*row)

    def text_structure(self, n: int) -> tuple[bytes, list[tuple[int, int]]] | None:
        row = self._sql.one("SELECT state FROM text_structure WHERE n = ?", (n,))
        if row is None:
            return None
        since = self._sql.all("SELECT id FROM text_since WHERE n = ? ORDER BY place", (n,))
        return row[0], [(place >> LOG_SEQ_BITS, place & LOG_SEQ_MASK) for (place,) in since]
