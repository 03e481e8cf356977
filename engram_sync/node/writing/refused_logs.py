"""What this node does when a peer refuses a record of its own.

Nothing that follows the record would ever arrive there.  So the node ends the log and voids what
follows the last signed position that the peer can hold: what is void need not be valid, so the peer
can take it.  In a new log it ratifies everything that it voids, record by record, but not what was
refused: that it ratifies in a log of its own, on which nobody depends.  Nothing is said twice, and
wherever all of this is taken nothing changes.
"""

from collections.abc import Mapping

from engram_sync.ledger import NO_ENGRAM, Draft, LogState
from engram_sync.node.limits import VOID_GAP_MS
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Transaction
from engram_wire import (
    SUPERSEDED_MAX,
    LogDomain,
    Record,
    RecordKind,
    Rejection,
    Superseded,
    decode_superseded_untrusted,
)

_META = "voided"
_PAGE_RECORDS = 256


def author_of(path: WritePath, scope: bytes, rejection: Rejection) -> bytes | None:
    """Who wrote the record that is refused; None unless it is held, stands, and its author can end
    the log there.  For the thread of the writer, which alone may look for sealed logs.
    """
    log = path.ledger.log_by_id(scope, rejection.log)
    if log is None or log.domain != LogDomain.DATA or log.children or log.parent is not None:
        return None
    return log.author if rejection.seq <= log.stands(log.seq) else None


def own_log_refused(path: WritePath, scope: bytes, rejection: Rejection) -> LogState | None:
    """The log of which a record is refused; None unless it is an own one, and the record stands."""
    log = path.ledger.log_by_id(scope, rejection.log)
    if log is None or not path.own.may_void(log) or rejection.seq > log.stands(log.seq):
        return None
    return log


def set_aside(
    path: WritePath, tx: Transaction, *, scope: bytes, rejection: Rejection, now_ms: int
) -> bool:
    """Void what somebody refuses of an own log, and ratify it.

    Whoever lies about that costs three logs an hour, and nothing is lost.

    Args:
        path: The write path.
        tx: The transaction.
        scope: Id of the scope.
        rejection: The record that is refused.
        now_ms: Wall time.

    Returns:
        Whether it was done: it is an own log that stands there, and an hour has passed since the
        last time.

    Raises:
        LocalError: This node may not write to the scope.
    """
    log = own_log_refused(path, scope, rejection)
    if log is None:
        return False
    last_ms = int.from_bytes(tx.meta(_META) or b"", "big")
    if abs(now_ms - last_ms) < VOID_GAP_MS:
        return False
    path.materialise_all(tx, scope)
    history = StoredHistory(tx, path.ledger)
    last, head = path.ledger.standing_head(log, rejection.seq, history)
    ends, ratifies = said(path, tx, log, last, history)
    apart = ratifies.pop(rejection.seq, [])
    own, aside = path.own.begin(scope, LogDomain.DATA), path.own.aside(scope)
    # The first record says what is new, whatever becomes of those that say the rest again.
    ends = {log.id: (last, head), aside.id: (0, b""), **ends}
    path.write_alone(tx, own, voids(ends), sorted({at for end, at in ends.values() if end}))
    # Whoever lacks what the others depend on has to be able to take this.
    path.own.end(own)
    if rest := [draft for drafts in ratifies.values() for draft in drafts]:
        path.write(tx, scope, rest)
    else:
        # It names what is void all the same: what was refused can still be changed.
        seal = Draft(RecordKind.SEAL, NO_ENGRAM, (), (Superseded(0, own.id, own.seq),))
        path.write_alone(tx, path.own_log(scope), [seal], sorted((own.head, log.head)))
    if apart:
        aside = path.ledger.open_log(scope, LogDomain.DATA, path.key, aside.incarnation)
        path.write_alone(tx, aside, apart, (own.head,))
    tx.put_meta(_META, max(now_ms, 0).to_bytes(8, "big"))
    return True


def voids(ends: Mapping[bytes, tuple[int, bytes]]) -> list[Draft]:
    """The records that void what follows a position, by log; in their order, and as many as it
    takes.
    """
    names = [Superseded(0, name, end) for name, (end, _) in ends.items()]
    return [
        Draft(RecordKind.VOID, NO_ENGRAM, (), tuple(names[start : start + SUPERSEDED_MAX]))
        for start in range(0, len(names), SUPERSEDED_MAX)
    ]


def said(
    path: WritePath, tx: Transaction, log: LogState, last: int, history: StoredHistory
) -> tuple[dict[bytes, tuple[int, bytes]], dict[int, list[Draft]]]:
    """What a log says after a position, as another one says it.

    Returns:
        Of each log whose end it voids, the position that stands and the head there; and by its
        position what ratifies each record: what is ratified there is ratified again.
    """
    ends: dict[bytes, tuple[int, bytes]] = {}
    ratifies: dict[int, list[Draft]] = {}
    for first in range(last + 1, log.seq + 1, _PAGE_RECORDS):
        for record in tx.records(log.n, first, min(first + _PAGE_RECORDS - 1, log.seq)):
            if record.shape[0] == RecordKind.VOID:
                for _, name, end in _names(path, log, record, history):
                    older = path.ledger.log_by_id(log.scope, name or b"")
                    if older is not None:
                        ends[older.id] = path.ledger.standing_head(older, end + 1, history)
            elif record.engram != NO_ENGRAM:
                names = [Superseded(0, log.id, record.seq)]
                if record.shape[0] == RecordKind.RATIFY:
                    names = _names(path, log, record, history)
                ratifies[record.seq] = [
                    Draft(RecordKind.RATIFY, record.engram, (), (name,)) for name in names
                ]
    return ends, ratifies


def _names(
    path: WritePath, log: LogState, record: Record, history: StoredHistory
) -> list[Superseded]:
    """The positions that a void or a ratify names, in logs as they are called here."""
    named = decode_superseded_untrusted(record.superseded, kind=record.shape[0], puts=0)
    forked = path.ledger.names(log.scope)
    if forked is None:
        return list(named)
    meant = forked.resolve(log.n, record, history)
    return [
        item._replace(log=meant.part(item.log, item.clock).id) if item.clock else item
        for item in named
    ]
