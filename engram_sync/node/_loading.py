"""Rebuilding the ledger and the charters from what is stored."""

from collections.abc import Mapping, Sequence

from engram_sync.log import Ledger, LogState
from engram_sync.memory import Authors
from engram_sync.node._pages import MEMBERSHIP_RUNS_MAX
from engram_sync.store import LogRow, Reader, ScopeRow
from engram_sync.trust import Charters
from engram_wire import Announcement, LogDomain


def load_logs(
    ledger: Ledger, rows: Sequence[LogRow], scopes: Mapping[int, ScopeRow]
) -> list[LogState]:
    """Register stored logs, which come in the order of their numbers."""
    logs = [
        ledger.add_log(
            row.n,
            row.id,
            scopes[row.scope].id,
            Announcement(0, row.domain, row.author, row.incarnation, row.branch),
            seq=row.seq,
            head=row.head,
            hlc=row.hlc,
            parent=row.parent,
            base=row.base,
            sealed=row.sealed,
        )
        for row in rows
    ]
    for row in rows:
        if row.follows is not None:
            ledger.link(row.n, row.follows, row.until)
    return logs


def load_voids(reader: Reader, ledger: Ledger, scopes: Mapping[int, ScopeRow]) -> None:
    """Register what is void of logs, after the logs."""
    for scope, log, author, last in reader.voids():
        ledger.add_void(scopes[scope].id, log, author, last)


def load_charter(
    reader: Reader, charters: Charters, authors: Authors, scope: ScopeRow, logs: Sequence[LogRow]
) -> None:
    """Apply the stored membership records again, in the order in which they arrived."""
    members = {row.n: row for row in logs if row.domain == LogDomain.MEMBERS}
    runs = [run for n in members for run in reader.runs_of(n, 0, MEMBERSHIP_RUNS_MAX)]
    done = {n: row.base for n, row in members.items()}
    for run in sorted(runs):
        for n, first, last in authors.pieces(reader, run.log, run.first, run.last):
            if last <= done[n]:
                continue
            row = members[n]
            records = reader.records(n, max(first, done[n] + 1), last)
            before = row.id if row.parent is None else members[row.parent].head
            charters.restore(scope.id, row.author, row.id, records, begins=before)
            done[n] = last
