"""Merges of one's own: named, versioned, and let in only when they keep the laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import (
    CounterExample,
    Law,
    Merge,
    Resolution,
    StrategyRegistry,
    check_merge,
)
from engram_crdt._laws import GENERATED_STATES
from tests.crdt.readings import REGISTRY, element, largest
from tests.crdt.strategies import B, C


def test_a_custom_strategy_settles_siblings_by_its_merge() -> None:
    registry = StrategyRegistry()
    assert registry.register("largest", 2, largest) == "largest@2"
    assert registry.known("largest@2")
    found = [element(b"\x01", hlc=9), element(b"\x03", log=B), element(b"\x02", log=C)]
    resolution = registry.resolve("largest@2", found)
    assert (resolution.merged, resolution.open) == (b"\x03", ())
    assert len(resolution.shown) == 3
    assert registry.resolve("largest@2", ()) == Resolution((), ())


def test_a_program_without_a_strategy_reads_all_siblings() -> None:
    found = [element(b"\x01"), element(b"\x03", log=B)]
    assert not REGISTRY.known("largest@2")
    assert REGISTRY.resolve("largest@2", found) == REGISTRY.resolve("mvr", found)


@pytest.mark.parametrize("value", [None, b"\x61x"])
def test_what_is_owed_or_of_another_kind_reads_as_siblings(value: bytes | None) -> None:
    def sum_of_sets(one: bytes, two: bytes) -> bytes:
        if {one[0] >> 5, two[0] >> 5} != {0}:
            raise ValueError("no numbers")
        return max(one, two)

    registry = StrategyRegistry()
    registry.register("numbers", 1, sum_of_sets)
    found = [element(b"\x01"), element(value, log=B), element(b"\x02", log=C)]
    assert registry.resolve("numbers@1", found) == REGISTRY.resolve("mvr", found)


@pytest.mark.parametrize(("name", "version"), [("", 1), ("A", 1), ("a@1", 1), ("a", 0)])
def test_a_strategy_has_a_name_and_a_version(name: str, version: int) -> None:
    with pytest.raises(ValueError, match="no name"):
        StrategyRegistry().register(name, version, largest)


def test_a_version_of_a_strategy_never_changes() -> None:
    registry = StrategyRegistry()
    registry.register("largest", 1, largest)
    with pytest.raises(ValueError, match="registered already"):
        registry.register("largest", 1, largest)
    registry.register("largest", 2, min)


def toggles() -> Merge:
    state = [b"\x00", b"\x01"]

    def merge(one: bytes, two: bytes) -> bytes:
        state.reverse()
        return one if one == two else state[0]

    return merge


BREAKERS: list[tuple[Law, Merge]] = [
    (Law.IDEMPOTENT, lambda one, two: one + two),
    (Law.COMMUTATIVE, lambda one, two: one),
    (
        Law.ASSOCIATIVE,
        lambda one, two: one if one == two else min(one, two)[:1] + max(one, two)[:1],
    ),
    (Law.DETERMINISTIC, toggles()),
]


@pytest.mark.parametrize(("law", "merge"), BREAKERS, ids=lambda each: getattr(each, "name", ""))
def test_a_merge_that_breaks_a_law_is_refused_with_a_counter_example(
    law: Law, merge: Merge
) -> None:
    with pytest.raises(CounterExample, match="merge") as caught:
        StrategyRegistry().register("bad", 1, merge)
    found = caught.value
    assert found.law is law
    assert found.left != found.right
    assert all(isinstance(state, bytes) for state in found.states)
    assert law.value in str(found)


def test_a_refusal_must_not_depend_on_the_order() -> None:
    def refuses(one: bytes, two: bytes) -> bytes:
        if one > two:
            raise TypeError("larger first")
        return one

    with pytest.raises(CounterExample, match="a refusal") as caught:
        check_merge(refuses)
    assert caught.value.law is Law.COMMUTATIVE
    assert caught.value.left is None or caught.value.right is None


def test_whoever_vouches_for_a_merge_may_skip_the_check() -> None:
    registry = StrategyRegistry()
    registry.register("first", 1, lambda one, two: one, check=False)
    assert registry.known("first@1")


def test_a_merge_is_tried_on_the_states_it_is_for() -> None:
    def only_small(one: bytes, two: bytes) -> bytes:
        return max(one, two) if max(one, two) < b"\x05" else one

    check_merge(only_small, [b"\x01", b"\x02", b"\x04"])
    with pytest.raises(CounterExample):
        check_merge(only_small, [b"\x01", b"\x05", b"\x06"])


@given(st.lists(st.binary(min_size=1, max_size=4), max_size=30))
def test_honest_merges_pass(states: list[bytes]) -> None:
    check_merge(largest, states[:6])
    check_merge(min, states[:6])


def test_the_states_tried_are_of_every_type() -> None:
    assert {state[0] >> 5 for state in GENERATED_STATES} == {0, 1, 2, 3, 4, 5, 7}
    assert len(set(GENERATED_STATES)) == len(GENERATED_STATES)
