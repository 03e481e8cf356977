"""Strategies choose what is shown and write nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import (
    Context,
    Dot,
    Element,
    Resolution,
    StrategyRegistry,
    accounts,
    beliefs,
    counter_total,
    event_key,
    heads,
    in_collection,
    refinements,
    superseded_by_put,
)
from engram_crdt._laws import GENERATED_STATES
from engram_crdt._scalars import whole_number
from tests.crdt.readings import REGISTRY, element, largest, shown
from tests.crdt.strategies import LOGS, A, B, C, change, document

BUILT_IN = [
    "aw-set",
    "counter",
    "events",
    "heads",
    "lww",
    "lww-lamport",
    "lww-wall",
    "mvr",
    "own-slot",
    "text",
]

_ELEMENTS = st.lists(
    st.builds(
        Element,
        st.just("r/x"),
        st.builds(Dot, st.sampled_from(LOGS), st.integers(0, 5)),
        st.integers(1 << 32, 1 << 50),
        st.none() | st.sampled_from(GENERATED_STATES),
        st.just(bytes(32)),
        st.integers(0, 9),
    ),
    max_size=6,
    unique_by=lambda each: each.dot,
)


@pytest.mark.slow
@given(_ELEMENTS)
def test_a_strategy_reads_and_does_nothing_else(found: list[Element]) -> None:
    """Any order of the elements reads the same; nothing open is not there; nothing is made up."""
    registry = StrategyRegistry()
    registry.register("largest", 1, largest)
    before = list(found)
    mixed = list(reversed(found))
    context = Context(texts={each.dot: str(each.value) for each in found})
    for name in (*registry.names(), "unheard-of@1"):
        resolution = registry.resolve(name, found, context)
        assert resolution == registry.resolve(name, iter(mixed), context)
        assert set(resolution.shown) <= set(found)
        assert set(resolution.open) <= set(found)
        assert len(resolution.open) != 1
    assert found == before


def test_the_registry_knows_what_every_implementation_has() -> None:
    assert REGISTRY.names() == BUILT_IN
    assert all(REGISTRY.resolve(name, ()) == Resolution((), ()) for name in BUILT_IN)


def test_mvr_shows_all_unequal_values_and_leaves_them_open() -> None:
    one, same, other = element(b"\x01"), element(b"\x01", log=B), element(b"\x02", hlc=5)
    found = REGISTRY.resolve("mvr", [one, same, other])
    assert found.shown == found.open == (other, same)
    assert REGISTRY.resolve("mvr", [one, same]) == Resolution((same,), ())


def test_the_last_writer_depends_on_whose_clock_is_asked() -> None:
    early, late = element(b"\x01", hlc=(5 << 16) + 9, log=A), element(b"\x02", hlc=5 << 16, log=B)
    assert shown("lww", early, late) == [b"\x01"]
    # In one millisecond only the dot decides.
    assert shown("lww-wall", early, late) == [b"\x02"]
    lamport = Context(lamport={early.dot: 7, late.dot: 6})
    assert shown("lww-lamport", late, early, context=lamport) == [b"\x01"]
    assert shown("lww-lamport", late, early) == [b"\x02"]
    assert all(REGISTRY.resolve(n, [early, late]).open == () for n in ("lww", "lww-wall"))


def test_a_set_shows_each_value_once_in_one_order() -> None:
    found = [element(b"\x61b"), element(b"\x61a"), element(b"\x61a", log=B), element(None, log=C)]
    assert shown("aw-set", *found) == [b"\x61a", b"\x61b"]


def test_only_an_agent_can_contradict_itself() -> None:
    found = [
        element(b"\x01", log=A, hlc=3),
        element(b"\x02", log=B, hlc=2),
        element(b"\x03", log=C),
    ]
    assert REGISTRY.resolve("own-slot", found) == Resolution(tuple(found), ())
    one_agent = Context(agents={A: b"me", C: b"me"})
    resolution = REGISTRY.resolve("own-slot", found, one_agent)
    assert resolution == Resolution(tuple(found), (found[0], found[2]))


def test_texts_are_compared_by_what_they_say() -> None:
    one, two = element(b"\x60"), element(b"\x60", log=B, hlc=2)
    assert shown("text", one, two) == [b"\x60"]
    differ = Context(texts={one.dot: "a", two.dot: "b"})
    assert REGISTRY.resolve("text", [one, two], differ).open == (two, one)


# -- events ------------------------------------------------------------------------------------


def test_two_amendments_of_one_event_are_versions_of_it() -> None:
    key = b"\x44evnt"
    first = change(A, 1, ("l/events", b"\x82" + key + b"\x61a"), ("l/events", b"\x65plain"))
    seen = document(first).elements()

    def amend(value: bytes) -> list[Dot]:
        return superseded_by_put("l/events", value, seen, same_author=lambda _: False)

    by_b, by_c = b"\x82" + key + b"\x61b", b"\x82" + key + b"\x61c"
    assert amend(by_b) == [Dot(A, 0)]
    made = document(
        first,
        change(B, 2, ("l/events", by_b), removed=amend(by_b)),
        change(C, 3, ("l/events", by_c), removed=amend(by_c)),
    )
    told = accounts(made.elements())
    assert [[each.value for each in group.versions] for group in told] == [
        [b"\x65plain"],
        [by_c, by_b],
    ]
    assert told[1].key == key
    resolution = REGISTRY.resolve("events", made.elements())
    assert [each.value for each in resolution.shown] == [b"\x65plain", by_c]
    assert [each.value for each in resolution.open] == [by_b, by_c]
    # Whoever sees both settles it with one more.
    last = b"\x82" + key + b"\x61d"
    dots = superseded_by_put("l/events", last, made.elements(), same_author=lambda _: False)
    made.apply(change(A, 4, ("l/events", last), removed=dots))
    assert REGISTRY.resolve("events", made.elements()).open == ()


def test_an_event_without_a_key_is_amended_by_its_dot() -> None:
    first = change(A, 1, ("l/events", b"\x65plain"))
    (plain,) = document(first).elements()
    key = event_key(plain)
    assert key == b"\x58\x28" + A + bytes(8)
    amended = b"\x82" + key + b"\x61x"
    observed = [plain, plain._replace(dot=Dot(B, 3))]
    dots = superseded_by_put("l/events", amended, observed, same_author=lambda _: False)
    assert dots == [Dot(A, 0)]
    assert event_key(element(amended)) == key
    assert event_key(element(None, clock=2)) == b"\x58\x28" + A + bytes(7) + b"\x02"
    # A text in front is no key.
    assert event_key(element(b"\x82\x61k\x61x")) == key


def test_one_import_told_twice_alike_counts_once() -> None:
    value = b"\x82\x44evnt\x61a"
    told = accounts([element(value), element(value, log=B)])
    assert [len(group.versions) for group in told] == [1]


# -- beliefs, skills, counters -----------------------------------------------------------------


def test_beliefs_differ_in_object_or_polarity_and_not_in_confidence() -> None:
    def belief(thing: bytes, polarity: bytes, confidence: bytes) -> bytes:
        return b"\x85\x61s\x61r" + thing + polarity + b"\xf9" + confidence

    yes = element(belief(b"\x61o", b"\xf5", b"\x3c\x00"))
    surer = element(belief(b"\x61o", b"\xf5", b"\x38\x00"), log=B, hlc=2)
    no = element(belief(b"\x61o", b"\xf4", b"\x3c\x00"), log=C, hlc=3)
    other = element(b"\x85\x61t\x61r\x61o\xf5\xf9\x3c\x00", clock=1)
    short = element(b"\x83\x61s\x61r\x61z", clock=2)
    found = beliefs([yes, surer, no, other, short, element(None, clock=3)])
    assert [group.key for group in found] == [b"\x61s\x61r", b"\x61t\x61r"]
    assert found[0].versions == [no, surer, short]
    assert found[1].versions == [other]


def test_a_head_supersedes_the_heads_it_names_and_by_default_all() -> None:
    seen = [element(b"\x01", collection="k/skill"), element(b"\x02", log=B, collection="k/skill")]

    def superseded(dots: list[Dot] | None) -> list[Dot]:
        return superseded_by_put("k/skill", b"\x03", seen, same_author=lambda _: True, heads=dots)

    assert superseded(None) == [Dot(A, 0), Dot(B, 0)]
    assert superseded([Dot(B, 0), Dot(C, 4)]) == [Dot(B, 0)]
    assert superseded([]) == []


def test_a_skill_keeps_its_lines_of_refinement() -> None:
    root = change(A, 1, ("r/title", b"\x61t"), ("k/skill", b"\x01"))
    left = change(B, 2, ("k/skill", b"\x02"), removed=[Dot(A, 1), Dot(A, 0)])
    right = change(C, 3, ("k/skill", b"\x03"), removed=[Dot(A, 1)])
    join = change(A, 4, ("k/skill", b"\x04"), removed=[Dot(B, 0), Dot(C, 0)])
    changes = [root, left, right, join]
    found = document(root, left, right).elements()
    assert [head.value for head in heads(in_collection(found, "k/skill"))] == [b"\x03", b"\x02"]
    assert len(REGISTRY.resolve("heads", in_collection(found, "k/skill")).open) == 2
    lines = {one.element.dot: one.parents for one in refinements(changes, "k/skill")}
    assert lines == {
        Dot(A, 1): (),
        Dot(A, 2): (Dot(B, 0), Dot(C, 0)),
        Dot(B, 0): (Dot(A, 1),),
        Dot(C, 0): (Dot(A, 1),),
    }
    assert refinements([join, left, right, root][::-1], "k/skill") == refinements(
        [root, right, left, join], "k/skill"
    )


def test_equal_heads_are_shown_and_are_no_conflict() -> None:
    resolution = REGISTRY.resolve("heads", [element(b"\x01"), element(b"\x01", log=B)])
    assert (len(resolution.shown), resolution.open) == (2, ())


def test_a_counter_counts_every_increment_once() -> None:
    """With a slot per agent two of its nodes would lose one here: 1 and 1 make 1."""
    here, there = document(), document()
    for made, log, seq in ((here, A, 1), (there, B, 2), (here, A, 3)):
        mine = [e for e in made.elements() if e.dot.log == log]
        total = (whole_number(mine[0].value or b"") or 0) + 1 if mine else 1
        value = bytes((total,))
        dots = superseded_by_put(
            "c/used", value, made.elements(), same_author=lambda _: True, own_log=log
        )
        made.apply(change(log, seq, ("c/used", value), removed=dots))
    there_too = [
        change(A, 1, ("c/used", b"\x01")),
        change(A, 3, ("c/used", b"\x02"), removed=[Dot(A, 0)]),
    ]
    for one in there_too:
        there.apply(one)
    assert counter_total(there.elements()) == 3
    assert counter_total(here.elements()) == 2
    assert [e.value for e in REGISTRY.resolve("counter", there.elements()).shown] == [
        b"\x02",
        b"\x01",
    ]


def test_a_slot_is_the_logs_own_and_not_its_agents() -> None:
    seen = [element(b"\x01", collection="c/n"), element(b"\x02", log=B, collection="c/n")]

    def superseded(log: bytes | None) -> list[Dot]:
        return superseded_by_put("c/n", b"\x03", seen, same_author=lambda _: True, own_log=log)

    assert superseded(B) == [Dot(B, 0)]
    assert superseded(C) == superseded(None) == []


def test_a_slot_that_was_not_superseded_counts_once_all_the_same() -> None:
    slots = [element(b"\x05", clock=1), element(b"\x03"), element(b"\x20", log=B)]
    assert counter_total(slots) == 4
    assert (
        counter_total([element(None), element(b"\x61x", log=B), element(b"\xf9\x3c\x00", log=C)])
        == 0
    )


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (b"\x00", 0),
        (b"\x17", 23),
        (b"\x18\x64", 100),
        (b"\x20", -1),
        (b"\x39\x01\x00", -257),
        (b"\x1b" + b"\xff" * 8, (1 << 64) - 1),
        (b"", None),
        (b"\x18", None),
        (b"\x1c", None),
        (b"\x00\x00", None),
        (b"\x61a", None),
        (b"\xf5", None),
    ],
)
def test_a_whole_number_is_read_as_it_stands(value: bytes, number: int | None) -> None:
    assert whole_number(value) == number
