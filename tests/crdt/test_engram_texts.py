"""The texts of an engram whose elements are rows: what the whole document says, and no more."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import (
    DIGEST_MODULUS,
    Change,
    DocumentError,
    Dot,
    EngramDocument,
    EngramTexts,
    clocks_of,
    digest,
)
from engram_crdt._derive import removals_of
from engram_crdt._editing import Deletion, Insertion
from tests.crdt.strategies import ENGRAM, A, B, change, claims, document, orders
from tests.crdt.texts import BODY, G, delete, insert

HELLO = [BODY, insert(B, 1, "hello"), delete(A, 2, (Dot(B, 0), 1))]


def arriving(changes: Sequence[Change]) -> Iterator[tuple[Change, int]]:
    """Each change with its first clock; it removes only what has arrived."""
    ends: dict[bytes, int] = {}
    for one in changes:
        start = ends.get(one.log, 0)
        ends[one.log] = start + clocks_of(one)
        removed = [
            Dot(log, clock)
            for log, first, end in removals_of(one)
            for clock in range(first, min(end, ends.get(log, 0)))
        ]
        edit = one.edit and one.edit._replace(deletes=())
        yield one._replace(removed=tuple(removed), until=(), edit=edit), start


def texts_of(changes: Sequence[Change]) -> EngramTexts:
    made = EngramTexts((), {})
    for one, start in arriving(changes):
        made.apply(one, start)
    return made


def loaded(texts: EngramTexts, made: EngramDocument) -> EngramTexts:
    bodies = [each.dot for each in made.elements() if each.collection == "r/body"]
    return EngramTexts.load(texts.dump(), bodies, made.clock())


def said(texts: EngramTexts | EngramDocument) -> tuple[object, ...]:
    return texts.texts(), texts.spans(), texts.orphans()


def digest_of_texts(made: EngramDocument) -> int:
    return (made.digest() - digest(ENGRAM, made.elements())) % DIGEST_MODULUS


@pytest.mark.slow
@given(claims().flatmap(orders))
def test_texts_say_after_each_change_what_the_document_says(changes: list[Change]) -> None:
    made, texts, reloaded = EngramDocument(ENGRAM), EngramTexts((), {}), EngramTexts((), {})
    for one, start in arriving(changes):
        before = digest_of_texts(made)
        made.apply(one)
        texts.apply(one, start)
        reloaded.apply(one, start)
        assert said(texts) == said(reloaded) == said(made)
        assert (before + reloaded.digest_change(ENGRAM)) % DIGEST_MODULUS == digest_of_texts(made)
        reloaded = loaded(reloaded, made)
    assert texts.digest_change(ENGRAM) % DIGEST_MODULUS == digest_of_texts(made)
    assert texts.dump() == reloaded.dump()


@given(st.lists(st.tuples(st.integers(0, 4), st.text("ab😀", min_size=1, max_size=3)), max_size=3))
def test_they_say_an_edit_as_the_document_does(places: list[tuple[int, str]]) -> None:
    made = document(*HELLO)
    ops: list[Insertion | Deletion] = [("delete", 1, 2)]
    ops += [("insert", min(at, 2), text) for at, text in places]
    texts = loaded(texts_of(HELLO), made)
    assert texts.edit_of(G, ops) == made.edit_of(G, ops)
    assert texts.clearing(G) == made.clearing(G)


def test_what_is_no_live_generation_is_not_edited() -> None:
    texts = texts_of([*HELLO, change(A, 3, removed=[G])])
    assert texts.texts() == {}
    assert [span.text for span in texts.orphans()] == ["ello"]
    with pytest.raises(ValueError, match="no live text"):
        texts.edit_of(G, [("insert", 0, "x")])
    with pytest.raises(ValueError, match="no live text"):
        texts.clearing(G)


def test_no_text_is_one_byte() -> None:
    gone = [*HELLO, delete(A, 3, (Dot(B, 1), 4)), change(A, 4, removed=[G])]
    assert texts_of([BODY]).dump() == texts_of(gone).dump() == b"\0"
    assert EngramTexts.load(b"\0", [G], {A: 1}).texts() == {G: ""}


def test_damaged_bytes_are_one_error() -> None:
    made = document(*HELLO)
    blob = texts_of(HELLO).dump()
    ends = made.clock()
    for cut in range(len(blob)):
        with pytest.raises(DocumentError):
            EngramTexts.load(blob[:cut], [G], ends)
    for damaged in (blob + b"\0", blob[:-1] + b"\xff"):
        with pytest.raises(DocumentError):
            EngramTexts.load(damaged, [G], ends)
    for bodies, known in (([], ends), ([G], {A: 1, B: 4})):
        with pytest.raises(DocumentError):
            EngramTexts.load(blob, bodies, known)
