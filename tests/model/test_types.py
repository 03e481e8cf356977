"""Claims about conflicts as one node tells them, and about their two encodings."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.api import Conflict, Sibling
from engram_sync.model.conflict_types import (
    BeliefConflict,
    ConflictType,
    EpisodicConflict,
    LifecycleConflict,
    SkillConflict,
    ValueConflict,
    as_seen_by,
    decode_conflict_untrusted,
    encode_conflict,
    from_plain,
    to_plain,
)
from engram_wire import WireError
from engram_wire.cbor import encode

EVERY_TYPE: tuple[ConflictType, ...] = (
    ValueConflict("id", "content", "one", {"k": [None, 1.5]}),
    BeliefConflict("ann", "likes", "tea", "milk", True, False),
    EpisodicConflict("id", ("x", {"at": 1}), ()),
    SkillConflict("id", ({"name": "n", "text": "t"},), ({"name": "n", "steps": ["s"]},)),
    LifecycleConflict("id", ("outdated", ""), (["title", "t"],), (["metadata.k", 7],)),
)


def sibling(value: object, node: str, field: str = "content") -> Sibling:
    return Sibling(field, str(value), node, "", 1, value)


def conflict(kind: str, *siblings: Sibling) -> Conflict:
    return Conflict("c", "v", "id", kind, "content", siblings, "v2.x")


@pytest.mark.parametrize("told", EVERY_TYPE)
def test_every_type_survives_both_encodings(told: ConflictType) -> None:
    assert decode_conflict_untrusted(encode_conflict(told)) == told
    assert from_plain(json.loads(json.dumps(to_plain(told)))) == told


def test_each_side_sees_its_own_value_as_the_local_one() -> None:
    both = conflict("value", sibling("one", "ann"), sibling("two", "bob"))
    assert as_seen_by(both, "ann") == (ValueConflict("id", "content", "one", "two"),)
    assert as_seen_by(both, "bob") == (ValueConflict("id", "content", "two", "one"),)


def test_a_node_that_wrote_none_takes_the_newest_which_it_shows_for_its_own() -> None:
    both = conflict("value", sibling("one", "ann"), sibling("two", "bob"))
    assert as_seen_by(both, "cat") == (ValueConflict("id", "content", "two", "one"),)


def test_three_values_are_two_conflicts_of_two_sides() -> None:
    three = conflict("value", *(sibling(name, name) for name in ("ann", "bob", "cat")))
    assert as_seen_by(three, "bob") == (
        ValueConflict("id", "content", "bob", "ann"),
        ValueConflict("id", "content", "bob", "cat"),
    )


def test_a_value_that_is_not_held_is_told_as_nothing() -> None:
    both = conflict("value", sibling("one", "ann"), replace(sibling(None, "bob"), value="(owed)"))
    assert as_seen_by(both, "ann") == (ValueConflict("id", "content", "one", None),)


def test_an_edit_of_a_replaced_text_is_told_as_a_value_conflict() -> None:
    both = conflict("text", sibling("new", "ann"), sibling(" more", "bob"))
    assert as_seen_by(both, "bob") == (ValueConflict("id", "content", " more", "new"),)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"type": "quarrel"},
        {"type": "value", "key": "id", "field": "f", "local": 1},
        {"type": "value", "key": "id", "field": "f", "local": 1, "remote": 2, "more": 3},
        {"type": "value", "key": 7, "field": "f", "local": 1, "remote": 2},
        {"type": "episodic", "episode_id": "id", "local_events": 1, "remote_events": []},
        to_plain(EVERY_TYPE[1]) | {"local_polarity": 1},
        to_plain(EVERY_TYPE[4]) | {"reasons": [7]},
    ],
)
def test_what_is_no_conflict_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="conflict"):
        from_plain(wrong)
    with pytest.raises(WireError):
        decode_conflict_untrusted(encode(wrong))  # type: ignore[arg-type]  # plain values


@given(st.binary(max_size=60) | st.sampled_from(EVERY_TYPE).map(encode_conflict))
def test_no_bytes_do_more_than_decode_or_be_refused(data: bytes) -> None:
    with suppress(WireError):
        assert encode_conflict(decode_conflict_untrusted(data)) == data
