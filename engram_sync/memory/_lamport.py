"""Lamport numbers: how long the longest chain of causes is that led to a record of an engram.

Where wall clocks cannot be trusted, the write that had seen more counts as the later one.
"""

from bisect import bisect_right

from engram_crdt import Dot
from engram_sync.store import Reader

from ._authors import Authors
from ._state import EngramState


def lamport_numbers(reader: Reader, authors: Authors, state: EngramState) -> dict[Dot, int]:
    """The Lamport number of each live element of an engram.

    The number of a record is one more than the largest among those records of the engram that its
    author had seen, by the log's own order and its declared past; so it is the same everywhere.
    """
    records = [
        (record.hlc, authors.log_id(reader, n), record.seq, n)
        for n, record in reader.records_of(state.scope.n, state.engram)
    ]
    # Of each log (seq, largest number up to there), by seq.
    known: dict[int, list[tuple[int, int]]] = {}
    numbers: dict[tuple[bytes, int], int] = {}
    # Its clock is above those of all that a record has seen, so this order puts causes first.
    for _, log_id, seq, n in sorted(records):
        seen = dict(authors.seen(reader, state.scope.id, n, seq))
        for log, _, last in authors.pieces(reader, n, 1, seq):
            seen[log] = last - (log == n)
        number = 1 + max((_at(known.get(log, []), last) for log, last in seen.items()), default=0)
        known.setdefault(n, []).append((seq, number))
        numbers[log_id, seq] = number
    return {e.dot: numbers.get((e.dot.log, e.seq), 0) for e in state.elements}


def _at(chain: list[tuple[int, int]], seq: int) -> int:
    """The number of the last record of a log up to a position; 0 when there is none."""
    place = bisect_right(chain, (seq, 1 << 62))
    return chain[place - 1][1] if place else 0
