"""From a stored record to the change a document applies: where wire and crdt meet."""

from collections.abc import Sequence
from typing import Final, cast

from engram_crdt import Change, Dot, TextEdit, TextInsert
from engram_sync.api import Life
from engram_sync.model.fields import LIFE, life_value, read_payload
from engram_wire import (
    Edit,
    Record,
    RecordKind,
    Reference,
    clocks_taken,
    decode_edit_untrusted,
    decode_superseded_untrusted,
    parse_shape_untrusted,
)
from engram_wire.cbor import dump_canonical

from .references import PlainReferences, References, spans_of

APPLIED_KINDS = frozenset(
    {
        RecordKind.CREATE,
        RecordKind.UPDATE,
        RecordKind.DELETE,
        RecordKind.ARCHIVE,
        RecordKind.RESTORE,
        RecordKind.RESOLVE,
        RecordKind.EDIT,
    }
)
"""Records that change a document.  All other kinds are kept and handed on, never applied."""

_LIFE_BY_KIND = {
    RecordKind.DELETE: life_value(Life.DELETED, ""),
    RecordKind.ARCHIVE: life_value(Life.ARCHIVED, ""),
    RecordKind.RESTORE: life_value(Life.ACTIVE, ""),
}


def rules_name() -> bytes:
    """What names the rules by which this program makes rows of records: a store that was made by
    others is made anew.
    """
    return RULES.to_bytes(4) + bytes(sorted(APPLIED_KINDS))


def is_applied(record: Record) -> bool:
    """Whether the record changes the document of its engram."""
    return record.shape[0] in APPLIED_KINDS


def change_of(log: bytes, record: Record, naming: References | None = None) -> Change:
    """What a record does to its document: one of a kind that is not applied only takes clocks.

    The record was verified and validated when it was stored, so its body parses.  Its payload is
    its author's business: one that does not fit counts as not held.

    Args:
        log: Id of the record's log.
        record: The record.
        naming: What its references mean; None where each means the log that it names.

    Raises:
        WireError: The stored body is damaged.
    """
    shape = parse_shape_untrusted(record.shape)
    if shape.kind not in APPLIED_KINDS:
        taken = clocks_taken(shape, record.superseded)
        return Change(log, record.seq, record.hlc, (), record.payload_hash, (), skipped=taken)
    if shape.kind == RecordKind.EDIT:
        return _edit_of(log, record, naming or PlainReferences(log))
    count = len(shape.collections)
    names = decode_superseded_untrusted(record.superseded, kind=shape.kind, puts=count)
    meant = naming or PlainReferences(log)
    deletes = shape.kind == RecordKind.DELETE
    return Change(
        log=log,
        seq=record.seq,
        hlc=record.hlc,
        puts=puts_of(record),
        payload_hash=record.payload_hash,
        removed=() if deletes else tuple([meant.dot(n.log, n.clock) for n in names]),
        until=tuple([p for n in names for p in meant.until(n.log, n.clock)]) if deletes else (),
    )


def puts_of(record: Record) -> tuple[tuple[str, bytes | None], ...]:
    """What an applied record puts, as far as its payload is held; an edit puts nothing."""
    shape = parse_shape_untrusted(record.shape)
    held = read_payload(record.payload, shape.collections)
    values: Sequence[bytes | None]
    if held is None:
        values = [_known_without_payload(shape.kind, name) for name in shape.collections]
    else:
        # The payload is the canonical form of these values, so each one's is its part of it.
        values = [dump_canonical(value) for value in held]
    return tuple(zip(shape.collections, values, strict=True))


def _edit_of(log: bytes, record: Record, meant: References) -> Change:
    edit, texts = _inserted(record)

    def origin(reference: Reference | None) -> Dot | None:
        return None if reference is None else meant.dot(reference.log, reference.clock)

    inserts = [
        TextInsert(origin(insert.left), origin(insert.right), insert.length, text)
        for insert, text in zip(edit.inserts, texts, strict=True)
    ]
    deletes = [part for span in edit.deletes for part in spans_of(meant, *span)]
    generation = meant.dot(edit.generation.log, edit.generation.clock)
    return Change(
        log=log,
        seq=record.seq,
        hlc=record.hlc,
        puts=(),
        payload_hash=record.payload_hash,
        removed=(),
        edit=TextEdit(generation, tuple(inserts), tuple(deletes)),
    )


def inserted_by(record: Record) -> list[tuple[int, str | None]]:
    """Of each insert of an edit how many units it has, and its text if that is held."""
    edit, texts = _inserted(record)
    return [(insert.length, text) for insert, text in zip(edit.inserts, texts, strict=True)]


def _inserted(record: Record) -> tuple[Edit, Sequence[str | None]]:
    """An edit and its texts; characters that do not have the stated length are not held."""
    collections = parse_shape_untrusted(record.shape).collections
    edit = decode_edit_untrusted(record.superseded, puts=len(collections))
    texts: Sequence[object] | None = read_payload(record.payload, collections)
    lengths = [insert.length for insert in edit.inserts]
    if texts is None or [units_of(text) for text in texts] != lengths:
        return edit, [None] * len(lengths)
    return edit, cast(Sequence[str], texts)


def units_of(text: object) -> int:
    """UTF-16 code units of a text; 0 for anything that a text cannot be."""
    if type(text) is not str:
        return 0
    try:
        return len(text.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return 0


def _known_without_payload(kind: int, collection: str) -> bytes | None:
    """The value of a put whose payload is not held, as far as the body of its record tells it.

    Whether an engram is deleted must not wait for the payload, which holds only the reason.
    """
    return _LIFE_BY_KIND.get(RecordKind(kind)) if collection == LIFE else None


RULES: Final = 2
"""Raised by whatever makes the same records give another state digest: two nodes compare their
digests only under equal rules, because unlike ones say nothing about what either holds.  A store
that was made by other rules is made anew from its records when it is opened."""
