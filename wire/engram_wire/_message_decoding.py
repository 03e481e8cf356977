"""Decoding of every enveloped message, from the items of its array."""

from itertools import pairwise

from engram_wire import _limits
from engram_wire._digests import EMPTY_SEALED, NOTHING_SEALED
from engram_wire._fields import (
    blob_untrusted,
    bytes_untrusted,
    hash_untrusted,
    integer_untrusted,
    list_untrusted,
    name_untrusted,
    text_untrusted,
    tuple_untrusted,
)
from engram_wire._message_types import (
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
    OpenConflict,
    PayloadRequest,
    PayloadResponse,
    Ping,
    Pong,
    Probe,
    ProbeResponse,
    Range,
    RangeAnswer,
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    Refusal,
    RefusalNotification,
    Rejection,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)
from engram_wire.cbor import decode_array_untrusted
from engram_wire.errors import LimitError, ProtocolError
from engram_wire.records import LogDomain


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


def _some_untrusted(value: object, count_max: int, what: str) -> list[object]:
    items = list_untrusted(value, count_max, what)
    if not items:
        raise ProtocolError(f"{what} is empty")
    return items


def conflict_notification_untrusted(data: bytes) -> ConflictNotification:
    """Decode a ConflictNotification."""
    scope, conflicts = row_untrusted(data, 2, "ConflictNotification")
    found: list[OpenConflict] = []
    for item in _some_untrusted(conflicts, _limits.CONFLICTS_MAX, "conflicts"):
        name, version, engram, kind = tuple_untrusted(item, 4, "conflict")
        found.append(
            OpenConflict(
                hash_untrusted(name, "conflict id"),
                hash_untrusted(version, "conflict version"),
                bytes_untrusted(engram, _limits.ENGRAM_BYTES, "engram"),
                integer_untrusted(kind, 0, _limits.CODE_MAX, "conflict class"),
            )
        )
    return ConflictNotification(hash_untrusted(scope, "scope"), tuple(found))


def conflict_resolution_untrusted(data: bytes) -> ConflictResolution:
    """Decode a ConflictResolution."""
    scope, resolved, announced, frames = row_untrusted(data, 4, "ConflictResolution")
    settled: list[tuple[bytes, bytes]] = []
    for item in _some_untrusted(resolved, _limits.CONFLICTS_MAX, "resolved conflicts"):
        name, version = tuple_untrusted(item, 2, "resolved conflict")
        what = hash_untrusted(name, "conflict id"), hash_untrusted(version, "conflict version")
        settled.append(what)
    most = _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX
    blobs = list_untrusted(frames, _limits.RESOLUTION_FRAMES_MAX, "frames")
    return ConflictResolution(
        hash_untrusted(scope, "scope"),
        tuple(settled),
        announcements_untrusted(announced),
        tuple([blob_untrusted(item, most, "frame") for item in blobs]),
    )


def leave_notification_untrusted(data: bytes) -> LeaveNotification:
    """Decode a LeaveNotification."""
    scope, reason = row_untrusted(data, 2, "LeaveNotification")
    text = text_untrusted(reason, _limits.REASON_BYTES_MAX, "reason")
    return LeaveNotification(hash_untrusted(scope, "scope"), text)


def refusal_notification_untrusted(data: bytes) -> RefusalNotification:
    """Decode a RefusalNotification."""
    scope, refused = row_untrusted(data, 2, "RefusalNotification")
    found: list[Rejection] = []
    for item in _some_untrusted(refused, _limits.REFUSALS_MAX, "refused records"):
        log, seq, code = tuple_untrusted(item, 3, "refused record")
        why = integer_untrusted(code, 0, _limits.CODE_MAX, "code")
        found.append(Rejection(hash_untrusted(log, "log id"), seq_untrusted(seq), why))
    return RefusalNotification(hash_untrusted(scope, "scope"), tuple(found))


def payload_request_untrusted(data: bytes) -> PayloadRequest:
    """Decode a PayloadRequest."""
    number, scope, wanted = row_untrusted(data, 3, "PayloadRequest")
    found: list[tuple[bytes, int]] = []
    for item in _some_untrusted(wanted, _limits.WANTED_PAYLOADS_MAX, "wanted payloads"):
        log, seq = tuple_untrusted(item, 2, "wanted payload")
        found.append((hash_untrusted(log, "log"), seq_untrusted(seq)))
    return PayloadRequest(number_untrusted(number), hash_untrusted(scope, "scope"), tuple(found))


def payload_response_untrusted(data: bytes) -> PayloadResponse:
    """Decode a PayloadResponse."""
    number, payloads = row_untrusted(data, 2, "PayloadResponse")
    found: list[tuple[bytes, int, bytes | None]] = []
    for item in _some_untrusted(payloads, _limits.WANTED_PAYLOADS_MAX, "payloads"):
        log, seq, payload = tuple_untrusted(item, 3, "payload")
        held = None
        if payload is not None:
            held = blob_untrusted(payload, _limits.PAYLOAD_BYTES_MAX, "payload")
        found.append((hash_untrusted(log, "log"), seq_untrusted(seq), held))
    return PayloadResponse(number_untrusted(number), tuple(found))


def probe_untrusted(data: bytes) -> Probe:
    """Decode a Probe."""
    number, scope, log, seqs = row_untrusted(data, 4, "Probe")
    items = _some_untrusted(seqs, _limits.PROBE_SEQS_MAX, "probed positions")
    places = tuple([seq_untrusted(item) for item in items])
    if any(a >= b for a, b in pairwise(places)):
        raise ProtocolError("probed positions are not ascending")
    return Probe(
        number_untrusted(number), hash_untrusted(scope, "scope"), hash_untrusted(log, "log"), places
    )


def probe_response_untrusted(data: bytes) -> ProbeResponse:
    """Decode a ProbeResponse."""
    number, heads = row_untrusted(data, 2, "ProbeResponse")
    items = _some_untrusted(heads, _limits.PROBE_SEQS_MAX, "probed heads")
    found = [None if item is None else hash_untrusted(item, "head") for item in items]
    return ProbeResponse(number_untrusted(number), tuple(found))


def range_request_untrusted(data: bytes) -> RangeRequest:
    """Decode a RangeRequest."""
    request, ranges = row_untrusted(data, 2, "RangeRequest")
    found: list[Range] = []
    for item in _some_untrusted(ranges, _limits.RANGES_MAX, "ranges"):
        found.append(_range_untrusted(item))
        before = found[-2].upper if len(found) > 1 else b""
        if before is None or found[-1].lower < before:
            raise ProtocolError(f"range {len(found) - 1} overlaps or is out of order")
    return RangeRequest(number_untrusted(request), tuple(found))


def _range_untrusted(value: object) -> Range:
    lower, upper, fingerprint, count = tuple_untrusted(value, 4, "range")
    found = Range(
        hash_untrusted(lower, "lower bound"),
        None if upper is None else hash_untrusted(upper, "upper bound"),
        _fingerprint_untrusted(fingerprint),
        _count_untrusted(count),
    )
    if found.upper is not None and found.upper <= found.lower:
        raise ProtocolError("a range ends where it begins, or before")
    return found


def _fingerprint_untrusted(value: object) -> bytes:
    return bytes_untrusted(value, _limits.FINGERPRINT_BYTES, "fingerprint")


def _count_untrusted(value: object) -> int:
    return integer_untrusted(value, 0, _limits.SEALED_MAX, "count of logs")


def range_response_untrusted(data: bytes) -> RangeResponse:
    """Decode a RangeResponse."""
    request, answers = row_untrusted(data, 2, "RangeResponse")
    items = _some_untrusted(answers, _limits.RANGES_MAX, "answers")
    found = tuple([_answer_untrusted(item) for item in items])
    named = sum(len(item.entries) for item in found if isinstance(item, RangeEntries))
    if named > _limits.CLOCK_ENTRIES_MAX:
        raise LimitError(f"{named} positions, at most {_limits.CLOCK_ENTRIES_MAX}")
    return RangeResponse(number_untrusted(request), found)


def _answer_untrusted(value: object) -> RangeAnswer:
    kind, *content = list_untrusted(value, 2, "answer") or [None]
    form = integer_untrusted(kind, 0, 2, "form of an answer")
    if len(content) != min(form, 1):
        raise ProtocolError(f"an answer of form {form} with {len(content)} items")
    if form == 0:
        return None
    return (
        RangeEntries(entries_untrusted(content[0])) if form == 1 else _parts_untrusted(content[0])
    )


def _parts_untrusted(value: object) -> RangeParts:
    parts: list[RangePart] = []
    for item in _some_untrusted(value, _limits.RANGE_PARTS_MAX, "parts of a range"):
        lower, fingerprint, count = tuple_untrusted(item, 3, "part of a range")
        bound = hash_untrusted(lower, "lower bound")
        if parts and bound <= parts[-1].lower:
            raise ProtocolError("parts of a range are not ascending")
        parts.append(RangePart(bound, _fingerprint_untrusted(fingerprint), _count_untrusted(count)))
    return RangeParts(tuple(parts))


U64_MAX = (1 << 64) - 1


def row_untrusted(data: bytes, size: int, what: str) -> list[object]:
    """The items of a message: one canonical array of that size."""
    bytes_max = _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX
    return decode_array_untrusted(data, size=size, bytes_max=bytes_max, what=what)


def _announcement_untrusted(value: object) -> Announcement:
    ref, domain, author, incarnation, branch = tuple_untrusted(value, 5, "announcement")
    return Announcement(
        number_untrusted(ref),
        integer_untrusted(domain, LogDomain.DATA, LogDomain.MEMBERS, "log domain"),
        hash_untrusted(author, "author"),
        bytes_untrusted(incarnation, _limits.INCARNATION_BYTES, "incarnation"),
        None if branch is None else hash_untrusted(branch, "branch"),
    )


def announcements_untrusted(value: object) -> tuple[Announcement, ...]:
    """An array of announcements."""
    logs = list_untrusted(value, _limits.ANNOUNCEMENTS_MAX, "announcements")
    return tuple([_announcement_untrusted(item) for item in logs])


def credentials_untrusted(value: object) -> tuple[Credential, ...]:
    """An array of credentials."""
    found: list[Credential] = []
    for item in list_untrusted(value, _limits.CREDENTIALS_MAX, "credentials"):
        announcement, frame = tuple_untrusted(item, 2, "credential")
        blob = blob_untrusted(frame, _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX, "credential")
        found.append(Credential(_announcement_untrusted(announcement), blob))
    return tuple(found)


def summary_untrusted(value: object) -> Summary:
    """A summary."""
    clock, state, engrams, rules = tuple_untrusted(value, 4, "summary")
    return Summary(
        hash_untrusted(clock, "clock digest"),
        None if state is None else hash_untrusted(state, "state digest"),
        integer_untrusted(engrams, 0, U64_MAX, "engram count"),
        integer_untrusted(rules, 0, _limits.REQUEST_MAX, "rules"),
    )


def summaries_untrusted(value: object) -> tuple[tuple[bytes, Summary], ...]:
    """An array of scopes with their summaries."""
    found: list[tuple[bytes, Summary]] = []
    for item in list_untrusted(value, _limits.SUMMARIES_MAX, "summaries"):
        scope, summary = tuple_untrusted(item, 2, "summary of a scope")
        found.append((hash_untrusted(scope, "scope"), summary_untrusted(summary)))
    return tuple(found)


def entries_untrusted(value: object) -> tuple[ClockEntry, ...]:
    """An array of clock entries, sorted by log."""
    entries: list[ClockEntry] = []
    last = b""
    for item in list_untrusted(value, _limits.CLOCK_ENTRIES_MAX, "clock"):
        log, seq, head = tuple_untrusted(item, 3, "clock entry")
        entry = ClockEntry(
            hash_untrusted(log, "log"), seq_untrusted(seq), hash_untrusted(head, "head")
        )
        if entry.log <= last:
            raise ProtocolError("a clock is not sorted by log, or names one twice")
        last = entry.log
        entries.append(entry)
    return tuple(entries)


def seq_untrusted(value: object) -> int:
    """A position in a log."""
    return integer_untrusted(value, 1, _limits.SEQ_MAX, "seq")


def number_untrusted(value: object) -> int:
    """A request number or a log reference."""
    return integer_untrusted(value, 0, _limits.REQUEST_MAX, "number")
