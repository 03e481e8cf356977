"""The text of one generation: pieces, where each is attached, and the order that follows.

Every unit of text (a UTF-16 code unit) hangs in a tree, to the left or to the right of its
parent; reading the tree from left to right gives the text.  Where a unit hangs follows from its
origins and from what hung there before it was written, so the order is a function of the set of
inserts: it asks neither which came first nor who holds which payload.  Yjs' own rule is such a
function only for origins that an editor produced; a record may claim any.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final, NamedTuple

from ._dots import Dot, TextInsert, TextSpan
from ._errors import DocumentError
from ._intervals import NO_CHANGE, IntervalChange, Intervals, Source
from ._spans import union
from ._stems import Stems

PAD: Final = "\udc00"
"""Stands for the second unit of a character beyond U+FFFF, whose first unit carries all of it.
A lone surrogate cannot be part of a text."""

_clock = attrgetter("clock")

_NEAR_PIECES: Final = 8
"""Looked at before all pieces are, to find how deep each hangs."""


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


class Text:
    """All that is known of one generation's text.

    Args:
        generation: Its element.
        loose: The generation is known to be gone.
    """

    def __init__(self, generation: Dot, *, loose: bool = False) -> None:
        self.generation = generation
        self.loose = loose
        self._logs: dict[bytes, list[Piece]] = {}
        self._live: dict[bytes, Intervals] = {}
        """Made of a log's pieces once something of it changes."""
        self._stems: Stems | None = None
        """Made of all pieces once somebody asks which unit hangs on which."""
        self._waiting: set[Dot] = set()
        """First units of the inserts that hang nowhere yet."""

    def __bool__(self) -> bool:
        return any(self._logs.values())

    @property
    def waits(self) -> bool:
        """Whether something hangs nowhere yet."""
        return bool(self._waiting)

    def restore(self, pieces: list[Piece]) -> None:
        """Take over stored pieces, sorted by log and clock.

        Raises:
            DocumentError: Two of them overlap.
        """
        for piece in pieces:
            held = self._logs.setdefault(piece.log, [])
            if held and held[-1].end > piece.clock:
                raise DocumentError(f"unit {piece.clock} of a text occurs twice")
            held.append(piece)
            if piece.side == WAITING:
                self._waiting.add(Dot(piece.log, piece.clock))

    def add(
        self,
        log: bytes,
        clock: int,
        insert: TextInsert,
        source: Source,
        known: Callable[[Dot], bool],
    ) -> IntervalChange:
        """Take in one insert, the next one of its log.

        Args:
            log: Log that put it.
            clock: Clock of its first unit.
            insert: The insert; its text fits its length.
            source: Its record.
            known: Tells whether a unit has arrived, in whichever text.
        """
        # What a record puts later it cannot have seen: such an origin counts as absent.
        left, right = (
            None if at is None or (at.log == log and at.clock >= clock) else at
            for at in (insert.left, insert.right)
        )
        units = None if insert.text is None else units_of(insert.text)
        side = LOOSE if self.loose else WAITING
        if self.loose:
            left = right = None
        piece = Piece(log, clock, insert.length, side, left, right, source, units)
        new = self._intervals(log).add(clock, piece.end, source)
        self._logs.setdefault(log, []).append(piece)
        if not self.loose:
            if self._stems is not None:
                self._stems.begin(Dot(log, clock))
            self._waiting.add(Dot(log, clock))
            self._attach(piece, known)
        return new

    def remove(self, log: bytes, first: int, end: int) -> IntervalChange:
        """Delete the units of a span; those that are not here are not awaited."""
        held = self._logs.get(log)
        if not held or held[-1].end <= first:
            return NO_CHANGE
        change = self._intervals(log).remove(first, end)
        start, stop = self._cut(log, first), self._cut(log, end)
        if self.loose:
            del held[start:stop]
        else:
            for place in range(start, stop):
                held[place] = held[place]._replace(source=None, text=None)
        return change

    def loosen(self) -> None:
        """Keep of a generation that is gone only what nobody deleted."""
        self.loose, self._stems = True, None
        self._waiting.clear()
        for log, held in self._logs.items():
            self._logs[log] = [
                piece._replace(side=LOOSE, parent=None, right=None)
                for piece in held
                if piece.source is not None
            ]

    def settle(self, known: Callable[[Dot], bool]) -> None:
        """Attach what waits and need not any more; nothing waits where causes arrive first."""
        attached = True
        while self._waiting and attached:
            attached = False
            for log, clock in sorted(self._waiting):
                piece = self._logs[log][self._place(log, clock)]
                attached |= self._attach(piece, known)

    def pieces(self) -> Iterator[Piece]:
        """Yield all pieces, sorted by log and clock."""
        for log in sorted(self._logs):
            yield from self._logs[log]

    def ends(self) -> dict[bytes, int]:
        """Return for each log the clock after all that it wrote here."""
        return {log: held[-1].end for log, held in self._logs.items() if held}

    def stretches(self, log: bytes) -> list[tuple[int, int]]:
        """Return (first clock, end) of all that one log wrote here without a gap."""
        return list(union((piece.clock, piece.end) for piece in self._logs.get(log, ())))

    def at(self, dot: Dot) -> Piece | None:
        """Return the piece that holds a unit, None when it is not of this text."""
        held = self._logs.get(dot.log, [])
        place = bisect_right(held, dot.clock, key=_clock) - 1
        return held[place] if place >= 0 and dot.clock < held[place].end else None

    def ordered(self) -> list[Piece]:
        """Return the attached pieces in the order of the text, deleted ones included."""
        before: dict[tuple[bytes, int] | None, list[Piece]] = {}
        after: dict[tuple[bytes, int] | None, list[Piece]] = {}
        # Siblings stand in the order of their dots, which is the order they come in.
        for piece in self.pieces():
            if piece.side == RIGHT:
                after.setdefault(piece.parent, []).append(piece)
            elif piece.side == LEFT:
                before.setdefault(piece.parent, []).append(piece)
        out: list[Piece] = []
        stack = after.pop(None, [])[::-1]
        while stack:
            piece = stack.pop()
            log, clock, length = piece[:3]
            if first := before.pop((log, clock), None):
                stack.append(piece)
                stack += reversed(first)
                continue
            out.append(piece)
            stack += reversed(after.pop((log, clock + length - 1), ()))
        return out

    def string(self) -> str:
        """Return the text."""
        return shown("".join(piece.text for piece in self.ordered() if piece.text is not None))

    def spans(self) -> list[TextSpan]:
        """Return what is not deleted, sorted: however it was cut, one record's units are joined."""
        found: list[TextSpan] = []
        end, before = (b"", 0), None
        for log, clock, length, _, _, _, source, text in self.pieces():
            if source is None:
                continue
            if source == before and end == (log, clock):
                generation, dot, size, hlc, known, payload_hash, seq = found.pop()
                whole = None if text is None or known is None else known + shown(text)
                size += length
            else:
                generation, dot, size = self.generation, Dot(log, clock), length
                (seq, hlc, payload_hash), whole = source, text and shown(text)
            found.append(TextSpan(generation, dot, size, hlc, whole, payload_hash, seq))
            end, before = (log, clock + length), source
        return found

    def normal(self) -> list[Piece]:
        """Return the pieces with all those joined whose bounds tell nothing, sorted."""
        joints = {
            (parent[0], parent[1] + (side == RIGHT))
            for log, clock, _, side, parent, *_ in self.pieces()
            if parent is not None
            and (side == LEFT or (side == RIGHT and parent != (log, clock - 1)))
        }
        out: list[Piece] = []
        for piece in self.pieces():
            if out and _joins(out[-1], piece) and (piece.log, piece.clock) not in joints:
                out[-1] = _joined(out[-1], piece)
            else:
                out.append(piece)
        return out

    def _attach(self, piece: Piece, known: Callable[[Dot], bool]) -> bool:
        """Attach one waiting piece, unless an origin of it has no place yet."""
        origins = [piece.parent, piece.right]
        for place, origin in enumerate(origins):
            if origin is None:
                continue
            if self.at(origin) is None:
                if not known(origin):
                    return False
                # It is something else's: such an origin counts as absent.
                origins[place] = None
            elif len(self._waiting) > 1 and not self._grown().hangs(origin):
                return False
        left, right = origins
        side, parent = RIGHT, left
        if right is not None and (left is None or self._hangs_on(right, left)):
            side, parent = LEFT, right
        if parent is not None:
            # Attachments stand at the bounds of pieces only.
            self._cut(parent.log, parent.clock + (side == RIGHT))
        held, first = self._logs[piece.log], Dot(piece.log, piece.clock)
        place = self._place(*first)
        held[place] = held[place]._replace(side=side, parent=parent, right=None)
        self._waiting.discard(first)
        if self._stems is not None:
            if _goes_on(held[place]):
                self._stems.extend(first)
            else:
                self._stems.hang(first, parent)
        return True

    def _hangs_on(self, lower: Dot, upper: Dot) -> bool:
        """Tell whether ``upper`` is on the way from ``lower`` to the root."""
        if self._stems is None:
            # What editors name stands side by side: one of the two hangs on the other, close by.
            if self._is_near(lower, upper):
                return True
            if self._is_near(upper, lower):
                return False
        return self._grown().hangs_on(lower, upper)

    def _is_near(self, lower: Dot, upper: Dot) -> bool:
        """Tell whether ``upper`` is among the first few that ``lower`` hangs on."""
        unit: Dot | None = lower
        for _ in range(_NEAR_PIECES):
            piece = None if unit is None else self.at(unit)
            if piece is None or unit is None:
                return False
            if piece.log == upper.log and piece.clock <= upper.clock <= unit.clock:
                return lower != upper
            unit = piece.parent
        return False

    def _grown(self) -> Stems:
        """Return the stems, which are made once somebody asks.

        Raises:
            DocumentError: A piece hangs on what is not there.
        """
        if self._stems is not None:
            return self._stems
        stems = Stems()
        for piece in self.pieces():
            if piece.side <= LEFT and piece.parent is not None and self.at(piece.parent) is None:
                raise DocumentError(f"unit {piece.clock} of a text hangs on what is not there")
            if not _goes_on(piece):
                stems.begin(Dot(piece.log, piece.clock))
        for piece in self.pieces():
            if piece.side <= LEFT and not _goes_on(piece):
                stems.hang(Dot(piece.log, piece.clock), piece.parent)
        self._stems = stems
        return stems

    def _intervals(self, log: bytes) -> Intervals:
        """Return the intervals of a log, which are made before the first change of it."""
        held = self._live.get(log)
        if held is None:
            pieces = self._logs.get(log, ())
            live = ((p.clock, p.end, p.source) for p in pieces if p.source is not None)
            held = self._live[log] = Intervals(log, live)
        return held

    def _place(self, log: bytes, clock: int) -> int:
        """Return the place of the last piece that begins at a clock or before."""
        return bisect_right(self._logs[log], clock, key=_clock) - 1

    def _cut(self, log: bytes, clock: int) -> int:
        """Make a piece begin at a clock, where one goes across it; returns its place."""
        held, place = self._logs[log], self._place(log, clock)
        if place < 0 or held[place].clock == clock:
            return max(place, 0)
        piece = held[place]
        if piece.end <= clock:
            return place + 1
        size = clock - piece.clock
        left = right = piece.text
        if piece.text is not None:
            left, right = piece.text[:size], piece.text[size:]
        side, parent = (LOOSE, None) if self.loose else (RIGHT, Dot(log, clock - 1))
        rest = Piece(log, clock, piece.length - size, side, parent, None, piece.source, right)
        held[place : place + 1] = [piece._replace(length=size, text=left), rest]
        return place + 1


def _goes_on(piece: Piece) -> bool:
    """Tell whether a piece hangs to the right of the unit before it."""
    return piece.side == RIGHT and piece.parent == (piece.log, piece.clock - 1)


def _joined(before: Piece, piece: Piece) -> Piece:
    """Return two pieces of one record, or two deleted ones, as one."""
    held = before.text is not None and piece.text is not None
    text = f"{before.text}{piece.text}" if held else None
    return before._replace(length=before.length + piece.length, text=text)


def _joins(before: Piece, piece: Piece) -> bool:
    """Tell whether a piece only goes on with the one before it."""
    return (
        (before.log, before.end) == (piece.log, piece.clock)
        and before.source == piece.source
        and (before.text is None) == (piece.text is None)
        and (piece.side == LOOSE or (piece.side == RIGHT and piece.parent == before.last))
    )
