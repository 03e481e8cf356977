"""The texts of an engram whose elements are rows: what the whole document says, and no more."""

from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import (
    DIGEST_MODULUS,
    Change,
    DocumentError,
    Dot,
    EndOf,
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


def causal(changes: Sequence[Change]) -> Iterator[tuple[Change, int]]:
    """Each change with its first clock; it names only what has arrived."""
    ends: dict[bytes, int] = {}

    def known(dot: Dot | None) -> Dot | None:
        return dot if dot is not None and dot.clock < ends.get(dot.log, 0) else None

    for one, _ in arriving(changes):
        edit = one.edit
        if edit is not None and known(edit.generation) is None:
            edit = None
        if edit is not None:
            inserts = [i._replace(left=known(i.left), right=known(i.right)) for i in edit.inserts]
            edit = edit._replace(inserts=tuple(inserts))
        changed = one._replace(edit=edit)
        yield changed, ends.get(one.log, 0)
        ends[one.log] = ends.get(one.log, 0) + clocks_of(changed)


def ends_of(ends: Mapping[bytes, int]) -> EndOf:
    return lambda log: ends.get(log, 0)


def texts_of(changes: Sequence[Change]) -> EngramTexts:
    made, ends = EngramTexts(), dict[bytes, int]()
    for one, start in arriving(changes):
        made.apply(one, start, ends_of(ends))
        ends[one.log] = start + clocks_of(one)
    return made


def loaded(texts: EngramTexts, made: EngramDocument) -> EngramTexts:
    return EngramTexts.load(texts.dump(), ends_of(made.clock()))


def said(texts: EngramTexts | EngramDocument) -> tuple[object, ...]:
    return texts.texts(), texts.spans(), texts.orphans()


def digest_of_texts(made: EngramDocument) -> int:
    return (made.digest() - digest(ENGRAM, made.elements())) % DIGEST_MODULUS


def sources(made: EngramDocument) -> set[tuple[bytes, int]]:
    return {(span.dot.log, span.seq) for span in made.spans()}


@pytest.mark.slow
@given(claims().flatmap(orders))
def test_texts_say_after_each_change_what_the_document_says(changes: list[Change]) -> None:
    made, texts, reloaded = EngramDocument(ENGRAM), EngramTexts(), EngramTexts()
    total = 0
    for one, start in arriving(changes):
        before, ends, lived = digest_of_texts(made), ends_of(made.clock()), sources(made)
        shown = made.texts()
        made.apply(one)
        texts.apply(one, start, ends)
        reloaded.apply(one, start, ends)
        assert said(texts) == said(reloaded) == said(made)
        assert texts.bodies == list(made.texts())
        for told in (texts.take_changes(ENGRAM), reloaded.take_changes(ENGRAM)):
            assert (before + told.digest) % DIGEST_MODULUS == digest_of_texts(made)
            assert told.gone >= lived - sources(made)
            assert not told.gone & sources(made)
            changed = {dot for dot, text in made.texts().items() if shown.get(dot, "") != text}
            assert told.touched >= changed
        total += told.digest
        assert all(texts.is_live(*place) for place in sources(made))
        reloaded = loaded(reloaded, made)
    assert total % DIGEST_MODULUS == digest_of_texts(made)
    assert texts.dump() == reloaded.dump()
    assert bool(texts) == (texts.pieces > 0)
    assert {dot: texts.text(dot) for dot in texts.bodies} == made.texts()
    assert texts.units_held == sum(span.length for span in made.spans())


@pytest.mark.slow
@given(claims().flatmap(orders), st.integers(0, 12))
def test_texts_are_what_was_dumped_and_the_changes_since(
    changes: list[Change], dumped: int
) -> None:
    """Whoever applies these again knows by then what came later."""
    known: dict[bytes, int] = {}
    texts = EngramTexts()
    blob, since = texts.dump(), list[tuple[Change, int]]()
    for number, (one, start) in enumerate(causal(changes)):
        texts.apply(one, start, ends_of(dict(known)))
        known[one.log] = start + clocks_of(one)
        since.append((one, start))
        if number == dumped:
            blob, since = texts.dump(), []
    again = EngramTexts.load(blob, ends_of(known))
    for one, start in since:
        again.apply(one, start, ends_of(known))
    assert said(again) == said(texts)
    assert again.bodies == texts.bodies
    assert again.dump() == texts.dump()


def withheld(one: Change) -> Change:
    """A change of which the payload is not held."""
    if one.edit is None:
        return one
    inserts = tuple([insert._replace(text=None) for insert in one.edit.inserts])
    return one._replace(edit=one.edit._replace(inserts=inserts))


@pytest.mark.slow
@given(claims().flatmap(orders), st.lists(st.booleans(), min_size=8), st.booleans())
def test_texts_are_the_same_whether_payloads_went_or_never_came(
    changes: list[Change], goes: list[bool], ordered: bool
) -> None:
    edits = [
        (one, start, clocks_of(one))
        for one, start in arriving(changes)
        if one.edit is not None and one.edit.inserts
    ]
    going = [each for each, gone in zip(edits, goes, strict=False) if gone]
    seqs = {(one.log, one.seq) for one, _, _ in going}
    without = texts_of([withheld(c) if (c.log, c.seq) in seqs else c for c in changes])
    texts = texts_of(changes)
    before, held = texts.dump(), texts.units_held
    if ordered:
        texts.texts()
    texts.take_changes(ENGRAM)
    shown = {dot: texts.text(dot) for dot in texts.bodies} if ordered else {}
    for one, start, _ in going:
        assert one.edit is not None
        texts.hold(one.log, start + len(one.puts), [(i.length, None) for i in one.edit.inserts])
    assert said(texts) == said(without)
    assert (texts.dump(), texts.units_held) == (without.dump(), without.units_held)
    told = texts.take_changes(ENGRAM)
    assert (told.digest, told.gone) == (0, frozenset())
    assert told.touched >= {dot for dot, text in shown.items() if texts.text(dot) != text}
    for one, start, _ in going:
        assert one.edit is not None
        texts.hold(one.log, start + len(one.puts), [(i.length, i.text) for i in one.edit.inserts])
    assert (texts.dump(), texts.units_held) == (before, held)


def test_what_is_shown_follows_payloads_that_go_and_come() -> None:
    texts = texts_of([*HELLO, insert(B, 2, "x😀", Dot(B, 1))])
    assert texts.texts() == {G: "ellox😀"}
    texts.take_changes(ENGRAM)
    texts.hold(B, 5, [(3, None)])
    assert texts.texts() == {G: "ello"}
    digest, touched, rest = texts.take_changes(ENGRAM)
    assert (digest, set(touched), len(rest)) == (0, {G}, 0)
    texts.hold(B, 0, [(5, None)])
    texts.hold(B, 5, [(3, "x😀")])
    assert texts.texts() == {G: "x😀"}
    texts.hold(B, 0, [(5, "not five")])
    assert texts.texts() == {G: "x😀"}
    texts.hold(B, 0, [(5, "hello")])
    assert texts.texts() == {G: "ellox😀"}


@pytest.mark.slow
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


def test_no_text_is_two_bytes() -> None:
    gone = [*HELLO, delete(A, 3, (Dot(B, 1), 4)), change(A, 4, removed=[G])]
    assert texts_of(gone).dump() == b"\0\0"
    assert not texts_of(gone)
    assert not texts_of([BODY])
    assert EngramTexts.load(texts_of([BODY]).dump(), ends_of({A: 1})).texts() == {G: ""}


def test_damaged_bytes_are_one_error() -> None:
    made = document(*HELLO)
    blob = texts_of(HELLO).dump()
    ends = ends_of(made.clock())
    for cut in range(len(blob)):
        with pytest.raises(DocumentError):
            EngramTexts.load(blob[:cut], ends)
    bodies = len(b"\1") + 33
    no_body, no_text = blob[:-bodies] + b"\0", blob[: -bodies - 2] + b"\xff" + blob[-bodies - 1 :]
    for damaged in (blob + b"\0", no_body, no_text):
        with pytest.raises(DocumentError):
            EngramTexts.load(damaged, ends)
    with pytest.raises(DocumentError):
        EngramTexts.load(blob, ends_of({A: 1, B: 4}))


def test_of_a_generation_that_is_not_live_there_is_no_text() -> None:
    assert texts_of(HELLO).text(G) == "ello"
    assert texts_of(HELLO).text(Dot(B, 0)) is None
