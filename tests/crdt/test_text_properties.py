"""Texts against plain lists of characters: honest writers, hostile records, lost payloads."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import Change, Dot, EngramDocument, TextEdit, TextSpan, clocks_of
from engram_crdt._editing import Deletion, Insertion
from tests.crdt.strategies import CHARS, ENGRAM, LOGS, A, change, claims, orders, yjs_text
from tests.oracle import Inserted, NaiveText, Readers

BODY = change(A, 1, ("r/body", b"\x60"))
G = Dot(A, 0)
texts = st.text(CHARS, min_size=1, max_size=5)


def hollow(one: Change) -> Change:
    """The change as whoever holds not its payload sees it."""
    if one.edit is None:
        return one
    inserts = tuple(insert._replace(text=None) for insert in one.edit.inserts)
    return one._replace(edit=one.edit._replace(inserts=inserts))


def names(document: EngramDocument) -> list[tuple[bytes, int]]:
    """What a reader sees, unit by unit."""
    held = document._texts.by_generation.get(G)
    return [
        (piece.log, piece.clock + at)
        for piece in (held.ordered() if held else [])
        if piece.source is not None
        for at in range(piece.length)
    ]


def naive(changes: Sequence[Change]) -> tuple[NaiveText, set[tuple[bytes, int]]]:
    """Build the plain list that these changes, each log in its order, must read like."""
    text, known = NaiveText(), set[tuple[bytes, int]]()
    next_clock: dict[bytes, int] = {}
    for each in changes:
        start = next_clock.get(each.log, 0)
        next_clock[each.log] = start + clocks_of(each)
        known |= {(each.log, clock) for clock in range(start, next_clock[each.log])}
        text.delete(each.removed)
        if each.edit is None:
            continue
        start += len(each.puts)
        for left, right, length, said in each.edit.inserts:
            text.insert(Inserted(each.log, start, left, right, length, said))
            start += length
        for dot, length in each.edit.deletes:
            text.delete((dot.log, dot.clock + at) for at in range(length))
    return text, known


# -- honest writers ----------------------------------------------------------------------------


class Writer:
    """One log, and a document that has seen some of the others."""

    def __init__(self, log: bytes) -> None:
        self.log = log
        self.document = EngramDocument(ENGRAM)
        self.document.apply(BODY)
        self.held: dict[bytes, list[Change]] = {log: [] for log in LOGS}

    def write(self, ops: list[Insertion | Deletion]) -> None:
        held = self.held[self.log]
        one = change(self.log, 2 + len(held))._replace(edit=self.document.edit_of(G, ops))
        assert self.document.apply(one)
        held.append(one)

    def read(self, other: "Writer") -> None:
        """Receive all that the other has, its own and what it had received."""
        for log, theirs in other.held.items():
            for one in theirs[len(self.held[log]) :]:
                assert self.document.apply(one)
                self.held[log].append(one)


class Session(NamedTuple):
    """What writers did, with all they read and wrote in it."""

    writers: list[Writer]
    readers: Readers

    def changes(self) -> list[Change]:
        return [BODY, *(one for writer in self.writers for one in writer.held[writer.log])]


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    writers, readers = [Writer(log) for log in LOGS], Readers()
    for _ in range(draw(st.integers(1, 14))):
        writer = draw(st.sampled_from(writers))
        if draw(st.booleans()):
            writer.read(draw(st.sampled_from(writers)))
        else:
            plain = list(writer.document.texts()[G])
            ops: list[Insertion | Deletion] = []
            for _ in range(draw(st.integers(1, 3))):
                at = draw(st.integers(0, len(plain)))
                if draw(st.booleans()):
                    text = draw(texts)
                    ops.append(("insert", at, text))
                    plain[at:at] = text
                else:
                    size = draw(st.integers(0, len(plain) - at))
                    ops.append(("delete", at, size))
                    del plain[at : at + size]
            writer.write(ops)
            assert writer.document.texts()[G] == "".join(plain)
        readers.read(names(writer.document))
    return Session(writers, readers)


@pytest.mark.slow
@given(sessions(), st.data())
def test_everybody_reads_one_text_and_had_always_read_it_in_one_order(
    session: Session, data: st.DataObject
) -> None:
    changes = session.changes()
    for writer in session.writers:
        for other in session.writers:
            writer.read(other)
    first = session.writers[0].document
    for writer in session.writers:
        assert writer.document.dump() == first.dump()
        assert writer.document.texts() == first.texts()
        session.readers.read(names(writer.document))
    session.readers.agree()
    expected, known = naive(changes)
    assert first.texts()[G] == expected.text(known)
    assert set(names(first)) == expected.live()
    assert yjs_text(first, G) == first.texts()[G]
    late = EngramDocument(ENGRAM)
    for one in data.draw(orders(changes)):
        assert late.apply(one)
    assert late.dump() == first.dump()


@pytest.mark.slow
@given(sessions(), st.data())
def test_a_lost_payload_takes_its_own_characters_and_no_others(
    session: Session, data: st.DataObject
) -> None:
    changes = session.changes()
    lost = data.draw(st.sets(st.sampled_from(range(len(changes)))))
    held = [hollow(one) if place in lost else one for place, one in enumerate(changes)]
    whole, part = EngramDocument(ENGRAM), EngramDocument(ENGRAM)
    for one in changes:
        whole.apply(one)
    for one in data.draw(orders(held)):
        part.apply(one)
        if data.draw(st.booleans()):
            part = EngramDocument.load(ENGRAM, part.dump())
    expected, known = naive(held)
    assert part.texts()[G] == expected.text(known) == yjs_text(part, G)
    assert part.digest() == whole.digest()
    assert names(part) == names(whole)
    missing = {(changes[place].log, changes[place].seq) for place in lost}
    assert {(s.dot.log, s.seq) for s in part.spans() if s.text is None} <= missing


# -- records that no editor writes -------------------------------------------------------------


@pytest.mark.slow
@given(claims(), st.data())
def test_no_record_makes_two_readers_differ(changes: list[Change], data: st.DataObject) -> None:
    straight, other = EngramDocument(ENGRAM), EngramDocument(ENGRAM)
    for one in changes:
        straight.apply(one)
    for one in data.draw(orders(changes)):
        other.apply(one)
        assert not other.apply(one)
        if data.draw(st.booleans()):
            other = EngramDocument.load(ENGRAM, other.dump())
    assert other.dump() == straight.dump()
    assert other.texts() == straight.texts()
    assert other.orphans() == straight.orphans()
    assert other.digest() == straight.digest()
    hidden = EngramDocument(ENGRAM)
    for one in changes:
        hidden.apply(hollow(one))
    assert hidden.digest() == straight.digest()
    assert all(not text for text in hidden.texts().values())
    assert hidden.texts().keys() == straight.texts().keys()


@pytest.mark.slow
@given(claims())
def test_a_hostile_record_reads_as_the_plain_list_does(changes: list[Change]) -> None:
    document = EngramDocument(ENGRAM)
    for one in changes:
        document.apply(one)
    for generation, text in document.texts().items():
        ours = [
            one
            if one.edit is None or one.edit.generation == generation
            # What another generation's inserts take stays known and is not this text's.
            else one._replace(
                puts=(("s/tags", None),) * clocks_of(one),
                edit=TextEdit(generation, (), one.edit.deletes),
            )
            for one in changes
        ]
        expected, known = naive(ours)
        assert text == expected.text(known)
        assert "\udc00" not in text
    for generation, text in document.texts().items():
        assert yjs_text(document, generation) == text


@pytest.mark.slow
@given(claims(), st.data())
def test_what_changes_tell_of_live_text_adds_up_to_it(
    changes: list[Change], data: st.DataObject
) -> None:
    """A digest that follows the changes is the digest of what there is."""
    document, held = EngramDocument(ENGRAM), Counter[TextSpan]()
    for one in data.draw(orders(changes)):
        document.apply(one)
        if data.draw(st.booleans()):
            held = _told(document, held)
            document = EngramDocument.load(ENGRAM, document.dump())
    assert _told(document, held) == Counter(s._replace(text=None) for s in document.spans())


def _told(document: EngramDocument, held: Counter[TextSpan]) -> Counter[TextSpan]:
    gone, new, _ = document._texts.take_changes()
    told = held.copy()
    told.update(new)
    told.subtract(gone)
    assert min(told.values(), default=0) >= 0
    return +told
