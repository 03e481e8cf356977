"""The order of a text that is kept while it changes is the one that is made anew of its pieces."""

import random

import pytest

from engram_crdt import DocumentError, Dot, EngramDocument, TextInsert
from engram_crdt._editing import Deletion, Insertion
from engram_crdt._intervals import Source
from engram_crdt._pieces import RIGHT, Piece
from engram_crdt._text import Text
from tests.crdt.strategies import ENGRAM, A, B, C, document
from tests.crdt.texts import BODY, G, delete, edited, insert

SOURCE = Source(1, 1 << 40, bytes(32))


def reloaded(made: EngramDocument) -> EngramDocument:
    return EngramDocument.load(ENGRAM, made.dump())


def test_a_text_of_many_pieces_is_edited_where_its_characters_stand() -> None:
    """Blocks of pieces are filled, divided and emptied."""
    luck = random.Random(1)
    made, wanted = document(BODY), ""
    for seq in range(2, 900):
        at = luck.randint(0, len(wanted))
        if luck.random() < 0.3:
            length = min(luck.randint(0, 9), len(wanted) - at)
            edited(made, A, seq, ("delete", at, length))
            wanted = wanted[:at] + wanted[at + length :]
        else:
            new = luck.choice(["a", "bc", "\U0001f600d"])
            edited(made, A, seq, ("insert", at, new))
            wanted = wanted[:at] + new + wanted[at:]
        assert made.texts() == {G: wanted}
    fresh = reloaded(made)
    assert fresh.texts() == {G: wanted}
    for at in range(0, len(wanted), 7):
        ops: list[Insertion | Deletion] = [("insert", at, "x"), ("delete", at, 1)]
        assert made.edit_of(G, ops) == fresh.edit_of(G, ops)
    many: list[Insertion | Deletion] = [("insert", 2 * at, "-") for at in range(len(wanted) + 1)]
    assert made.apply(delete(B, 1)._replace(edit=made.edit_of(G, many)))
    assert made.texts() == {G: "-".join(["", *wanted, ""])}


def test_text_of_somebody_who_saw_nothing_of_a_long_chain_stands_behind_it_or_before() -> None:
    made = document(BODY, insert(B, 1, "b"))
    for seq in range(2, 202):
        edited(made, B, seq, ("insert", seq - 1, "b"))
    assert made.apply(insert(C, 1, "c"))
    assert made.apply(insert(A, 2, "a"))
    assert made.texts() == reloaded(made).texts() == {G: "a" + "b" * 201 + "c"}


def test_text_before_a_long_chain_that_was_written_backwards_stands_before_it() -> None:
    made = document(BODY, insert(B, 1, "b"))
    for seq in range(2, 202):
        edited(made, B, seq, ("insert", 0, "b"))
    assert made.apply(insert(A, 2, "a"))
    assert made.texts() == reloaded(made).texts() == {G: "a" + "b" * 201}


def test_most_of_a_long_text_goes_at_once() -> None:
    made = document(BODY)
    for seq in range(2, 802):
        edited(made, A, seq, ("insert", 0, "a"))
    edited(made, B, 1, ("delete", 1, 798))
    assert made.texts() == {G: "aa"}
    edited(made, B, 2, ("insert", 1, "b"))
    assert made.texts() == {G: "aba"}


def test_a_text_is_read_before_anything_stands_in_it() -> None:
    text = Text(G)
    assert text.string() == ""
    text.add(A, 1, TextInsert(None, None, 2, "ab"), SOURCE, lambda _: True)
    assert text.string() == "ab"


def test_a_piece_that_hangs_on_what_is_not_there_is_found() -> None:
    text = Text(G)
    text.restore([Piece(A, 1, 1, RIGHT, Dot(B, 7), None, SOURCE, "x")])
    with pytest.raises(DocumentError, match="hangs on what is not there"):
        text.string()
