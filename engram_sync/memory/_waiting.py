"""What is stored and waits to be materialised."""

from collections.abc import Iterable

from engram_sync.store import Reader, RunRow, ScopeRow
from engram_wire import Record

_RUNS_PER_READ = 32  # In bulk four runs make a slice; live ones hold a record each.


def overtakes(reader: Reader, scope: int, log: int, record: Record) -> bool:
    """Whether an earlier record of the same log and engram may not have been applied.

    The records of one log are applied in their order: what comes after a later one counts as known.
    """
    before = reader.newest_before(record.engram, log, record.seq)
    if not before:
        return False
    row = reader.engram(scope, record.engram)
    if row is None:
        return True
    if row.digest is None:
        return (row.log, row.seq) != (log, before)
    part = reader.part(row.n, log)
    return part is None or part.seq < before


def next_runs(reader: Reader, scope: ScopeRow, limit: int) -> list[RunRow]:
    """The next runs to sweep: together at most ``limit`` records, at least one run."""
    taken: list[RunRow] = []
    total, after = 0, scope.materialised
    while page := reader.runs(scope.n, after, _RUNS_PER_READ):
        for run in page:
            total += run.last - run.first + 1
            if taken and total > limit:
                return taken
            taken.append(run)
        after = page[-1].arrival
    return taken


def stretches(runs: Iterable[RunRow]) -> list[tuple[int, int, int]]:
    """(log, first, last) with neighbouring runs of one log joined, so that one read gets both."""
    joined: list[tuple[int, int, int]] = []
    for run in runs:
        if joined and joined[-1][0] == run.log and joined[-1][2] + 1 == run.first:
            joined[-1] = (run.log, joined[-1][1], run.last)
        else:
            joined.append((run.log, run.first, run.last))
    return joined
