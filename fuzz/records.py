# Invariant: whatever the body of a record of any kind, it is refused with WireError or it has one
# spelling, takes as many clocks as it says, and passes through a frame unchanged.

from collections.abc import Iterable

from engram_wire import (
    AUTH_UNCHANGED,
    CLOCK_MAX,
    EDIT_UNITS_MAX,
    INSERTED_TEXT,
    KIND_MAX,
    NO_IDS,
    NO_SUPERSEDED,
    OPTIONAL,
    SEQ_MAX,
    Edit,
    EditInsert,
    Record,
    RecordKind,
    Reference,
    Shape,
    Span,
    Superseded,
    WireError,
    body_of,
    cbor,
    clocks_taken,
    decode_edit_untrusted,
    decode_frame_untrusted,
    decode_superseded_untrusted,
    encode_edit,
    encode_frame,
    encode_superseded,
    is_extension_kind,
    parse_shape_untrusted,
    payload_hash,
    shape_of,
)

from ._run import require

_LOG, _OTHER = b"l" * 32, b"m" * 32
_PAYLOAD = cbor.encode([bytes(16), []])
_OF_RECORDS = (RecordKind.ERASE, RecordKind.SEAL, RecordKind.RATIFY)
_WITHOUT_PUTS = (RecordKind.JOIN, *_OF_RECORDS)


def scripted(shape: bytes, superseded: bytes) -> bytes:
    """Kind, size of the shape's array, the array, and the superseded column."""
    return shape[:1] + len(shape[1:]).to_bytes(2, "big") + shape[1:] + superseded


def seeds() -> Iterable[bytes]:
    edit = Edit(
        Reference(_LOG, 3),
        (EditInsert(None, Reference(None, 9), 5), EditInsert(Reference(_LOG, 70), None, 65536)),
        (Span(None, 10, 2), Span(None, 12, 1), Span(_OTHER, CLOCK_MAX, 1)),
    )
    yield scripted(shape_of(RecordKind.EDIT, [INSERTED_TEXT] * 2), encode_edit(edit))
    deletes = encode_edit(edit._replace(inserts=()))
    yield scripted(shape_of(RecordKind.EDIT, []), deletes)
    dots = [Superseded(0, None, 1), Superseded(0, _LOG, 7), Superseded(1, _LOG, 7)]
    yield scripted(shape_of(RecordKind.RESOLVE, ["r/content"]), encode_superseded(dots))
    for kind in (RecordKind.DELETE, RecordKind.ERASE):
        yield scripted(shape_of(kind, []), encode_superseded(dots[:2], kind=kind))
    ends = [Superseded(0, _LOG, 1), Superseded(0, _OTHER, SEQ_MAX)]
    yield scripted(shape_of(RecordKind.SEAL, []), encode_superseded(ends, kind=RecordKind.SEAL))
    yield scripted(shape_of(RecordKind.JOIN, []), NO_SUPERSEDED)
    yield scripted(b"\x0c" + cbor.encode(["r/new"]), cbor.encode([["anything"]]))
    yield scripted(shape_of(RecordKind.EXTENSION | OPTIONAL, ["r/new"]), cbor.encode(["name", 1]))
    yield scripted(b"\x36" + cbor.encode(["name", {"new": 1}]), NO_SUPERSEDED)
    yield scripted(b"\x11" + cbor.encode([_LOG, 2]), NO_SUPERSEDED)


def check(data: bytes) -> None:
    size = int.from_bytes(data[1:3], "big")
    kind = data[0] % (KIND_MAX + 1) | data[0] & OPTIONAL if data else 0
    shape, superseded = bytes((kind,)) + data[3 : 3 + size], data[3 + size :]
    try:
        parsed = parse_shape_untrusted(shape)
        puts = len(parsed.collections)
        named = decode_superseded_untrusted(superseded, kind=kind, puts=puts)
        taken = clocks_taken(parsed, superseded)
    except WireError:
        return
    if kind == RecordKind.EDIT:
        _check_edit(superseded, puts, taken)
    elif kind in {*RecordKind} and not is_extension_kind(kind):
        _check_named(parsed, named, superseded, taken)
    else:
        require((taken, named) == (puts, ()), "of an unknown kind only its puts count")
    _check_framed(shape, superseded)


def _check_edit(superseded: bytes, puts: int, taken: int) -> None:
    edit = decode_edit_untrusted(superseded, puts=puts)
    require(encode_edit(edit) == superseded, "an edit has one spelling")
    require(taken == sum(item.length for item in edit.inserts), "a unit takes a clock")
    require(taken <= EDIT_UNITS_MAX, "no edit is longer than a payload")
    deleted = {(span.log, at) for span in edit.deletes for at in (span.clock, _end(span))}
    single = sum(span.length == 1 for span in edit.deletes)
    require(len(deleted) == 2 * len(edit.deletes) - single, "no unit is deleted twice")
    require(all(_end(span) <= CLOCK_MAX for span in edit.deletes), "clocks stay clocks")


def _end(span: Span) -> int:
    return span.clock + span.length - 1


def _check_named(
    shape: Shape, named: tuple[Superseded, ...], superseded: bytes, taken: int
) -> None:
    kind, puts = shape.kind, len(shape.collections)
    require(encode_superseded(named, kind=kind) == superseded, "dots have one spelling")
    require(taken == puts, "a put takes a clock")
    require(not puts or kind not in _WITHOUT_PUTS, "some kinds only name")
    if kind in _OF_RECORDS:
        require(all(1 <= item.clock <= SEQ_MAX for item in named), "records count from 1")
    if kind in (RecordKind.SEAL, RecordKind.RATIFY):
        require(all(item.log is not None for item in named), "neither names its own log")


def _check_framed(shape: bytes, superseded: bytes) -> None:
    digest = payload_hash(_PAYLOAD)
    record = Record(
        2, bytes(16), 1 << 40, shape, superseded, _PAYLOAD, digest, NO_IDS, AUTH_UNCHANGED, True
    )
    body = body_of(record)
    require(cbor.encode(cbor.decode_untrusted(body)) == body, "a body is canonical CBOR")
    frame = decode_frame_untrusted(encode_frame(7, [record], [(2, bytes(64))]))
    require(frame.records == [record], "a frame keeps a record as it is")
