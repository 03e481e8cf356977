"""From what a person does to a text to the edit that says it by origins.

Positions are code points of the text: never bytes of some encoding, never half a character.
"""

from collections.abc import Iterable, Iterator, Sequence

from ._dots import Dot, TextEdit, TextInsert
from ._limits import SPAN_UNITS_MAX
from ._text import PAD, Piece, Text

Insertion = tuple[str, int, str]
"""("insert", position, text)"""
Deletion = tuple[str, int, int]
"""("delete", position, length)"""

_Place = tuple[int, int]
"""(number of the piece, place within it) of a character's first unit."""


def edit_of(text: Text, ops: Iterable[Insertion | Deletion]) -> TextEdit:
    """Say by origins what these operations do, one after the other, to a text as it is.

    What one operation adds and a later one deletes again leaves no trace.

    Raises:
        ValueError: A position is outside the text as it is before its operation, an operation
            is unknown, or a text holds half of a surrogate pair.
    """
    pieces = text.ordered()
    before = _places(pieces)
    cells: list[_Place | str] = list(before)
    for op in ops:
        _perform(cells, op)
    kept = {cell for cell in cells if not isinstance(cell, str)}
    gone = [_units(pieces, place) for place in before if place not in kept]
    return TextEdit(text.generation, tuple(_inserts(pieces, cells)), spans_of(gone))


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


def _places(pieces: Sequence[Piece]) -> list[_Place]:
    return [
        (number, at)
        for number, piece in enumerate(pieces)
        for at, char in enumerate(piece.text or "")
        if char != PAD
    ]


def _perform(cells: "list[_Place | str]", op: Insertion | Deletion) -> None:
    kind, at, what = op
    if not 0 <= at <= len(cells):
        raise ValueError(f"position {at} is outside a text of {len(cells)} characters")
    if kind == "insert" and isinstance(what, str):
        if any("\ud800" <= char <= "\udfff" for char in what):
            raise ValueError("a text holds half of a surrogate pair")
        cells[at:at] = what
    elif kind == "delete" and isinstance(what, int):
        if not 0 <= what <= len(cells) - at:
            raise ValueError(f"{what} characters from {at} are not in a text of {len(cells)}")
        del cells[at : at + what]
    else:
        raise ValueError(f"{kind!r} is no operation on a text")


def _units(pieces: Sequence[Piece], place: _Place) -> tuple[bytes, int, int]:
    number, at = place
    piece = pieces[number]
    return piece.log, piece.clock + at, _width((piece.text or "")[at])


def _width(char: str) -> int:
    return 1 if char <= "\uffff" else 2


def _inserts(pieces: Sequence[Piece], cells: "Iterable[_Place | str]") -> Iterator[TextInsert]:
    """Yield one insert for each stretch of new characters: before the next one that stays."""
    new: list[str] = []
    for cell in cells:
        if isinstance(cell, str):
            new.append(cell)
        elif new:
            number, at = cell
            piece = pieces[number]
            right = Dot(piece.log, piece.clock + at)
            left = Dot(piece.log, right.clock - 1) if at else _last_before(pieces, number)
            yield from _cut(left, right, new)
            new = []
    if new:
        yield from _cut(_last_before(pieces, len(pieces)), None, new)


def _last_before(pieces: Sequence[Piece], number: int) -> Dot | None:
    return pieces[number - 1].last if number else None


def _cut(left: Dot | None, right: Dot | None, chars: list[str]) -> Iterator[TextInsert]:
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
