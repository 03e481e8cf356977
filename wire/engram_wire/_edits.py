"""The body of an edit of collaborative text: where it inserts and what it deletes.

Origins, lengths and deletes stand here, in the body, which every holder keeps; the characters
stand in the payload, one text per insert, and may be dropped or erased without moving anything
that others wrote.  Lengths count UTF-16 code units, as the clocks of a Yjs text do.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from . import _limits
from ._record_parts import decode_list_untrusted
from .cbor import Encodable, encode, is_list
from .errors import InvalidRecordError, LimitError


class Reference(NamedTuple):
    """One dot: a unit of inserted text, or the element that began a generation."""

    log: bytes | None
    """Id of the dot's log; None for the author's own log."""
    clock: int


class EditInsert(NamedTuple):
    """Text between two units, at the time the author saw them."""

    left: Reference | None
    """The unit it stands right of; None at the beginning of the text."""
    right: Reference | None
    """The unit it stands left of; None at the end of the text."""
    length: int
    """UTF-16 code units, 1 to ``INSERT_UNITS_MAX``; as many clocks are taken."""


class Span(NamedTuple):
    """Deleted units of one log: ``length`` clocks from ``clock`` on."""

    log: bytes | None
    clock: int
    length: int


class Edit(NamedTuple):
    """What one record of kind EDIT does to the text that ``generation`` began."""

    generation: Reference
    inserts: tuple[EditInsert, ...]
    """In the order in which they take clocks; one may refer to units of an earlier one."""
    deletes: tuple[Span, ...]
    """Sorted by log, the author's own first, then clock; no two overlap."""


def encode_edit(edit: Edit) -> bytes:
    """The one encoding of an edit; deletes are written sorted.

    Raises:
        ValueError: it does not fit the limits, deletes a unit twice, or does nothing.
    """
    deletes = sorted(edit.deletes, key=lambda span: (span.log or b"", span.clock))
    data = encode(
        [
            edit.generation.log or 0,
            edit.generation.clock,
            [[_origin(item.left), _origin(item.right), item.length] for item in edit.inserts],
            [[span.log or 0, span.clock, span.length] for span in deletes],
        ]
    )
    try:
        decode_edit_untrusted(data, puts=len(edit.inserts))
    except (InvalidRecordError, LimitError) as error:
        raise ValueError(str(error)) from None
    return data


def _origin(reference: Reference | None) -> Encodable:
    return 0 if reference is None else [reference.log or 0, reference.clock]


def decode_edit_untrusted(data: bytes, puts: int) -> Edit:
    """Decode the superseded column of a record of kind EDIT.

    Args:
        data: The bytes of the record.
        puts: How many puts the record has: one per insert.

    Raises:
        InvalidRecordError: not canonical, not sorted, overlapping, empty or outside its ranges.
        LimitError: more than one record may insert or delete.
    """
    if len(data) > _limits.SUPERSEDED_BYTES_MAX:
        raise LimitError(f"{len(data)} bytes of an edit, at most {_limits.SUPERSEDED_BYTES_MAX}")
    # Each edit is looked at several times in a row, while it is checked, counted and applied.
    return (_decode_cached_untrusted if len(data) <= 256 else _decode_untrusted)(data, puts)


def _decode_untrusted(data: bytes, puts: int) -> Edit:
    items = decode_list_untrusted(data, _limits.SUPERSEDED_BYTES_MAX, "edit")
    if len(items) != 4:
        raise InvalidRecordError(f"an edit of {len(items)} items, not 4")
    log, clock, inserts, deletes = items
    if not is_list(inserts) or not is_list(deletes) or len(inserts) != puts:
        raise InvalidRecordError(f"an edit has no insert for each of {puts} puts, or no deletes")
    if not inserts and not deletes:
        raise InvalidRecordError("an edit that changes nothing")
    if len(deletes) > _limits.SUPERSEDED_MAX:
        raise LimitError(f"{len(deletes)} deleted spans, at most {_limits.SUPERSEDED_MAX}")
    edit = Edit(
        _reference_untrusted(log, clock),
        tuple([_insert_untrusted(item) for item in inserts]),
        _spans_untrusted(deletes),
    )
    if sum(item.length for item in edit.inserts) > _limits.EDIT_UNITS_MAX:
        raise LimitError(f"an edit inserts more than {_limits.EDIT_UNITS_MAX} units")
    return edit


_decode_cached_untrusted = lru_cache(maxsize=256)(_decode_untrusted)


def _insert_untrusted(value: object) -> EditInsert:
    if not is_list(value) or len(value) != 3:
        raise InvalidRecordError("an insert is not two origins and a length")
    left, right, length = value
    return EditInsert(_origin_untrusted(left), _origin_untrusted(right), _length_untrusted(length))


def _origin_untrusted(value: object) -> Reference | None:
    if type(value) is int and value == 0:
        return None
    if not is_list(value) or len(value) != 2:
        raise InvalidRecordError("an origin is neither a dot nor an end of the text")
    return _reference_untrusted(*value)


def _spans_untrusted(values: Iterable[object]) -> tuple[Span, ...]:
    spans: list[Span] = []
    last = (b"", -1)
    for value in values:
        if not is_list(value) or len(value) != 3:
            raise InvalidRecordError("a deleted span is not a dot and a length")
        start, length = _reference_untrusted(*value[:2]), _length_untrusted(value[2])
        key = (start.log or b"", start.clock)
        if key <= last:
            raise InvalidRecordError(f"deleted span {len(spans)} overlaps or is out of order")
        last = (key[0], start.clock + length - 1)
        if last[1] > _limits.CLOCK_MAX:
            raise InvalidRecordError(f"deleted span {len(spans)} goes beyond the last clock")
        spans.append(Span(start.log, start.clock, length))
    return tuple(spans)


def _reference_untrusted(log: object, clock: object) -> Reference:
    if type(clock) is not int or not 0 <= clock <= _limits.CLOCK_MAX:
        raise InvalidRecordError("a dot of an edit has no valid clock")
    if type(log) is bytes and len(log) == _limits.HASH_BYTES:
        return Reference(log, clock)
    if type(log) is int and log == 0:
        return Reference(None, clock)
    raise InvalidRecordError("a dot of an edit names no log")


def _length_untrusted(value: object) -> int:
    if type(value) is not int or not 1 <= value <= _limits.INSERT_UNITS_MAX:
        raise InvalidRecordError("a length of an edit is not in its range")
    return value
