"""The pieces of a text in their order, kept while the text changes.

What a position of the text is, and where a new piece stands, is found without a walk over all
pieces: they are in blocks of bounded size, each with what it shows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, chain
from typing import Final

from ._dots import Dot
from ._pieces import LEFT, RIGHT, Piece, shown

_BLOCK_MAX: Final = 128
"""Pieces of one block: a text of ten thousand has as many blocks."""
_STEPS_MAX: Final = 16
"""Pieces looked at to find the neighbour of one that was written beside others unseen; what is
further away is found by halves."""
_HangsOn = Callable[[Dot, Dot], bool]
"""Whether the second of two units is on the way from the first to the root."""


class _Block:
    """Pieces that follow each other."""

    def __init__(self, pieces: list[Dot], sizes: list[int], text: str) -> None:
        self.pieces = pieces
        """Their first units."""
        self.sizes = sizes
        """How many characters each shows."""
        self.text = text
        """What they show together."""


class TextOrder:
    """The order of one text, each piece called by its first unit.

    It can be changed while nothing of the text waits.

    Args:
        pieces: All of them, sorted by log and clock.
        at: Finds the piece that holds a unit.
    """

    def __init__(self, pieces: Iterable[Piece], at: Callable[[Dot], Piece | None]) -> None:
        self._at = at
        self._before: dict[Dot | None, list[Dot]] = {}
        """Unit -> the pieces that hang to the left of it, in the order of their dots."""
        self._after: dict[Dot | None, list[Dot]] = {}
        """The same to the right of it; those on the root by None."""
        self._blocks: list[_Block] = []
        self._homes: dict[Dot, _Block] = {}
        all_pieces = {piece.first: piece for piece in pieces}
        for first, piece in all_pieces.items():
            self._children(piece).append(first)
        self._fill([(first, _text(all_pieces[first])) for first in self._walk(all_pieces)])
        self.is_whole = len(self._homes) == len(all_pieces)
        """Whether all of them hang on the root, over however many others."""

    def __len__(self) -> int:
        """How many characters are shown."""
        return sum(self._lengths())

    def __iter__(self) -> Iterator[Dot]:
        return chain.from_iterable([block.pieces for block in self._blocks])

    def string(self) -> str:
        """Return the text."""
        return "".join([block.text for block in self._blocks])

    def shown(self, first: int, end: int) -> Iterator[tuple[Piece, int, int]]:
        """Yield each piece with characters from place ``first`` to before ``end``, and which."""
        ends = list(accumulate(self._lengths()))
        number = bisect_right(ends, first)
        while first < end and number < len(ends):
            block = self._blocks[number]
            begin = ends[number] - len(block.text)
            stops = list(accumulate(block.sizes, initial=begin))
            place = bisect_right(stops, first) - 1
            while first < end and place < len(block.sizes):
                stop = min(end, stops[place + 1])
                if first < stop:
                    yield (
                        self._piece(block.pieces[place]),
                        first - stops[place],
                        stop - stops[place],
                    )
                first, place = stop, place + 1
            number += 1

    def unit_before(self, piece: Piece) -> Dot | None:
        """Return the unit before a piece, a deleted one too; None before the first."""
        block, place = self._find(piece.first)
        number = self._blocks.index(block)
        if place:
            return self._piece(block.pieces[place - 1]).last
        return self._piece(self._blocks[number - 1].pieces[-1]).last if number else None

    def last_unit(self) -> Dot | None:
        """Return the last unit, a deleted one too; None when there is none."""
        return self._piece(self._blocks[-1].pieces[-1]).last if self._blocks else None

    # -- changing ----------------------------------------------------------------------------

    def add(self, piece: Piece, hangs_on: _HangsOn) -> None:
        """Take in a piece that has just been hung."""
        siblings, first = self._children(piece), piece.first
        if not self._blocks:
            siblings.append(first)
            self._fill([(first, _text(piece))])
            return
        place = bisect_left(siblings, first)
        following = siblings[place] if place < len(siblings) else None
        if following is not None:
            beside, step = self._outermost(following, hangs_on, left=True), 0
        elif piece.parent is not None and piece.side == LEFT:
            # It hangs before the first unit of a piece.
            beside, step = piece.parent, 0
        elif place:
            beside, step = self._outermost(siblings[-1], hangs_on, left=False), 1
        else:
            assert piece.parent is not None, "on the root there are others"
            beside, step = self._piece(piece.parent).first, 1
        siblings.insert(place, first)
        self._insert(beside, step, first, _text(piece))

    def show(self, piece: Dot, text: str) -> None:
        """Show another text of a piece."""
        block, place = self._find(piece)
        begin = sum(block.sizes[:place])
        block.text = block.text[:begin] + text + block.text[begin + block.sizes[place] :]
        block.sizes[place] = len(text)

    def cut(self, piece: Piece, rest: Piece) -> None:
        """Call the rest of a piece by its own name.

        Args:
            piece: What is left of the piece.
            rest: What hangs to the right of that.
        """
        block, place = self._find(piece.first)
        size = len(_text(piece))
        block.pieces.insert(place + 1, rest.first)
        block.sizes[place : place + 1] = [size, block.sizes[place] - size]
        self._homes[rest.first] = block
        self._after[rest.parent] = [rest.first]
        self._divide(block)

    # -- parts -------------------------------------------------------------------------------

    def _piece(self, unit: Dot) -> Piece:
        piece = self._at(unit)
        assert piece is not None, "what is in order is of the text"
        return piece

    def _children(self, piece: Piece) -> list[Dot]:
        side = self._after if piece.side == RIGHT else self._before
        return side.setdefault(piece.parent, [])

    def _walk(self, pieces: Mapping[Dot, Piece]) -> Iterator[Dot]:
        before = dict(self._before)
        stack = self._after.get(None, [])[::-1]
        while stack:
            first = stack.pop()
            if lower := before.pop(first, None):
                stack.append(first)
                stack += reversed(lower)
                continue
            yield first
            stack += reversed(self._after.get(pieces[first].last, ()))

    def _fill(self, pieces: list[tuple[Dot, str]]) -> None:
        """Put in pieces in their order, each with what it shows; there were none."""
        for start in range(0, len(pieces), _BLOCK_MAX):
            some = pieces[start : start + _BLOCK_MAX]
            texts = [text for _, text in some]
            block = _Block([first for first, _ in some], list(map(len, texts)), "".join(texts))
            self._blocks.append(block)
            self._homes |= dict.fromkeys(block.pieces, block)

    def _outermost(self, piece: Dot, hangs_on: _HangsOn, *, left: bool) -> Dot:
        """Return the first or the last piece of all that hang on one."""
        for _ in range(_STEPS_MAX):
            lower = self._before.get(piece) if left else self._after.get(self._piece(piece).last)
            if not lower:
                return piece
            piece = lower[0] if left else lower[-1]
        # All that hangs to one side of a piece follows there without a gap.
        return self._end_of(piece, lambda other: hangs_on(other, piece), left=left)

    def _end_of(self, piece: Dot, within: Callable[[Dot], bool], *, left: bool) -> Dot:
        """Return the last piece, going to one side of a piece, before the first not ``within``."""
        block, place = self._find(piece)
        ends = list(accumulate([len(each.pieces) for each in self._blocks]))
        place += ends[self._blocks.index(block)] - len(block.pieces)

        def at(place: int) -> Dot:
            number = bisect_right(ends, place)
            return self._blocks[number].pieces[place - ends[number]]

        others = range(place - 1, -1, -1) if left else range(place + 1, ends[-1])
        inside = bisect_left(others, True, key=lambda other: not within(at(other)))
        return at(others[inside - 1]) if inside else piece

    def _insert(self, beside: Dot, step: int, piece: Dot, text: str) -> None:
        block, place = self._find(beside)
        place += step
        begin = sum(block.sizes[:place])
        block.pieces.insert(place, piece)
        block.sizes.insert(place, len(text))
        block.text = block.text[:begin] + text + block.text[begin:]
        self._homes[piece] = block
        self._divide(block)

    def _divide(self, block: _Block) -> None:
        """Make two blocks of one that has become too large."""
        if len(block.pieces) <= 2 * _BLOCK_MAX:
            return
        size = sum(block.sizes[:_BLOCK_MAX])
        rest = _Block(block.pieces[_BLOCK_MAX:], block.sizes[_BLOCK_MAX:], block.text[size:])
        del block.pieces[_BLOCK_MAX:], block.sizes[_BLOCK_MAX:]
        block.text = block.text[:size]
        self._blocks.insert(self._blocks.index(block) + 1, rest)
        self._homes |= dict.fromkeys(rest.pieces, rest)

    def _find(self, piece: Dot) -> tuple[_Block, int]:
        block = self._homes[piece]
        return block, block.pieces.index(piece)

    def _lengths(self) -> list[int]:
        return [len(block.text) for block in self._blocks]


def _text(piece: Piece) -> str:
    return "" if piece.text is None else shown(piece.text)
