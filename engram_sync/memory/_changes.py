"""From a stored record to the change a document applies: where wire and crdt meet."""

from collections.abc import Sequence

from engram_crdt import Change, Dot
from engram_sync.results import Life
from engram_wire import (
    Record,
    RecordKind,
    decode_superseded_untrusted,
    parse_shape_untrusted,
    split_payload_untrusted,
)

from ._fields import LIFE, life_value, read_payload

APPLIED_KINDS = frozenset(
    {
        RecordKind.CREATE,
        RecordKind.UPDATE,
        RecordKind.DELETE,
        RecordKind.ARCHIVE,
        RecordKind.RESTORE,
        RecordKind.RESOLVE,
    }
)
"""Records that change a document.  All other kinds are kept and handed on, never applied."""


_LIFE_BY_KIND = {
    RecordKind.DELETE: life_value(Life.DELETED, ""),
    RecordKind.ARCHIVE: life_value(Life.ARCHIVED, ""),
    RecordKind.RESTORE: life_value(Life.ACTIVE, ""),
}


def is_applied(record: Record) -> bool:
    """Whether the record changes the document of its engram."""
    return record.shape[0] in APPLIED_KINDS


def change_of(log: bytes, record: Record) -> Change:
    """What an applied record does to its document.

    The record was verified and validated when it was stored, so its body parses.  Its payload is
    its author's business: one that does not fit counts as not held.

    Raises:
        WireError: The stored body is damaged.
    """
    shape = parse_shape_untrusted(record.shape)
    puts = len(shape.collections)
    names = decode_superseded_untrusted(record.superseded, kind=shape.kind, puts=puts)
    pairs = [(log if name.log is None else name.log, name.clock) for name in names]
    deletes = shape.kind == RecordKind.DELETE
    if record.payload is not None and read_payload(record.payload, shape.collections) is not None:
        values: Sequence[bytes | None] = split_payload_untrusted(record.payload)
    else:
        values = [_known_without_payload(shape.kind, name) for name in shape.collections]
    return Change(
        log=log,
        seq=record.seq,
        hlc=record.hlc,
        puts=tuple(zip(shape.collections, values, strict=True)),
        payload_hash=record.payload_hash,
        removed=() if deletes else tuple(Dot(*pair) for pair in pairs),
        until=tuple(pairs) if deletes else (),
    )


def _known_without_payload(kind: int, collection: str) -> bytes | None:
    """The value of a put whose payload is not held, as far as the body of its record tells it.

    Whether an engram is deleted must not wait for the payload, which holds only the reason.
    """
    return _LIFE_BY_KIND.get(RecordKind(kind)) if collection == LIFE else None
