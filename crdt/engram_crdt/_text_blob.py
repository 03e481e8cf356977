"""What texts are on disk: pieces with their places, so that loading attaches nothing again.

    texts   := count                                              0 ends it: no text
               logs, sources, count, [ generation ]...            sorted by dot
    logs    := count, [ log id (32 bytes) ]...                    sorted
    sources := count, [ log index, seq, hlc (8 bytes), payload hash (32 bytes) ]...
    generation := log index, clock, count, [ piece ]...           sorted by dot
    piece   := form (1 byte), log index, clock, length, [ parent ], [ right ], [ source index ],
               [ bytes of text, text ]
    parent, right := log index, clock

A form is the side (0 right, 1 left, 2 waiting, 3 loose), plus 4 when there is a parent other than
the unit before, 8 for a right origin, 16 for a source (the piece is not deleted), 32 for a text
(it is held), 64 when the parent is the unit before.  A text is UTF-8; U+DC00 stands in it for
the second unit of a character beyond U+FFFF.
"""

from collections.abc import Mapping
from typing import Final

from ._cursor import Cursor
from ._dots import Dot
from ._errors import DocumentError
from ._limits import HASH_BYTES, LOG_BYTES
from ._text import Piece, Side, Source, Text
from ._yjs import varint

_SIDE, _PARENT, _RIGHT, _SOURCE, _TEXT, _CHAINED = 3, 4, 8, 16, 32, 64
_SIDES: Final = tuple(Side)


def encode_texts(texts: Mapping[Dot, Text]) -> bytes:
    """Encode all texts of a document; equal texts have equal bytes."""
    held = [(dot, pieces) for dot, text in sorted(texts.items()) if (pieces := text.normal())]
    if not held:
        return b"\x00"
    ids = {dot.log for dot, _ in held}
    sources: dict[tuple[bytes, Source], bytes] = {}
    for _, pieces in held:
        for piece in pieces:
            ids.update(at.log for at in (piece.parent, piece.right) if at is not None)
            ids.add(piece.log)
            if piece.source is not None:
                sources.setdefault((piece.log, piece.source), varint(len(sources)))
    logs = {log: varint(place) for place, log in enumerate(sorted(ids))}
    out = [varint(len(held)), varint(len(logs)), *logs, varint(len(sources))]
    for log, (seq, hlc, payload_hash) in sources:
        out += (logs[log], varint(seq), hlc.to_bytes(8), payload_hash)
    for dot, pieces in held:
        out += (logs[dot.log], varint(dot.clock), varint(len(pieces)))
        for piece in pieces:
            source = None if piece.source is None else sources[piece.log, piece.source]
            _encode_piece(out, piece, logs, source)
    return b"".join(out)


def _encode_piece(
    out: list[bytes], piece: Piece, logs: Mapping[bytes, bytes], source: bytes | None
) -> None:
    log, clock, length, side, parent, right, _, text = piece
    form = int(side)
    rest: list[bytes] = []
    if parent == (log, clock - 1):
        form |= _CHAINED
    elif parent is not None:
        form |= _PARENT
        rest += (logs[parent.log], varint(parent.clock))
    if right is not None:
        form |= _RIGHT
        rest += (logs[right.log], varint(right.clock))
    if source is not None:
        form |= _SOURCE
        rest.append(source)
    if text is not None:
        form |= _TEXT
        data = text.encode("utf-8", "surrogatepass")
        rest += (varint(len(data)), data)
    out += (bytes((form,)), logs[log], varint(clock), varint(length), *rest)


def decode_texts(cursor: Cursor, ends: Mapping[bytes, int]) -> dict[Dot, Text]:
    """Decode what ``encode_texts`` returned.

    Args:
        cursor: Where it begins.
        ends: Next clock of each log.

    Raises:
        DocumentError, IndexError, UnicodeDecodeError: It is malformed.
    """
    texts: dict[Dot, Text] = {}
    generations = cursor.count()
    if not generations:
        return texts
    logs = [cursor.take(LOG_BYTES) for _ in cursor.count()]
    sources = [_source(cursor, logs) for _ in cursor.count()]
    for _ in generations:
        dot = _dot(cursor, logs)
        pieces = [_piece(cursor, logs, sources, ends) for _ in cursor.count()]
        loose = {piece.side is Side.LOOSE for piece in pieces}
        if dot in texts or len(loose) != 1:
            raise DocumentError(f"text {dot.clock} of the document is not one")
        texts[dot] = Text(dot, loose=loose.pop())
        texts[dot].restore(pieces)
    return texts


def _source(cursor: Cursor, logs: list[bytes]) -> tuple[bytes, Source]:
    log = logs[cursor.number()]
    seq, hlc = cursor.number(), int.from_bytes(cursor.take(8))
    return log, Source(seq, hlc, cursor.take(HASH_BYTES))


def _dot(cursor: Cursor, logs: list[bytes]) -> Dot:
    return Dot(logs[cursor.number()], cursor.number())


def _piece(
    cursor: Cursor,
    logs: list[bytes],
    sources: list[tuple[bytes, Source]],
    ends: Mapping[bytes, int],
) -> Piece:
    form = cursor.take(1)[0]
    log, clock = _dot(cursor, logs)
    length = cursor.number()
    side = _SIDES[form & _SIDE]
    parent = Dot(log, clock - 1) if form & _CHAINED else None
    if form & _PARENT:
        parent = _dot(cursor, logs)
    right = _dot(cursor, logs) if form & _RIGHT else None
    source = text = None
    if form & _SOURCE:
        owner, source = sources[cursor.number()]
        if owner != log:
            raise DocumentError(f"unit {clock} of a text names another log's record")
    if form & _TEXT:
        text = cursor.take(cursor.number()).decode("utf-8", "surrogatepass")
    if not length or clock + length > ends.get(log, 0):
        raise DocumentError(f"unit {clock} of a text is beyond its log's end")
    if text is not None and (source is None or len(text) != length):
        raise DocumentError(f"unit {clock} of a text has {len(text)} characters, not {length}")
    return Piece(log, clock, length, side, parent, right, source, text)
