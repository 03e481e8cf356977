"""Sets of clocks of one log, as ranges: a removal may name thousands at once."""

from bisect import bisect_right
from collections.abc import Iterable

Spans = tuple[tuple[int, int], ...]
"""(first, end) of each range: sorted, none empty, none touching the next.  Equal sets are equal."""


def union(ranges: Iterable[tuple[int, int]]) -> Spans:
    """Join ranges in any order, overlapping or empty ones included."""
    joined: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        elif first < end:
            joined.append((first, end))
    return tuple(joined)


def clip(spans: Spans, first: int, end: int) -> list[tuple[int, int]]:
    """Return what of the set lies from ``first`` to before ``end``."""
    place = bisect_right(spans, first, key=_end)
    found: list[tuple[int, int]] = []
    while place < len(spans) and spans[place][0] < end:
        begin, stop = spans[place]
        found.append((max(begin, first), min(stop, end)))
        place += 1
    return found


def _end(span: tuple[int, int]) -> int:
    return span[1]
