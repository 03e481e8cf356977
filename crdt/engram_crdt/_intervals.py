"""The live units of one text as the digest counts them: as long as one record's stand together.

However a text is cut into pieces, these are the same on every replica.  A change of a text is a
change of the few intervals that it touches.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple


class Source(NamedTuple):
    """The record that wrote a piece."""

    seq: int
    hlc: int
    payload_hash: bytes


class Interval(NamedTuple):
    """Consecutive live units of one log that one record wrote, as many as there are."""

    log: bytes
    clock: int
    end: int
    """The clock after its last unit."""
    source: Source


class IntervalChange(NamedTuple):
    """What a change of a text means for its intervals."""

    gone: tuple[Interval, ...]
    new: tuple[Interval, ...]


NO_CHANGE: Final = IntervalChange((), ())


class Intervals:
    """The intervals of one log in one text.

    Args:
        log: Its id.
        live: (first clock, end, record) of live units, sorted, cut in whatever way.
    """

    def __init__(self, log: bytes, live: Iterable[tuple[int, int, Source]]) -> None:
        self._log = log
        self._held: list[Interval] = []
        for clock, end, source in live:
            self.add(clock, end, source)

    def add(self, clock: int, end: int, source: Source) -> IntervalChange:
        """Add live units behind all that there ever were."""
        held = self._held
        gone: tuple[Interval, ...] = ()
        if held and held[-1].end == clock and held[-1].source == source:
            gone = (held.pop(),)
            clock = gone[0].clock
        new = Interval(self._log, clock, end, source)
        held.append(new)
        return IntervalChange(gone, (new,))

    def remove(self, first: int, end: int) -> IntervalChange:
        """Take away what of a span there is."""
        held = self._held
        start, stop = bisect_right(held, first, key=_end), bisect_left(held, end, key=_clock)
        if start >= stop:
            return NO_CHANGE
        gone = tuple(held[start:stop])
        kept = [gone[0]._replace(end=first), gone[-1]._replace(clock=end)]
        held[start:stop] = new = [rest for rest in kept if rest.clock < rest.end]
        return IntervalChange(gone, tuple(new))

    def hold(self, seq: int) -> bool:
        """Tell whether units of a record are live: a log's records take its clocks in turn."""
        place = bisect_left(self._held, seq, key=_seq)
        return place < len(self._held) and self._held[place].source.seq == seq


def _clock(interval: Interval) -> int:
    return interval.clock


def _end(interval: Interval) -> int:
    return interval.end


def _seq(interval: Interval) -> int:
    return interval.source.seq
