"""What of an engram nothing can show any more: payloads of dead values, old enough to go.

Bodies stay, so every signature still covers its log.  What an undelete within the retention time
would need stays too, and so does what a keyed memory was created with: whoever remembers it again
is compared with that.
"""

from collections.abc import Iterator
from typing import NamedTuple

from engram_sync.memory.state.changes import is_applied
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import StoredRecord, streamed
from engram_sync.model.life import LIVES
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import RecordKind

from .live_texts import load_texts

_KEYED_VERSION = 8
"""UUIDs of this version are derived from a key that the memory was given."""


class Dead(NamedTuple):
    """What of one engram could go."""

    row: EngramRow
    positions: tuple[tuple[int, int], ...]
    """(log, seq) of records whose payloads nothing shows."""
    payload_bytes: int


def dead_in(
    snapshot: Snapshot,
    scope: ScopeRow,
    row: EngramRow,
    before_ms: int,
) -> Dead | None:
    """What of an engram could go; None for nothing.

    Args:
        snapshot: What is read.
        scope: Its scope.
        row: Its row.
        before_ms: Only engrams of which nothing arrived at or after this time.
    """
    reader = snapshot.reader
    if row.digest is None:
        return None
    held = sum(1 for _ in reader.stream_of(scope.n, row.engram))
    if sum(1 for _ in reader.stream_of(scope.n, row.engram, before_ms - 1)) < held:
        return None
    live = {(element.log, element.seq) for element in reader.elements(row.n)}
    spans = load_texts(snapshot, row).spans()
    live |= {(snapshot.log_number(span.dot.log), span.seq) for span in spans}
    freed, dead = 0, list[tuple[int, int]]()
    for stored in streamed(snapshot, scope, row.engram):
        payload, place = stored.record.payload, (stored.log, stored.record.seq)
        goes = payload is not None and is_applied(stored.record) and place not in live
        if payload is not None and goes and not _is_kept(row.engram, stored):
            dead.append(place)
            freed += len(payload)
    return Dead(row, tuple(dead), freed) if dead else None


def _is_kept(engram: bytes, stored: StoredRecord) -> bool:
    keyed = engram[6] >> 4 == _KEYED_VERSION
    return keyed and stored.record.shape[0] == RecordKind.CREATE


def rows_of(reader: Reader, scope: int, after: EngramRow | None, limit: int) -> Iterator[EngramRow]:
    """The next rows of a scope, of every state of life, in an order that compaction keeps."""
    yield from reader.engrams(scope, after=after, limit=limit, life=range(len(LIVES)))
