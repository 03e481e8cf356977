"""Records that are stored and not yet applied: what comes next, and what need not wait for it."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from engram_crdt import Change, Dot, removals_of
from engram_sync.memory.state.changes import change_of
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import StoredRecord, stored_in
from engram_sync.model.shapes import plan_of
from engram_sync.store import EngramRow, Reader, RunRow, ScopeRow
from engram_wire import Record

_RUNS_PER_READ = 32  # In bulk four runs make a slice; live ones hold a record each.
_EVERY = (1 << 62) - 1
_NAME_BYTES = 6  # Of a name of something that a record supersedes, at least.


class Checkpoint(NamedTuple):
    """How far a run was applied that is not applied as a whole."""

    arrival: int = 0
    seq: int = 0


class Portion(NamedTuple):
    """What is to be applied next."""

    records: Sequence[StoredRecord]
    looked: int
    """How many records these were, with those that change nothing."""
    materialised: int
    """The last arrival of which nothing is left then."""
    within: Checkpoint
    """How far the next one is applied then."""


def weight_of(records: Iterable[Record]) -> int:
    """What applying records costs, in values put or removed."""
    return sum(map(_weight, records))


def _weight(record: Record) -> int:
    return 1 + len(plan_of(record.shape).collections) + len(record.superseded) // _NAME_BYTES


def next_portion(snapshot: Snapshot, scope: ScopeRow, within: Checkpoint, limit: int) -> Portion:
    """The next records in the order in which they arrived.

    Args:
        snapshot: What is read.
        scope: The row of the scope.
        within: How far the first run was applied already, if it was begun.
        limit: Weight after which it ends; at least one record is taken where there is one.
    """
    taken: list[StoredRecord] = []
    looked, done = 0, scope.materialised
    for runs in _stretches(_next_runs(snapshot.reader, scope, limit)):
        if limit <= 0:
            break
        begin = within.seq + 1 if runs[0].arrival == within.arrival else runs[0].first
        end = min(runs[-1].last, begin + limit - 1)
        reached = begin - 1
        for log, first, last in snapshot.logs.pieces(snapshot.reader, runs[0].log, begin, end):
            found: list[Record] = []
            for record in snapshot.reader.records(log, first, last):
                if limit <= 0:
                    break
                limit -= _weight(record)
                found.append(record)
            if found:
                reached = found[-1].seq
                looked += len(found)
                taken += stored_in(snapshot, scope.id, log, found)
        for run in runs:
            if run.last > reached:
                return Portion(taken, looked, done, Checkpoint(run.arrival, reached))
            done = run.arrival
    return Portion(taken, looked, done, Checkpoint())


def _next_runs(reader: Reader, scope: ScopeRow, limit: int) -> list[RunRow]:
    """The next runs: together at most ``limit`` records, at least one run."""
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


def _stretches(runs: Iterable[RunRow]) -> list[list[RunRow]]:
    """Neighbouring runs of one log together, so that one read gets them all."""
    joined: list[list[RunRow]] = []
    for run in runs:
        last = joined[-1][-1] if joined else None
        if last is not None and last.log == run.log and last.last + 1 == run.first:
            joined[-1].append(run)
        else:
            joined.append([run])
    return joined


def waiting_of(
    snapshot: Snapshot, scope: ScopeRow, engram: bytes, limit: int = _EVERY
) -> list[StoredRecord] | None:
    """What waits of one engram, in the order in which it arrived.

    It may be applied before all else that waits, as records refer to others of their engram alone.

    Args:
        snapshot: What is read.
        scope: The row of the scope.
        engram: Id of the engram.
        limit: Records at most, and weight where there are several.

    Returns:
        The records; None where they are more than the limit.
    """
    if not snapshot.reader.runs(scope.n, scope.materialised, 1):
        return []
    found = snapshot.reader.unread(scope.n, engram, limit + 1)
    if len(found) > 1 and weight_of(record for _, record in found) > limit:
        return None
    parts = (stored_in(snapshot, scope.id, log, [record]) for log, record in found)
    return list(chain.from_iterable(parts))


def needs_waiting(snapshot: Snapshot, scope: ScopeRow, records: Iterable[StoredRecord]) -> bool:
    """Whether any of these records, of one log, needs what may not be applied yet."""
    begun: set[bytes] = set()
    for stored in records:
        record = stored.record
        row = snapshot.reader.engram(scope.n, record.engram)
        if record.engram not in begun and _overtakes(snapshot.reader, row, stored.log, record):
            return True
        begun.add(record.engram)
        change = change_of(stored.log_id, record, stored.naming)
        for log, clock in _needed(change).items():
            if clock >= _applied(snapshot, row, log):
                return True
    return False


def _overtakes(reader: Reader, row: EngramRow | None, log: int, record: Record) -> bool:
    """Whether an earlier record of the same log and engram may not have been applied.

    The records of one log are applied in their order: what comes after a later one counts as known.
    """
    before = reader.newest_before(record.engram, log, record.seq)
    if not before:
        return False
    if row is None:
        return True
    if row.digest is None:
        return (row.log, row.seq) != (log, before)
    part = reader.part(row.n, log)
    return part is None or part.seq < before


def _needed(change: Change) -> dict[bytes, int]:
    """Of each other log that a change refers to: the largest clock that it names."""
    dots = [Dot(log, end - 1) for log, _, end in removals_of(change)]
    if change.edit is not None:
        origins = [origin for i in change.edit.inserts for origin in (i.left, i.right)]
        dots += [change.edit.generation, *(origin for origin in origins if origin is not None)]
    needed: dict[bytes, int] = {}
    for log, clock in dots:
        if log != change.log:
            needed[log] = max(clock, needed.get(log, 0))
    return needed


def _applied(snapshot: Snapshot, row: EngramRow | None, log_id: bytes) -> int:
    """How many clocks of a log an engram has read."""
    if row is None:
        return 0
    log = snapshot.log_number(log_id)
    if row.digest is None:
        return snapshot.reader.clocks(row.engram, log, row.seq) if log == row.log else 0
    part = snapshot.reader.part(row.n, log)
    return 0 if part is None else part.clock
