"""The canonical encodings of the messages, and how peer bytes become messages."""

from collections.abc import Callable

from . import _limits
from . import _message_decoding as decoding
from ._digests import EMPTY_SEALED as EMPTY_SEALED
from ._digests import NOTHING_SEALED as NOTHING_SEALED
from ._digests import clock_digest as clock_digest
from ._digests import clock_sum as clock_sum
from ._digests import clock_term as clock_term
from ._digests import range_fingerprint as range_fingerprint
from ._digests import range_sum as range_sum
from ._digests import range_term as range_term
from ._digests import sealed_digest as sealed_digest
from ._digests import sealed_sum as sealed_sum
from ._digests import sealed_term as sealed_term
from ._fields import (
    bytes_untrusted,
    hash_untrusted,
    integer_untrusted,
    list_untrusted,
    text_untrusted,
)
from ._message_decoding import row_untrusted
from ._message_fields import fields_of
from ._message_types import Announcement as Announcement
from ._message_types import ClockEntry as ClockEntry
from ._message_types import ConflictNotification as ConflictNotification
from ._message_types import ConflictResolution as ConflictResolution
from ._message_types import Credential as Credential
from ._message_types import Credentials as Credentials
from ._message_types import Extension as Extension
from ._message_types import Goodbye as Goodbye
from ._message_types import Hello as Hello
from ._message_types import HelloAck as HelloAck
from ._message_types import JoinRequest as JoinRequest
from ._message_types import JoinResponse as JoinResponse
from ._message_types import LeaveNotification as LeaveNotification
from ._message_types import Message as Message
from ._message_types import MessageType as MessageType
from ._message_types import OpenConflict as OpenConflict
from ._message_types import PayloadRequest as PayloadRequest
from ._message_types import PayloadResponse as PayloadResponse
from ._message_types import Ping as Ping
from ._message_types import Pong as Pong
from ._message_types import Probe as Probe
from ._message_types import ProbeResponse as ProbeResponse
from ._message_types import Range as Range
from ._message_types import RangeAnswer as RangeAnswer
from ._message_types import RangeEntries as RangeEntries
from ._message_types import RangePart as RangePart
from ._message_types import RangeParts as RangeParts
from ._message_types import RangeRequest as RangeRequest
from ._message_types import RangeResponse as RangeResponse
from ._message_types import Refusal as Refusal
from ._message_types import RefusalNotification as RefusalNotification
from ._message_types import Rejection as Rejection
from ._message_types import Summary as Summary
from ._message_types import SyncAck as SyncAck
from ._message_types import SyncRequest as SyncRequest
from ._message_types import SyncResponse as SyncResponse
from ._message_types import SyncStatus as SyncStatus
from .cbor import encode
from .errors import LocalProtocolError, ProtocolError

# ---- encode --------------------------------------------------------------------------------------


def encode_hello(hello: Hello) -> bytes:
    """The bytes of a Hello, which the transcript of the handshake hashes."""
    versions, capabilities = list(hello.versions), list(hello.capabilities)
    return encode([int(MessageType.HELLO), versions, capabilities, hello.nonce])


def encode_hello_ack(ack: HelloAck) -> bytes:
    """The bytes of a HelloAck."""
    return encode([int(MessageType.HELLO_ACK), ack.key, ack.signature])


def encode_message(message: Message) -> tuple[int, bytes]:
    """The type and the payload of a message.

    Raises:
        LocalProtocolError: a field holds something that CBOR here does not allow, or the message
            is larger than an envelope may carry.
    """
    kind, fields = fields_of(message)
    try:
        payload = encode(fields)
    except ValueError as error:
        raise LocalProtocolError(f"{kind.name} cannot be encoded: {error}") from None
    if len(payload) > _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX:
        raise LocalProtocolError(f"{kind.name} of {len(payload)} bytes does not fit a message")
    return int(kind), payload


# ---- decode --------------------------------------------------------------------------------------


def decode_hello_untrusted(data: bytes) -> Hello:
    """Decode the bytes of a Hello.

    Raises:
        WireError: anything else than a canonical Hello.
    """
    kind, versions, capabilities, nonce = row_untrusted(data, 4, "Hello")
    integer_untrusted(kind, MessageType.HELLO, MessageType.HELLO, "type of a Hello")
    numbers = [
        integer_untrusted(item, 1, 255, "version")
        for item in list_untrusted(versions, _limits.VERSIONS_MAX, "versions")
    ]
    names = [
        text_untrusted(item, _limits.CAPABILITY_CHARS_MAX, "capability")
        for item in list_untrusted(capabilities, _limits.CAPABILITIES_MAX, "capabilities")
    ]
    if not numbers or sorted(set(numbers)) != numbers or sorted(set(names)) != names:
        raise ProtocolError("versions or capabilities are absent, repeated or not sorted")
    if len({name.removeprefix("!") for name in names}) < len(names):
        raise ProtocolError("a capability is offered both ways")
    return Hello(tuple(numbers), tuple(names), bytes_untrusted(nonce, 32, "nonce"))


def decode_hello_ack_untrusted(data: bytes) -> HelloAck:
    """Decode the bytes of a HelloAck.

    Raises:
        WireError: anything else than a canonical HelloAck.
    """
    kind, key, signature = row_untrusted(data, 3, "HelloAck")
    integer_untrusted(kind, MessageType.HELLO_ACK, MessageType.HELLO_ACK, "type of a HelloAck")
    return HelloAck(
        hash_untrusted(key, "key"),
        bytes_untrusted(signature, _limits.SIGNATURE_BYTES, "signature"),
    )


_DECODERS: dict[int, Callable[[bytes], Message]] = {
    MessageType.SYNC_REQUEST: decoding.sync_request_untrusted,
    MessageType.SYNC_RESPONSE: decoding.sync_response_untrusted,
    MessageType.SYNC_ACK: decoding.sync_ack_untrusted,
    MessageType.JOIN_REQUEST: decoding.join_request_untrusted,
    MessageType.JOIN_RESPONSE: decoding.join_response_untrusted,
    MessageType.PING: decoding.ping_untrusted,
    MessageType.PONG: decoding.pong_untrusted,
    MessageType.GOODBYE: decoding.goodbye_untrusted,
    MessageType.CONFLICT_NOTIFICATION: decoding.conflict_notification_untrusted,
    MessageType.CONFLICT_RESOLUTION: decoding.conflict_resolution_untrusted,
    MessageType.LEAVE_NOTIFICATION: decoding.leave_notification_untrusted,
    MessageType.PAYLOAD_REQUEST: decoding.payload_request_untrusted,
    MessageType.PAYLOAD_RESPONSE: decoding.payload_response_untrusted,
    MessageType.PROBE: decoding.probe_untrusted,
    MessageType.PROBE_RESPONSE: decoding.probe_response_untrusted,
    MessageType.RANGE_REQUEST: decoding.range_request_untrusted,
    MessageType.RANGE_RESPONSE: decoding.range_response_untrusted,
    MessageType.EXTENSION: decoding.extension_untrusted,
    MessageType.CREDENTIALS: decoding.credentials_page_untrusted,
    MessageType.REFUSAL_NOTIFICATION: decoding.refusal_notification_untrusted,
}


def decode_message_untrusted(kind: int, payload: bytes) -> Message:
    """Decode the payload of an envelope whose signature has been verified.

    Raises:
        WireError: an unknown type, or anything else than the canonical payload of that type.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise ProtocolError(f"message type {kind} is not known")
    return decoder(payload)
