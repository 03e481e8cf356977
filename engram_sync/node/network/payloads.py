"""Payloads apart from their records: what a peer asks for, what is owed here, and what comes."""

from collections.abc import Iterable, Sequence

from engram_sync.node.network.branch_index import BranchIndex
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Reader, Transaction

ANSWER_BYTES = 1 << 20
"""Payload bytes read for one answer: all that fits a message, and no more."""


def payloads_of(
    reader: Reader, scope: int, wanted: Sequence[tuple[bytes, int]]
) -> list[bytes | None]:
    """The payloads at the first of the wanted positions, as many as may fit one answer.

    None where the payload is not held.  Nor is it where this node does not know the log by that
    name, or knows that it is forked before that position: another branch may be meant.
    """
    families = BranchIndex(reader, scope)
    found: list[bytes | None] = []
    room = ANSWER_BYTES
    for log, seq in wanted:
        row = families.log(log)
        records = [] if row is None or seq > row.seq else reader.records(row.n, seq, seq)
        payload = records[0].payload if records else None
        found.append(payload)
        room -= len(payload or b"")
        if room < 0:
            break
    return found


def owed_of(reader: Reader, scope: int, limit: int) -> list[tuple[bytes, int]]:
    """(log, seq) of the records whose payload is owed in a scope."""
    families = BranchIndex(reader, scope)
    return [(families.row(log).id, seq) for _, log, seq in reader.owed(scope, limit)]


def take_payloads(
    tx: Transaction, path: WritePath, scope: bytes, payloads: Iterable[tuple[bytes, int, bytes]]
) -> None:
    """Store payloads that were asked for, and show what they say.

    One that is not what the record's author signed, or that was erased meanwhile, is dropped: it
    stays owed, or is not owed any more.
    """
    came: list[tuple[int, int]] = []
    for log, seq, payload in payloads:
        state = path.ledger.log_by_id(scope, log)
        if state is not None and tx.set_payload(state.n, seq, payload):
            came.append((state.n, seq))
    if came:
        path.refill(tx, scope, came)
