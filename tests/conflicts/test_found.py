"""Claims about finding and naming conflicts."""

import pytest

from engram_crdt import Dot, Element
from engram_sync.conflicts import (
    ConflictBits,
    bits,
    conflict_id,
    conflict_version,
    field_name,
    find,
    life_of,
    metadata_key,
)
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
