"""What took each clock of one engram."""

from bisect import bisect_right
from collections.abc import Iterable
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


class PutIndex:
    """The records of one engram, and what took each clock of each log."""

    def __init__(self, records: Iterable[tuple[bytes, Record]]) -> None:
        self._puts: dict[bytes, list[Put]] = {}
        self._seqs: dict[bytes, set[int]] = {}
        self._last: dict[bytes, int] = {}
        for log, record in records:
            self.add(log, record)

    def add(self, log: bytes, record: Record) -> None:
        """Take one more record; those of one log come in order, and again is no harm."""
        if record.seq <= self._last.get(log, 0):
            return
        self._last[log] = record.seq
        self._seqs.setdefault(log, set()).add(record.seq)
        shape = parse_shape_untrusted(record.shape)
        length = clocks_taken(shape, record.superseded)
        if not length:
            return
        puts, clock = self._puts.setdefault(log, []), self.count(log)
        if shape.kind == RecordKind.EDIT:
            edit = decode_edit_untrusted(record.superseded, len(shape.collections))
            puts.append(Put(clock, length, record.seq, INSERTED_TEXT, edit.generation))
            return
        for collection in shape.collections:
            puts.append(Put(clock, 1, record.seq, collection, None))
            clock += 1

    def holds(self, log: bytes, seq: int) -> bool:
        """Whether record ``seq`` of ``log`` is one of this engram."""
        return seq in self._seqs.get(log, ())

    def count(self, log: bytes) -> int:
        """How many clocks ``log`` has taken."""
        puts = self._puts.get(log)
        return puts[-1].clock + puts[-1].length if puts else 0

    def find(self, log: bytes, clock: int) -> Put:
        """What took a clock.

        Raises:
            InvalidRecordError: No record held puts it in this engram.
        """
        if not 0 <= clock < self.count(log):
            raise InvalidRecordError(f"dot {clock} of log {log.hex()[:16]} is not in this engram")
        puts = self._puts[log]
        return puts[bisect_right(puts, clock, key=lambda put: put.clock) - 1]

    def clocks_until(self, log: bytes, seq: int) -> int:
        """How many clocks the records of ``log`` up to position ``seq`` have taken."""
        puts = self._puts.get(log, ())
        following = bisect_right(puts, seq, key=lambda put: put.seq)
        return puts[following].clock if following < len(puts) else self.count(log)
