"""Joining runs, so that fewer signatures are stored and sent."""

from dataclasses import dataclass

from engram_wire import RUN_BYTES_MAX, RUN_RECORDS_MAX

from ._limits import LOG_SEQ_MASK
from ._rows import MergedRuns
from ._statements import Statements

_RUNS = """SELECT run.id, run.arrival, run.first,
    first > log.base AND (at IS NULL OR at < ?4) FROM run JOIN log ON log.n = run.id >> 40
    WHERE run.scope = ?1 AND arrival > ?2
        AND arrival <= (SELECT materialised FROM scope WHERE scope.n = ?1)
    ORDER BY arrival LIMIT ?3"""

# What a record weighs in a frame: its payload, and its body, whose parts these are.  An absent
# column stands for one byte.
_BYTES = """SELECT coalesce(sum(29 + length(shape.b) + coalesce(length(payload), 0)
    + coalesce(length(sups), 1) + coalesce(length(deps), 1) + coalesce(length(auth), 1)), 0)
    FROM rec JOIN shape ON shape.id = rec.shape WHERE rec.id BETWEEN ? AND ?"""
# Whoever names the position finds it without its signature.
_TO_MARK = "INSERT INTO mark (id, scope, head) SELECT id, scope, head FROM run WHERE id = ?"
_OWED = "SELECT EXISTS (SELECT 1 FROM owed WHERE id BETWEEN ? AND ?)"


@dataclass(slots=True)
class _StoredRun:
    """A stored run."""

    id: int
    arrival: int
    first: int
    joinable: bool

    @property
    def last(self) -> int:
        return self.id & LOG_SEQ_MASK

    @property
    def begin(self) -> int:
        """Row id of its first record."""
        return self.id - self.last + self.first


class _Group:
    """Neighbouring runs that become one."""

    def __init__(self, sql: Statements, first: _StoredRun) -> None:
        self._sql = sql
        self.runs = [first]
        self._bytes = -1  # Counted only once there is a second run.

    def take(self, run: _StoredRun) -> bool:
        """Add ``run`` if the result is still a run that a frame can carry."""
        last = self.runs[-1]
        if not (run.joinable and last.joinable and last.id + 1 == run.begin):
            return False
        if run.last - self.runs[0].first + 1 > RUN_RECORDS_MAX:
            return False
        if self._sql.number(_OWED, (self.runs[0].begin, run.id)):
            return False
        if self._bytes < 0:
            self._bytes = self._sql.number(_BYTES, (self.runs[0].begin, last.id))
        total = self._bytes + self._sql.number(_BYTES, (run.begin, run.id))
        if total > RUN_BYTES_MAX:
            return False
        self._bytes = total
        self.runs.append(run)
        return True

    def write(self) -> int:
        """Store the runs as one that came with the last of them; how many are gone."""
        gone = [(run.id,) for run in self.runs[:-1]]
        if gone:
            self._sql.many(_TO_MARK, gone)
            self._sql.many("DELETE FROM run WHERE id = ?", gone)
            first, last = self.runs[0].first, self.runs[-1].id
            self._sql.run("UPDATE run SET first = ? WHERE id = ?", (first, last))
        return len(gone)


def merge_runs(
    sql: Statements,
    scope: int,
    limit: int,
    before_at: int,
    after_arrival: int,
) -> MergedRuns:
    """Join runs of one log that arrived one after the other; the last signature is kept."""
    limit = max(limit, 2)
    rows = sql.all(_RUNS, (scope, after_arrival, limit, before_at))
    groups: list[_Group] = []
    for row in rows:
        run = _StoredRun(*row)
        if not groups or not groups[-1].take(run):
            groups.append(_Group(sql, run))
    removed = sum(group.write() for group in groups)
    if len(rows) < limit:
        return MergedRuns(removed, None)
    # The last group may go on in the next step.
    return MergedRuns(removed, groups[-1].runs[0].arrival - 1)
