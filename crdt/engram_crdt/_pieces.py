"""What a text consists of: runs of units that hang one to the right of the other."""

from typing import Final, NamedTuple

from ._dots import Dot
from ._intervals import Source

PAD: Final = "\udc00"
"""Stands for the second unit of a character beyond U+FFFF, whose first unit carries all of it.
A lone surrogate cannot be part of a text."""

RIGHT: Final = 0
"""A piece hangs after its parent; without a parent, on the root."""
LEFT: Final = 1
"""A piece hangs before its parent."""
WAITING: Final = 2
"""A piece hangs nowhere yet: one of its origins has not arrived."""
LOOSE: Final = 3
"""A piece hangs nowhere any more: its generation is gone, and only what nobody deleted is left."""


class Piece(NamedTuple):
    """Consecutive units of one log that hang one to the right of the other."""

    log: bytes
    clock: int
    length: int
    side: int
    """``RIGHT``, ``LEFT``, ``WAITING`` or ``LOOSE``."""
    parent: Dot | None
    """What the first unit hangs on; the left origin while it waits."""
    right: Dot | None
    """The right origin while it waits."""
    source: Source | None
    """None when the piece is deleted; it then only keeps places."""
    text: str | None
    """One character per unit, see ``PAD``; None when it is deleted or owed."""

    @property
    def first(self) -> Dot:
        """Its first unit."""
        return Dot(self.log, self.clock)

    @property
    def end(self) -> int:
        """The clock after its last unit."""
        return self.clock + self.length

    @property
    def last(self) -> Dot:
        """Its last unit."""
        return Dot(self.log, self.clock + self.length - 1)


def units_of(text: str) -> str:
    """Return a text with one character per UTF-16 code unit."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    return "".join(char if char <= "\uffff" else char + PAD for char in text)


def shown(units: str) -> str:
    """Return units as text; a second unit shows nothing of its own."""
    return units.replace(PAD, "")


def goes_on(piece: Piece) -> bool:
    """Tell whether a piece hangs to the right of the unit before it."""
    return piece.side == RIGHT and piece.parent == (piece.log, piece.clock - 1)


def joined(before: Piece, piece: Piece) -> Piece:
    """Return two pieces of one record, or two deleted ones, as one."""
    held = before.text is not None and piece.text is not None
    text = f"{before.text}{piece.text}" if held else None
    return before._replace(length=before.length + piece.length, text=text)


def joins(before: Piece, piece: Piece) -> bool:
    """Tell whether a piece only goes on with the one before it."""
    return (
        (before.log, before.end) == (piece.log, piece.clock)
        and before.source == piece.source
        and (before.text is None) == (piece.text is None)
        and (piece.side == LOOSE or (piece.side == RIGHT and piece.parent == before.last))
    )
