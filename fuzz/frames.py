# Invariant: a frame is refused with WireError or encodes to the same bytes; it verifies only with
# the records its author signed; and signed anew it verifies along the chain that `extend` gives.

from collections.abc import Iterable
from contextlib import suppress

from engram_wire import (
    INSERTED_TEXT,
    Edit,
    Frame,
    Insert,
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
_EDIT = Edit(Reference(None, 2), (Insert(None, None, 4),), (Span(b"l" * 32, 5, 2),))
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
        require({head for _, head, _ in proven} <= _HONEST, "only what the author signed verifies")
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
    heads = [head := extend(head, item) for item in frame.records]
    last = frame.records[-1].seq
    signature = sign_head(ALICE.secret_key, head)
    proven = verify_frame_untrusted(
        frame._replace(signatures=[(last, signature)]), ALICE.public_key, ALICE_LOG
    )
    require(proven == [(last, heads[-1], signature)], "verifying follows the chain")
