# Invariant: a frame is refused with WireError or encodes to the same bytes; it verifies only with
# the records its author signed; and signed anew it verifies along the chain that `extend` gives.

from collections.abc import Iterable
from contextlib import suppress

from engram_wire import (
    INSERTED_TEXT,
    Edit,
    EditInsert,
    Frame,
    Record,
    RecordKind,
    Reference,
    Span,
    Superseded,
    WireError,
    body_of,
    cbor,
    decode_frame_untrusted,
    encode_edit,
    encode_frame,
    encode_superseded,
    extend,
    payload_hash,
    sign_head,
    split_payload_untrusted,
    verify_frame_untrusted,
)
from tests.wire.parties import ALICE, ALICE_LOG, frame_of, heads_of, record
from tests.wire.test_frames import VARIED, VARIED_FRAME

from ._run import require

_PLAIN = [record(seq) for seq in range(1, 4)]
_EDIT = Edit(Reference(None, 2), (EditInsert(None, None, 4),), (Span(b"l" * 32, 5, 2),))
_NAMING = [
    record(1),
    record(2, collections=("r/body",), values=("",)),
    record(
        3,
        kind=RecordKind.EDIT,
        collections=(INSERTED_TEXT,),
        values=("text",),
        superseded=encode_edit(_EDIT),
    ),
    *(
        record(
            seq,
            kind=kind,
            collections=(),
            values=(),
            superseded=encode_superseded([Superseded(0, b"l" * 32, 3)], kind=kind),
        )
        for seq, kind in ((4, RecordKind.ERASE), (5, RecordKind.SEAL))
    ),
]
_HONEST = {*heads_of(VARIED), *heads_of(_PLAIN), *heads_of(_NAMING)}


def seeds() -> Iterable[bytes]:
    yield VARIED_FRAME
    yield frame_of(_PLAIN)
    yield frame_of(_PLAIN[:1])
    yield frame_of(_PLAIN, at=[1, 2, 3])
    yield frame_of(_NAMING)


def check(data: bytes) -> None:
    try:
        frame = decode_frame_untrusted(data)
    except WireError:
        return
    again = encode_frame(frame.ref, frame.records, frame.signatures)
    require(again == data, "a frame has one spelling")
    for item in frame.records:
        _check_record(item)
    with suppress(WireError):
        proven = verify_frame_untrusted(frame, ALICE.public_key, ALICE_LOG)
        signed = {head for _, head, signature in proven if signature is not None}
        require(signed <= _HONEST, "only what the author signed verifies")
    _check_signed_anew(frame)


def _check_record(item: Record) -> None:
    body = body_of(item)
    require(len(body) < 1 << 18, "bodies are bounded")
    require(cbor.encode(cbor.decode_untrusted(body)) == body, "a body is canonical CBOR")
    if item.payload is None:
        return
    require(payload_hash(item.payload) == item.payload_hash, "hashes belong to their payloads")
    with suppress(WireError):
        split_payload_untrusted(item.payload)


def _check_signed_anew(frame: Frame) -> None:
    head = ALICE_LOG
    # Only a record that says so in its body may carry a signature.
    records = [*frame.records[:-1], frame.records[-1]._replace(marked=True)]
    heads = [head := extend(head, item) for item in records]
    last = records[-1].seq
    signature = sign_head(ALICE.secret_key, head)
    proven = verify_frame_untrusted(
        frame._replace(records=records, signatures=[(last, signature)]),
        ALICE.public_key,
        ALICE_LOG,
    )
    marked = [(r.seq, head) for r, head in zip(records, heads, strict=True) if r.marked]
    require([(seq, head) for seq, head, _ in proven] == marked, "verifying follows the chain")
    require(proven[-1].signature == signature, "the last position is the signed one")
