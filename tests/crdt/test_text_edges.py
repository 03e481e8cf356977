"""What one collaborative text promises at its edges: odd origins, generations, digests."""

import pytest

from engram_crdt import (
    DocumentError,
    Dot,
    EngramDocument,
    TextEdit,
    TextInsert,
    TextSpan,
    clocks_of,
    derive_update,
    digest,
    elements_of_one,
)
from tests.crdt.strategies import ENGRAM, HLC, A, B, C, change, document
from tests.crdt.texts import BODY, G, delete, edited, insert, text

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


def test_a_deep_text_reads_the_same_however_often_it_was_stored() -> None:
    """Every unit hangs before the one before it; then come inserts between any two."""
    changes = [BODY, *(insert(A, 2 + n, "x", None, Dot(A, n) if n else None) for n in range(40))]
    pairs = [(1, 40), (40, 1), (20, 40), (40, 20), (7, 8), (8, 7), (7, 7)]
    changes += [insert(B, 1 + n, "y", Dot(A, x), Dot(A, y)) for n, (x, y) in enumerate(pairs)]
    straight, stored = EngramDocument(ENGRAM), EngramDocument(ENGRAM)
    for one in changes:
        straight.apply(one)
        stored.apply(one)
        stored = EngramDocument.load(ENGRAM, stored.dump())
    assert text(stored) == text(straight)
    assert stored.dump() == straight.dump()


def test_a_stored_text_in_which_three_wrote_in_turns_is_as_deep_as_it_was() -> None:
    changes, clocks, seqs = [BODY], {A: 1, B: 0, C: 0}, {A: 2, B: 1, C: 1}
    units: list[Dot] = []
    for turn in range(36):
        log = (C, B, A)[turn % 3]
        changes.append(insert(log, seqs[log], "x", None, units[-1] if units else None))
        units.append(Dot(log, clocks[log]))
        clocks[log], seqs[log] = clocks[log] + 1, seqs[log] + 1
    for far in ((0, 35), (35, 0), (1, 34), (20, 5)):
        changes.append(insert(B, seqs[B], "y", units[far[0]], units[far[1]]))
        seqs[B] += 1
    straight = document(*changes)
    stored = EngramDocument.load(ENGRAM, document(*changes[:-4]).dump())
    for one in changes[-4:]:
        stored.apply(one)
    assert text(stored) == text(straight)
    assert stored.dump() == straight.dump()


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
    assert not made._texts


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
    assert found == "ea1715e889e45ecac30ea64724ea3b6541eb8e8a46947692790b4787b7d8c482"


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
