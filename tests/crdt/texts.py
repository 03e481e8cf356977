"""Changes to one collaborative text, for tests."""

from engram_crdt import (
    Change,
    Dot,
    EngramDocument,
    TextEdit,
    TextInsert,
)
from engram_crdt._editing import Deletion, Insertion
from tests.crdt.strategies import A, change, units, yjs_text

BODY = change(A, 1, ("r/body", b"\x60"))
G = Dot(A, 0)


def insert(
    log: bytes,
    seq: int,
    text: str | None,
    left: Dot | None = None,
    right: Dot | None = None,
    *,
    length: int = 0,
    generation: Dot = G,
) -> Change:
    one = TextInsert(left, right, length or units(text or ""), text)
    return change(log, seq)._replace(edit=TextEdit(generation, (one,), ()))


def delete(log: bytes, seq: int, *spans: tuple[Dot, int], generation: Dot = G) -> Change:
    return change(log, seq)._replace(edit=TextEdit(generation, (), spans))


def edited(made: EngramDocument, log: bytes, seq: int, *ops: Insertion | Deletion) -> Change:
    """Let somebody perform operations on a document; returns the change."""
    one = change(log, seq)._replace(edit=made.edit_of(G, ops))
    assert made.apply(one)
    return one


def text(made: EngramDocument, generation: Dot = G) -> str:
    """The text, having checked that every Yjs program reads the same one."""
    found = made.texts()[generation]
    assert yjs_text(made, generation) == found
    return found
