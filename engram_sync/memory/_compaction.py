"""What of an engram nothing can show any more: payloads of dead values, old enough to go.

Bodies stay, so every signature still covers its log.  What an undelete within the retention time
would need stays too, and so does what a keyed memory was created with: whoever remembers it again
is compared with that.
"""

from collections.abc import Iterator
from typing import NamedTuple

from engram_sync.store import EngramRow, Reader, ScopeRow, Transaction
from engram_wire import RecordKind

from ._authors import Authors
from ._materialiser import Materialiser
from ._open_engram import OpenEngram
from ._state import LIVES
from ._stored import Stored, stored_of

_KEYED_VERSION = 8
"""UUIDs of this version are derived from a key that the memory was given."""


class Dead(NamedTuple):
    """What of one engram could go."""

    row: EngramRow
    positions: tuple[tuple[int, int], ...]
    """(log, seq) of records whose payloads nothing shows."""
    payload_bytes: int
    document_bytes: int
    """By which its document becomes smaller."""


class Compacted(NamedTuple):
    """What compacting one engram did."""

    dead: Dead
    same: bool
    """Whether the document, rebuilt, was the same; if not, nothing was changed."""


def dead_in(
    reader: Reader,
    authors: Authors,
    scope: ScopeRow,
    row: EngramRow,
    before_ms: int,
) -> Dead | None:
    """What of an engram could go; None for nothing.

    Args:
        reader: The store.
        authors: Who wrote which log.
        scope: Its scope.
        row: Its row.
        before_ms: Only engrams of which nothing arrived at or after this time.
    """
    if row.state is None:
        return None
    found = reader.records_of(scope.n, row.engram)
    if len(reader.records_at(scope.n, row.engram, before_ms - 1)) < len(found):
        return None
    records = stored_of(reader, authors, scope.id, found)
    document = OpenEngram.of(row.engram, records).document
    live = {(e.dot.log, e.seq) for e in document.elements()}
    live |= {(span.dot.log, span.seq) for span in document.spans()}
    dead = [
        s
        for s in records
        if s.record.payload is not None
        and (s.log_id, s.record.seq) not in live
        and not _is_kept(row.engram, s)
    ]
    smaller = max(0, len(row.state) - len(document.dump()))
    if not dead and not smaller:
        return None
    freed = sum(len(s.record.payload or b"") for s in dead)
    return Dead(row, tuple([(s.log, s.record.seq) for s in dead]), freed, smaller)


def _is_kept(engram: bytes, stored: Stored) -> bool:
    keyed = engram[6] >> 4 == _KEYED_VERSION
    return keyed and stored.record.shape[0] == RecordKind.CREATE


def compact_one(
    tx: Transaction, materialiser: Materialiser, scope: ScopeRow, dead: Dead
) -> Compacted:
    """Let go of what is dead of one engram, unless its digest would change."""
    engram = dead.row.engram
    before = materialiser.standing(tx, scope.n, [engram])
    try:
        with tx.savepoint():
            tx.drop_payloads(dead.positions)
            materialiser.rebuild(tx, scope.n, [engram])
            if materialiser.standing(tx, scope.n, [engram]) != before:
                raise _DiffersError
    except _DiffersError:
        return Compacted(dead, same=False)
    return Compacted(dead, same=True)


class _DiffersError(Exception):
    """The rebuilt document is not the same; never leaves this module."""


def rows_of(reader: Reader, scope: int, after: EngramRow | None, limit: int) -> Iterator[EngramRow]:
    """The next rows of a scope, of every state of life, in an order that compaction keeps."""
    yield from reader.engrams(scope, after=after, limit=limit, life=range(len(LIVES)))
