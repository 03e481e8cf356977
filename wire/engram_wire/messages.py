"""The canonical encodings of the messages, and how peer bytes become messages."""

from collections.abc import Callable, Iterable
from typing import Final, assert_never

from . import _limits
from ._fields import (
    blob_untrusted,
    bytes_untrusted,
    hash_untrusted,
    integer_untrusted,
    list_untrusted,
    text_untrusted,
    tuple_untrusted,
)
from ._message_types import Announcement as Announcement
from ._message_types import ClockEntry as ClockEntry
from ._message_types import Credential as Credential
from ._message_types import Goodbye as Goodbye
from ._message_types import Hello as Hello
from ._message_types import HelloAck as HelloAck
from ._message_types import JoinRequest as JoinRequest
from ._message_types import JoinResponse as JoinResponse
from ._message_types import Message as Message
from ._message_types import MessageType as MessageType
from ._message_types import Ping as Ping
from ._message_types import Pong as Pong
from ._message_types import Rejection as Rejection
from ._message_types import Summary as Summary
from ._message_types import SyncAck as SyncAck
from ._message_types import SyncRequest as SyncRequest
from ._message_types import SyncResponse as SyncResponse
from ._message_types import SyncStatus as SyncStatus
from .cbor import Encodable, decode_array_untrusted, encode
from .errors import LocalProtocolError, ProtocolError
from .records import LogDomain, keyed_hash

PERSON_CLOCK: Final = b"engram clock"

_U64_MAX: Final = (1 << 64) - 1


def clock_digest(entries: Iterable[ClockEntry]) -> bytes:
    """The digest of a scope's clock: equal exactly when both sides hold the same of every log."""
    ordered = sorted((entry.log, entry.seq, entry.head) for entry in entries)
    return keyed_hash(PERSON_CLOCK, encode(ordered))


# ---- encode --------------------------------------------------------------------------------------


def encode_hello(hello: Hello) -> bytes:
    """The bytes of a Hello, which the transcript of the handshake hashes."""
    versions, capabilities = list(hello.versions), list(hello.capabilities)
    return encode([int(MessageType.HELLO), versions, capabilities, hello.nonce])


def encode_hello_ack(ack: HelloAck) -> bytes:
    """The bytes of a HelloAck."""
    return encode([int(MessageType.HELLO_ACK), ack.key, ack.signature])


def _announcement(item: Announcement) -> Encodable:
    return [item.ref, item.domain, item.author, item.incarnation]


def _credentials(items: tuple[Credential, ...]) -> Encodable:
    return [[_announcement(item.announcement), item.frame] for item in items]


def _summary(item: Summary | None) -> Encodable:
    return None if item is None else [item.clock_digest, item.state_digest, item.engrams]


def _summaries(items: tuple[tuple[bytes, Summary], ...]) -> Encodable:
    return [[scope, _summary(item)] for scope, item in items]


def _fields_of(message: Message) -> tuple[MessageType, list[Encodable]]:
    match message:
        case SyncRequest(request, scope, digest, clock, credentials):
            rows: list[Encodable] | None = None
            if clock is not None:
                rows = [[entry.log, entry.seq, entry.head] for entry in clock]
            row: list[Encodable] = [request, scope, digest, rows, _credentials(credentials)]
            return MessageType.SYNC_REQUEST, row
        case SyncResponse(request, status, logs, frame, summary):
            announced = [_announcement(item) for item in logs]
            row = [request, int(status), announced, frame, _summary(summary)]
            return MessageType.SYNC_RESPONSE, row
        case SyncAck(request, received, summary, rejected):
            refused: list[Encodable] = [[item.log, item.seq, int(item.code)] for item in rejected]
            row = [request, received, _summary(summary), refused]
            return MessageType.SYNC_ACK, row
        case JoinRequest(scope, grant, proof, label):
            return MessageType.JOIN_REQUEST, [scope, grant, proof, label]
        case JoinResponse(accepted, reason, secret, credentials):
            row = [accepted, reason, secret, _credentials(credentials)]
            return MessageType.JOIN_RESPONSE, row
        case Ping(nonce, summaries):
            return MessageType.PING, [nonce, _summaries(summaries)]
        case Pong(nonce, summaries):
            return MessageType.PONG, [nonce, _summaries(summaries)]
        case Goodbye(code, reason):
            return MessageType.GOODBYE, [int(code), reason]
        case _:
            assert_never(message)


def encode_message(message: Message) -> tuple[int, bytes]:
    """The type and the payload of a message.

    Raises:
        LocalProtocolError: a field holds something that CBOR here does not allow, or the message
            is larger than an envelope may carry.
    """
    kind, fields = _fields_of(message)
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
    kind, versions, capabilities, nonce = _row_untrusted(data, 4, "Hello")
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
    return Hello(tuple(numbers), tuple(names), bytes_untrusted(nonce, 32, "nonce"))


def decode_hello_ack_untrusted(data: bytes) -> HelloAck:
    """Decode the bytes of a HelloAck.

    Raises:
        WireError: anything else than a canonical HelloAck.
    """
    kind, key, signature = _row_untrusted(data, 3, "HelloAck")
    integer_untrusted(kind, MessageType.HELLO_ACK, MessageType.HELLO_ACK, "type of a HelloAck")
    return HelloAck(
        hash_untrusted(key, "key"),
        bytes_untrusted(signature, _limits.SIGNATURE_BYTES, "signature"),
    )


def _row_untrusted(data: bytes, size: int, what: str) -> list[object]:
    bytes_max = _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX
    return decode_array_untrusted(data, size=size, bytes_max=bytes_max, what=what)


def _announcement_untrusted(value: object) -> Announcement:
    ref, domain, author, incarnation = tuple_untrusted(value, 4, "announcement")
    return Announcement(
        integer_untrusted(ref, 0, _limits.REQUEST_MAX, "log reference"),
        integer_untrusted(domain, LogDomain.DATA, LogDomain.MEMBERS, "log domain"),
        hash_untrusted(author, "author"),
        bytes_untrusted(incarnation, _limits.INCARNATION_BYTES, "incarnation"),
    )


def _credentials_untrusted(value: object) -> tuple[Credential, ...]:
    found: list[Credential] = []
    for item in list_untrusted(value, _limits.CREDENTIALS_MAX, "credentials"):
        announcement, frame = tuple_untrusted(item, 2, "credential")
        blob = blob_untrusted(frame, _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX, "credential")
        found.append(Credential(_announcement_untrusted(announcement), blob))
    return tuple(found)


def _summary_untrusted(value: object) -> Summary:
    clock, state, engrams = tuple_untrusted(value, 3, "summary")
    return Summary(
        hash_untrusted(clock, "clock digest"),
        None if state is None else hash_untrusted(state, "state digest"),
        integer_untrusted(engrams, 0, _U64_MAX, "engram count"),
    )


def _summaries_untrusted(value: object) -> tuple[tuple[bytes, Summary], ...]:
    found: list[tuple[bytes, Summary]] = []
    for item in list_untrusted(value, _limits.SUMMARIES_MAX, "summaries"):
        scope, summary = tuple_untrusted(item, 2, "summary of a scope")
        found.append((hash_untrusted(scope, "scope"), _summary_untrusted(summary)))
    return tuple(found)


def _clock_untrusted(value: object) -> tuple[ClockEntry, ...]:
    entries: list[ClockEntry] = []
    last = b""
    for item in list_untrusted(value, _limits.CLOCK_ENTRIES_MAX, "clock"):
        log, seq, head = tuple_untrusted(item, 3, "clock entry")
        entry = ClockEntry(
            hash_untrusted(log, "log"),
            integer_untrusted(seq, 1, _limits.SEQ_MAX, "seq"),
            hash_untrusted(head, "head"),
        )
        if entry.log <= last:
            raise ProtocolError("a clock is not sorted by log, or names one twice")
        last = entry.log
        entries.append(entry)
    return tuple(entries)


def _sync_request_untrusted(data: bytes) -> SyncRequest:
    request, scope, digest, clock, credentials = _row_untrusted(data, 5, "SyncRequest")
    return SyncRequest(
        integer_untrusted(request, 0, _limits.REQUEST_MAX, "request"),
        hash_untrusted(scope, "scope"),
        hash_untrusted(digest, "clock digest"),
        None if clock is None else _clock_untrusted(clock),
        _credentials_untrusted(credentials),
    )


def _sync_response_untrusted(data: bytes) -> SyncResponse:
    request, status, announced, frame, summary = _row_untrusted(data, 5, "SyncResponse")
    most = _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX
    logs = list_untrusted(announced, _limits.ANNOUNCEMENTS_MAX, "announcements")
    return SyncResponse(
        integer_untrusted(request, 0, _limits.REQUEST_MAX, "request"),
        SyncStatus(integer_untrusted(status, SyncStatus.DATA, SyncStatus.REFUSED, "status")),
        tuple([_announcement_untrusted(item) for item in logs]),
        None if frame is None else blob_untrusted(frame, most, "frame"),
        None if summary is None else _summary_untrusted(summary),
    )


def _sync_ack_untrusted(data: bytes) -> SyncAck:
    request, received, summary, rejected = _row_untrusted(data, 4, "SyncAck")
    durable: list[tuple[bytes, int]] = []
    for item in list_untrusted(received, _limits.ACK_ENTRIES_MAX, "received"):
        log, seq = tuple_untrusted(item, 2, "received position")
        position = integer_untrusted(seq, 1, _limits.SEQ_MAX, "seq")
        durable.append((hash_untrusted(log, "log"), position))
    refused: list[Rejection] = []
    for item in list_untrusted(rejected, _limits.ACK_ENTRIES_MAX, "rejected"):
        log, seq, code = tuple_untrusted(item, 3, "rejected position")
        position = integer_untrusted(seq, 1, _limits.SEQ_MAX, "seq")
        number = integer_untrusted(code, 0, _limits.CODE_MAX, "code")
        refused.append(Rejection(hash_untrusted(log, "log"), position, number))
    return SyncAck(
        integer_untrusted(request, 0, _limits.REQUEST_MAX, "request"),
        tuple(durable),
        None if summary is None else _summary_untrusted(summary),
        tuple(refused),
    )


def _join_request_untrusted(data: bytes) -> JoinRequest:
    scope, grant, proof, label = _row_untrusted(data, 4, "JoinRequest")
    return JoinRequest(
        hash_untrusted(scope, "scope"),
        blob_untrusted(grant, _limits.GRANT_BYTES_MAX, "grant"),
        bytes_untrusted(proof, _limits.SIGNATURE_BYTES, "proof"),
        text_untrusted(label, _limits.LABEL_BYTES_MAX, "label"),
    )


def _join_response_untrusted(data: bytes) -> JoinResponse:
    accepted, reason, secret, credentials = _row_untrusted(data, 4, "JoinResponse")
    if type(accepted) is not bool:
        raise ProtocolError("accepted is not a boolean")
    return JoinResponse(
        accepted,
        None if reason is None else text_untrusted(reason, _limits.REASON_BYTES_MAX, "reason"),
        None if secret is None else hash_untrusted(secret, "secret"),
        _credentials_untrusted(credentials),
    )


def _ping_untrusted(data: bytes) -> Ping:
    nonce, summaries = _row_untrusted(data, 2, "Ping")
    number = integer_untrusted(nonce, 0, _U64_MAX, "nonce")
    return Ping(number, _summaries_untrusted(summaries))


def _pong_untrusted(data: bytes) -> Pong:
    nonce, summaries = _row_untrusted(data, 2, "Pong")
    number = integer_untrusted(nonce, 0, _U64_MAX, "nonce")
    return Pong(number, _summaries_untrusted(summaries))


def _goodbye_untrusted(data: bytes) -> Goodbye:
    code, reason = _row_untrusted(data, 2, "Goodbye")
    return Goodbye(
        integer_untrusted(code, 0, _limits.CODE_MAX, "code"),
        text_untrusted(reason, _limits.REASON_BYTES_MAX, "reason"),
    )


_DECODERS: dict[int, Callable[[bytes], Message]] = {
    MessageType.SYNC_REQUEST: _sync_request_untrusted,
    MessageType.SYNC_RESPONSE: _sync_response_untrusted,
    MessageType.SYNC_ACK: _sync_ack_untrusted,
    MessageType.JOIN_REQUEST: _join_request_untrusted,
    MessageType.JOIN_RESPONSE: _join_response_untrusted,
    MessageType.PING: _ping_untrusted,
    MessageType.PONG: _pong_untrusted,
    MessageType.GOODBYE: _goodbye_untrusted,
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
