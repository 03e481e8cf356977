"""Decoding the messages of catching up, joining and keeping a session alive."""

from . import _limits
from ._digests import EMPTY_SEALED, NOTHING_SEALED
from ._fields import (
    blob_untrusted,
    bytes_untrusted,
    hash_untrusted,
    integer_untrusted,
    list_untrusted,
    name_untrusted,
    text_untrusted,
    tuple_untrusted,
)
from ._message_parts import (
    U64_MAX,
    announcements_untrusted,
    credentials_untrusted,
    entries_untrusted,
    number_untrusted,
    row_untrusted,
    seq_untrusted,
    summaries_untrusted,
    summary_untrusted,
)
from ._message_types import (
    Credentials,
    Extension,
    Goodbye,
    JoinRequest,
    JoinResponse,
    Ping,
    Pong,
    Refusal,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)
from .errors import ProtocolError


def sync_request_untrusted(data: bytes) -> SyncRequest:
    """Decode a SyncRequest."""
    request, scope, digest, clock, sealed, credentials = row_untrusted(data, 6, "SyncRequest")
    return SyncRequest(
        number_untrusted(request),
        hash_untrusted(scope, "scope"),
        hash_untrusted(digest, "clock digest"),
        None if clock is None else entries_untrusted(clock),
        credentials_untrusted(credentials),
        _sealed_untrusted(sealed),
    )


def _sealed_untrusted(value: object) -> tuple[int, bytes]:
    if value is None:
        return NOTHING_SEALED
    count, digest = tuple_untrusted(value, 2, "sealed")
    number = integer_untrusted(count, 1, _limits.SEALED_MAX, "count of sealed logs")
    whole = hash_untrusted(digest, "sealed digest")
    if whole == EMPTY_SEALED:
        raise ProtocolError(f"{number} sealed logs with the digest of none")
    return number, whole


def sync_response_untrusted(data: bytes) -> SyncResponse:
    """Decode a SyncResponse."""
    request, status, announced, frame, summary = row_untrusted(data, 5, "SyncResponse")
    most = _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX
    return SyncResponse(
        number_untrusted(request),
        SyncStatus(integer_untrusted(status, SyncStatus.DATA, SyncStatus.RANGES_FOLLOW, "status")),
        announcements_untrusted(announced),
        None if frame is None else blob_untrusted(frame, most, "frame"),
        None if summary is None else summary_untrusted(summary),
    )


def sync_ack_untrusted(data: bytes) -> SyncAck:
    """Decode a SyncAck."""
    request, received, summary, rejected = row_untrusted(data, 4, "SyncAck")
    durable: list[tuple[int, int]] = []
    for item in list_untrusted(received, _limits.ACK_ENTRIES_MAX, "received"):
        ref, seq = tuple_untrusted(item, 2, "received position")
        durable.append((number_untrusted(ref), seq_untrusted(seq)))
    refused: list[Refusal] = []
    for item in list_untrusted(rejected, _limits.ACK_ENTRIES_MAX, "rejected"):
        ref, seq, code = tuple_untrusted(item, 3, "rejected position")
        why = integer_untrusted(code, 0, _limits.CODE_MAX, "code")
        refused.append(Refusal(number_untrusted(ref), seq_untrusted(seq), why))
    return SyncAck(
        number_untrusted(request),
        tuple(durable),
        None if summary is None else summary_untrusted(summary),
        tuple(refused),
    )


def join_request_untrusted(data: bytes) -> JoinRequest:
    """Decode a JoinRequest."""
    scope, agent, grant, proof, label = row_untrusted(data, 5, "JoinRequest")
    return JoinRequest(
        hash_untrusted(scope, "scope"),
        hash_untrusted(agent, "agent"),
        blob_untrusted(grant, _limits.GRANT_BYTES_MAX, "grant"),
        bytes_untrusted(proof, _limits.SIGNATURE_BYTES, "proof"),
        text_untrusted(label, _limits.LABEL_BYTES_MAX, "label"),
    )


def join_response_untrusted(data: bytes) -> JoinResponse:
    """Decode a JoinResponse."""
    accepted, reason, secret, credentials = row_untrusted(data, 4, "JoinResponse")
    if type(accepted) is not bool:
        raise ProtocolError("accepted is not a boolean")
    return JoinResponse(
        accepted,
        None if reason is None else text_untrusted(reason, _limits.REASON_BYTES_MAX, "reason"),
        None if secret is None else hash_untrusted(secret, "secret"),
        credentials_untrusted(credentials),
    )


def credentials_page_untrusted(data: bytes) -> Credentials:
    """Decode a Credentials message."""
    scope, shown = row_untrusted(data, 2, "Credentials")
    page = credentials_untrusted(shown)
    if not page:
        raise ProtocolError("a page without credentials")
    return Credentials(hash_untrusted(scope, "scope"), page)


def extension_untrusted(data: bytes) -> Extension:
    """Decode an Extension."""
    name, mandatory, body = row_untrusted(data, 3, "Extension")
    if type(mandatory) is not bool:
        raise ProtocolError("mandatory is not a boolean")
    return Extension(
        name_untrusted(name),
        mandatory,
        blob_untrusted(body, _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX, "body of an extension"),
    )


def ping_untrusted(data: bytes) -> Ping:
    """Decode a Ping."""
    nonce, summaries = row_untrusted(data, 2, "Ping")
    number = integer_untrusted(nonce, 0, U64_MAX, "nonce")
    return Ping(number, summaries_untrusted(summaries))


def pong_untrusted(data: bytes) -> Pong:
    """Decode a Pong."""
    nonce, summaries = row_untrusted(data, 2, "Pong")
    number = integer_untrusted(nonce, 0, U64_MAX, "nonce")
    return Pong(number, summaries_untrusted(summaries))


def goodbye_untrusted(data: bytes) -> Goodbye:
    """Decode a Goodbye."""
    code, reason = row_untrusted(data, 2, "Goodbye")
    return Goodbye(
        integer_untrusted(code, 0, _limits.CODE_MAX, "code"),
        text_untrusted(reason, _limits.REASON_BYTES_MAX, "reason"),
    )
