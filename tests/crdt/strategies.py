"""Changes for tests: by hand, and drawn by hypothesis."""

from collections.abc import Sequence
from hashlib import blake2b

from hypothesis import strategies as st
from pycrdt import Doc, Text

from engram_crdt import Change, Dot, Element, EngramDocument, TextEdit, TextInsert, client_id
from engram_crdt._yjs import read_varint
from engram_crdt._yjs_text import root_name

ENGRAM = bytes(range(16))
LOGS = [bytes((n,)) * 32 for n in (1, 2, 3)]
A, B, C = LOGS
HLC = 1_700_000_000_000 << 16

_COLLECTIONS = ("r/content", "r/title", "r/life", "s/tags", "m/meta", "l/events")


def change(
    log: bytes,
    seq: int,
    *puts: tuple[str, bytes | None],
    hlc: int = 0,
    removed: Sequence[Dot] = (),
    until: Sequence[tuple[bytes, int]] = (),
) -> Change:
    """Make a change; its payload hash is as good as random."""
    payload_hash = blake2b(log + bytes((seq % 256,)), digest_size=32).digest()
    return Change(
        log, seq, hlc or HLC + seq, puts, payload_hash, removed=tuple(removed), until=tuple(until)
    )


def document(*changes: Change) -> EngramDocument:
    """Make a document of these changes, in this order."""
    made = EngramDocument(ENGRAM)
    for each in changes:
        assert made.apply(each)
    return made


def values(elements: Sequence[Element], collection: str) -> list[bytes | None]:
    """Return the values of one collection."""
    return [element.value for element in elements if element.collection == collection]


def live_by_sets(changes: Sequence[Change]) -> list[Element]:
    """Say what is alive by plain sets: everything put, without everything removed."""
    elements: list[Element] = []
    next_clock: dict[bytes, int] = {}
    for each in sorted(changes, key=lambda one: (one.log, one.seq)):
        for collection, value in each.puts:
            dot = Dot(each.log, next_clock.get(each.log, 0))
            next_clock[each.log] = dot.clock + 1
            elements.append(Element(collection, dot, each.hlc, value, each.payload_hash, each.seq))
    dead = {dot for each in changes for dot in each.removed}
    floors = [floor for each in changes for floor in each.until]
    return sorted(
        element
        for element in elements
        if element.dot not in dead
        and not any(element.dot.log == log and element.dot.clock < n for log, n in floors)
    )


_DOTS = st.builds(Dot, st.sampled_from(LOGS), st.integers(0, 12))
_PUT = st.tuples(st.sampled_from(_COLLECTIONS), st.none() | st.binary(min_size=1, max_size=200))


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Draw changes of three logs, each log in its order.

    They remove anything, seen or not, their own puts included: the log, not the document, judges
    whether a removal was allowed.
    """
    changes: list[Change] = []
    for log in LOGS:
        seq = 0
        for _ in range(draw(st.integers(0, 4))):
            seq += draw(st.integers(1, 300))
            changes.append(
                change(
                    log,
                    seq,
                    *draw(st.lists(_PUT, max_size=3)),
                    hlc=draw(st.integers(1 << 32, (1 << 63) - 1)),
                    removed=draw(st.lists(_DOTS, max_size=3)),
                    until=draw(st.lists(_DOTS, max_size=2)),
                )
            )
    return changes


@st.composite
def orders(draw: st.DrawFn, changes: Sequence[Change]) -> list[Change]:
    """Draw an order that keeps that of each log."""
    places = draw(st.permutations([each.log for each in changes]))
    queues = {log: [each for each in changes if each.log == log] for log in LOGS}
    return [queues[log].pop(0) for log in places]


@st.composite
def reordered_histories(draw: st.DrawFn) -> tuple[list[Change], list[Change]]:
    """Draw a history and another order of it."""
    changes = draw(histories())
    return changes, draw(orders(changes))


CHARS = "ab\u00e9\u4e2d😀🏳\u200d\ue000\uffff"
"""Characters of one, two, three and four bytes, of one and two UTF-16 units."""


def yjs_text(document: EngramDocument, generation: Dot) -> str:
    """Read a text as any Yjs program does, and check that its units have our ids there."""
    doc: Doc[Text] = Doc(client_id=0)
    doc.apply_update(document.yjs_update())
    state, at = doc.get_state(), 1
    clocks: dict[int, int] = {}
    while at < len(state):
        client, at = read_varint(state, at)
        clocks[client], at = read_varint(state, at)
    assert clocks == {client_id(ENGRAM, log): n for log, n in document.clock().items()}
    return str(doc.get(root_name(generation), type=Text))


def units(text: str) -> int:
    """Count the UTF-16 code units of a text."""
    return len(text.encode("utf-16-le")) // 2


_ORIGINS = st.none() | _DOTS


@st.composite
def claims(draw: st.DrawFn) -> list[Change]:
    """Draw records that point anywhere: into pairs, at elements, at each other, at the future."""
    changes: list[Change] = []
    for log in LOGS:
        seq = 0
        for _ in range(draw(st.integers(0, 4))):
            seq += 1
            if draw(st.integers(0, 3)) == 0:
                puts = draw(st.sampled_from([(("r/body", b"\x60"),), (("r/title", b"\x61"),)]))
                changes.append(change(log, seq, *puts, removed=draw(st.lists(_DOTS, max_size=1))))
                continue
            inserts: list[TextInsert] = []
            for _ in range(draw(st.integers(0, 3))):
                text = draw(st.text(CHARS, min_size=1, max_size=5))
                left, right = draw(_ORIGINS), draw(_ORIGINS)
                inserts.append(TextInsert(left, right, units(text), text))
            deletes = draw(st.lists(st.tuples(_DOTS, st.integers(1, 3)), max_size=2))
            generation = draw(
                st.sampled_from([Dot(A, 0), Dot(A, 0), Dot(A, 0), Dot(B, 0), Dot(C, 1)])
            )
            edit = TextEdit(generation, tuple(inserts), tuple(deletes))
            changes.append(change(log, seq)._replace(edit=edit))
    return changes
