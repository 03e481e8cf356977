"""Decoding the messages that find and mend differences, and those that only tell."""

from itertools import pairwise

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
from ._message_parts import (
    announcements_untrusted,
    entries_untrusted,
    number_untrusted,
    row_untrusted,
    seq_untrusted,
)
from ._message_types import (
    ConflictNotification,
    ConflictResolution,
    LeaveNotification,
    OpenConflict,
    PayloadRequest,
    PayloadResponse,
    Probe,
    ProbeResponse,
    Range,
    RangeAnswer,
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    RefusalNotification,
    Rejection,
)
from .errors import LimitError, ProtocolError


def _some_untrusted(value: object, count_max: int, what: str) -> list[object]:
    items = list_untrusted(value, count_max, what)
    if not items:
        raise ProtocolError(f"{what} is empty")
    return items


# ---- notices -------------------------------------------------------------------------------------


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


# ---- payloads ------------------------------------------------------------------------------------


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


# ---- probes --------------------------------------------------------------------------------------


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


# ---- ranges --------------------------------------------------------------------------------------


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
