"""Runs, records, clocks and causal pasts in SQL: the part of ``Reader`` that reads logs."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apsw

from engram_wire import Record, clocks_taken, parse_shape_untrusted, payload_hash

from ._database import Row
from ._limits import LOG_SEQ_BITS, LOG_SEQ_MASK
from ._rows import RunRow
from ._statements import Statements

_RUN = "SELECT arrival, scope, id >> 40, first, id & 0xFFFFFFFFFF, head, sig, at FROM run"
RECORD = "SELECT rec.id, eid, rec.hlc, shape, sups, payload, phash, deps, auth, marked FROM rec"
_AT_HEAD = (
    "SELECT id FROM run WHERE substr(head, 1, 8) = ? AND head = ? AND scope = ?",
    "SELECT id FROM mark WHERE substr(head, 1, 8) = ? AND head = ? AND scope = ?",
)
_ARRIVAL = """(SELECT arrival FROM run WHERE run.id BETWEEN rec.id AND rec.id | 0xFFFFFFFFFF
    ORDER BY run.id LIMIT 1)"""
_OF_ONE_ENGRAM = " JOIN log ON log.n = rec.id >> 40 WHERE eid = ? AND log.scope = ? ORDER BY "
_IN_ORDER = "SELECT rec.id FROM rec" + _OF_ONE_ENGRAM + _ARRIVAL + " NULLS LAST, rec.id"  # noqa: S608 - constants only
_ARRIVALS = "SELECT rec.id, " + _ARRIVAL + " FROM rec" + _OF_ONE_ENGRAM + "rec.id"  # noqa: S608 - constants only
_NEXT_LOG = "SELECT id >> 40 FROM rec WHERE eid = ? AND id > ? ORDER BY id LIMIT 1"
_READ = """SELECT part.seq FROM eng JOIN part ON part.n = eng.n
    WHERE eng.scope = ? AND eng.eid = ? AND part.log = ?"""
_UNREAD = (
    "SELECT rec.id, "  # noqa: S608 - constants only
    + _ARRIVAL
    + """ FROM rec JOIN log ON log.n = rec.id >> 40
    WHERE eid = ? AND rec.id > ? AND rec.id <= ? AND log.scope = ? ORDER BY rec.id LIMIT ?"""
)
_BY_IDS = RECORD + " WHERE rec.id IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants only
_UNFILLED = """SELECT id, eid, hlc, shape, sups, NULL, x'', deps, auth, marked FROM rec
    WHERE id = ?"""
STREAMED = 32
"""Records of a stream that are in memory at once: 16 MB of the largest."""
_FORKED = "SELECT 1 FROM log WHERE scope = ? AND parent IS NOT NULL LIMIT 1"
_BRANCHES = """SELECT parent, n, base, run.first, run.arrival, run.at FROM log LEFT JOIN run
    ON run.id = (SELECT min(id) FROM run WHERE id BETWEEN n << 40 AND n << 40 | 0xFFFFFFFFFF)
    WHERE log.scope = ? AND parent IS NOT NULL"""
EMPTY_LIST = b"\x80"
UNCHANGED = b"\xf6"


class _Arrived(NamedTuple):
    """When a record came."""

    arrival: float
    """Infinite when no run covers it yet: it was put by this very transaction."""
    at: int | None


_NOW = _Arrived(math.inf, None)


class _Branch(NamedTuple):
    """A log that branched off another one."""

    n: int
    base: int
    first: int
    """Where its oldest run begins; beyond every record when it has none."""
    arrived: _Arrived


_BEFORE = """SELECT rec.clk, shape.b, rec.sups FROM rec JOIN shape ON shape.id = rec.shape
    WHERE rec.eid = ? AND rec.id > ? AND rec.id <= ? ORDER BY rec.id DESC LIMIT 1"""
_NEWEST = "SELECT id, clk FROM rec WHERE eid = ? AND id > ? AND id <= ? ORDER BY id DESC LIMIT 1"
# The search begins at the bound that stands first; the other one only says which index fits.
_AFTER = """SELECT id FROM rec INDEXED BY rec_clock
    WHERE eid = ? AND id >> 40 = ? AND clk > ? AND clk > 0 ORDER BY clk, id LIMIT 1"""


def row_ids(positions: Iterable[tuple[int, int]]) -> list[int]:
    """The ids of the rows of these (log, seq)."""
    return [log << LOG_SEQ_BITS | seq for log, seq in positions]


def taken_by(shape: bytes, superseded: bytes | None) -> int:
    """How many clocks a stored record takes."""
    return clocks_taken(parse_shape_untrusted(shape), superseded or EMPTY_LIST)


def _came(branches: dict[int, list[_Branch]], log: int, seq: int) -> _Arrived:
    """When the record came that no run of its own log covers: with the first run that does.

    Such a run begins at or before the record and belongs to a log that branched off behind it,
    directly or not.  Only the oldest run of a log can reach before its base.
    """
    found = _NOW
    waiting = [log]
    while waiting:
        for branch in branches.get(waiting.pop(), ()):
            if branch.base >= seq:
                waiting.append(branch.n)
                if branch.first <= seq and branch.arrived.arrival < found.arrival:
                    found = branch.arrived
    return found


class SqlRecords:
    """Implements ``Reader``, which states what each method promises."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    def runs(self, scope: int, after_arrival: int, limit: int) -> list[RunRow]:
        sql = _RUN + " WHERE scope = ? AND arrival > ? ORDER BY arrival LIMIT ?"
        return [RunRow(*row) for row in self._sql.all(sql, (scope, after_arrival, limit))]

    def records_after(self, scope: int, arrival: int) -> int:
        return self._sql.number(
            "SELECT coalesce(sum((id & 0xFFFFFFFFFF) - first + 1), 0) FROM run"
            " WHERE scope = ? AND arrival > ?",
            (scope, arrival),
        )

    def last_arrival(self, scope: int) -> int:
        return self._sql.number(
            "SELECT coalesce(max(arrival), 0) FROM run WHERE scope = ?", (scope,)
        )

    def position_of(self, scope: int, head: bytes) -> tuple[int, int] | None:
        for sql in _AT_HEAD:
            row = self._sql.one(sql, (head[:8], head, scope))
            if row is not None:
                return row[0] >> LOG_SEQ_BITS, row[0] & LOG_SEQ_MASK
        return None

    def marks(self, log: int, first: int, last: int) -> dict[int, bytes]:
        base = log << LOG_SEQ_BITS
        sql = "SELECT id, head FROM mark WHERE id BETWEEN ? AND ?"
        rows = self._sql.all(sql, (base | first, base | last))
        return {row_id & LOG_SEQ_MASK: head for row_id, head in rows}

    def run_before(self, log: int, seq: int) -> RunRow | None:
        base = log << LOG_SEQ_BITS
        sql = _RUN + " WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1"
        row = self._sql.one(sql, (base, base | seq))
        return None if row is None else RunRow(*row)

    def runs_of(self, log: int, after_seq: int, limit: int) -> list[RunRow]:
        base = log << LOG_SEQ_BITS
        sql = _RUN + " WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        bindings = (base | after_seq, base | LOG_SEQ_MASK, limit)
        return [RunRow(*row) for row in self._sql.all(sql, bindings)]

    def records(self, log: int, first: int, last: int) -> list[Record]:
        first = max(first, 1)
        parts: list[list[Record]] = []
        # No recursion: whoever holds a key can fork its log inside a fork as often as it likes.
        while True:
            found = self._records(log, first, last)
            parts.append(found)
            if found and found[0].seq == first:
                break
            # Either nothing is held there, or the beginning is in the parent.
            row = self._sql.one("SELECT parent, base FROM log WHERE n = ?", (log,))
            if row is None or row[0] is None or first > row[1]:
                break
            log, last = row[0], min(last, row[1])
        return [record for part in reversed(parts) for record in part]

    def _records(self, log: int, first: int, last: int) -> list[Record]:
        base = log << LOG_SEQ_BITS
        sql = RECORD + " WHERE id BETWEEN ? AND ? ORDER BY id"
        rows = self._sql.all(sql, (base | first, base | last))
        return [record for _, record in self._decoded(rows)]

    def stream_of(
        self, scope: int, engram: bytes, at_ms: int | None = None
    ) -> Iterator[tuple[int, Record]]:
        ids = self._ids_of(scope, engram)
        branches = {} if at_ms is None else self._branches(scope)
        for log, record in self._read(ids):
            if at_ms is None or self._at(branches, log, record) <= at_ms:
                yield log, record

    def unread(self, scope: int, engram: bytes, limit: int) -> list[tuple[int, Record]]:
        found: list[tuple[int, int | None]] = []
        after = 0
        while len(found) < limit:
            row = self._sql.one(_NEXT_LOG, (engram, after))
            if row is None:
                break
            base, after = row[0] << LOG_SEQ_BITS, row[0] << LOG_SEQ_BITS | LOG_SEQ_MASK
            read = self._sql.one(_READ, (scope, engram, row[0]))
            begin = base if read is None else base | read[0]
            found += self._sql.all(_UNREAD, (engram, begin, after, scope, limit - len(found)))
        return list(self._read(self._in_order(scope, found)))

    def _read(self, ids: list[int]) -> Iterator[tuple[int, Record]]:
        for start in range(0, len(ids), STREAMED):
            some = ids[start : start + STREAMED]
            rows = self._sql.all(_BY_IDS, (json.dumps(some),))
            found = dict(zip([row[0] for row in rows], self._decoded(rows), strict=True))
            yield from (found[row_id] for row_id in some if row_id in found)

    def records_at(self, positions: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Record]]:
        return self._read(row_ids(positions))

    def _at(self, branches: dict[int, list[_Branch]], log: int, record: Record) -> int:
        runs = self.runs_of(log, record.seq - 1, 1)
        at = runs[0].at if runs else _came(branches, log, record.seq).at
        return record.hlc >> 16 if at is None else at

    def _ids_of(self, scope: int, engram: bytes) -> list[int]:
        """The ids of the records of an engram, in order of arrival."""
        bindings = (engram, scope)
        if self._sql.one(_FORKED, (scope,)) is None:
            # A record without a run was put by this very transaction: it is the newest.
            return [row[0] for row in self._sql.all(_IN_ORDER, bindings)]
        return self._in_order(scope, self._sql.all(_ARRIVALS, bindings))

    def _in_order(self, scope: int, rows: Iterable[Row]) -> list[int]:
        """Ids of records in order of arrival, given that of the run of its own log with each."""
        # The run of a record may belong to a branch of its log.
        branches = self._branches(scope)
        found: list[tuple[_Arrived, int]] = []
        for row_id, arrival in rows:
            own = None if arrival is None else _Arrived(arrival, None)
            log, seq = row_id >> LOG_SEQ_BITS, row_id & LOG_SEQ_MASK
            found.append((own or _came(branches, log, seq), row_id))

        def order(one: tuple[_Arrived, int]) -> tuple[float, int, int]:
            # Within one run, which is one path, by seq; what has no run yet, by log.
            came, log, seq = one[0], one[1] >> LOG_SEQ_BITS, one[1] & LOG_SEQ_MASK
            return (came.arrival, log, seq) if came is _NOW else (came.arrival, seq, log)

        return [row_id for _, row_id in sorted(found, key=order)]

    def _branches(self, scope: int) -> dict[int, list[_Branch]]:
        """By the number of their parent: the logs of ``scope`` that branched off."""
        found: dict[int, list[_Branch]] = {}
        for parent, n, base, first, arrival, at in self._sql.all(_BRANCHES, (scope,)):
            oldest = (LOG_SEQ_MASK, _NOW) if first is None else (first, _Arrived(arrival, at))
            found.setdefault(parent, []).append(_Branch(n, base, *oldest))
        return found

    def past(self, log: int, seq: int) -> bytes | None:
        base = log << LOG_SEQ_BITS
        sql = "SELECT vector FROM past WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
        row = self._sql.one(sql, (base, base | seq))
        return None if row is None else row[0]

    def _decoded(self, rows: Iterable[Row]) -> list[tuple[int, Record]]:
        shapes = self._sql.shapes.by_number
        found: list[tuple[int, Record]] = []
        for row_id, engram, hlc, shape, superseded, payload, digest, deps, auth, marked in rows:
            record = Record(
                row_id & LOG_SEQ_MASK,
                engram,
                hlc,
                shapes.get(shape) or self._load_shape(shape),
                EMPTY_LIST if superseded is None else superseded,
                payload,
                digest if payload is None else payload_hash(payload),
                EMPTY_LIST if deps is None else deps,
                UNCHANGED if auth is None else auth,
                marked == 1,
            )
            found.append((row_id >> LOG_SEQ_BITS, record))
        return found

    def _load_shape(self, number: int) -> bytes:
        row = self._sql.one("SELECT b FROM shape WHERE id = ?", (number,))
        if row is None:
            # Records and their shapes are committed together.
            raise apsw.CorruptError(f"a record refers to shape {number}, which is missing")
        shape: bytes = row[0]
        self._sql.shapes.by_number[number] = shape
        return shape

    # Which record of a log took which clock of an engram: one or two index lookups each.
    # ``clk`` of a record is the first clock that it takes.  It grows with ``seq``, and those that
    # are still at 0 are not in the index: most engrams have one record.

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        base = log << LOG_SEQ_BITS
        end = LOG_SEQ_MASK if until is None else until
        row = self._sql.one(_BEFORE, (engram, base, base | end))
        return 0 if row is None else row[0] + taken_by(row[1], row[2])

    def engram_at(self, log: int, seq: int) -> bytes | None:
        row = self._sql.one("SELECT eid FROM rec WHERE id = ?", (log << LOG_SEQ_BITS | seq,))
        return None if row is None else row[0]

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
        ((_, record),) = self._decoded(self._sql.all(_UNFILLED, (found[0],)))
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
