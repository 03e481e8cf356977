"""What a document is on disk: its state, and no byte of Yjs.

    blob    := 0x02, checksum (16 bytes), logs, names, records, awaited, texts
    logs    := count, [ log id (32 bytes), next clock, last seq ]...       sorted by id
    names   := count, [ length, collection ]...                            sorted
    records := count, [ log index, seq, hlc (8 bytes), payload hash (32 bytes), puts ]...
    puts    := count, [ clock, name index, 1 + length of the value or 0 when it is owed, value ]...
    awaited := count, [ log id (32 bytes), count, [ gap, length ]... ]...  sorted by id

Numbers are LEB128.  ``texts`` stands in ``_text_blob``.  A gap counts from the log's next clock,
later from the end of the range before.  In version 1 there is no ``texts``, and

    awaited := count, [ log id (32 bytes), floor, count, clock... ]...

where the clocks below ``floor`` are awaited too.  Dead elements leave nothing but a gap between
clocks, so the size follows what is live; equal states have equal blobs.  The Yjs update is
derived again on load, so that not even a damaged disk can feed foreign bytes to pycrdt.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from ._cursor import Cursor
from ._dots import Dot, Element
from ._errors import DocumentError
from ._limits import CLOCK_MAX, HASH_BYTES, LOG_BYTES
from ._spans import Spans, union
from ._text import Text
from ._text_blob import decode_texts, encode_texts
from ._yjs import read_varint, varint

_VERSION = b"\x02"
_VERSIONS = (b"\x01", _VERSION)
_CHECKSUM_BYTES = 16


class ReadPosition(NamedTuple):
    """How far a document has read one log."""

    clock: int
    """Clock of the log's next put in this engram."""
    seq: int
    """Last record applied."""


class BlobState(NamedTuple):
    """Everything a document knows."""

    logs: dict[bytes, ReadPosition]
    awaited: dict[bytes, Spans]
    """Removals of what the document has not seen yet: clocks that are dead on arrival."""
    elements: list[Element]
    """Live elements, sorted."""
    texts: Mapping[Dot, Text]
    """Text by generation."""


def _checksum(engram: bytes, body: bytes) -> bytes:
    return blake2b(engram + body, digest_size=_CHECKSUM_BYTES, person=b"engram blob").digest()


def encode_blob(engram: bytes, state: BlobState) -> bytes:
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
    for log, spans in sorted(state.awaited.items()):
        out += (log, varint(len(spans)))
        end = state.logs[log].clock if log in state.logs else 0
        for first, stop in spans:
            out += (varint(first - end), varint(stop - first))
            end = stop
    out.append(encode_texts(state.texts))
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


def decode_blob(engram: bytes, blob: bytes) -> BlobState:
    """Decode and check a state.

    Raises:
        DocumentError: The blob is damaged, of another engram or of an unknown version.
    """
    version = blob[:1]
    if version not in _VERSIONS:
        raise DocumentError(f"document of version {version.hex() or 'none'}, this reads 01 and 02")
    body = blob[1 + _CHECKSUM_BYTES :]
    if blob[1 : 1 + _CHECKSUM_BYTES] != _checksum(engram, body):
        raise DocumentError(f"document of {len(blob)} bytes does not match its checksum")
    try:
        return _BlobReader(body).state(first_version=version != _VERSION)
    except (IndexError, UnicodeDecodeError) as error:
        raise DocumentError(f"document of {len(blob)} bytes is malformed") from error


class _BlobReader(Cursor):
    """A cursor over the body of a blob."""

    def state(self, *, first_version: bool) -> BlobState:
        logs = {self.take(LOG_BYTES): ReadPosition(*self._pair()) for _ in self.count()}
        names = [self.take(self.number()).decode("ascii") for _ in self.count()]
        ids = list(logs)
        elements = [e for _ in self.count() for e in self._record(ids, logs, names)]
        awaited: dict[bytes, Spans] = {}
        for _ in self.count():
            log = self.take(LOG_BYTES)
            seen = logs[log].clock if log in logs else 0
            awaited[log] = self._awaited_1(seen) if first_version else self._awaited(seen)
        texts: dict[Dot, Text] = {}
        if not first_version:
            texts = decode_texts(self)
        self.expect_end()
        if len({element.dot for element in elements}) != len(elements):
            raise DocumentError("two elements of the document share a dot")
        elements.sort()
        return BlobState(logs, awaited, elements, texts)

    def _record(
        self, ids: list[bytes], logs: dict[bytes, ReadPosition], names: list[str]
    ) -> list[Element]:
        log = ids[self.number()]
        seq = self.number()
        hlc = int.from_bytes(self.take(8))
        payload_hash = self.take(HASH_BYTES)
        end, last = logs[log]
        if seq > last:
            raise DocumentError(f"record {seq} is beyond its log's end {last}")
        elements: list[Element] = []
        body = self.body
        for _ in range(self.number()):
            clock, offset = read_varint(body, self.offset)
            name, offset = read_varint(body, offset)
            size, self.offset = read_varint(body, offset)
            if clock >= end:
                raise DocumentError(f"element {clock} is beyond its log's end {end}")
            value = self.take(size - 1) if size else None
            elements.append(Element(names[name], Dot(log, clock), hlc, value, payload_hash, seq))
        return elements

    def _awaited(self, seen: int) -> Spans:
        spans: list[tuple[int, int]] = []
        end = seen
        for _ in self.count():
            first = end + self.number()
            end = first + self.number()
            spans.append((first, _checked(end)))
        return union(spans)

    def _awaited_1(self, seen: int) -> Spans:
        spans = [(seen, _checked(self.number()))]
        spans += [(clock, clock + 1) for clock in map(_checked, self._numbers())]
        return union(spans)

    def _numbers(self) -> Iterator[int]:
        for _ in self.count():
            yield self.number()

    def _pair(self) -> tuple[int, int]:
        return _checked(self.number()), self.number()


def _checked(clock: int) -> int:
    if clock > CLOCK_MAX:
        raise DocumentError(f"clock {clock} is above {CLOCK_MAX}")
    return clock
