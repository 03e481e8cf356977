"""What one collaborative text promises, claim by claim."""

import pytest

from engram_crdt import (
    Dot,
    EngramDocument,
    TextEdit,
    TextInsert,
    TextSpan,
    client_id,
)
from engram_crdt._editing import Insertion
from tests.crdt.strategies import ENGRAM, HLC, A, B, C, change, document, units
from tests.crdt.texts import BODY, G, delete, edited, insert, text

# -- reading and writing -----------------------------------------------------------------------


def test_a_new_generation_is_empty_and_keeps_its_label() -> None:
    made = document(BODY)
    assert made.texts() == {G: ""}
    assert made.spans() == []
    assert text(made) == ""
    assert made.elements()[0].value == b"\x60"


def test_positions_are_code_points_whatever_the_encodings_take() -> None:
    made = document(BODY)
    edited(made, A, 2, ("insert", 0, "é😀中b"))
    edited(made, A, 3, ("insert", 2, "x"), ("delete", 0, 1))
    assert text(made) == "😀x中b"
    assert dict(made.clock()) == {A: 1 + 5 + 1}


def test_operations_count_from_what_those_before_left() -> None:
    made = document(BODY)
    one = edited(made, A, 2, ("insert", 0, "ad"), ("insert", 1, "bXc"), ("delete", 2, 1))
    assert text(made) == "abcd"
    assert one.edit is not None
    # The net effect: what came and went within the edit leaves nothing.
    assert one.edit == TextEdit(G, (TextInsert(None, None, 4, "abcd"),), ())


def test_an_edit_that_changes_nothing_says_nothing() -> None:
    made = document(BODY)
    edited(made, A, 2, ("insert", 0, "ab"))
    assert made.edit_of(
        G, [("delete", 1, 0), ("insert", 2, ""), ("insert", 0, "x"), ("delete", 0, 1)]
    ) == TextEdit(G, (), ())


def test_an_insert_names_its_neighbours_and_a_deletion_joins_its_spans() -> None:
    made = document(BODY)
    edited(made, A, 2, ("insert", 0, "abcdef"))
    found = made.edit_of(
        G, [("delete", 1, 1), ("delete", 1, 1), ("insert", 1, "X"), ("delete", 4, 1)]
    )
    assert found.inserts == (TextInsert(Dot(A, 3), Dot(A, 4), 1, "X"),)
    assert found.deletes == ((Dot(A, 2), 2), (Dot(A, 6), 1))


@pytest.mark.parametrize(
    ("op", "match"),
    [
        (("insert", 3, "x"), "outside"),
        (("insert", -1, "x"), "outside"),
        (("delete", 1, 2), "not in a text of 2"),
        (("delete", 1, -1), "not in a text of 2"),
        (("insert", 0, "a\ud800"), "surrogate"),
        (("insert", 0, 1), "no operation"),
        (("replace", 0, "x"), "no operation"),
    ],
)
def test_an_operation_that_does_not_fit_is_refused(op: Insertion, match: str) -> None:
    made = document(BODY)
    edited(made, A, 2, ("insert", 0, "ab"))
    with pytest.raises(ValueError, match=match):
        made.edit_of(G, [op])


def test_only_a_live_generation_can_be_edited() -> None:
    made = document(BODY, change(B, 1, ("r/body", b"\x60"), removed=[G]))
    for generation in (G, Dot(B, 7)):
        with pytest.raises(ValueError, match="no live text"):
            made.edit_of(generation, [])
        with pytest.raises(ValueError, match="no live text"):
            made.clearing(generation)


def test_a_long_insert_and_a_long_deletion_are_cut_between_characters() -> None:
    made = document(BODY)
    said = "a" + "😀" * 40_000
    one = edited(made, A, 2, ("insert", 0, said))
    assert one.edit is not None
    # 65,535 units: the next character has two and would pass the limit.
    assert [each.length for each in one.edit.inserts] == [65_535, units(said) - 65_535]
    assert text(made) == said
    clearing = made.clearing(G)
    assert [length for _, length in clearing.deletes] == [65_536, units(said) - 65_536]
    made.apply(change(A, 3)._replace(edit=clearing))
    assert text(made) == ""


# -- concurrency -------------------------------------------------------------------------------


def test_concurrent_words_at_one_place_stand_one_after_the_other() -> None:
    here, there = document(BODY), document(BODY)
    ours = [edited(here, B, 1, ("insert", 0, "one ")), edited(here, B, 2, ("insert", 4, "two "))]
    theirs = [
        edited(there, C, 1, ("insert", 0, "drei ")),
        edited(there, C, 2, ("insert", 0, "vier ")),
    ]
    for one in theirs:
        here.apply(one)
    for one in ours:
        there.apply(one)
    assert text(here) == text(there) == "one two vier drei "


def test_what_somebody_wrote_inside_what_another_deleted_stays() -> None:
    here, there = document(BODY), document(BODY)
    start = edited(here, A, 2, ("insert", 0, "abcd"))
    there.apply(start)
    ours, theirs = edited(here, B, 1, ("delete", 0, 4)), edited(there, C, 1, ("insert", 2, "X"))
    here.apply(theirs)
    there.apply(ours)
    assert text(here) == text(there) == "X"
    assert here.dump() == there.dump()


def backwards(_engram: bytes, log: bytes) -> int:
    return 9 - log[0]


def crowded(_engram: bytes, _log: bytes) -> int:
    return 1


def test_who_writes_first_by_log_is_not_who_has_the_smaller_client_id() -> None:
    """The order must not change when two client ids turn out to collide."""
    changes = [BODY, insert(C, 1, "c"), insert(B, 1, "b")]
    texts = set[str]()
    for client_of in (client_id, backwards, crowded):
        made = EngramDocument(ENGRAM, client_of=client_of)
        for one in changes:
            made.apply(one)
        texts.add(made.texts()[G])
        loaded = EngramDocument.load(ENGRAM, made.dump(), client_of=client_of)
        assert loaded.texts() == made.texts()
        assert len(loaded.yjs_update()) == len(made.yjs_update())
    assert texts == {"bc"}


# -- payloads that are not held ----------------------------------------------------------------


def test_a_missing_payload_is_deleted_content_with_living_text_inside() -> None:
    whole = document(BODY)
    word = edited(whole, B, 1, ("insert", 0, "word"))
    inside = edited(whole, C, 1, ("insert", 2, "XY"))
    assert text(whole) == "woXYrd"
    assert word.edit is not None
    hollow = word._replace(edit=TextEdit(G, (TextInsert(None, None, 4, None),), ()))
    part = document(BODY, hollow, inside)
    assert text(part) == "XY"
    assert [(s.dot, s.length, s.text) for s in part.spans()] == [
        (Dot(B, 0), 4, None),
        (Dot(C, 0), 2, "XY"),
    ]
    assert part.digest() == whole.digest()
    # What nobody can read here cannot be counted here.
    assert part.edit_of(G, [("insert", 1, "-")]).inserts == (
        TextInsert(Dot(C, 0), Dot(C, 1), 1, "-"),
    )
    assert part.clearing(G) == whole.clearing(G)


def test_a_payload_that_does_not_fit_its_record_counts_as_missing_all_of_it() -> None:
    good, long, half = (
        TextInsert(None, None, length, said)
        for length, said in ((2, "ab"), (1, "é😀"), (1, "\udc00"))
    )
    for bad in (long, half):
        edit = TextEdit(G, (good, bad), ())
        made = document(BODY, change(B, 1)._replace(edit=edit))
        assert text(made) == ""
        assert {span.text for span in made.spans()} == {None}


def test_a_span_says_whose_it_is_and_is_joined_whatever_stands_in_it() -> None:
    made = document(BODY, insert(B, 1, "abcd"), insert(C, 1, "X", Dot(B, 1), Dot(B, 2)))
    made.apply(delete(C, 2, (Dot(B, 3), 1)))
    payload_hash = change(B, 1).payload_hash
    assert made.spans()[0] == TextSpan(G, Dot(B, 0), 3, HLC + 1, "abc", payload_hash, 1)
    made.apply(delete(C, 3, (Dot(B, 1), 1)))
    assert [(s.dot, s.text) for s in made.spans()] == [
        (Dot(B, 0), "a"),
        (Dot(B, 2), "c"),
        (Dot(C, 0), "X"),
    ]


# -- characters of two units -------------------------------------------------------------------


def test_no_record_splits_a_character() -> None:
    """The first unit carries it; the second one is a place and shows nothing."""
    face = insert(B, 1, "a😀b")
    between = insert(C, 1, "X", Dot(B, 1), Dot(B, 2))
    made = document(BODY, face, between)
    assert text(made) == "a😀Xb"
    half = delete(C, 2, (Dot(B, 2), 1))
    made.apply(half)
    assert text(made) == "a😀Xb"
    assert EngramDocument.load(ENGRAM, made.dump()).texts() == made.texts()
    made.apply(delete(C, 3, (Dot(B, 1), 1)))
    assert text(made) == "aXb"
    first = document(BODY, face, delete(C, 1, (Dot(B, 1), 1)))
    assert text(first) == "ab"
    assert [span.text for span in first.spans()] == ["a", "b"]


def test_half_a_character_stays_where_it_was_when_only_the_first_unit_is_deleted() -> None:
    made = document(BODY, insert(B, 1, "😀"), delete(C, 1, (Dot(B, 0), 1)))
    assert text(made) == ""
    assert [(s.dot, s.length, s.text) for s in made.spans()] == [(Dot(B, 1), 1, "")]
    made.apply(delete(C, 2, (Dot(B, 1), 1)))
    assert made.spans() == []


def test_a_broken_character_can_be_deleted_and_written_around() -> None:
    made = document(BODY, insert(B, 1, "😀"), insert(C, 1, "X", Dot(B, 0), Dot(B, 1)))
    assert made.edit_of(G, [("insert", 1, "-")]).inserts[0][:2] == (Dot(B, 0), Dot(C, 0))
    made.apply(change(A, 2)._replace(edit=made.edit_of(G, [("delete", 0, 1)])))
    assert text(made) == "X"
    assert [span.text for span in made.spans()] == ["X"]
