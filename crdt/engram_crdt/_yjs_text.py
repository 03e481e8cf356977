"""The Yjs form of a text: what other programs see of it.

    item    := info [ left: client, clock ] [ right: client, clock ] [ root ] content
    info    := 0x04 a string, 0x01 deleted units; plus 0x80 with a left, 0x40 with a right origin
    root    := 0x01 name, only without an origin
    content := length, UTF-8        or, deleted: number of units

The order was decided before, see ``_text``.  The items tell Yjs a history that leads there: one
log wrote after the other, each seeing all that stood before.  In such a history the origins of
an item are its neighbours at the time, and nothing is concurrent, so nothing is left to decide.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ._dots import Dot
from ._pieces import PAD, Piece, shown
from ._yjs import varint


class TextItem(NamedTuple):
    """One item of a root text."""

    log: bytes
    clock: int
    length: int
    struct: bytes


class _TextRun(NamedTuple):
    log: bytes
    clock: int
    length: int
    text: str | None


def root_name(generation: Dot) -> str:
    """Return the name of the root text of a generation."""
    return f"x/{generation.log.hex()}.{generation.clock:x}"


def text_items(
    generation: Dot, pieces: Sequence[Piece], clients: Mapping[bytes, int]
) -> Iterator[TextItem]:
    """Yield the items of one text.

    Args:
        generation: Its element.
        pieces: All its attached pieces, in their order.
        clients: Client id of each log.
    """
    root = b"\x01" + varint(len(root_name(generation))) + root_name(generation).encode()
    runs = list(_whole_characters(pieces))
    for run, left, right in _as_history(runs):
        origins = b""
        info = 0x01 if run.text is None else 0x04
        if left is not None:
            info |= 0x80
            origins += varint(clients[left.log]) + varint(left.clock + left.length - 1)
        if right is not None:
            info |= 0x40
            origins += varint(clients[right.log]) + varint(right.clock)
        content = varint(run.length)
        if run.text is not None:
            data = shown(run.text).encode()
            content = varint(len(data)) + data
        yield TextItem(run.log, run.clock, run.length, bytes((info,)) + (origins or root) + content)


def _as_history(
    runs: Sequence[_TextRun],
) -> Iterator[tuple[_TextRun, _TextRun | None, _TextRun | None]]:
    """Yield each run with its neighbours among those of smaller dots, in no order.

    Goes backwards: takes the largest dot out, then the next, so that what is left around each is
    what was there when it came.
    """
    before: list[int] = list(range(-1, len(runs) - 1))
    after: list[int] = [*range(1, len(runs)), -1]
    for at in sorted(range(len(runs)), key=lambda at: runs[at][:2], reverse=True):
        left, right = before[at], after[at]
        yield runs[at], _one(runs, left), _one(runs, right)
        if left >= 0:
            after[left] = right
        if right >= 0:
            before[right] = left


def _one(runs: Sequence[_TextRun], at: int) -> _TextRun | None:
    return None if at < 0 else runs[at]


def _whole_characters(pieces: Sequence[Piece]) -> Iterator[_TextRun]:
    """Yield the pieces cut so that every character's two units are in one of them.

    A record may point between the two.  The first unit carries the character; the second one
    then stands with it instead of where it hangs, which nobody can see.
    """
    moved: set[tuple[bytes, int]] = set()
    for piece in pieces:
        run = _TextRun(piece.log, piece.clock, piece.length, piece.text)
        if run[:2] in moved:
            run = _without_first(run)
        elif run.text is not None and run.text[0] == PAD:
            # The first unit of this character is deleted.
            yield run._replace(length=1, text=None)
            run = _without_first(run)
        if run.text and run.text[-1] > "\uffff":
            moved.add((run.log, run.clock + run.length))
            run = run._replace(length=run.length + 1, text=run.text + PAD)
        if run.length:
            yield run


def _without_first(run: _TextRun) -> _TextRun:
    return _TextRun(run.log, run.clock + 1, run.length - 1, run.text and run.text[1:])
