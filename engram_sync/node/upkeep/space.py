"""Work on what is stored beyond taking it in: receipts and space.

Each function is a job, or a slice of one, for the store's writer; see ``WritePath``.
"""

from typing import NamedTuple

from engram_sync.memory.materialise import Dead, dead_in, rows_of
from engram_sync.memory.state import Snapshot
from engram_sync.node.limits import COMPACT_ROWS
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import EngramRow, Reader, ScopeRow, Transaction


def _scope(path: WritePath, reader: Reader, scope: bytes) -> ScopeRow:
    row = reader.scope(path.ledger.scope_number(scope))
    assert row is not None, "the ledger knows only scopes that are stored"
    return row


class CompactedSlice(NamedTuple):
    """What one slice of a compaction did, or would do."""

    done: tuple[Dead, ...]
    after: EngramRow | None
    """Where the next slice begins; None at the end."""


def plan_slice(
    path: WritePath, now: Snapshot, scope: bytes, after: EngramRow | None, before_ms: int
) -> CompactedSlice:
    """What compacting the next engrams of a scope would do; see ``compact_slice``."""
    row = _scope(path, now.reader, scope)
    page = list(rows_of(now.reader, row.n, after, COMPACT_ROWS))
    dead = [dead_in(now, row, each, before_ms) for each in page]
    done = tuple(each for each in dead if each is not None)
    return CompactedSlice(done, page[-1] if len(page) == COMPACT_ROWS else None)


def compact_slice(
    path: WritePath, tx: Transaction, scope: bytes, after: EngramRow | None, before_ms: int
) -> CompactedSlice:
    """Let go of dead payloads of the next engrams of a scope; what is live stays as it is.

    Args:
        path: The write path.
        tx: The transaction.
        scope: Id of the scope.
        after: Where the slice before ended; None begins.
        before_ms: Only engrams of which nothing arrived at or after this time.
    """
    plan = plan_slice(path, Snapshot(tx, path.logs), scope, after, before_ms)
    for dead in plan.done:
        tx.drop_payloads(dead.positions)
    return plan
