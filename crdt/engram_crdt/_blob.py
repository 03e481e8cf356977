"""What a document is on disk: its state, and no byte of Yjs.

    blob    := 0x01, checksum (16 bytes), logs, names, records, awaited
    logs    := count, [ log id (32 bytes), next clock, last seq ]...       sorted by id
    names   := count, [ length, collection ]...                            sorted
    records := count, [ log index, seq, hlc (8 bytes), payload hash (32 bytes), puts ]...
    puts    := count, [ clock, name index, 1 + length of the value or 0 when it is owed, value ]...
    awaited := count, [ log id (32 bytes), floor, count, clock... ]...     sorted by id

Numbers are LEB128.  Dead elements leave nothing but a gap between clocks, so the size follows
what is live; equal states have equal blobs.  The Yjs update is derived again on load, so that
not even a damaged disk can feed foreign bytes to pycrdt.
"""

from collections.abc import Collection
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from ._dots import Dot, Element
from ._errors import DocumentError
from ._limits import CLOCK_MAX, HASH_BYTES, LOG_BYTES
from ._yjs import read_varint, varint

_VERSION = b"\x01"
_CHECKSUM_BYTES = 16


class Position(NamedTuple):
    """How far a document has read one log."""

    clock: int
    """Clock of the log's next put in this engram."""
    seq: int
    """Last record applied."""


class Awaited(NamedTuple):
    """Removals of puts that the document has not seen yet."""

    floor: int
    """Every clock below it is removed."""
    clocks: frozenset[int]
    """Removed clocks above the floor."""

    def covers(self, clock: int) -> bool:
        """Tell whether a put with this clock is dead on arrival."""
        return clock < self.floor or clock in self.clocks

    def with_spans(self, spans: Collection[tuple[int, int]], clock: int) -> "Awaited | None":
        """Add spans of clocks and forget those below ``clock``, which the document has seen.

        Args:
            spans: (first, end) of each; those of more than one clock start at 0.
            clock: Next clock of the log.

        Returns:
            None when nothing is awaited.  Equal sets have equal forms.
        """
        floor = max([self.floor, clock, *(end for first, end in spans if not first)])
        clocks = self.clocks.union(first for first, _ in spans if first)
        while floor in clocks:
            floor += 1
        clocks = frozenset(awaited for awaited in clocks if awaited > floor)
        return Awaited(floor, clocks) if floor > clock or clocks else None


class State(NamedTuple):
    """Everything a document knows."""

    logs: dict[bytes, Position]
    awaited: dict[bytes, Awaited]
    elements: list[Element]
    """Live elements, sorted."""


def _checksum(engram: bytes, body: bytes) -> bytes:
    return blake2b(engram + body, digest_size=_CHECKSUM_BYTES, person=b"engram blob").digest()


def encode_blob(engram: bytes, state: State) -> bytes:
    """Encode a state; a function of the state alone, not of how it came about."""
    logs = sorted(state.logs)
    index = {log: varint(place) for place, log in enumerate(logs)}
    names = sorted({element.collection for element in state.elements})
    name_index = {name: varint(place) for place, name in enumerate(names)}
    out = [varint(len(logs))]
    out += (log + varint(state.logs[log].clock) + varint(state.logs[log].seq) for log in logs)
    out.append(varint(len(names)))
    out += (bytes((len(name),)) + name.encode() for name in names)
    records: list[bytes] = []
    ordered = sorted(state.elements, key=_by_dot)
    for (log, seq), puts in groupby(ordered, key=_by_record):
        records.append(_encode_record(index[log] + varint(seq), list(puts), name_index))
    out += (varint(len(records)), *records, varint(len(state.awaited)))
    for log, awaited in sorted(state.awaited.items()):
        clocks = sorted(awaited.clocks)
        out += (log, varint(awaited.floor), varint(len(clocks)), *map(varint, clocks))
    body = b"".join(out)
    return _VERSION + _checksum(engram, body) + body


def _by_dot(element: Element) -> Dot:
    return element.dot


def _by_record(element: Element) -> tuple[bytes, int]:
    return element.dot.log, element.seq


def _encode_record(head: bytes, puts: list[Element], names: dict[str, bytes]) -> bytes:
    first = puts[0]
    out = [head, first.hlc.to_bytes(8), first.payload_hash, varint(len(puts))]
    for collection, (_, clock), _, value, _, _ in puts:
        if value is None:
            out += (varint(clock), names[collection], b"\x00")
        else:
            out += (varint(clock), names[collection], varint(1 + len(value)), value)
    return b"".join(out)


def decode_blob(engram: bytes, blob: bytes) -> State:
    """Decode and check a state.

    Raises:
        DocumentError: The blob is damaged, of another engram or of an unknown version.
    """
    if blob[:1] != _VERSION:
        raise DocumentError(f"document of version {blob[:1].hex() or 'none'}, this reads 01")
    body = blob[1 + _CHECKSUM_BYTES :]
    if blob[1 : 1 + _CHECKSUM_BYTES] != _checksum(engram, body):
        raise DocumentError(f"document of {len(blob)} bytes does not match its checksum")
    try:
        return _Reader(body).state()
    except (IndexError, UnicodeDecodeError) as error:
        raise DocumentError(f"document of {len(blob)} bytes is malformed") from error


class _Reader:
    """A cursor over the body of a blob."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._offset = 0

    def state(self) -> State:
        logs = {self._take(LOG_BYTES): Position(*self._pair()) for _ in self._count()}
        names = [self._take(self._number()).decode("ascii") for _ in self._count()]
        ids = list(logs)
        elements = [e for _ in self._count() for e in self._record(ids, logs, names)]
        awaited = {self._take(LOG_BYTES): self._awaited() for _ in self._count()}
        if self._offset != len(self._body):
            raise DocumentError(f"{len(self._body) - self._offset} bytes after the document")
        if len({element.dot for element in elements}) != len(elements):
            raise DocumentError("two elements of the document share a dot")
        elements.sort()
        return State(logs, awaited, elements)

    def _record(
        self, ids: list[bytes], logs: dict[bytes, Position], names: list[str]
    ) -> list[Element]:
        log = ids[self._number()]
        seq = self._number()
        hlc = int.from_bytes(self._take(8))
        payload_hash = self._take(HASH_BYTES)
        end, last = logs[log]
        if seq > last:
            raise DocumentError(f"record {seq} is beyond its log's end {last}")
        elements: list[Element] = []
        body = self._body
        for _ in range(self._number()):
            clock, offset = read_varint(body, self._offset)
            name, offset = read_varint(body, offset)
            size, self._offset = read_varint(body, offset)
            if clock >= end:
                raise DocumentError(f"element {clock} is beyond its log's end {end}")
            value = self._take(size - 1) if size else None
            elements.append(Element(names[name], Dot(log, clock), hlc, value, payload_hash, seq))
        return elements

    def _awaited(self) -> Awaited:
        return Awaited(self._number(), frozenset(self._number() for _ in self._count()))

    def _pair(self) -> tuple[int, int]:
        clock, seq = self._number(), self._number()
        if clock > CLOCK_MAX:
            raise DocumentError(f"clock {clock} is above {CLOCK_MAX}")
        return clock, seq

    def _number(self) -> int:
        number, self._offset = read_varint(self._body, self._offset)
        return number

    def _count(self) -> range:
        return range(self._number())

    def _take(self, size: int) -> bytes:
        end = self._offset + size
        if end > len(self._body):
            raise DocumentError(f"document ends {end - len(self._body)} bytes early")
        taken = self._body[self._offset : end]
        self._offset = end
        return taken
