"""Which positions of two large sets differ, found by comparing fingerprints of ranges.

The side that serves asks: it names ranges with what it holds in them, and the other answers with
"the same", with its positions where they are few, or with the fingerprints of sixteen parts.  Sets
of n positions with d differences take about log16(n) rounds and d times as many answers.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from engram_sync.sync._limits import (
    RANGE_DEPTH_MAX,
    RANGE_ITEMS_MAX,
    RANGES_ASKED_MAX,
    RANGES_PER_MESSAGE,
)
from engram_wire import (
    CLOCK_ENTRIES_MAX,
    RANGE_PARTS_MAX,
    RANGES_MAX,
    ClockEntry,
    LimitError,
    ProtocolError,
    Range,
    RangeAnswer,
    RangeEntries,
    RangePart,
    RangeParts,
    range_sum,
    range_term,
)

LOWEST = bytes(32)


class PositionSet:
    """The positions that one side holds, any range of which has its fingerprint at once.

    Args:
        session: The id of the session; nobody can look for collisions before there is one.
        entries: At most one per log.
    """

    def __init__(self, session: bytes, entries: Iterable[ClockEntry]) -> None:
        self._session = session
        self._entries = sorted(entries, key=lambda entry: entry.log)
        self._logs = [entry.log for entry in self._entries]
        self._sums = [0]

    def prepare(self, count: int) -> bool:
        """Go on with what fingerprints need, for so many more positions.

        Until that returns True for the first time, the first fingerprint takes as long as all.
        """
        done = len(self._sums) - 1
        total = self._sums[-1]
        for entry in self._entries[done : done + count]:
            total += range_term(self._session, entry)
            self._sums.append(total)
        return len(self._sums) > len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def within(self, lower: bytes, upper: bytes | None) -> tuple[int, int]:
        """Indexes of the first position in a range, and of the first one after it."""
        first = bisect_left(self._logs, lower)
        return first, len(self._logs) if upper is None else bisect_left(self._logs, upper, first)

    def fingerprint(self, first: int, end: int) -> bytes:
        """Of the positions from one index to before another."""
        # As ``engram_wire.range_fingerprint``, from sums that were made once for all ranges.
        if len(self._sums) <= end:
            self.prepare(len(self._entries))
        return range_sum(self._sums[end] - self._sums[first], end - first)

    def range(self, lower: bytes, upper: bytes | None) -> Range:
        """What is held from ``lower`` to below ``upper``, to be compared."""
        first, end = self.within(lower, upper)
        return Range(lower, upper, self.fingerprint(first, end), end - first)

    def entries(self, lower: bytes, upper: bytes | None) -> Sequence[ClockEntry]:
        """The positions of a range."""
        first, end = self.within(lower, upper)
        return self._entries[first:end]

    def answer(self, ranges: Iterable[Range]) -> tuple[RangeAnswer, ...]:
        """What a peer that named ``ranges`` is told; always fits one message."""
        answers: list[RangeAnswer] = []
        room = CLOCK_ENTRIES_MAX - RANGES_MAX
        for asked in ranges:
            first, end = self.within(asked.lower, asked.upper)
            count = end - first
            if count == asked.count and self.fingerprint(first, end) == asked.fingerprint:
                answers.append(None)
            elif count <= 1 or (count < RANGE_ITEMS_MAX and count <= room):
                # One position cannot be split, so there is always room for one per range.
                room -= count if count > 1 else 0
                answers.append(RangeEntries(tuple(self._entries[first:end])))
            else:
                answers.append(RangeParts(self._parts(asked.lower, first, end)))
        return tuple(answers)

    def _parts(self, lower: bytes, first: int, end: int) -> tuple[RangePart, ...]:
        count = end - first
        pieces = min(count, RANGE_PARTS_MAX)
        bounds = [first + count * piece // pieces for piece in range(pieces + 1)]
        lowers = [lower, *(self._logs[bound] for bound in bounds[1:-1])]
        return tuple(
            RangePart(low, self.fingerprint(begin, stop), stop - begin)
            for low, begin, stop in zip(lowers, bounds[:-1], bounds[1:], strict=True)
        )


class _OpenRange(NamedTuple):
    """A range of which it is not known yet what the peer holds."""

    lower: bytes
    upper: bytes | None
    depth: int


class Reconciliation:
    """Finds out what a peer holds; ask, take the answers, and again until there is nothing to ask.

    Args:
        mine: What is held here.
    """

    def __init__(self, mine: PositionSet) -> None:
        self._mine = mine
        self._open = deque([_OpenRange(LOWEST, None, 0)])
        self._asked: list[_OpenRange] = []
        self._count = 0
        self.theirs: list[ClockEntry] = []
        """What the peer holds, as far as it has said."""

    def ask(self) -> tuple[Range, ...]:
        """The next ranges to compare; none when all is known, or as much as is asked for."""
        room = min(RANGES_PER_MESSAGE, RANGES_ASKED_MAX - self._count)
        while self._open and len(self._asked) < room:
            self._asked.append(self._open.popleft())
        # Parts of one range and of the next level meet here; the wire wants them in order.
        self._asked.sort(key=lambda item: item.lower)
        self._count += len(self._asked)
        return tuple(self._mine.range(item.lower, item.upper) for item in self._asked)

    def answered_untrusted(self, answers: Sequence[RangeAnswer]) -> None:
        """Take the answers to what was asked last.

        Raises:
            WireError: They do not fit what was asked.
        """
        asked, self._asked = self._asked, []
        if len(answers) != len(asked) or not asked:
            raise ProtocolError(f"{len(answers)} answers to {len(asked)} ranges")
        for item, answer in zip(asked, answers, strict=True):
            if answer is None:
                self.theirs += self._mine.entries(item.lower, item.upper)
            elif isinstance(answer, RangeParts):
                self._split_untrusted(item, answer.parts)
            else:
                self._listed_untrusted(item, answer.entries)

    def stop(self) -> None:
        """Ask no more: of what was not compared, the peer counts as holding nothing.

        It is sent that again, which costs both of them, and neither of them the connection.
        """
        self._open.clear()

    def _listed_untrusted(self, item: _OpenRange, entries: tuple[ClockEntry, ...]) -> None:
        logs = [entry.log for entry in entries]
        if logs and not (item.lower <= logs[0] and (item.upper is None or logs[-1] < item.upper)):
            raise ProtocolError("a position outside of the range that was asked for")
        if any(log >= after for log, after in pairwise(logs)):
            raise ProtocolError("positions that are not sorted, or of one log twice")
        self.theirs += entries

    def _split_untrusted(self, item: _OpenRange, parts: tuple[RangePart, ...]) -> None:
        if item.depth == RANGE_DEPTH_MAX:
            raise LimitError(f"a range that was split {RANGE_DEPTH_MAX} times, and again")
        lowers = [part.lower for part in parts]
        uppers = [*lowers[1:], item.upper]
        if lowers[0] != item.lower or any(
            upper is not None and lower >= upper
            for lower, upper in zip(lowers, uppers, strict=True)
        ):
            raise ProtocolError("the parts of a range do not make up the range")
        for part, upper in zip(parts, uppers, strict=True):
            mine = self._mine.range(part.lower, upper)
            if (mine.fingerprint, mine.count) == (part.fingerprint, part.count):
                self.theirs += self._mine.entries(part.lower, upper)
            elif part.count:
                self._open.append(_OpenRange(part.lower, upper, item.depth + 1))
