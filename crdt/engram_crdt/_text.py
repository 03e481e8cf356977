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
from typing import Final

from ._dots import Dot, TextInsert, TextSpan
from ._errors import DocumentError
from ._intervals import NO_CHANGE, IntervalChange, Intervals, Source
from ._pieces import LEFT, LOOSE, RIGHT, WAITING, Piece, goes_on, joined, joins, shown, units_of
from ._spans import union
from ._stems import Stems
from ._text_order import TextOrder

_clock = attrgetter("clock")

_NEAR_PIECES: Final = 8
"""Looked at before all pieces are, to find how deep each hangs."""
_HIDDEN_MAX: Final = 512
"""Of more pieces that go at once it costs less to put what is left in order again."""


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
        self._order: TextOrder | None = None
        """Made once somebody asks, then kept until something waits."""
        self.units_held = 0
        """Units of which the characters are held."""
        self._waiting: set[Dot] = set()
        """First units of the inserts that hang nowhere yet."""

    def __bool__(self) -> bool:
        return any(self._logs.values())

    def __len__(self) -> int:
        """How many pieces there are."""
        return sum(map(len, self._logs.values()))

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
            self.units_held += len(piece.text or "")
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
        self.units_held += len(units or "")
        if not self.loose:
            if self._stems is not None:
                self._stems.begin(piece.first)
            self._waiting.add(piece.first)
            if not self._attach(piece, known):
                self._order = None
        return new

    def remove(self, log: bytes, first: int, end: int) -> IntervalChange:
        """Delete the units of a span; those that are not here are not awaited."""
        held = self._logs.get(log)
        if not held or held[-1].end <= first:
            return NO_CHANGE
        change = self._intervals(log).remove(first, end)
        start, stop = self._cut(log, first), self._cut(log, end)
        if stop - start > _HIDDEN_MAX:
            self._order = None
        for place in range(start, stop):
            piece = held[place]
            if piece.text is not None:
                self.units_held -= piece.length
                if self._order is not None:
                    self._order.show(piece.first, "")
            held[place] = piece._replace(source=None, text=None)
        if self.loose:
            del held[start:stop]
        return change

    def hold(self, log: bytes, first: int, end: int, units: str | None) -> None:
        """Have other characters, or none, of what one record wrote and nobody deleted.

        Args:
            log: Its log.
            first: Clock of its first unit.
            end: The clock after its last one.
            units: One for each clock; None when they are not held.
        """
        held = self._logs.get(log, [])
        for place in range(max(self._place(log, first), 0) if held else 0, len(held)):
            piece = held[place]
            if piece.clock >= end:
                return
            text = None if units is None else units[piece.clock - first : piece.end - first]
            if piece.end > first and piece.source is not None and piece.text != text:
                self.units_held += len(text or "") - len(piece.text or "")
                held[place] = piece._replace(text=text)
                if self._order is not None:
                    self._order.show(piece.first, shown(text or ""))

    def loosen(self) -> None:
        """Keep of a generation that is gone only what nobody deleted."""
        self.loose, self._stems, self._order = True, None, None
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

    def order(self) -> TextOrder:
        """Return the order of the attached pieces, deleted ones included.

        Raises:
            DocumentError: A piece hangs on what is not there.
        """
        if self._order is not None:
            return self._order
        attached = (piece for piece in self.pieces() if piece.side <= LEFT)
        order = TextOrder(attached, self.at)
        if not self._waiting:
            if not order.is_whole:
                raise DocumentError("a piece of a text hangs on what is not there")
            self._order = order
        return order

    def ordered(self) -> list[Piece]:
        """Return the attached pieces in the order of the text, deleted ones included."""
        pieces = map(self.at, self.order())
        return [piece for piece in pieces if piece is not None]

    def string(self) -> str:
        """Return the text."""
        return self.order().string()

    def is_live(self, log: bytes, seq: int) -> bool:
        """Tell whether something that a record wrote here is not deleted."""
        return log in self._logs and self._intervals(log).hold(seq)

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
            if out and joins(out[-1], piece) and (piece.log, piece.clock) not in joints:
                out[-1] = joined(out[-1], piece)
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
        held[place] = hung = held[place]._replace(side=side, parent=parent, right=None)
        self._waiting.discard(first)
        self._note(hung)
        return True

    def _note(self, hung: Piece) -> None:
        """Let all that is made of the pieces know where one hangs."""
        if self._stems is not None:
            if goes_on(hung):
                self._stems.extend(hung.first)
            else:
                self._stems.hang(hung.first, hung.parent)
        if self._order is not None:
            self._order.add(hung, lambda lower, upper: self._grown().hangs_on(lower, upper))

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
            if not goes_on(piece):
                stems.begin(Dot(piece.log, piece.clock))
        for piece in self.pieces():
            if piece.side <= LEFT and not goes_on(piece):
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
        begun = piece._replace(length=size, text=left)
        held[place : place + 1] = begun, rest
        if self._order is not None:
            self._order.cut(begun, rest)
        return place + 1
