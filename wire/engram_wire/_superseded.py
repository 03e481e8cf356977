"""The superseded column of a record: what of the past it names, in the form of its kind.

A record with puts names dots, each with the put that replaces it.  A delete names how much of
each log it removes, an erase records, a seal finished logs, a void what is left of logs, a ratify
records that count although they are void; an edit has a form of its own, in ``_edits``.
"""

from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from operator import lt
from typing import Final, NamedTuple, TypeGuard

from . import _limits
from ._edits import decode_edit_untrusted
from ._record_parts import (
    KINDS,
    RecordKind,
    Shape,
    decode_list_untrusted,
    extension_of_untrusted,
    is_extension_kind,
    is_membership_kind,
)
from .cbor import encode, is_list, load_untrusted
from .errors import InvalidRecordError, LimitError, ProtocolError

NO_SUPERSEDED: Final = b"\x80"
"""``Record.superseded`` of a record that supersedes nothing."""

_RANGES: Final = {
    RecordKind.DELETE: (0, _limits.CLOCK_MAX),
    RecordKind.ERASE: (1, _limits.SEQ_MAX),
    RecordKind.SEAL: (1, _limits.SEQ_MAX),
    RecordKind.VOID: (0, _limits.SEQ_MAX),
    RecordKind.RATIFY: (1, _limits.SEQ_MAX),
}
"""Kinds that write pairs of a log and a number, and the range of that: a clock or a position."""

_OF_OTHER_LOGS: Final = frozenset({RecordKind.SEAL, RecordKind.VOID, RecordKind.RATIFY})
"""Kinds that never name the log that they stand in."""

_OF_RECORDS: Final = frozenset({RecordKind.ERASE, RecordKind.RATIFY})
"""Kinds that name each record once, and so may name a log often."""


_NO_CLOCK: Final = "has no valid clock"

_LONGER_HEADS: Final = ((23, 1), (0xFF, 1), (0xFFFF, 2), (0xFFFF_FFFF, 4))
"""A number above the first one takes so many bytes more in CBOR."""


class Superseded(NamedTuple):
    """One thing of the past that a record names."""

    op: int
    """Index of the put that replaces the dot; the number of puts when nothing does.  0 in a
    delete, an erase, a seal, a void and a ratify."""
    log: bytes | None
    """Id of the log; None for the author's own log."""
    clock: int
    """The dot's clock.  In a delete: every dot of that log with a smaller clock.  In an erase and a
    ratify: the record's seq.  In a seal and a void: the last seq that counts."""


def encode_superseded(items: Iterable[Superseded], *, kind: int = RecordKind.UPDATE) -> bytes:
    """The one encoding of what a record names: sorted, each once.

    Args:
        items: The dots; for what writes pairs see ``Superseded.clock``.
        kind: The kind of the record; some write pairs instead of triples.

    Raises:
        ValueError: ``kind`` is an edit, which ``encode_edit`` writes.
    """
    if kind == RecordKind.EDIT:
        raise ValueError("an edit names no dots to supersede")
    flat: list[int | bytes] = []
    pairs = kind in _RANGES
    for op, log, clock in sorted({(op, log or b"", clock) for op, log, clock in items}):
        flat += (log or 0, clock) if pairs else (op, log or 0, clock)
    return encode(flat)


def decode_superseded_untrusted(data: bytes, *, kind: int, puts: int) -> tuple[Superseded, ...]:
    """Decode ``Record.superseded``.

    Args:
        data: The bytes of the record.
        kind: The record's kind.
        puts: How many puts the record has.

    Returns:
        What the record names.  Nothing for kinds that this version does not know, and nothing for
        an edit, whose column is validated here and read by ``decode_edit_untrusted``.

    Raises:
        InvalidRecordError: not canonical, not sorted, repeated, or outside its ranges.
        LimitError: more than one record may name.
    """
    if data == NO_SUPERSEDED and (kind != RecordKind.EDIT and not _is_named(kind)):
        return ()
    if len(data) > _limits.SUPERSEDED_BYTES_MAX:
        raise LimitError(f"{len(data)} bytes of dots, at most {_limits.SUPERSEDED_BYTES_MAX}")
    if len(data) <= 64:  # one or two dots: the common case, and often the same bytes again
        return _decode_cached_untrusted(data, kind, puts)
    # A frame is read, checked and applied soon after each other, and it has room for a few of
    # the longest.
    return _decode_long_untrusted(data, kind, puts)


def _decode_untrusted(data: bytes, kind: int, puts: int) -> tuple[Superseded, ...]:
    if kind == RecordKind.EDIT:
        decode_edit_untrusted(data, puts=puts)
        return ()
    if kind not in KINDS or is_extension_kind(kind) or is_membership_kind(kind):
        _without_dots_untrusted(data, kind)
        return ()
    flat = load_untrusted(data, bytes_max=_limits.SUPERSEDED_BYTES_MAX)
    if not is_list(flat):
        raise InvalidRecordError("superseded is not an array")
    width = 2 if kind in _RANGES else 3
    if len(flat) % width:
        raise InvalidRecordError(f"superseded has {len(flat)} items, not a multiple of {width}")
    if len(flat) > width * _limits.SUPERSEDED_MAX:
        raise LimitError(f"{len(flat) // width} dots, at most {_limits.SUPERSEDED_MAX}")
    found = _pairs_untrusted(flat, kind) if kind in _RANGES else _triples_untrusted(flat, puts)
    if _shortest(flat) != len(data):
        raise ProtocolError(f"superseded of {len(data)} bytes is not in canonical form")
    return found


def _without_dots_untrusted(data: bytes, kind: int) -> None:
    items = decode_list_untrusted(data, _limits.SUPERSEDED_BYTES_MAX, "superseded")
    if is_membership_kind(kind):
        raise InvalidRecordError(f"a record of kind {kind} supersedes dots")
    if is_extension_kind(kind):
        extension_of_untrusted(items)


def _is_named(kind: int) -> bool:
    """Whether the column has to hold a name and a body."""
    return is_extension_kind(kind) and not is_membership_kind(kind)


_decode_cached_untrusted = lru_cache(maxsize=4096)(_decode_untrusted)
_decode_long_untrusted = lru_cache(maxsize=8)(_decode_untrusted)


# Column by column, and with no call for each item: there may be thousands.


def _triples_untrusted(flat: list[object], puts: int) -> tuple[Superseded, ...]:
    ops = _numbers_untrusted(flat[::3], 0, puts, f"belongs to no put of {puts}")
    logs = _logs_untrusted(flat[1::3])
    clocks = _numbers_untrusted(flat[2::3], 0, _limits.CLOCK_MAX, _NO_CLOCK)
    _check_order_untrusted(zip(ops, _names(logs), clocks, strict=True))
    return tuple(map(Superseded._make, zip(ops, logs, clocks, strict=True)))


def _pairs_untrusted(flat: list[object], kind: int) -> tuple[Superseded, ...]:
    least, most = _RANGES[RecordKind(kind)]
    logs = _logs_untrusted(flat[::2])
    numbers = _numbers_untrusted(flat[1::2], least, most, _NO_CLOCK)
    if kind in _OF_OTHER_LOGS and None in logs:
        raise InvalidRecordError(f"a record of kind {kind} names the log that it stands in")
    # What names each log once takes no number into the order.
    values = numbers if kind in _OF_RECORDS else repeat(0, len(logs))
    _check_order_untrusted(zip(_names(logs), values, strict=True))
    return tuple(map(Superseded._make, zip(repeat(0), logs, numbers, strict=False)))


def _numbers_untrusted(column: list[object], least: int, most: int, what: str) -> list[int]:
    if not _are_numbers(column) or (column and not least <= min(column) <= max(column) <= most):
        raise InvalidRecordError(f"a superseded dot {what}")
    return column


def _are_numbers(column: list[object]) -> TypeGuard[list[int]]:
    return {int}.issuperset(map(type, column))


def _logs_untrusted(column: list[object]) -> list[bytes | None]:
    if not {bytes, int}.issuperset(map(type, column)):
        raise InvalidRecordError("a superseded dot names no log")
    known = {item: _log_untrusted(item) for item in set(column)}
    return [known[item] for item in column]


def _names(logs: list[bytes | None]) -> list[bytes]:
    return [log or b"" for log in logs]


def _check_order_untrusted(keys: Iterable[tuple[bytes | int, ...]]) -> None:
    ordered = list(keys)
    if not all(map(lt, ordered, ordered[1:])):
        raise InvalidRecordError("superseded dots are repeated or out of order")


def _shortest(flat: list[object]) -> int:
    """Bytes of the canonical form of an array of whole numbers and ids of logs.

    Every item has one shortest form, so what is as short as all of them is that form.  Counting is
    several times faster than to write it again and compare.
    """
    numbers = [item for item in flat if type(item) is int]
    ids = len(flat) - len(numbers)
    heads = sorted([*numbers, len(flat)])
    longer = sum([size * (len(heads) - bisect_right(heads, most)) for most, size in _LONGER_HEADS])
    return len(heads) + longer + ids * (2 + _limits.HASH_BYTES)


def _log_untrusted(log: object) -> bytes | None:
    if type(log) is bytes and len(log) == _limits.HASH_BYTES:
        return log
    if type(log) is int and log == 0:
        return None
    raise InvalidRecordError("a superseded dot names no log")


def clocks_taken(shape: Shape, superseded: bytes) -> int:
    """How many clocks of its engram a validated record takes in its log.

    An edit takes one per UTF-16 code unit that it inserts, every other kind one per put, whether
    this version knows it or not: so what comes after it means the same everywhere.

    Raises:
        WireError: the column of an edit does not parse.
    """
    if shape.kind == RecordKind.EDIT:
        edit = decode_edit_untrusted(superseded, puts=len(shape.collections))
        return sum(insert.length for insert in edit.inserts)
    return len(shape.collections)
