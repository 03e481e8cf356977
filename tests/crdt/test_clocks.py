"""Laws of the clocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import Order, VectorClock, hlc

COUNTS = st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 3))
CLOCKS = COUNTS.map(VectorClock)
MIRROR = {
    Order.BEFORE: Order.AFTER,
    Order.AFTER: Order.BEFORE,
    Order.EQUAL: Order.EQUAL,
    Order.CONCURRENT: Order.CONCURRENT,
}


def test_the_four_orders() -> None:
    small, large = VectorClock({b"a": 1}), VectorClock({b"a": 1, b"b": 1})
    assert small.compare(large) is Order.BEFORE
    assert large.compare(small) is Order.AFTER
    assert small.compare(VectorClock({b"a": 1, b"b": 0})) is Order.EQUAL
    assert small.compare(VectorClock({b"b": 1})) is Order.CONCURRENT


def test_a_clock_is_a_map_without_zeros() -> None:
    clock = VectorClock({b"a": 2, b"b": 0})
    assert dict(clock) == {b"a": 2}
    assert len(clock) == 1
    assert clock.get(b"b", 0) == 0
    assert repr(clock) == "VectorClock({61: 2})"
    assert VectorClock() == {}


def test_a_count_is_not_negative() -> None:
    with pytest.raises(ValueError, match="from 0"):
        VectorClock({b"a": -1})


def test_a_clock_does_not_change_with_what_made_it() -> None:
    counts = {b"a": 1}
    clock = VectorClock(counts)
    counts[b"a"] = 2
    assert clock[b"a"] == 1


@given(CLOCKS, CLOCKS)
def test_orders_mirror(one: VectorClock, two: VectorClock) -> None:
    assert two.compare(one) is MIRROR[one.compare(two)]
    assert (one.compare(two) is Order.EQUAL) == (one == two)
    if one == two:
        assert hash(one) == hash(two)


@given(CLOCKS, CLOCKS, CLOCKS)
def test_domination_is_a_partial_order(
    one: VectorClock, two: VectorClock, three: VectorClock
) -> None:
    assert one.dominates(one)
    if one.dominates(two) and two.dominates(three):
        assert one.dominates(three)
    if one.dominates(two) and two.dominates(one):
        assert one == two


@given(CLOCKS, CLOCKS, CLOCKS)
def test_merge_is_the_least_upper_bound(
    one: VectorClock, two: VectorClock, three: VectorClock
) -> None:
    merged = one.merge(two)
    assert merged == two.merge(one)
    assert merged.merge(three) == one.merge(two.merge(three))
    assert one.merge(one) == one
    assert merged.dominates(one)
    assert merged.dominates(two)
    if three.dominates(one) and three.dominates(two):
        assert three.dominates(merged)


MS = st.integers(1 << 16, (1 << 47) - 2)


@given(MS, st.integers(0, 65_535))
def test_a_hybrid_clock_comes_apart_as_it_was_joined(ms: int, counter: int) -> None:
    assert hlc.unpack(hlc.pack(ms, counter)) == (ms, counter)


@given(st.integers(0, hlc.HLC_MAX), st.integers(0, 1 << 60))
def test_a_clock_is_above_what_its_author_saw_and_not_behind_the_wall(
    seen: int, now_ms: int
) -> None:
    following = hlc.tick(seen, now_ms)
    assert hlc.HLC_MIN <= following <= hlc.HLC_MAX
    if following < hlc.HLC_MAX:
        # Never further ahead than what pushed it.
        assert following == max(seen + 1, now_ms << hlc.COUNTER_BITS, hlc.HLC_MIN)


def test_a_full_counter_carries_into_the_milliseconds() -> None:
    assert hlc.unpack(hlc.tick(hlc.pack(1 << 40, 65_535), 5)) == ((1 << 40) + 1, 0)


def test_a_clock_in_1970_is_still_valid() -> None:
    assert hlc.tick(0, 0) == hlc.HLC_MIN


@pytest.mark.parametrize(("ms", "counter"), [(0, 1), (1 << 47, 0), (1 << 40, 65_536), (1, -1)])
def test_a_clock_outside_its_range_is_refused(ms: int, counter: int) -> None:
    with pytest.raises(ValueError, match=r"outside|fit"):
        hlc.pack(ms, counter)


def test_a_clock_at_its_end_stays_there_and_keeps_nobody_from_writing() -> None:
    assert hlc.tick(hlc.HLC_MAX, 0) == hlc.tick(0, 1 << 60) == hlc.HLC_MAX
