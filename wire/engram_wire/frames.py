"""Frames: up to 256 consecutive records of one log as columns, and the signatures over them.

A frame ends at a signed record, and bodies are rebuilt from its columns instead of being sent.
This is the hot path of a cold sync, so both functions work on whole columns where they can.
"""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate, pairwise
from operator import lt
from struct import Struct
from typing import NamedTuple

from . import _limits
from ._fields import (
    blob_untrusted,
    byte_column_untrusted,
    bytes_untrusted,
    hash_untrusted,
    integer_column_untrusted,
    integer_untrusted,
    list_untrusted,
    tuple_untrusted,
)
from .cbor import Encodable, decode_array_untrusted, encode
from .errors import InvalidRecordError, LimitError, ProtocolError, SignatureError
from .records import (
    AUTH_UNCHANGED,
    NO_IDS,
    NO_SUPERSEDED,
    PERSON_PAYLOAD,
    PERSON_RECORD,
    Record,
    decode_auth_untrusted,
    decode_ids_untrusted,
    decode_superseded_untrusted,
    parse_shape_untrusted,
    record_bytes,
    verify_head_untrusted,
)

_COLUMNS = 14
_U64 = Struct(">Q").pack
_HLC = Struct(">cQ").pack
_MS_MAX = _limits.HLC_MAX >> 16


class Frame(NamedTuple):
    """A decoded frame; nothing in it is proven before ``verify_frame_untrusted``."""

    ref: int
    """The sender's number for the log, from an announcement."""
    first: int
    """The seq of the first record."""
    records: list[Record]
    signatures: list[tuple[int, bytes]]
    """(seq, signature) of each signed record, ascending; the last one is the last record."""


def split_runs(
    records: Sequence[Record], sizes: Sequence[int] | None = None
) -> list[Sequence[Record]]:
    """Cut a batch into runs that each fit one frame: 256 records, 128 KiB, or one larger record.

    Args:
        records: Consecutive records of one log.
        sizes: ``record_bytes`` of each, when the caller has them already.
    """
    runs: list[Sequence[Record]] = []
    start = total = 0
    for index, size in enumerate(map(record_bytes, records) if sizes is None else sizes):
        total += size
        full = total > _limits.RUN_BYTES_MAX or index - start == _limits.RUN_RECORDS_MAX
        if full and index > start:
            runs.append(records[start:index])
            start, total = index, size
    if start < len(records):
        runs.append(records[start:])
    return runs


# ---- encode --------------------------------------------------------------------------------------


def encode_frame(
    ref: int, records: Sequence[Record], signatures: Sequence[tuple[int, bytes]]
) -> bytes:
    """The one encoding of these records as a frame.

    Args:
        ref: The number announced for their log.
        records: 1 to 256 consecutive records; together at most 128 KiB unless it is one record.
        signatures: (seq, signature) of each signed record among them, ascending, the last included.
            A marked record whose signature is not held goes without one.

    Raises:
        ValueError: the records and signatures make no frame a peer would accept.
    """
    _check_batch(records, signatures)
    first = records[0].seq
    shapes: dict[bytes, int] = {}
    index = bytes([shapes.setdefault(record.shape, len(shapes)) for record in records])
    ms = [record.hlc >> 16 for record in records]
    counters = [record.hlc & 0xFFFF for record in records]
    dots = [b"" if r.superseded == NO_SUPERSEDED else r.superseded for r in records]
    signed = {seq for seq, _ in signatures}
    marks = [offset for offset, r in enumerate(records) if r.marked and r.seq not in signed]
    context: list[Encodable] = [
        [offset, r.deps, r.auth]
        for offset, r in enumerate(records)
        if r.deps != NO_IDS or r.auth != AUTH_UNCHANGED
    ]
    return encode(
        [
            ref,
            first,
            [seq - first for seq, _ in signatures],
            b"".join([signature for _, signature in signatures]),
            list(shapes),
            index if len(shapes) > 1 else 0,
            b"".join([record.engram for record in records]),
            ms[0],
            [later - earlier for earlier, later in pairwise(ms)],
            counters if any(counters) else 0,
            dots if any(dots) else 0,
            [[r.payload_hash] if r.payload is None else r.payload for r in records],
            context or 0,
            marks or 0,
        ]
    )


def _check_batch(records: Sequence[Record], signatures: Sequence[tuple[int, bytes]]) -> None:
    if not 0 < len(records) <= _limits.RUN_RECORDS_MAX:
        raise ValueError(f"a frame of {len(records)} records, need 1 to {_limits.RUN_RECORDS_MAX}")
    first, last = records[0].seq, records[-1].seq
    if any(record.seq != seq for seq, record in enumerate(records, first)):
        raise ValueError(f"records from {first} to {last} are not consecutive")
    signed = [seq for seq, _ in signatures]
    if not signed or signed[-1] != last or signed[0] < first or not _ascends(signed):
        raise ValueError(f"signed positions {signed} do not end the frame {first} to {last}")
    if not all(records[seq - first].marked for seq in signed):
        raise ValueError(f"positions {signed} are signed, and not all of them are marked")
    if any(not _limits.HLC_MIN <= record.hlc <= _limits.HLC_MAX for record in records):
        raise ValueError(f"a clock of records {first} to {last} is outside its range")
    size = sum(map(record_bytes, records))
    if size > _limits.RUN_BYTES_MAX and len(records) > 1:
        raise ValueError(f"{len(records)} records of {size} bytes, at most {_limits.RUN_BYTES_MAX}")


def _ascends(values: Sequence[int]) -> bool:
    return all(map(lt, values, values[1:]))


# ---- decode --------------------------------------------------------------------------------------


def decode_frame_untrusted(data: bytes) -> Frame:
    """Decode a frame and check everything that its own bytes can show.

    That is: canonical form, limits, shapes, superseded dots, deps and auth well-formed, clocks
    within their range, payload hashes computed.  Chain and signatures are proven by
    ``verify_frame_untrusted``; what other records say is checked where they are held.

    Raises:
        WireError: anything else than what ``encode_frame`` can write.
    """
    columns = decode_array_untrusted(
        data, size=_COLUMNS, bytes_max=_limits.PAYLOAD_OF_MESSAGE_BYTES_MAX, what="frame"
    )
    ref = integer_untrusted(columns[0], 0, _limits.REQUEST_MAX, "log reference")
    first = integer_untrusted(columns[1], 1, _limits.SEQ_MAX - _limits.RUN_RECORDS_MAX, "first seq")
    cells = list_untrusted(columns[11], _limits.RUN_RECORDS_MAX, "payloads")
    if not cells:
        raise ProtocolError("a frame without records")
    count = len(cells)
    signatures = _signatures_untrusted(columns[2], columns[3], first, count)
    shapes, indexes = _shapes_untrusted(columns[4], columns[5], count)
    ids = bytes_untrusted(columns[6], _limits.ENGRAM_BYTES * count, "engram column")
    hlcs = _clocks_untrusted(columns[7], columns[8], columns[9], count)
    superseded = _superseded_untrusted(columns[10], shapes, indexes, count)
    deps, auths = _context_untrusted(columns[12], count)
    marked = _marks_untrusted(columns[13], [seq - first for seq, _ in signatures], count)
    payloads, hashes = _payloads_untrusted(cells)
    rows = zip(
        range(first, first + count),
        [ids[at : at + 16] for at in range(0, 16 * count, 16)],
        hlcs,
        [shapes[k] for k in indexes],
        superseded,
        payloads,
        hashes,
        deps,
        auths,
        marked,
        strict=True,
    )
    records = list(map(Record._make, rows))
    size = sum(map(record_bytes, records))
    if size > _limits.RUN_BYTES_MAX and count > 1:
        raise LimitError(f"{count} records of {size} bytes, at most {_limits.RUN_BYTES_MAX}")
    return Frame(ref, first, records, signatures)


def _signatures_untrusted(
    offsets: object, proof: object, first: int, count: int
) -> list[tuple[int, bytes]]:
    places = list_untrusted(offsets, count, "signed offsets")
    signed = integer_column_untrusted(places, len(places), count - 1, "signed offsets")
    if not signed or signed[-1] != count - 1 or not _ascends(signed):
        raise ProtocolError(f"signed offsets do not ascend to the last of {count} records")
    size = _limits.SIGNATURE_BYTES
    joined = bytes_untrusted(proof, size * len(signed), "signature column")
    return [(first + at, joined[k * size : (k + 1) * size]) for k, at in enumerate(signed)]


def _shapes_untrusted(
    table: object, index: object, count: int
) -> tuple[list[bytes], Sequence[int]]:
    column = list_untrusted(table, count, "shapes")
    shapes = byte_column_untrusted(column, len(column), "shapes")
    for shape in shapes:
        parse_shape_untrusted(shape)
    if len(shapes) == 1 and type(index) is int and index == 0:
        return shapes, bytes(count)
    indexes = bytes_untrusted(index, count, "shape index")
    # One spelling: distinct shapes, numbered in the order of their first use.
    if len(shapes) < 2 or list(dict.fromkeys(indexes)) != list(range(len(shapes))):
        raise ProtocolError(f"shape index does not number {len(shapes)} shapes by first use")
    if len(set(shapes)) != len(shapes):
        raise ProtocolError("the same shape twice")
    return shapes, indexes


def _clocks_untrusted(ms0: object, deltas: object, low: object, count: int) -> list[int]:
    start = integer_untrusted(ms0, 0, _MS_MAX, "first time")
    steps = integer_column_untrusted(deltas, count - 1, _MS_MAX, "time steps", least=-_MS_MAX)
    ms = accumulate(steps, initial=start)
    if type(low) is int and low == 0:
        clocks = [time << 16 for time in ms]
    else:
        counters = integer_column_untrusted(low, count, 0xFFFF, "counters")
        if not any(counters):
            raise ProtocolError("a column of counters that are all zero")
        clocks = [time << 16 | counter for time, counter in zip(ms, counters, strict=True)]
    if min(clocks) < _limits.HLC_MIN or max(clocks) > _limits.HLC_MAX:
        raise InvalidRecordError("a clock is outside its range")
    return clocks


def _superseded_untrusted(
    dots: object, shapes: list[bytes], indexes: Sequence[int], count: int
) -> list[bytes]:
    if type(dots) is int and dots == 0:
        return [NO_SUPERSEDED] * count
    column = byte_column_untrusted(dots, count, "superseded")
    if not any(column):
        raise ProtocolError("a column of superseded dots that are all absent")
    parsed = [parse_shape_untrusted(shape) for shape in shapes]
    for item, k in zip(column, indexes, strict=True):
        if item == NO_SUPERSEDED:
            raise ProtocolError("no superseded dots, spelled as an array")
        if item:
            shape = parsed[k]
            decode_superseded_untrusted(item, kind=shape.kind, puts=len(shape.collections))
    return [item or NO_SUPERSEDED for item in column]


def _context_untrusted(context: object, count: int) -> tuple[list[bytes], list[bytes]]:
    deps, auths = [NO_IDS] * count, [AUTH_UNCHANGED] * count
    if type(context) is int and context == 0:
        return deps, auths
    last = -1
    rows = list_untrusted(context, count, "context")
    for row in rows:
        offset, dep, auth = tuple_untrusted(row, 3, "context entry")
        at = integer_untrusted(offset, last + 1, count - 1, "context offset")
        deps[at] = blob_untrusted(dep, _limits.PAYLOAD_BYTES_MAX, "deps")
        auths[at] = blob_untrusted(auth, _limits.PAYLOAD_BYTES_MAX, "auth")
        decode_ids_untrusted(deps[at])
        decode_auth_untrusted(auths[at])
        if deps[at] == NO_IDS and auths[at] == AUTH_UNCHANGED:
            raise ProtocolError(f"context entry for offset {at} says nothing")
        last = at
    if last < 0:
        raise ProtocolError("context is empty, spelled as an array")
    return deps, auths


def _marks_untrusted(marks: object, signed: Sequence[int], count: int) -> list[bool]:
    """Which records are marked: the signed ones, and those whose signature did not come along."""
    marked = [False] * count
    for at in signed:
        marked[at] = True
    if type(marks) is int and marks == 0:
        return marked
    places = list_untrusted(marks, count, "marks")
    others = integer_column_untrusted(places, len(places), count - 1, "marks")
    if not others or not _ascends(others) or any(marked[at] for at in others):
        raise ProtocolError("marks do not ascend, or repeat what is signed")
    for at in others:
        marked[at] = True
    return marked


def _payloads_untrusted(cells: list[object]) -> tuple[list[bytes | None], list[bytes]]:
    payloads: list[bytes | None] = []
    hashes: list[bytes] = []
    for cell in cells:
        if type(cell) is bytes:
            if len(cell) > _limits.PAYLOAD_BYTES_MAX:
                raise LimitError(f"payload of {len(cell)} bytes")
            payloads.append(cell)
            hashes.append(blake2b(cell, digest_size=32, person=PERSON_PAYLOAD).digest())
        else:
            payloads.append(None)
            (digest,) = tuple_untrusted(cell, 1, "payload that is not held")
            hashes.append(hash_untrusted(digest, "payload hash"))
    return payloads, hashes


# ---- verify --------------------------------------------------------------------------------------


class MarkedPosition(NamedTuple):
    """A marked position of a log."""

    seq: int
    head: bytes
    """The id of the record."""
    signature: bytes | None
    """None when it did not come along: one that follows covers the position all the same."""


def verify_frame_untrusted(frame: Frame, author: bytes, head: bytes) -> list[MarkedPosition]:
    """Chain the records of a decoded frame from ``head`` and verify every signature on the way.

    Args:
        frame: From ``decode_frame_untrusted``, or the part of it that is not held yet.
        author: The log's author, 32 bytes.
        head: Id of the position before the first record; the log's id when that is record 1.

    Returns:
        Each marked position; the last one is signed.

    Raises:
        WireError: a signature does not verify, or the last record carries none.
    """
    signed = dict(frame.signatures)
    if not frame.records or frame.records[-1].seq not in signed:
        raise SignatureError("a frame that does not end at a signed record")
    proven: list[MarkedPosition] = []
    split: dict[bytes, tuple[bytes, bytes]] = {}
    for seq, engram, hlc, shape, superseded, _, payload_hash, deps, auth, marked in frame.records:
        parts = split.get(shape)
        if parts is None:
            parts = split[shape] = b"\x88" + shape[:1] + b"\x50", shape[1:]
        # ``records.extend`` with ``body_of`` written out: half the time of a cold sync's checks.
        head = blake2b(
            b"".join(
                (
                    head,
                    _U64(seq),
                    payload_hash,
                    parts[0],
                    engram,
                    _HLC(b"\x1b", hlc),
                    deps,
                    auth,
                    parts[1],
                    superseded,
                    b"\x01" if marked else b"\x00",
                )
            ),
            digest_size=32,
            person=PERSON_RECORD,
        ).digest()
        if marked:
            signature = signed.get(seq)
            if signature is not None:
                verify_head_untrusted(author, head, signature)
            proven.append(MarkedPosition(seq, head, signature))
    return proven
