"""Claims about finding and naming conflicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import Dot, Element
from engram_sync.model.conflicts import (
    ConflictBits,
    bits,
    conflict_id,
    conflict_version,
    field_name,
    find,
    key_names,
)
from engram_sync.model.readings import account_of, life_of, metadata_key
from engram_wire.cbor import encode

A, B, C = b"a" * 32, b"b" * 32, b"c" * 32
SCOPE, ENGRAM = b"s" * 32, b"e" * 16


def put(collection: str, value: object, log: bytes = A, clock: int = 0, hlc: int = 1) -> Element:
    data = None if value is ... else encode(value)  # type: ignore[arg-type]  # plain values
    return Element(collection, Dot(log, clock), hlc, data, log, 1)


def test_unequal_live_values_of_a_register_are_a_value_conflict() -> None:
    (found,) = find([put("r/content", "one"), put("r/content", "two", B)])
    assert (found.kind, found.collection, len(found.heads)) == ("value", "r/content", 2)
    assert bits([put("r/content", "one"), put("r/content", "two", B)]) == ConflictBits.VALUE


def test_equal_live_values_are_none() -> None:
    assert find([put("r/content", "one"), put("r/content", "one", B)]) == []


def test_a_value_that_is_not_held_is_not_taken_for_equal() -> None:
    assert len(find([put("r/content", ...), put("r/content", ..., B)])) == 1
    assert len(find([put("r/content", "one"), put("r/content", ..., B)])) == 1


def test_fields_of_a_newer_version_conflict_like_all_others() -> None:
    (found,) = find([put("r/mood", 1), put("r/mood", 2, B)])
    assert field_name(found.collection) == "mood"


def test_sets_lists_opinions_and_beliefs_hold_many_values_without_conflict() -> None:
    for collection in ("s/tags", "l/events", "o/confidence", "b/belief"):
        assert find([put(collection, 1), put(collection, 2, B)]) == []


def test_metadata_conflicts_by_key() -> None:
    apart = [put("m/meta", ["k", 1]), put("m/meta", ["l", 2], B)]
    assert find(apart) == []
    (found,) = find([*apart, put("m/meta", ["k", 2], C)])
    assert field_name(found.collection, found.key) == "metadata.k"
    assert [e.dot.log for e in found.heads] == [A, C]


def test_a_tombstone_beside_anything_live_is_one_lifecycle_conflict() -> None:
    dead = put("r/life", ["deleted", "old"])
    assert find([dead]) == []
    (found,) = find([dead, put("s/tags", "a", B)])
    assert (found.kind, found.collection, len(found.heads)) == ("lifecycle", "r/life", 2)
    (found,) = find([dead, put("r/life", ["archived", ""], B)])
    assert found.kind == "lifecycle"


def test_a_lifecycle_conflict_does_not_hide_a_value_conflict() -> None:
    elements = [
        put("r/content", "one"),
        put("r/content", "two", B),
        put("r/life", ["deleted", ""], C),
    ]
    assert [found.kind for found in find(elements)] == ["lifecycle", "value"]
    assert bits(elements) == ConflictBits.VALUE | ConflictBits.LIFECYCLE


def test_two_deletes_agree_whatever_their_reasons() -> None:
    assert find([put("r/life", ["deleted", "a"]), put("r/life", ["deleted", "b"], B)]) == []


def test_archived_beside_active_is_a_value_conflict_of_life() -> None:
    (found,) = find([put("r/life", ["archived", ""]), put("r/life", ["active", ""], B)])
    assert (found.kind, found.collection) == ("value", "r/life")


def test_a_conflict_has_the_same_names_in_whatever_order_it_is_found() -> None:
    elements = [put("r/content", str(i), log, i) for i, log in enumerate((A, B, C))]
    (one,), (other,) = find(elements), find(elements[::-1])
    assert conflict_id(SCOPE, ENGRAM, one) == conflict_id(SCOPE, ENGRAM, other)
    assert conflict_version(one) == conflict_version(other)


def test_a_further_sibling_changes_the_version_and_keeps_the_id() -> None:
    elements = [put("r/content", str(i), log) for i, log in enumerate((A, B, C))]
    (two,), (three,) = find(elements[:2]), find(elements)
    assert conflict_id(SCOPE, ENGRAM, two) == conflict_id(SCOPE, ENGRAM, three)
    assert conflict_version(two) != conflict_version(three)


def test_conflicts_of_other_scopes_engrams_classes_fields_and_keys_have_other_ids() -> None:
    both = [put("r/content", "one"), put("r/content", "two", B)]
    more = [put("r/title", "one"), put("r/title", "two", B)]
    keys = [put("m/meta", [k, i], log) for k in "kl" for i, log in enumerate((A, B))]
    dead = [put("r/life", ["deleted", ""]), put("s/tags", "x")]
    life = [put("r/life", ["active", ""]), put("r/life", ["archived", ""], B)]
    found = find([*both, *more, *keys, *dead]) + find(life)
    ids = {conflict_id(SCOPE, ENGRAM, f) for f in found}
    ids |= {conflict_id(b"t" * 32, ENGRAM, found[0]), conflict_id(SCOPE, b"f" * 16, found[0])}
    assert len(ids) == len(found) + 2 == 8


@pytest.mark.parametrize("length", [0, 1, 23, 24, 255])
def test_the_key_of_a_metadata_entry_is_read_without_decoding_its_value(length: int) -> None:
    key = "k" * length
    assert metadata_key(encode([key, {"deep": [1, 2]}])) == encode(key)


@pytest.mark.parametrize("value", [None, b"", b"\x82", encode(1), encode([1, 2]), encode(["k"])])
def test_what_is_no_metadata_entry_has_no_key(value: bytes | None) -> None:
    assert metadata_key(value) is None


@pytest.mark.parametrize("value", [..., 1, ["deleted"], ["deleted", 1], [1, "x"]])
def test_what_is_no_state_of_life_says_nothing(value: object) -> None:
    assert life_of(put("r/life", value)) == ("", "")


def test_damaged_bytes_say_nothing() -> None:
    assert life_of(put("r/life", 1)._replace(value=b"\xff")) == ("", "")
    assert field_name("m/meta", b"\xff") == "metadata"


# -- beliefs, events, skills, texts ----------------------------------------------------------


def belief(thing: str, *, polarity: bool = True, log: bytes = A, about: str = "likes") -> Element:
    return put("b/belief", ["ann", about, thing, polarity, 1.0], log)


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        (("tea", True), ("tea", True), False),
        (("tea", True), ("milk", True), True),
        (("tea", True), ("tea", False), True),
        (("tea", True), ("milk", False), False),
        (("tea", False), ("milk", False), False),
    ],
)
def test_beliefs_conflict_when_they_cannot_both_hold(
    one: tuple[str, bool], other: tuple[str, bool], contradict: bool
) -> None:
    pair = [belief(one[0], polarity=one[1]), belief(other[0], polarity=other[1], log=B)]
    assert bits(pair) == (ConflictBits.BELIEF if contradict else ConflictBits.NONE)
    assert [key_names(found) for found in find(pair)] == [("ann", "likes")] * contradict


def test_beliefs_about_different_things_do_not_conflict() -> None:
    assert find([belief("tea"), belief("milk", log=B, about="hates")]) == []


def test_a_belief_that_is_not_held_says_nothing_yet() -> None:
    assert find([belief("tea"), put("b/belief", ..., B)]) == []


def event(name: bytes, value: object, log: bytes = A, clock: int = 0) -> Element:
    return put("l/events", [name, 0, 0, 0, value], log, clock)


def test_accounts_of_one_event_conflict_when_they_differ() -> None:
    assert find([event(b"12345678", "x"), event(b"12345678", "x", B)]) == []
    assert find([event(b"12345678", "x"), event(b"abcdefgh", "y", B)]) == []
    (found,) = find([event(b"12345678", "x"), event(b"12345678", "y", B)])
    assert (found.kind, key_names(found)) == ("episodic", (b"12345678".hex(),))


def test_events_of_one_source_key_conflict_when_they_differ() -> None:
    one, other = {"key": "k", "n": 1}, {"key": "k", "n": 2}
    assert find([event(b"12345678", one), event(b"abcdefgh", one, B)]) == []
    (found,) = find([event(b"12345678", one), event(b"abcdefgh", other, B)])
    assert (found.kind, key_names(found)) == ("episodic", ("key", "k"))
    # Two accounts of one event are one conflict, not two.
    assert len(find([event(b"12345678", one), event(b"12345678", other, B)])) == 1


def test_a_bare_event_of_an_earlier_version_is_named_by_what_brought_it() -> None:
    one, again = put("l/events", "x"), put("l/events", "x", B)
    named = account_of(one)
    assert named is not None
    assert account_of(one._replace(dot=Dot(C, 9))) == named._replace(clock=9)
    assert find([one, again]) == []
    amended = event(named.id, "y", B)
    assert [found.kind for found in find([one, amended])] == ["episodic"]


def head(name: bytes, text: str, log: bytes = A) -> Element:
    parents: list[bytes] = []
    return put("k/skill", [name, parents, {"name": "n", "text": text}], log)


def test_several_unequal_heads_of_a_skill_are_a_conflict() -> None:
    assert find([head(b"12345678", "x")]) == []
    assert find([head(b"12345678", "x"), head(b"abcdefgh", "x", B)]) == []
    assert [f.kind for f in find([head(b"12345678", "x"), head(b"abcdefgh", "y", B)])] == ["skill"]
    assert [f.kind for f in find([head(b"12345678", "x"), put("k/skill", ..., B)])] == ["skill"]


def test_texts_side_by_side_conflict_unless_they_are_known_to_be_equal() -> None:
    bodies = [put("r/body", "a"), put("r/body", "b", B)]
    assert bits(bodies) == ConflictBits.VALUE
    assert bits(bodies, texts={Dot(A, 0): "x", Dot(B, 0): "y"}) == ConflictBits.VALUE
    assert bits(bodies, texts={Dot(A, 0): "x", Dot(B, 0): "x"}) == ConflictBits.NONE
    assert bits(bodies, texts={Dot(A, 0): "x"}) == ConflictBits.VALUE


def test_an_edit_of_a_text_that_is_gone_is_a_conflict_of_its_own_or_of_the_delete() -> None:
    orphan = put("x/body", "more", C)
    (found,) = find([put("r/body", "a")], orphans=[orphan])
    assert (found.kind, field_name(found.collection), len(found.heads)) == ("text", "content", 2)
    (found,) = find([put("r/life", ["deleted", ""])], orphans=[orphan])
    assert (found.kind, len(found.heads)) == ("lifecycle", 2)


def test_a_further_sibling_is_a_new_version_of_the_same_conflict_of_a_belief() -> None:
    (two,) = find([belief("tea"), belief("milk", log=B)])
    (three,) = find([belief("tea"), belief("milk", log=B), belief("water", log=C)])
    assert conflict_id(SCOPE, ENGRAM, two) == conflict_id(SCOPE, ENGRAM, three)
    assert conflict_version(two) != conflict_version(three)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3) | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("b/belief", "l/events", "k/skill", "r/life", "r/body", "m/meta")),
            VALUES,
        ),
        max_size=4,
    )
)
def test_whatever_peers_put_finding_conflicts_never_fails(puts: list[tuple[str, object]]) -> None:
    elements = [put(name, value, A, clock) for clock, (name, value) in enumerate(puts)]
    for found in find(elements):
        assert conflict_id(SCOPE, ENGRAM, found)
        assert key_names(found) is not None
