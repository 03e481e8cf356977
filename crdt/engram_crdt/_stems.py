"""Which unit of a text hangs on which, found in logarithmic time however deep a text is.

A **stem** is a run of consecutive units of one log that hang one to the right of the other.  A
stem hangs on one unit of another stem, or on the root, and never moves.  Each knows how many
stems are below it and one far below (a skip): the skips of a way to the root are spaced so that
any depth on it is reached in logarithmically many of them.
"""

from bisect import bisect_left, bisect_right

from ._dots import Dot
from ._errors import DocumentError

_Place = tuple[int, Dot]
"""(number of stems between a stem and the root, where its skip leads)"""


class Stems:
    """The stems of one text, each named by its first unit."""

    def __init__(self) -> None:
        self._starts: dict[bytes, list[int]] = {}
        self._hangs: dict[Dot, Dot | None] = {}
        """Stem -> the unit that it hangs on; a stem that waits for its place is not here."""
        self._places: dict[Dot, _Place] = {}
        """Found when somebody asks, then kept."""

    def begin(self, stem: Dot) -> None:
        """Begin a stem that hangs nowhere yet, behind all others of its log."""
        self._starts.setdefault(stem.log, []).append(stem.clock)

    def hang(self, stem: Dot, parent: Dot | None) -> None:
        """Give a stem its place."""
        self._hangs[stem] = parent
        if parent is None:
            self._places[stem] = 0, stem
        elif (below := self._stem(parent)) in self._places:
            self._places[stem] = self._above(below)

    def extend(self, stem: Dot) -> None:
        """Let a stem that hangs nowhere yet be the rest of the one before it."""
        starts = self._starts[stem.log]
        del starts[bisect_left(starts, stem.clock)]

    def hangs(self, unit: Dot) -> bool:
        """Tell whether a unit of this text has its place."""
        return self._stem(unit) in self._hangs

    def hangs_on(self, lower: Dot, upper: Dot) -> bool:
        """Tell whether ``upper`` is on the way from ``lower`` to the root; both hang.

        Raises:
            DocumentError: There is no root; only a document that nobody wrote is like that.
        """
        stem, below = self._stem(lower), self._stem(upper)
        if stem == below:
            return upper.clock < lower.clock
        depth, floor = self._place(stem)[0], self._place(below)[0]
        if depth <= floor:
            return False
        while depth > floor + 1:
            skip = self._places[stem][1]
            stem = skip if self._places[skip][0] > floor else self._under(stem)
            depth = self._places[stem][0]
        unit = self._hangs[stem]
        return unit is not None and self._stem(unit) == below and upper.clock <= unit.clock

    def _under(self, stem: Dot) -> Dot:
        """Return the stem that one hangs on which is not on the root."""
        unit = self._hangs[stem]
        assert unit is not None
        return self._stem(unit)

    def _stem(self, unit: Dot) -> Dot:
        starts = self._starts[unit.log]
        return Dot(unit.log, starts[bisect_right(starts, unit.clock) - 1])

    def _place(self, stem: Dot) -> _Place:
        """Find the place of a stem, and of all below it that nobody asked for before."""
        way: list[Dot] = []
        below = stem
        while below not in self._places:
            way.append(below)
            below = self._under(below)
            if len(way) > len(self._hangs):
                raise DocumentError("a text hangs on itself")
        for each in reversed(way):
            self._places[each] = self._above(below)
            below = each
        return self._places[stem]

    def _above(self, below: Dot) -> _Place:
        """Return the place of what hangs on a stem whose place is known."""
        depth, skip = self._places[below]
        middle, far = self._places[skip]
        even = depth - middle == middle - self._places[far][0]
        return depth + 1, far if even else below
