"""Work on what is stored beyond taking it in: receipts and space.

Each function is a job, or a slice of one, for the store's writer; see ``WritePath``.
"""

from collections.abc import Iterable
from typing import NamedTuple

from engram_sync.memory import Dead, dead_in, rows_of
from engram_sync.node._limits import COMPACT_ROWS
from engram_sync.node._write_path import WritePath
from engram_sync.store import EngramRow, Reader, ScopeRow, Transaction


def note_receipts(
    path: WritePath,
    tx: Transaction,
    scope: bytes,
    key: bytes,
    positions: Iterable[tuple[bytes, int]],
    now_ms: int,
) -> int:
    """Remember which erasures a member says it holds; returns how many are news.

    Args:
        path: The write path.
        tx: The transaction.
        scope: Id of the scope.
        key: The member's public key.
        positions: (log id, seq) that it has acknowledged.
        now_ms: Wall time.
    """
    number = path.ledger.scope_number(scope)
    held: dict[int, int] = {}
    for log, seq in positions:
        state = path.ledger.log_by_id(scope, log)
        for part in state.path() if state is not None else ():
            held[part.n] = max(held.get(part.n, 0), min(seq, part.seq))
    own, news = path.key, 0
    for log_number, upto in held.items():
        for seq in tx.unconfirmed(number, log_number, upto, key, own):
            tx.put_receipt(number, log_number, seq, key, now_ms)
            news += 1
    return news


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
    path: WritePath, reader: Reader, scope: bytes, after: EngramRow | None, before_ms: int
) -> CompactedSlice:
    """What compacting the next engrams of a scope would do; see ``compact_slice``."""
    row = _scope(path, reader, scope)
    page = list(rows_of(reader, row.n, after, COMPACT_ROWS))
    dead = [dead_in(reader, path.authors, row, each, before_ms) for each in page]
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
    plan = plan_slice(path, tx, scope, after, before_ms)
    for dead in plan.done:
        tx.drop_payloads(dead.positions)
    return plan
