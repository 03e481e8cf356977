"""Rebuilding the ledger and the charters from what is stored."""

from collections.abc import Collection, Iterator, Sequence

from engram_sync.ledger import Ledger, LogState
from engram_sync.membership import Charters
from engram_sync.memory.state import LogDirectory
from engram_sync.store import LogRow, Reader, RunRow, ScopeRow
from engram_wire import (
    ClockEntry,
    LogDomain,
)


class StoredLogs:
    """``engram_sync.ledger.Archive`` over one transaction of the store.

    Args:
        reader: The transaction.
        ledger: Knows the scopes.
    """

    def __init__(self, reader: Reader, ledger: Ledger) -> None:
        self._reader = reader
        self._ledger = ledger

    def by_number(self, n: int) -> LogState | None:
        """The log of that number."""
        row = self._reader.log(n)
        scope = None if row is None else self._reader.scope(row.scope)
        return None if row is None or scope is None else log_state(row, scope.id)

    def by_id(self, scope: bytes, log: bytes) -> LogState | None:
        """The log of that id; None when it is not held in ``scope``."""
        row = self._reader.log_by_id(log)
        here = row is not None and row.scope == self._ledger.scope_number(scope)
        return log_state(row, scope) if row is not None and here else None

    def of_scope(self, scope: bytes) -> Iterator[LogState]:
        """Every log of a scope."""
        rows = self._reader.logs_of(self._ledger.scope_number(scope), closed=True)
        return (log_state(row, scope) for row in rows)

    def sealed(self, scope: bytes) -> Iterator[ClockEntry]:
        """The position of every log of a scope that is held exactly to its seal."""
        number = self._ledger.scope_number(scope)
        return (ClockEntry(*position) for position in self._reader.closed_positions(number))


def log_state(row: LogRow, scope: bytes) -> LogState:
    """A log as it is stored; where any of its scope has forked, its depth is not known."""
    return LogState(
        *(row.n, row.id, scope, row.domain, row.author, row.incarnation),
        seq=row.seq,
        head=row.head,
        hlc=row.hlc,
        root=row.id,
        past=None,
        base=row.base,
        branch=row.branch,
        sealed=row.sealed,
        follows=row.follows or 0,
        until=row.until,
        depth=row.depth,
        jump=row.jump,
    )


def load(
    reader: Reader, ledger: Ledger, charters: Charters, logs: LogDirectory
) -> Collection[bytes]:
    """Register all scopes and what is needed of their logs; returns the ids of the scopes."""
    scopes = {row.n: row for row in reader.scopes()}
    for scope in scopes.values():
        ledger.add_scope(scope.id, scope.n, (scope.sealed, scope.sealed_sum))
    ledger.number_after(reader.last_log())
    ledger.read_from(StoredLogs(reader, ledger))
    rows = {n: _load_logs(reader, ledger, scope) for n, scope in scopes.items()}
    for n, log, author, last in reader.voids():
        ledger.add_void(scopes[n].id, log, author, last)
    for n, scope in scopes.items():
        _load_charter(reader, charters, logs, scope, rows[n])
    return [scope.id for scope in scopes.values()]


def _load_logs(reader: Reader, ledger: Ledger, scope: ScopeRow) -> list[LogRow]:
    """Register the logs of one scope, and return them.

    Those held to their seal stay in the store until somebody names them.  Where a log has forked,
    all of them are needed to know what names mean.
    """
    forked = bool(reader.branches(scope.n))
    rows = reader.logs_of(scope.n, closed=forked)
    for row in rows:
        log = log_state(row, scope.id)
        if forked:
            log.depth = -1
        ledger.add(log, row.parent)
    return rows


def _load_charter(
    reader: Reader,
    charters: Charters,
    logs: LogDirectory,
    scope: ScopeRow,
    rows: Sequence[LogRow],
) -> None:
    """Apply the stored membership records again, in the order in which they arrived."""
    members = {row.n: row for row in rows if row.domain == LogDomain.MEMBERS}
    runs = [run for n in members for run in all_runs(reader, n)]
    done = {n: row.base for n, row in members.items()}
    for run in sorted(runs):
        for n, first, last in logs.pieces(reader, run.log, run.first, run.last):
            if last <= done[n]:
                continue
            row = members[n]
            records = reader.records(n, max(first, done[n] + 1), last)
            before = row.id if row.parent is None else members[row.parent].head
            charters.restore(scope.id, row.author, row.id, records, begins=before)
            done[n] = last


RUNS_PER_READ = 256
"""Runs looked at in one query; a run of one record costs as much to look at as one of 256."""


def all_runs(reader: Reader, log: int) -> Iterator[RunRow]:
    """Every run of a log, in order."""
    after = 0
    while runs := reader.runs_of(log, after, RUNS_PER_READ):
        yield from runs
        after = runs[-1].last
