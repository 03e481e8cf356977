"""A document is the join of its changes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import (
    Change,
    DocumentError,
    Dot,
    EngramDocument,
    digest,
    elements_of_one,
)
from tests.crdt.strategies import (
    ENGRAM,
    HLC,
    A,
    B,
    C,
    change,
    document,
    histories,
    live_by_sets,
    reordered_histories,
    values,
)


def test_a_new_document_is_empty() -> None:
    empty = EngramDocument(ENGRAM)
    assert empty.elements() == []
    assert dict(empty.clock()) == {}
    assert empty.applied() == {}
    assert empty.yjs_update() == b"\0\0"


def test_an_engram_id_has_16_bytes() -> None:
    with pytest.raises(ValueError, match="not 15"):
        EngramDocument(b"x" * 15)


def test_an_element_carries_all_that_its_record_said() -> None:
    put = change(A, 7, ("r/title", b"\x61t"), ("s/tags", None))
    title, tag = document(put).elements()
    assert title == ("r/title", Dot(A, 0), HLC + 7, b"\x61t", put.payload_hash, 7)
    assert tag == ("s/tags", Dot(A, 1), HLC + 7, None, put.payload_hash, 7)


def test_elements_come_by_collection_log_and_clock() -> None:
    made = document(
        change(B, 1, ("s/tags", b"\x01"), ("r/title", b"\x02"), ("s/tags", b"\x03")),
        change(A, 1, ("s/tags", b"\x04")),
    )
    assert [element.value for element in made.elements()] == [b"\x02", b"\x04", b"\x01", b"\x03"]


def test_what_a_put_supersedes_is_gone() -> None:
    made = document(
        change(A, 1, ("r/title", b"\x01")), change(B, 1, ("r/title", b"\x02"), removed=[Dot(A, 0)])
    )
    assert values(made.elements(), "r/title") == [b"\x02"]


def test_concurrent_writes_are_both_there() -> None:
    start = change(A, 1, ("r/title", b"\x01"))
    ours = change(B, 1, ("r/title", b"\x02"), removed=[Dot(A, 0)])
    theirs = change(C, 1, ("r/title", b"\x03"), removed=[Dot(A, 0)])
    assert values(document(start, ours, theirs).elements(), "r/title") == [b"\x02", b"\x03"]


def test_an_edit_that_a_delete_did_not_know_survives_it() -> None:
    start = change(A, 1, ("r/title", b"\x01"), ("s/tags", b"\x02"))
    edit = change(B, 1, ("r/title", b"\x03"), removed=[Dot(A, 0)])
    delete = change(C, 1, ("r/life", b"\x04"), until=[(A, 2)])
    for order in ((start, edit, delete), (start, delete, edit), (delete, edit, start)):
        made = document(*order)
        assert values(made.elements(), "r/title") == [b"\x03"]
        assert values(made.elements(), "s/tags") == []
        assert values(made.elements(), "r/life") == [b"\x04"]


def test_a_delete_spares_what_its_author_puts_after_it() -> None:
    made = document(
        change(A, 1, ("r/title", b"\x01")),
        change(A, 2, ("r/life", b"\x02"), until=[(A, 1)]),
        change(A, 3, ("r/title", b"\x03")),
    )
    assert [element.value for element in made.elements()] == [b"\x02", b"\x03"]


def test_a_record_may_take_clocks_and_leave_nothing() -> None:
    """What a record of an unknown kind put keeps its names, so that later dots stay right."""
    made = document(
        change(A, 1, ("r/title", b"\x01"), removed=[Dot(A, 0)]), change(A, 2, ("r/title", b"\x02"))
    )
    assert [(element.dot.clock, element.value) for element in made.elements()] == [(1, b"\x02")]


def test_a_removal_may_come_before_what_it_removes() -> None:
    made = document(
        change(B, 1, ("r/title", b"\x09"), removed=[Dot(A, 1), Dot(A, 3)]),
        change(A, 1, ("r/title", b"\x01"), ("r/title", b"\x02")),
    )
    made = EngramDocument.load(ENGRAM, made.dump())
    made.apply(change(A, 2, ("r/title", b"\x03"), ("r/title", b"\x04")))
    assert values(made.elements(), "r/title") == [b"\x01", b"\x03", b"\x09"]


def test_a_record_is_applied_once() -> None:
    made = EngramDocument(ENGRAM)
    second = change(A, 2, ("r/title", b"\x02"))
    assert made.apply(change(A, 1, ("r/title", b"\x01")))
    assert made.apply(second)
    before = made.dump()
    assert not made.apply(second)
    assert not made.apply(change(A, 1, ("r/title", b"\x01")))
    assert made.dump() == before
    assert made.applied() == {A: 2}
    assert dict(made.clock()) == {A: 2}


def test_a_record_of_an_unknown_kind_takes_its_clocks_and_does_nothing_else() -> None:
    skipped = change(A, 2)._replace(skipped=3)
    made = document(change(A, 1, ("r/title", b"\x01")), skipped, change(A, 3, ("r/title", b"\x02")))
    assert [element.dot for element in made.elements()] == [Dot(A, 0), Dot(A, 4)]
    assert dict(made.clock()) == {A: 5}
    assert EngramDocument.load(ENGRAM, made.dump()).elements() == made.elements()


def test_the_first_record_may_have_number_0() -> None:
    assert document(change(A, 0, ("r/title", b"\x01"))).applied() == {A: 0}


def test_callers_cannot_change_a_document_through_its_elements() -> None:
    made = document(change(A, 1, ("r/title", b"\x01")))
    made.elements().clear()
    assert len(made.elements()) == 1


@pytest.mark.parametrize(
    "bad",
    [
        change(A, 1, ("r/title", b"")),
        change(A, 1)._replace(skipped=-1),
        change(A, 1, ("title", b"\x01")),
        change(A, 1, ("r/" + "x" * 63, b"\x01")),
        change(A, -1, ("r/title", b"\x01")),
        change(A, 1 << 63, ("r/title", b"\x01")),
        change(A, 1, ("r/title", b"\x01"), hlc=1 << 63),
        change(A[1:], 1, ("r/title", b"\x01")),
        change(A, 1, ("r/title", b"\x01"))._replace(payload_hash=b"short"),
        change(A, 1, removed=[Dot(B, -1)]),
        change(A, 1, removed=[Dot(B, 1 << 31)]),
        change(A, 1, removed=[Dot(B[1:], 0)]),
        change(A, 1, until=[(B, -1)]),
    ],
)
def test_a_malformed_change_is_refused_and_leaves_nothing(bad: Change) -> None:
    made = document(change(C, 1, ("r/title", b"\x01")))
    made.dump()
    before = made.dump(), made.applied(), made.yjs_update()
    applied = False
    with suppress(DocumentError):
        applied = made.apply(bad)
    assert not applied
    assert (made.dump(), made.applied(), made.yjs_update()) == before


@pytest.mark.slow
@given(histories())
def test_a_document_is_what_was_put_without_what_was_removed(changes: list[Change]) -> None:
    assert document(*changes).elements() == live_by_sets(changes)


@pytest.mark.slow
@given(reordered_histories(), st.data())
def test_order_copies_and_storage_leave_no_trace(
    drawn: tuple[list[Change], list[Change]], data: st.DataObject
) -> None:
    changes, reordered = drawn
    straight, other = document(*changes), EngramDocument(ENGRAM)
    for each in reordered:
        other.apply(each)
        assert not other.apply(each)
        if data.draw(st.booleans()):
            other = EngramDocument.load(ENGRAM, other.dump())
    assert other.elements() == straight.elements()
    assert other.dump() == straight.dump()
    assert other.clock() == straight.clock()
    assert other.applied() == straight.applied()
    assert digest(ENGRAM, other.elements()) == digest(ENGRAM, straight.elements())


@pytest.mark.slow
@given(histories())
def test_one_record_reads_the_same_without_a_document(changes: list[Change]) -> None:
    for each in changes:
        assert elements_of_one(ENGRAM, each) == document(each).elements()
