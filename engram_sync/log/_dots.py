"""Which put every dot of one engram names, and whether a record may supersede it."""

from collections.abc import Callable, Iterable

from engram_wire import (
    InvalidRecordError,
    Record,
    RecordKind,
    Shape,
    Superseded,
    decode_superseded_untrusted,
    parse_shape_untrusted,
)

OWN_SLOT_PREFIXES = ("o/", "b/")
"""Collections in which each agent replaces only its own entries."""

_FREE_OF_SLOTS = frozenset({RecordKind.DELETE, RecordKind.ERASE})
"""Kinds that name dots of every agent: they remove the engram, not an opinion in it."""


class PutIndex:
    """The puts of one engram: for each log, (seq, collection) of its clocks 0, 1, 2 ..."""

    def __init__(self, records: Iterable[tuple[bytes, Record]]) -> None:
        self._puts: dict[bytes, list[tuple[int, str]]] = {}
        self._seqs: dict[bytes, int] = {}
        for log, record in records:
            self.add(log, record)

    def add(self, log: bytes, record: Record) -> None:
        """Take one more record; those of one log come in order, and again is no harm."""
        if record.seq <= self._seqs.get(log, 0):
            return
        self._seqs[log] = record.seq
        collections = parse_shape_untrusted(record.shape).collections
        if collections:
            puts = self._puts.setdefault(log, [])
            puts += [(record.seq, collection) for collection in collections]

    def find(self, log: bytes, clock: int) -> tuple[int, str]:
        """(seq, collection) of a dot.

        Raises:
            InvalidRecordError: No record held puts it in this engram.
        """
        puts = self._puts.get(log, ())
        if not 0 <= clock < len(puts):
            raise InvalidRecordError(f"dot {clock} of log {log.hex()[:16]} is not in this engram")
        return puts[clock]

    def clocks_until(self, log: bytes, seq: int) -> int:
        """How many clocks the records of ``log`` up to position ``seq`` have taken."""
        return sum(at <= seq for at, _ in self._puts.get(log, ()))


class DotCheck:
    """The rules for superseded dots of one record.

    Args:
        own: Id of the record's log.
        seen: Of another log (by id), how far the record's declared past reaches.
        same_agent: Whether the author of another log writes for the record's agent.
    """

    def __init__(
        self,
        own: bytes,
        *,
        seen: Callable[[bytes], int],
        same_agent: Callable[[bytes], bool],
    ) -> None:
        self._own = own
        self._seen = seen
        self._same_agent = same_agent

    def check_untrusted(self, record: Record, shape: Shape, puts: PutIndex) -> None:
        """Check every dot that ``record`` supersedes; ``puts`` has all earlier records.

        Raises:
            WireError: A dot is not in the record's past, engram, collection or slot.
        """
        names = shape.collections
        for dot in decode_superseded_untrusted(record.superseded, kind=shape.kind, puts=len(names)):
            if shape.kind == RecordKind.DELETE:
                self._find_untrusted(dot, dot.clock - 1, puts)
                continue
            collection = self._find_untrusted(dot, dot.clock, puts)
            if dot.op < len(names) and names[dot.op] != collection:
                raise InvalidRecordError(f"a put to {names[dot.op]} supersedes a {collection}")
            slot = collection.startswith(OWN_SLOT_PREFIXES) and shape.kind not in _FREE_OF_SLOTS
            if slot and dot.log is not None and not self._same_agent(dot.log):
                raise InvalidRecordError(f"another agent's {collection} is superseded")

    def _find_untrusted(self, dot: Superseded, clock: int, puts: PutIndex) -> str:
        if dot.log == self._own:
            raise InvalidRecordError("a dot of the author's own log spells out the log's id")
        seq, collection = puts.find(dot.log or self._own, clock)
        if dot.log is not None and seq > self._seen(dot.log):
            raise InvalidRecordError(
                f"dot {clock} of log {dot.log.hex()[:16]} is not in the record's past"
            )
        return collection
