"""What this node does when a peer refuses a record of its own.

Nothing that follows the record would ever arrive there.  So the node ends the log, voids what
follows the last signed position that the peer can hold, and says it again in a new log, which names
nothing of what was refused.
"""

from collections.abc import Sequence

from engram_sync.log import NO_ENGRAM, Draft, LogState
from engram_sync.memory import Refused, restatement
from engram_sync.node._limits import RESTATE_GAP_MS
from engram_sync.node._rules import StoredHistory
from engram_sync.node._write_path import WritePath
from engram_sync.store import ScopeRow, Transaction
from engram_wire import LogDomain, RecordKind, Rejection, Superseded

_META = "restated"
_PAGE_RECORDS = 256


def restate(
    path: WritePath, tx: Transaction, *, scope: bytes, rejection: Rejection, now_ms: int
) -> bool:
    """Say again what somebody refuses of an own log.

    Whoever lies about that costs one log an hour, and nothing is lost.

    Args:
        path: The write path.
        tx: The transaction.
        scope: Id of the scope.
        rejection: The record that is refused.
        now_ms: Wall time.

    Returns:
        Whether it was said again: it is an own log that stands there, and an hour has passed since
        the last time.

    Raises:
        LocalError: This node may not write to the scope.
    """
    log = path.ledger.log_by_id(scope, rejection.log)
    if log is None or not path.own.may_restate(log) or rejection.seq > log.stands(log.seq):
        return False
    last_ms = int.from_bytes(tx.meta(_META) or b"", "big")
    if abs(now_ms - last_ms) < RESTATE_GAP_MS:
        return False
    path.catch_up(tx, scope)
    history = StoredHistory(tx, path.ledger)
    last, head = path.ledger.standing_head(log, rejection.seq, history)
    own_log = path.own.begin(scope, LogDomain.DATA).id
    (refused,) = tx.records(log.n, rejection.seq, rejection.seq)
    drafts = _drafts(path, tx, log, last, own_log)
    void = Draft(RecordKind.VOID, NO_ENGRAM, (), (Superseded(0, log.id, last),))
    path.write_alone(tx, scope, void, (head,) if last else ())
    # What was refused comes last, under a signature of its own: it may be refused again.
    rest = [draft for draft in drafts if draft.engram != refused.engram]
    last_drafts = [draft for draft in drafts if draft.engram == refused.engram]
    for part in ([*path.own.seals(scope), *rest], last_drafts):
        if part:
            path.write(tx, scope, part)
    tx.put_meta(_META, max(now_ms, 0).to_bytes(8, "big"))
    return True


def _drafts(
    path: WritePath, tx: Transaction, log: LogState, last: int, own_log: bytes
) -> Sequence[Draft]:
    scope = _scope(path, tx, log.scope)
    engrams: dict[bytes, None] = {}
    for first in range(last + 1, log.seq + 1, _PAGE_RECORDS):
        page = tx.records(log.n, first, min(first + _PAGE_RECORDS - 1, log.seq))
        engrams |= dict.fromkeys(record.engram for record in page)
    engrams.pop(NO_ENGRAM, None)
    refused = Refused(log.n, last)
    return [
        draft
        for engram in engrams
        for draft in restatement(tx, path.authors, scope, engram, refused, own_log)
    ]


def _scope(path: WritePath, tx: Transaction, scope: bytes) -> ScopeRow:
    row = tx.scope(path.ledger.scope_number(scope))
    assert row is not None, "the ledger knows only scopes that are stored"
    return row
