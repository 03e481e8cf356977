"""Rebuilding the ledger and the charters from what is stored."""

from collections.abc import Sequence

from engram_sync.log import Ledger, LogState
from engram_sync.memory import Authors
from engram_sync.node._pages import MEMBERSHIP_RUNS_MAX
from engram_sync.store import LogRow, Reader, ScopeRow
from engram_sync.trust import Charters
from engram_wire import Announcement, LogDomain


def load_log(reader: Reader, ledger: Ledger, scope: bytes, row: LogRow) -> LogState:
    """Register a stored log; rows come in the order of their numbers."""
    announcement = Announcement(0, row.domain, row.author, row.incarnation, row.branch)
    return ledger.add_log(
        row.n,
        scope,
        announcement,
        seq=row.seq,
        head=row.head,
        hlc=row.hlc,
        past=_past(reader, row),
        parent=row.parent,
        base=row.base,
        sealed=row.sealed,
    )


def _past(reader: Reader, row: LogRow) -> bytes | None:
    """The newest past of a log; that of its parent where it says nothing of its own."""
    past = reader.past(row.n, row.seq)
    while past is None and row.parent is not None:
        parent = reader.log(row.parent)
        if parent is None:
            break
        past, row = reader.past(parent.n, row.base), parent
    return past


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
