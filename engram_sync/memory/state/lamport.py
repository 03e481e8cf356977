"""Lamport numbers: how long the longest chain of causes is that led to a record of an engram.

Where wall clocks cannot be trusted, the write that had seen more counts as the later one.
"""

from bisect import bisect_right
from collections.abc import Mapping

from engram_crdt import Dot
from engram_wire import RecordKind

from .engram_state import EngramState
from .snapshot import Snapshot


def lamport_numbers(snapshot: Snapshot, state: EngramState) -> dict[Dot, int]:
    """The Lamport number of each live element of an engram.

    The number of a record is one more than the largest among those records of the engram that its
    author had seen, by the log's own order and its declared past; so it is the same everywhere.
    What only ratifies has none: it says nothing new, and must not make later what follows it.
    """
    records = [
        (record.hlc, snapshot.log_id(n), record.seq, n)
        for n, record in snapshot.reader.stream_of(state.scope.n, state.engram)
        if record.shape[0] != RecordKind.RATIFY
    ]
    found = _Numbers(snapshot)
    numbers: dict[tuple[bytes, int], int] = {}
    # Its clock is above those of all that a record has seen, so this order puts causes first.
    for _, log_id, seq, n in sorted(records):
        seen = dict(snapshot.logs.seen(snapshot.reader, state.scope.id, n, seq))
        for log, _, last in snapshot.logs.pieces(snapshot.reader, n, 1, seq):
            seen[log] = last - (log == n)
        numbers[log_id, seq] = found.add(n, seq, seen)
    return {e.dot: numbers.get((e.dot.log, e.seq), 0) for e in state.elements}


class _Numbers:
    """The numbers of the records of one engram so far."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._chains: dict[int, list[tuple[int, int]]] = {}
        """Of each log (seq, largest number up to there), by seq."""
        self._inherited: dict[int, int] = {}
        """Of each log the largest number before it in its lineage."""

    def add(self, log: int, seq: int, seen: Mapping[int, int]) -> int:
        """The number of the next record, which has ``seen`` behind it."""
        number = 1 + max((self._at(n, last) for n, last in seen.items()), default=0)
        self._chains.setdefault(log, []).append((seq, number))
        return number

    def _at(self, log: int, seq: int) -> int:
        """The number of the last record of a lineage up to a position; 0 when there is none."""
        reader, logs, _ = self._snapshot
        passed: list[int] = []
        number = 0
        while True:
            chain = self._chains.get(log, [])
            if place := bisect_right(chain, (seq, 1 << 62)):
                number = chain[place - 1][1]
                break
            known = self._inherited.get(log)
            before = None if known is not None else logs.before(reader, log)
            if before is None:
                number = known or 0
                break
            passed.append(log)
            log, seq = before
        # All that lies before a log was there when the first position of it was named.
        self._inherited.update(dict.fromkeys(passed, number))
        return number
