"""Which record of a log took which clock of an engram: one or two index lookups each.

``clk`` of a record is the first clock that it takes.  It grows with ``seq``, and those that are
still at 0 are not in the index: most engrams have one record.
"""

from collections.abc import Iterable

from engram_wire import Record, clocks_taken, parse_shape_untrusted

from ._limits import LOG_SEQ_BITS, LOG_SEQ_MASK
from ._sql_records import EMPTY_LIST, SqlRecords

_BEFORE = """SELECT rec.clk, shape.b, rec.sups FROM rec JOIN shape ON shape.id = rec.shape
    WHERE rec.eid = ? AND rec.id > ? AND rec.id <= ? ORDER BY rec.id DESC LIMIT 1"""
_NEWEST = "SELECT id, clk FROM rec WHERE eid = ? AND id > ? AND id <= ? ORDER BY id DESC LIMIT 1"
# The search begins at the bound that stands first; the other one only says which index fits.
_AFTER = """SELECT id FROM rec INDEXED BY rec_clock
    WHERE eid = ? AND id >> 40 = ? AND clk > ? AND clk > 0 ORDER BY clk, id LIMIT 1"""


def taken_by(shape: bytes, superseded: bytes | None) -> int:
    """How many clocks a stored record takes."""
    return clocks_taken(parse_shape_untrusted(shape), superseded or EMPTY_LIST)


class SqlClocks(SqlRecords):
    """Implements ``Reader``, which states what each method promises."""

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        base = log << LOG_SEQ_BITS
        end = LOG_SEQ_MASK if until is None else until
        row = self._sql.one(_BEFORE, (engram, base, base | end))
        return 0 if row is None else row[0] + taken_by(row[1], row[2])

    def first_clock(self, log: int, seq: int) -> int:
        row = self._sql.one("SELECT clk FROM rec WHERE id = ?", (log << LOG_SEQ_BITS | seq,))
        return 0 if row is None else row[0]

    def newest_before(self, engram: bytes, log: int, seq: int) -> int:
        base = log << LOG_SEQ_BITS
        row = self._sql.one(_NEWEST, (engram, base, base | seq - 1))
        return 0 if row is None else row[0] & LOG_SEQ_MASK

    def taker(self, engram: bytes, log: int, clock: int) -> tuple[int, Record] | None:
        # The record after the one wanted is the first with a larger clock.
        base = log << LOG_SEQ_BITS
        after = self._sql.one(_AFTER, (engram, log, clock))
        end = (base | LOG_SEQ_MASK) if after is None else after[0] - 1
        found = self._sql.one(_NEWEST, (engram, base, end))
        if found is None:
            return None
        seq = found[0] & LOG_SEQ_MASK
        record = self._records(log, seq, seq)[0]
        taken = taken_by(record.shape, record.superseded)
        return (found[1], record) if found[1] <= clock < found[1] + taken else None

    def first_clocks(self, log: int, records: Iterable[Record]) -> list[int]:
        """The first clock of each of ``records``, which follow all that is held of ``log``."""
        newest = self._sql.one("SELECT max(eid) FROM rec")
        known: bytes | None = None if newest is None else newest[0]
        begun = self._sql.number("SELECT seq FROM log WHERE n = ?", (log,)) > 0
        counted: dict[bytes, int] = {}
        found: list[int] = []
        for record in records:
            first = counted.get(record.engram)
            if first is None:
                # Ids of new engrams are mostly larger than all before: no lookup for those.
                fresh = not begun or known is None or record.engram > known
                first = 0 if fresh else self.clocks(record.engram, log)
            counted[record.engram] = first + taken_by(record.shape, record.superseded)
            found.append(first)
        return found
