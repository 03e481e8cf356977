"""The items of every enveloped message, in the order in which its array holds them."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, assert_never

from ._digests import NOTHING_SEALED
from ._message_types import (
    Announcement,
    ClockEntry,
    ConflictNotification,
    ConflictResolution,
    Credential,
    Credentials,
    Extension,
    Goodbye,
    JoinRequest,
    JoinResponse,
    LeaveNotification,
    Message,
    MessageType,
    PayloadRequest,
    PayloadResponse,
    Ping,
    Pong,
    Probe,
    ProbeResponse,
    RangeAnswer,
    RangeEntries,
    RangeRequest,
    RangeResponse,
    RefusalNotification,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
)
from .cbor import Encodable

Fields: TypeAlias = tuple[MessageType, list[Encodable]]


def _announcement(item: Announcement) -> Encodable:
    return [item.ref, item.domain, item.author, item.incarnation, item.branch]


def _announcements(items: tuple[Announcement, ...]) -> Encodable:
    return [_announcement(item) for item in items]


def _credentials(items: tuple[Credential, ...]) -> Encodable:
    return [[_announcement(item.announcement), item.frame] for item in items]


def _entries(items: tuple[ClockEntry, ...]) -> Encodable:
    return [[item.log, item.seq, item.head] for item in items]


def _summary(item: Summary | None) -> Encodable:
    return (
        None if item is None else [item.clock_digest, item.state_digest, item.engrams, item.rules]
    )


def _summaries(items: tuple[tuple[bytes, Summary], ...]) -> Encodable:
    return [[scope, _summary(item)] for scope, item in items]


def _rows(items: Iterable[Sequence[Encodable]]) -> Encodable:
    # CBOR takes exact types only, and most of these are named tuples.
    return [list(item) for item in items]


def _answer(item: RangeAnswer) -> Encodable:
    if item is None:
        return [0]
    if isinstance(item, RangeEntries):
        return [1, _entries(item.entries)]
    return [2, [[part.lower, part.fingerprint, part.count] for part in item.parts]]


def fields_of(message: Message) -> Fields:
    """The type of a message and the items of its array."""
    match message:
        case SyncRequest() | SyncResponse() | SyncAck():
            return _sync_fields(message)
        case Ping(nonce, summaries):
            return MessageType.PING, [nonce, _summaries(summaries)]
        case Pong(nonce, summaries):
            return MessageType.PONG, [nonce, _summaries(summaries)]
        case Goodbye(code, reason):
            return MessageType.GOODBYE, [int(code), reason]
        case JoinRequest() | JoinResponse() | LeaveNotification() | Credentials():
            return _member_fields(message)
        case Extension(name, mandatory, body):
            return MessageType.EXTENSION, [name, mandatory, body]
        case RefusalNotification(scope, refused):
            passed: list[Encodable] = [[log, seq, int(code)] for log, seq, code in refused]
            return MessageType.REFUSAL_NOTIFICATION, [scope, passed]
        case ConflictNotification(scope, conflicts):
            return MessageType.CONFLICT_NOTIFICATION, [scope, _rows(conflicts)]
        case ConflictResolution(scope, resolved, announced, frames):
            row: list[Encodable] = [scope, _rows(resolved), _announcements(announced), frames]
            return MessageType.CONFLICT_RESOLUTION, row
        case _:
            return _repair_fields(message)


def _sync_fields(message: SyncRequest | SyncResponse | SyncAck) -> Fields:
    match message:
        case SyncRequest(request, scope, digest, clock, credentials, sealed):
            entries = None if clock is None else _entries(clock)
            # Most scopes have no sealed log, and a digest of nothing need not travel.
            ended: list[Encodable] | None = None if sealed == NOTHING_SEALED else list(sealed)
            shown = _credentials(credentials)
            row: list[Encodable] = [request, scope, digest, entries, ended, shown]
            return MessageType.SYNC_REQUEST, row
        case SyncResponse(request, status, logs, frame, summary):
            row = [request, int(status), _announcements(logs), frame, _summary(summary)]
            return MessageType.SYNC_RESPONSE, row
        case SyncAck(request, received, summary, rejected):
            refused: list[Encodable] = [[ref, seq, int(code)] for ref, seq, code in rejected]
            row = [request, _rows(received), _summary(summary), refused]
            return MessageType.SYNC_ACK, row
        case _:
            assert_never(message)


def _member_fields(
    message: JoinRequest | JoinResponse | LeaveNotification | Credentials,
) -> Fields:
    match message:
        case JoinRequest(scope, agent, grant, proof, label):
            return MessageType.JOIN_REQUEST, [scope, agent, grant, proof, label]
        case JoinResponse(accepted, reason, secret, credentials):
            row: list[Encodable] = [accepted, reason, secret, _credentials(credentials)]
            return MessageType.JOIN_RESPONSE, row
        case LeaveNotification(scope, reason):
            return MessageType.LEAVE_NOTIFICATION, [scope, reason]
        case Credentials(scope, shown):
            return MessageType.CREDENTIALS, [scope, _credentials(shown)]
        case _:
            assert_never(message)


def _repair_fields(
    message: PayloadRequest
    | PayloadResponse
    | Probe
    | ProbeResponse
    | RangeRequest
    | RangeResponse,
) -> Fields:
    match message:
        case PayloadRequest(number, scope, wanted):
            return MessageType.PAYLOAD_REQUEST, [number, scope, _rows(wanted)]
        case PayloadResponse(number, payloads):
            return MessageType.PAYLOAD_RESPONSE, [number, _rows(payloads)]
        case Probe(number, scope, log, seqs):
            return MessageType.PROBE, [number, scope, log, seqs]
        case ProbeResponse(number, heads):
            return MessageType.PROBE_RESPONSE, [number, heads]
        case RangeRequest(request, ranges):
            rows: list[Encodable] = [
                [item.lower, item.upper, item.fingerprint, item.count] for item in ranges
            ]
            return MessageType.RANGE_REQUEST, [request, rows]
        case RangeResponse(request, answers):
            return MessageType.RANGE_RESPONSE, [request, [_answer(item) for item in answers]]
        case _:
            assert_never(message)
