# Invariant: whatever the bytes, every decoder of a value, an id list, superseded dots, a shape, a
# payload and a message either raises WireError or returns what encodes to exactly these bytes.

from collections.abc import Iterable

from engram_wire import (
    Message,
    MessageType,
    RecordKind,
    WireError,
    cbor,
    decode_auth_untrusted,
    decode_ids_untrusted,
    decode_message_untrusted,
    decode_superseded_untrusted,
    encode_ids,
    encode_message,
    encode_payload,
    encode_superseded,
    parse_shape_untrusted,
    split_payload_untrusted,
)
from tests.wire.parties import record
from tests.wire.test_messages import EXAMPLES

from ._run import require


def seeds() -> Iterable[bytes]:
    yield cbor.encode({"a": [1, -1, 1.5, None, True], "text": "é", "bytes": b"\x00" * 30})
    yield cbor.encode([2**64 - 1, -(2**63), 0.1, 65504.0, 2.0**-24, [[[[{}]]]]])
    yield encode_ids([b"a" * 32, b"b" * 32])
    yield cbor.encode([0, 0, 1, 0, b"l" * 32, 7, 1, 0, 2])
    yield cbor.encode([0, 1, b"l" * 32, 7])
    yield record(1).shape
    yield encode_payload(b"s" * 16, [cbor.encode("text"), cbor.encode(0.9)])
    for message in EXAMPLES:
        yield encode_message(message)[1]


def check(data: bytes) -> None:
    _check_value(data)
    _check_ids(data)
    _check_superseded(data)
    _check_shape(data)
    _check_payload(data)
    for kind in MessageType:
        _check_message(kind, data)


def _check_value(data: bytes) -> None:
    try:
        value = cbor.decode_untrusted(data)
    except WireError:
        return
    require(cbor.encode(value) == data, "a value has one spelling")


def _check_ids(data: bytes) -> None:
    try:
        ids = decode_ids_untrusted(data)
        decode_auth_untrusted(data)
    except WireError:
        return
    require(encode_ids(ids) == data, "ids have one spelling")


def _check_superseded(data: bytes) -> None:
    for kind in (RecordKind.UPDATE, RecordKind.DELETE, RecordKind.ERASE, RecordKind.SEAL):
        try:
            dots = decode_superseded_untrusted(data, kind=kind, puts=2)
        except WireError:
            continue
        require(encode_superseded(dots, kind=kind) == data, "dots have one spelling")


def _check_shape(data: bytes) -> None:
    try:
        kind, collections, statement = parse_shape_untrusted(data)
    except WireError:
        return
    names = list(collections) if statement is None else statement
    again = bytes((kind,)) + cbor.encode_item_untrusted(names)
    require(again == data, "a shape has one spelling")


def _check_payload(data: bytes) -> None:
    try:
        values = split_payload_untrusted(data)
    except WireError:
        return
    require(encode_payload(data[2:18], values) == data, "a payload has one spelling")
    for value in values:
        _check_value(value)


def _check_message(kind: int, data: bytes) -> None:
    try:
        message: Message = decode_message_untrusted(kind, data)
    except WireError:
        return
    require(encode_message(message) == (kind, data), "a message has one spelling")
