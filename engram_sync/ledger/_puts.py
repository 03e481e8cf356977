"""What took each clock of one engram, asked of the store one clock at a time."""

from bisect import bisect_right
from typing import NamedTuple

from engram_wire import (
    INSERTED_TEXT,
    InvalidRecordError,
    Record,
    RecordKind,
    Reference,
    clocks_taken,
    decode_edit_untrusted,
    parse_shape_untrusted,
)

from ._logs import LogState
from ._views import History


class Put(NamedTuple):
    """What took one clock, or a stretch of clocks."""

    clock: int
    """The first one."""
    length: int
    seq: int
    """Position of its record."""
    collection: str
    generation: Reference | None
    """Of inserted text: the generation, the way its record wrote it."""


class Taker(NamedTuple):
    """The record that took a clock."""

    first: int
    """The first clock that it took."""
    seq: int
    collections: tuple[str, ...]
    """What it put, one for each clock; empty for inserted text."""


class PutIndex:
    """What took each clock of one engram: what is stored, and what one walk adds to it.

    Args:
        history: What is stored.
        engram: Id of the engram.
        end: A log, and the position from which on nothing of it is looked at; None for all.
    """

    def __init__(
        self, history: History, engram: bytes, end: tuple[LogState, int] | None = None
    ) -> None:
        self._history = history
        self._engram = engram
        self._end = end
        self._log: LogState | None = None
        """The log that the walk adds to."""
        self._recent: dict[int, tuple[int, int, Record | None]] = {}
        """By number of a log: the record that was found last, with the clocks that it took."""
        self._fresh: list[Record] = []
        self._firsts: list[int] = []
        """The first clock of each of ``_fresh``, and at the end the first that is not taken."""

    def add(self, log: LogState, record: Record) -> None:
        """Take one more record, which is not stored; they come in order, and again is no harm."""
        if self._log is None:
            self._log, self._firsts = log, [self._stored(log)]
        elif record.seq <= self._fresh[-1].seq:
            return
        self._fresh.append(record)
        self._firsts.append(self._firsts[-1] + _taken(record))

    def holds(self, log: LogState, seq: int) -> bool:
        """Whether record ``seq`` of ``log`` is one of this engram."""
        if log is self._log and self._fresh and seq >= self._fresh[0].seq:
            return any(record.seq == seq for record in self._fresh)
        there = log.base < seq <= log.seq and not self._is_beyond(log, seq)
        return there and self._history.engram_at(log.n, seq) == self._engram

    def count(self, log: LogState) -> int:
        """How many clocks ``log`` has taken."""
        return self._firsts[-1] if log is self._log else self._stored(log)

    def find(self, log: LogState, clock: int) -> Put:
        """What took a clock.

        Raises:
            InvalidRecordError: No record held puts it in this engram.
        """
        first, record = self._found(log, clock)
        shape = parse_shape_untrusted(record.shape)
        if shape.kind != RecordKind.EDIT:
            return Put(clock, 1, record.seq, shape.collections[clock - first], None)
        edit = decode_edit_untrusted(record.superseded, len(shape.collections))
        return Put(first, _taken(record), record.seq, INSERTED_TEXT, edit.generation)

    def taker(self, log: LogState, clock: int) -> Taker:
        """The record that took a clock; raises what ``find`` does."""
        first, record = self._found(log, clock)
        shape = parse_shape_untrusted(record.shape)
        puts = () if shape.kind == RecordKind.EDIT else shape.collections
        return Taker(first, record.seq, puts)

    def _found(self, log: LogState, clock: int) -> tuple[int, Record]:
        found = self._taker(log, clock) if clock >= 0 else None
        if found is None:
            raise InvalidRecordError(
                f"dot {clock} of log {log.id.hex()[:16]} is not in this engram"
            )
        return found

    def _taker(self, log: LogState, clock: int) -> tuple[int, Record] | None:
        if log is self._log and clock >= self._firsts[0]:
            if clock >= self._firsts[-1]:
                return None
            at = bisect_right(self._firsts, clock) - 1
            return self._firsts[at], self._fresh[at]
        if not log.n:
            return None
        # References are sorted, and a record may put many values.
        first, end, record = self._recent.get(log.n, (0, 0, None))
        if record is not None and first <= clock < end:
            return first, record
        found = self._history.taker(self._engram, log.n, clock)
        if found is not None and self._is_beyond(log, found[1].seq):
            return None
        if found is not None:
            first, record = found
            self._recent[log.n] = first, first + _taken(record), record
        return found

    def _stored(self, log: LogState) -> int:
        if not log.n:
            return 0
        if self._end is not None and log is self._end[0]:
            return self._history.clocks(self._engram, log.n, self._end[1] - 1)
        return self._history.clocks(self._engram, log.n)

    def _is_beyond(self, log: LogState, seq: int) -> bool:
        return self._end is not None and log is self._end[0] and seq >= self._end[1]


def _taken(record: Record) -> int:
    return clocks_taken(parse_shape_untrusted(record.shape), record.superseded)
