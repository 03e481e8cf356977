"""What took each clock of one engram."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from engram_wire import (
    INSERTED_TEXT,
    NO_SUPERSEDED,
    InvalidRecordError,
    Record,
    RecordKind,
    Reference,
    clocks_taken,
    decode_edit_untrusted,
    parse_shape_untrusted,
)


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


class _Row(NamedTuple):
    """What one record took."""

    seq: int
    collections: tuple[str, ...]
    edit: bytes | None
    """The superseded column of an edit; None for every other kind."""


@lru_cache(maxsize=1024)
def _taken(shape: bytes) -> tuple[tuple[str, ...], int]:
    """(collections, clocks) of records of this shape; -1 where each has to be asked for itself."""
    parsed = parse_shape_untrusted(shape)
    if parsed.kind == RecordKind.EDIT:
        return parsed.collections, -1
    return parsed.collections, clocks_taken(parsed, NO_SUPERSEDED)


class PutIndex:
    """The records of one engram, and what took each clock of each log."""

    def __init__(self, records: Iterable[tuple[bytes, Record]]) -> None:
        self._seqs: dict[bytes, list[int]] = {}
        self._rows: dict[bytes, list[_Row]] = {}
        self._clocks: dict[bytes, list[int]] = {}
        """The first clock of each row, and at the end the first that is not taken."""
        for log, record in records:
            self.add(log, record)

    def add(self, log: bytes, record: Record) -> None:
        """Take one more record; those of one log come in order, and again is no harm."""
        seqs = self._seqs.get(log)
        if seqs is None:
            seqs, self._rows[log], self._clocks[log] = [], [], [0]
            self._seqs[log] = seqs
        elif record.seq <= seqs[-1]:
            return
        seqs.append(record.seq)
        collections, length = _taken(record.shape)
        edit = None
        if length < 0:
            edit = record.superseded
            length = clocks_taken(parse_shape_untrusted(record.shape), edit)
        if length:
            self._rows[log].append(_Row(record.seq, collections, edit))
            clocks = self._clocks[log]
            clocks.append(clocks[-1] + length)

    def holds(self, log: bytes, seq: int) -> bool:
        """Whether record ``seq`` of ``log`` is one of this engram."""
        seqs = self._seqs.get(log, [])
        at = bisect_left(seqs, seq)
        return at < len(seqs) and seqs[at] == seq

    def count(self, log: bytes) -> int:
        """How many clocks ``log`` has taken."""
        clocks = self._clocks.get(log)
        return clocks[-1] if clocks else 0

    def find(self, log: bytes, clock: int) -> Put:
        """What took a clock.

        Raises:
            InvalidRecordError: No record held puts it in this engram.
        """
        if not 0 <= clock < self.count(log):
            raise InvalidRecordError(f"dot {clock} of log {log.hex()[:16]} is not in this engram")
        clocks = self._clocks[log]
        at = bisect_right(clocks, clock) - 1
        seq, collections, column = self._rows[log][at]
        if column is None:
            return Put(clock, 1, seq, collections[clock - clocks[at]], None)
        edit = decode_edit_untrusted(column, len(collections))
        length = clocks[at + 1] - clocks[at]
        return Put(clocks[at], length, seq, INSERTED_TEXT, edit.generation)

    def clocks_until(self, log: bytes, seq: int) -> int:
        """How many clocks the records of ``log`` up to position ``seq`` have taken."""
        rows = self._rows.get(log, [])
        return self._clocks[log][bisect_right(rows, seq, key=lambda row: row.seq)] if rows else 0
