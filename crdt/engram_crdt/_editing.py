"""From what a person does to a text to the edit that says it by origins.

Positions are code points of the text: never bytes of some encoding, never half a character.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from ._dots import Dot, TextEdit, TextInsert
from ._limits import SPAN_UNITS_MAX
from ._pieces import PAD, Piece
from ._text import Text
from ._text_order import TextOrder

Insertion = tuple[str, int, str]
"""("insert", position, text)"""
Deletion = tuple[str, int, int]
"""("delete", position, length)"""

_Stretch = tuple[int, int]
"""(first place, end) of characters of the text as it is."""


def edit_of(text: Text, ops: Iterable[Insertion | Deletion]) -> TextEdit:
    """Say by origins what these operations do, one after the other, to a text as it is.

    What one operation adds and a later one deletes again leaves no trace.

    Raises:
        ValueError: A position is outside the text as it is before its operation, an operation
            is unknown, or a text holds half of a surrogate pair.
    """
    order = text.order()
    edited = _Edited(len(order))
    for op in ops:
        edited.perform(op)
    gone = [_units(*some) for stretch in edited.gone() for some in order.shown(*stretch)]
    return TextEdit(text.generation, tuple(_inserts(order, edited.parts)), spans_of(gone))


def clearing(text: Text) -> TextEdit:
    """Return the edit that deletes all of a text, what is owed included."""
    held = [(p.log, p.clock, p.length) for p in text.pieces() if p.source is not None]
    return TextEdit(text.generation, (), spans_of(held))


def spans_of(units: Iterable[tuple[bytes, int, int]]) -> tuple[tuple[Dot, int], ...]:
    """Join (log, clock, length) to as few spans as the limit of a span allows, sorted."""
    joined: list[tuple[Dot, int]] = []
    for log, clock, length in sorted(units):
        first, size = clock, length
        if joined:
            dot, known = joined[-1]
            if dot.log == log and dot.clock + known == clock:
                joined.pop()
                first, size = dot.clock, known + length
        while size > SPAN_UNITS_MAX:
            joined.append((Dot(log, first), SPAN_UNITS_MAX))
            first, size = first + SPAN_UNITS_MAX, size - SPAN_UNITS_MAX
        joined.append((Dot(log, first), size))
    return tuple(joined)


class _Edited:
    """A text while operations are performed on it: what is left of it, and what is new.

    Args:
        length: Its characters.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self.parts: list[_Stretch | str] = [(0, length)] if length else []
        self._sizes = [length] if length else []

    def perform(self, op: Insertion | Deletion) -> None:
        """Perform one operation."""
        kind, at, what = op
        length = sum(self._sizes)
        if not 0 <= at <= length:
            raise ValueError(f"position {at} is outside a text of {length} characters")
        if kind == "insert" and isinstance(what, str):
            if any("\ud800" <= char <= "\udfff" for char in what):
                raise ValueError("a text holds half of a surrogate pair")
            place = self._split(at)
            self.parts.insert(place, what)
            self._sizes.insert(place, len(what))
        elif kind == "delete" and isinstance(what, int):
            if not 0 <= what <= length - at:
                raise ValueError(f"{what} characters from {at} are not in a text of {length}")
            place, end = self._split(at), self._split(at + what)
            del self.parts[place:end], self._sizes[place:end]
        else:
            raise ValueError(f"{kind!r} is no operation on a text")

    def gone(self) -> Iterator[_Stretch]:
        """Yield what is left no more of the text as it was."""
        end = 0
        for part in self.parts:
            if not isinstance(part, str):
                yield end, part[0]
                end = part[1]
        yield end, self._length

    def _split(self, at: int) -> int:
        """Let a part begin at a character; returns its number."""
        ends = list(accumulate(self._sizes))
        number = bisect_right(ends, at)
        begin = ends[number - 1] if number else 0
        if at == begin:
            return number
        size, part = at - begin, self.parts[number]
        if isinstance(part, str):
            halves: list[_Stretch | str] = [part[:size], part[size:]]
        else:
            halves = [(part[0], part[0] + size), (part[0] + size, part[1])]
        self.parts[number : number + 1] = halves
        self._sizes[number : number + 1] = [size, self._sizes[number] - size]
        return number + 1


def _units(piece: Piece, first: int, end: int) -> tuple[bytes, int, int]:
    """Return the units of some of the characters that a piece shows."""
    begin, last = _unit_of(piece, first), _unit_of(piece, end - 1)
    width = _width((piece.text or "")[last])
    return piece.log, piece.clock + begin, last + width - begin


def _unit_of(piece: Piece, char: int) -> int:
    """Return the place in a piece of the first unit of a character that it shows."""
    text = piece.text or ""
    if PAD not in text:
        return char
    return [at for at, unit in enumerate(text) if unit != PAD][char]


def _width(char: str) -> int:
    return 1 if char <= "\uffff" else 2


def _inserts(order: TextOrder, parts: Iterable[_Stretch | str]) -> Iterator[TextInsert]:
    """Yield one insert for each stretch of new characters: before the next one that stays."""
    new = ""
    for part in parts:
        if isinstance(part, str):
            new += part
        elif new:
            piece, char, _ = next(order.shown(*part))
            at = _unit_of(piece, char)
            right = Dot(piece.log, piece.clock + at)
            left = Dot(piece.log, right.clock - 1) if at else order.unit_before(piece)
            yield from _cut(left, right, new)
            new = ""
    if new:
        yield from _cut(order.last_unit(), None, new)


def _cut(left: Dot | None, right: Dot | None, chars: str) -> Iterator[TextInsert]:
    """Yield inserts within the limit.  Those of one record at one place stand in their order."""
    taken: list[str] = []
    length = 0
    for char in chars:
        if length + _width(char) > SPAN_UNITS_MAX:
            yield TextInsert(left, right, length, "".join(taken))
            taken, length = [], 0
        taken.append(char)
        length += _width(char)
    yield TextInsert(left, right, length, "".join(taken))
