"""What texts are on disk: pieces with their places, so that loading attaches nothing again.

    texts   := count                                              0 ends it: no text
               logs, records, numbers, characters
    logs    := count, [ log id (32 bytes) ]...                    sorted
    records := count, [ log index (4 bytes), seq (8), hlc (8), payload hash (32) ]...
                                                                  in the order of their first piece
    numbers := count, [ number (4 bytes) ]...: [ generation ]...
    characters := length, UTF-8                                   of all pieces, one after the other

    generation := log index, clock, number of pieces, [ piece ]...     sorted by dot
    piece      := form, log index, clock, length, [ parent ], [ right ], [ record index ]
    parent, right := log index, clock

The clock of a piece counts from the end of the one before when that is of the same log.  A form
is the side (0 right, 1 left, 2 waiting, 3 loose), plus 4 when there is a parent other than the
unit before, 8 for a right origin, 16 for a record (the piece is not deleted), 32 for characters
(they are held), 64 when the parent is the unit before.  There is one character per unit: U+DC00
stands for the second unit of one beyond U+FFFF.

Numbers are not LEB128 here: a text of many small edits has ten thousand of them, and reading
them one by one took half the time of loading it.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ._cursor import Cursor
from ._dots import Dot
from ._errors import DocumentError
from ._intervals import Source
from ._limits import HASH_BYTES, LOG_BYTES
from ._pieces import LOOSE, Piece
from ._text import Text
from ._yjs import varint

_SIDE: Final = 3
_PARENT: Final = 4
_RIGHT: Final = 8
_SOURCE: Final = 16
_TEXT: Final = 32
_CHAINED: Final = 64

_Record = tuple[bytes, Source]
_RECORD: Final = struct.Struct(f">IQQ{HASH_BYTES}s")


def encode_texts(texts: Mapping[Dot, Text]) -> bytes:
    """Encode all texts of a document; equal texts have equal bytes."""
    held = [(dot, pieces) for dot, text in sorted(texts.items()) if (pieces := text.normal())]
    if not held:
        return b"\x00"
    records, ids = _tables(held)
    logs = sorted(ids)
    places = {log: place for place, log in enumerate(logs)}
    numbers: list[int] = []
    for dot, pieces in held:
        numbers += (places[dot.log], dot.clock, len(pieces))
        _encode_pieces(numbers, pieces, places, records)
    chars = "".join(piece.text for _, pieces in held for piece in pieces if piece.text is not None)
    data = chars.encode("utf-8", "surrogatepass")
    return b"".join(
        (
            *(varint(len(held)), varint(len(logs)), *logs, varint(len(records))),
            *(_RECORD.pack(places[log], *source) for log, source in records),
            *(varint(len(numbers)), struct.pack(f">{len(numbers)}I", *numbers)),
            *(varint(len(data)), data),
        )
    )


def _tables(held: Sequence[tuple[Dot, list[Piece]]]) -> tuple[dict[_Record, int], set[bytes]]:
    """Number the records that pieces are of, and collect all logs that anything names."""
    records: dict[_Record, int] = {}
    ids: set[bytes] = set()
    for dot, pieces in held:
        ids.add(dot.log)
        for log, _, _, _, parent, right, source, _ in pieces:
            ids.add(log)
            if parent is not None:
                ids.add(parent[0])
            if right is not None:
                ids.add(right[0])
            if source is not None:
                records.setdefault((log, source), len(records))
    return records, ids


def _encode_pieces(
    numbers: list[int],
    pieces: Sequence[Piece],
    places: Mapping[bytes, int],
    records: Mapping[_Record, int],
) -> None:
    before, end = b"", 0
    for log, clock, length, side, parent, right, source, text in pieces:
        form = side
        rest: list[int] = []
        if parent is not None:
            if parent == (log, clock - 1):
                form |= _CHAINED
            else:
                form |= _PARENT
                rest += (places[parent[0]], parent[1])
        if right is not None:
            form |= _RIGHT
            rest += (places[right[0]], right[1])
        if source is not None:
            form |= _SOURCE if text is None else _SOURCE | _TEXT
            rest.append(records[log, source])
        numbers += (form, places[log], clock - end if log == before else clock, length, *rest)
        before, end = log, clock + length


def decode_texts(cursor: Cursor) -> dict[Dot, Text]:
    """Decode what ``encode_texts`` returned.

    Args:
        cursor: Where it begins.

    Raises:
        DocumentError: It is malformed.
        IndexError: The same.
        UnicodeDecodeError: The same.
    """
    generations = cursor.number()
    if not generations:
        return {}
    logs = [cursor.take(LOG_BYTES) for _ in cursor.count()]
    packed: Iterator[tuple[int, int, int, bytes]] = _RECORD.iter_unpack(
        cursor.take(_RECORD.size * cursor.number())
    )
    records: list[_Record] = [
        (logs[place], Source(seq, hlc, data)) for place, seq, hlc, data in packed
    ]
    numbers = cursor.number()
    following = iter(struct.unpack(f">{numbers}I", cursor.take(4 * numbers)))
    chars = cursor.take(cursor.number()).decode("utf-8", "surrogatepass")
    decoder = _Decoder(following, chars, logs, records)
    try:
        texts = decoder.texts(generations)
    except StopIteration as error:
        raise DocumentError(f"texts of {numbers} numbers end early") from error
    if next(following, None) is not None:
        raise DocumentError("numbers follow the texts of the document")
    return texts


class _Decoder:
    """What the pieces of all texts are made from."""

    def __init__(
        self,
        numbers: Iterator[int],
        chars: str,
        logs: list[bytes],
        records: list[_Record],
    ) -> None:
        self._numbers = numbers
        self._chars = chars
        self._taken = 0
        self._logs = logs
        self._records = records

    def texts(self, generations: int) -> dict[Dot, Text]:
        texts: dict[Dot, Text] = {}
        for _ in range(generations):
            dot = self._dot()
            pieces = self._pieces(next(self._numbers))
            loose = {piece.side == LOOSE for piece in pieces}
            if dot in texts or len(loose) != 1:
                raise DocumentError(f"text {dot.clock} of the document is not one")
            texts[dot] = Text(dot, loose=loose.pop())
            texts[dot].restore(pieces)
        if self._taken != len(self._chars):
            raise DocumentError(f"a text of {len(self._chars)} characters has {self._taken} units")
        return texts

    def _dot(self) -> Dot:
        return Dot(self._logs[next(self._numbers)], next(self._numbers))

    def _pieces(self, count: int) -> list[Piece]:
        numbers, logs = self._numbers, self._logs
        pieces: list[Piece] = []
        before, end = -1, 0
        for _ in range(count):
            form, place, clock, length = (
                next(numbers),
                next(numbers),
                next(numbers),
                next(numbers),
            )
            if place == before:
                clock += end
            log = logs[place]
            before, end = place, clock + length
            if not length:
                raise DocumentError(f"a piece of a text at unit {clock} holds none")
            parent = Dot(log, clock - 1) if form & _CHAINED else None
            if form & _PARENT:
                parent = self._dot()
            right = self._dot() if form & _RIGHT else None
            source = self._source(log) if form & _SOURCE else None
            text = self._text(length) if form & _TEXT else None
            if text is not None and source is None:
                raise DocumentError(f"unit {clock} of a text is deleted and held")
            pieces.append(Piece(log, clock, length, form & _SIDE, parent, right, source, text))
        return pieces

    def _source(self, log: bytes) -> Source:
        owner, source = self._records[next(self._numbers)]
        if owner != log:
            raise DocumentError("a text names another log's record")
        return source

    def _text(self, length: int) -> str:
        first, self._taken = self._taken, self._taken + length
        return self._chars[first : self._taken]
