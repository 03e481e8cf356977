"""What one collaborative text promises, claim by claim."""

import pytest

from engram_crdt import (
    Change,
    DocumentError,
    Dot,
    EngramDocument,
    TextEdit,
    TextInsert,
    TextSpan,
    client_id,
    clocks_of,
    derive_update,
    digest,
    elements_of_one,
)
from engram_crdt._editing import Deletion, Insertion
from tests.crdt.strategies import ENGRAM, HLC, A, B, C, change, document, units, yjs_text

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


# -- origins that no editor writes -------------------------------------------------------------


def test_an_origin_of_something_else_counts_as_absent() -> None:
    title = change(B, 1, ("r/title", b"\x61t"))
    other = change(C, 1, ("r/body", b"\x60"))
    theirs = insert(C, 2, "theirs", generation=Dot(C, 0))
    ours = insert(A, 2, "ours", Dot(B, 0), Dot(C, 3))
    made = document(BODY, title, other, theirs, ours)
    assert made.texts() == {G: "ours", Dot(C, 0): "theirs"}


def test_an_origin_that_was_not_written_yet_counts_as_absent() -> None:
    edit = TextEdit(
        G, (TextInsert(Dot(B, 2), None, 1, "x"), TextInsert(None, Dot(B, 1), 2, "yz")), ()
    )
    made = document(BODY, change(B, 1)._replace(edit=edit))
    assert text(made) == "xyz"


def test_an_insert_waits_for_its_origin() -> None:
    made = document(BODY, insert(C, 1, "c", Dot(B, 1), None))
    assert text(made) == ""
    assert [span.text for span in made.spans()] == ["c"]
    stored = EngramDocument.load(ENGRAM, made.dump())
    for each in (made, stored):
        each.apply(insert(B, 1, "ab"))
        assert text(each) == "abc"
    assert made.dump() == stored.dump()


def test_inserts_that_wait_for_each_other_are_shown_nowhere_and_kept() -> None:
    made = document(BODY, insert(C, 1, "c", Dot(B, 0), None), insert(B, 1, "b", Dot(C, 0), None))
    made.apply(insert(B, 2, "d", Dot(B, 0), None))
    assert text(made) == ""
    made.apply(insert(A, 2, "a"))
    assert text(made) == "a"
    assert [span.text for span in made.spans()] == ["a", "b", "d", "c"]
    assert EngramDocument.load(ENGRAM, made.dump()).dump() == made.dump()


def test_origins_in_the_wrong_order_have_a_place_all_the_same() -> None:
    changes = [BODY, insert(B, 1, "abc"), insert(C, 1, "X", Dot(B, 2), Dot(B, 0))]
    assert text(document(*changes)) == "abcX"
    both = [BODY, insert(B, 1, "abc"), insert(C, 1, "X", Dot(B, 1), Dot(B, 1))]
    assert text(document(*both)) == "abcX"


def test_a_deletion_that_comes_before_its_text_is_kept_for_it() -> None:
    made = document(BODY, delete(C, 1, (Dot(B, 1), 2)))
    made = EngramDocument.load(ENGRAM, made.dump())
    made.apply(insert(B, 1, "ab"))
    made.apply(insert(B, 2, "cd", Dot(B, 1), None))
    assert text(made) == "ad"


# -- generations -------------------------------------------------------------------------------


def test_who_replaces_a_text_deletes_what_it_saw_and_the_rest_is_an_orphan() -> None:
    here, there = document(BODY), document(BODY)
    start = edited(here, A, 2, ("insert", 0, "old text"))
    there.apply(start)
    unseen = edited(there, C, 1, ("insert", 3, " and new"))
    clearing = change(B, 1)._replace(edit=here.clearing(G))
    replacing = change(B, 2, ("r/body", b"\x60"), removed=[G])
    writing = insert(B, 3, "another", generation=Dot(B, 0))
    for order in (
        (start, unseen, clearing, replacing, writing),
        (start, clearing, replacing, unseen, writing),
        (clearing, replacing, writing, start, unseen),
    ):
        made = document(BODY, *order)
        assert made.texts() == {Dot(B, 0): "another"}
        assert [(s.dot, s.seq, s.text) for s in made.orphans()] == [(Dot(C, 0), 1, " and new")]
        assert made.dump() == document(BODY, start, unseen, clearing, replacing, writing).dump()
        # Whoever sees it may take it over, and deletes it where it was.
        made.apply(delete(A, 3, (Dot(C, 0), 8)))
        assert made.orphans() == []


def test_an_edit_of_a_text_whose_engram_was_deleted_is_an_orphan() -> None:
    said = insert(A, 2, "seen")
    late = insert(C, 1, "unseen", Dot(A, 4), None)
    gone = change(B, 1, ("r/life", b"\x67deleted"), until=[(A, 5)])
    made = document(BODY, said, gone, late)
    assert made.texts() == {}
    assert [span.text for span in made.orphans()] == ["unseen"]
    assert made.dump() == document(BODY, said, late, gone).dump()


def test_an_edit_of_what_is_no_text_is_an_orphan() -> None:
    title = change(A, 1, ("r/title", b"\x61t"))
    made = document(title, insert(B, 1, "x"))
    assert [span.text for span in made.orphans()] == ["x"]
    early = document(insert(B, 1, "x"))
    assert early.orphans() == []
    early.apply(title)
    assert early.dump() == made.dump()


def test_a_generation_that_is_gone_takes_no_space() -> None:
    made = document(BODY)
    for seq in range(2, 60):
        edited(made, A, seq, ("insert", (seq * 7) % (len(made.texts()[G]) + 1), "words "))
    full = len(made.dump())
    made.apply(change(A, 60)._replace(edit=made.clearing(G)))
    made.apply(change(A, 61, ("r/body", b"\x60"), removed=[G]))
    assert full > 5_000
    assert len(made.dump()) < 200
    assert made.digest() == digest(ENGRAM, made.elements())
    assert made.spans() == []
    # Nor does it cost anything to look at.
    assert not made._texts.by_generation


def test_text_that_was_typed_and_deleted_again_takes_the_space_of_one_gap() -> None:
    made = document(BODY)
    once = 0
    for seq in range(2, 202):
        edited(made, A, seq, ("insert", 0, "word")) if seq % 2 == 0 else edited(
            made, A, seq, ("delete", 0, 4)
        )
        once = once or len(made.dump())
    assert text(made) == ""
    assert len(made.dump()) <= once + 8


# -- changes and digests -----------------------------------------------------------------------


def test_text_takes_a_clock_for_each_unit_after_the_puts() -> None:
    both = change(B, 1, ("s/tags", b"\x61t"))._replace(edit=insert(B, 1, "é😀").edit)
    assert clocks_of(both) == 1 + 3
    assert clocks_of(BODY) == 1
    made = document(BODY, both, change(B, 2, ("s/tags", b"\x61u")))
    assert [e.dot for e in made.elements()] == [G, Dot(B, 0), Dot(B, 4)]
    assert made.spans()[0].dot == Dot(B, 1)
    assert text(made) == "é😀"
    assert elements_of_one(ENGRAM, both) == document(both).elements()


def test_the_update_of_one_edit_holds_its_clocks_and_not_its_text() -> None:
    update = derive_update(ENGRAM, insert(B, 1, "abc"), 5, 7)
    assert update == b"\x01\x01\x05\x07\x00\x03\x00"
    gone = derive_update(ENGRAM, delete(B, 1, (Dot(B, 2), 3)), 5, 7)
    assert gone == b"\x00\x01\x05\x01\x02\x03"


def test_a_digest_covers_where_text_is_and_not_what_it_says() -> None:
    base = document(BODY, insert(B, 1, "abc"))
    others = [
        document(BODY),
        document(BODY, insert(B, 2, "abc")),
        document(BODY, insert(C, 1, "abc")),
        document(BODY, insert(B, 1, "abcd")),
        document(BODY, insert(B, 1, "abc"), delete(C, 1, (Dot(B, 1), 1))),
        document(BODY, insert(B, 1, "abc", generation=Dot(A, 1))),
    ]
    digests = {made.digest() for made in others}
    assert len(digests - {base.digest()}) == len(others)
    assert base.digest() == document(BODY, insert(B, 1, None, length=3)).digest()
    assert base.digest() == digest(ENGRAM, base.elements(), base.spans())
    assert document(BODY).digest() == digest(ENGRAM, document(BODY).elements())


def test_a_digest_of_text_does_not_change() -> None:
    """Known answer: replicas of different versions compare these numbers."""
    span = TextSpan(G, Dot(B, 3), 7, HLC, "any", b"p" * 32, 1)
    found = digest(ENGRAM, [], [span]).to_bytes(32).hex()
    assert found == "5ce56b941c95d683393cef2660526107b1a393070736c2dd7b541097d6f51ec0"


@pytest.mark.parametrize(
    "edit",
    [
        TextEdit(Dot(A[1:], 0), (), ()),
        TextEdit(Dot(A, -1), (), ()),
        TextEdit(G, (TextInsert(Dot(A[1:], 0), None, 1, "x"),), ()),
        TextEdit(G, (TextInsert(None, Dot(A, -1), 1, "x"),), ()),
        TextEdit(G, (TextInsert(None, None, 0, ""),), ()),
        TextEdit(G, (TextInsert(None, None, 65_537, None),), ()),
        TextEdit(G, (), ((Dot(A, 1), 0),)),
        TextEdit(G, (), ((Dot(A, 1), 65_537),)),
        TextEdit(G, (), ((Dot(A, (1 << 31) - 2), 2),)),
    ],
)
def test_a_malformed_edit_is_refused_and_leaves_nothing(edit: TextEdit) -> None:
    made = document(BODY)
    before = made.dump()
    with pytest.raises(DocumentError):
        made.apply(change(B, 1)._replace(edit=edit))
    assert made.dump() == before
    assert made.applied() == {A: 1}
