"""What a put supersedes, and how collections are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_crdt import (
    Dot,
    Element,
    SupersedeRule,
    by_key,
    digest,
    elements_of_one,
    events,
    in_collection,
    latest,
    rule_of,
    siblings,
    superseded_by_put,
    tags,
)
from engram_crdt._scalars import leading_items
from tests.crdt.strategies import ENGRAM, A, B, change, document


def element(
    collection: str, value: bytes | None, *, log: bytes = A, clock: int = 0, hlc: int = 1
) -> Element:
    return Element(collection, Dot(log, clock), hlc, value, bytes(32), 1)


def of_a(dot: Dot) -> bool:
    return dot.log == A


def superseded(collection: str, value: bytes, *observed: Element) -> list[Dot]:
    return superseded_by_put(collection, value, observed, same_author=of_a)


OLD_K, NEW_K, NEW_L = b"\x82\x61k\x61o", b"\x82\x61k\x61n", b"\x82\x61l\x61n"


def test_a_register_supersedes_all_of_its_collection_and_nothing_else() -> None:
    title, other = element("r/title", b"\x01"), element("r/title", None, log=B)
    assert superseded("r/title", b"\x01", title, element("r/content", b"\x01"), other) == [
        title.dot,
        other.dot,
    ]


def test_a_tag_supersedes_equal_tags() -> None:
    equal = element("s/tags", b"\x61a", clock=2)
    others = element("s/tags", b"\x61b"), element("s/tags", None), element("s/more", b"\x61a")
    assert superseded("s/tags", b"\x61a", *others, equal) == [equal.dot]


def test_an_entry_supersedes_entries_of_equal_key() -> None:
    equal = element("m/meta", OLD_K, clock=2)
    others = element("m/meta", NEW_L), element("m/meta", None), element("m/meta", b"\x61k")
    assert superseded("m/meta", NEW_K, *others, equal) == [equal.dot]


def test_a_slot_supersedes_what_its_own_agent_said() -> None:
    own, foreign = element("o/confidence", b"\x01"), element("o/confidence", b"\x01", log=B)
    assert superseded("o/confidence", b"\x02", own, foreign) == [own.dot]


def test_a_belief_supersedes_the_own_one_about_the_same_thing() -> None:
    said = b"\x85\x61s\x61r\x61o\xf5\xf9\x3c\x00"
    own, foreign = element("b/belief", said), element("b/belief", said, log=B)
    other = element("b/belief", said.replace(b"\x61r", b"\x61q"), clock=4)
    assert superseded("b/belief", said.replace(b"\x61o", b"\x61p"), own, foreign, other) == [
        own.dot
    ]


def test_an_event_supersedes_nothing() -> None:
    assert superseded("l/events", b"\x01", element("l/events", b"\x01")) == []


@pytest.mark.parametrize("name", ["", "x/title", "title", "r/", "r/Title"])
def test_a_name_without_a_rule_cannot_be_written(name: str) -> None:
    with pytest.raises(ValueError, match="no collection"):
        superseded(name, b"\x01")


def test_every_rule_has_its_prefix() -> None:
    assert {rule_of(f"{rule.value}/x") for rule in SupersedeRule} == set(SupersedeRule)


@pytest.mark.parametrize(
    ("value", "count", "key"),
    [
        (NEW_K, 1, b"\x61k"),
        (NEW_K, 2, b"\x61k\x61n"),
        (b"\x82\x18\x2a\x61n", 1, b"\x18\x2a"),
        (b"\x82\x19\x01\x00\x61n", 1, b"\x19\x01\x00"),
        (b"\x82\x58\x02ab\x61n", 1, b"\x58\x02ab"),
        (b"\x82\xf6\x61n", 1, b"\xf6"),
        (b"\x82\x20\x61n", 1, b"\x20"),
        (b"\x82\xfb" + bytes(8) + b"\x61n", 1, b"\xfb" + bytes(8)),
    ],
)
def test_a_key_is_the_leading_items(value: bytes, count: int, key: bytes) -> None:
    assert leading_items(value, count) == key


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x61k",  # no array
        b"\x80",  # no item
        b"\x98\x20" + b"\0" * 32,  # more items than a key is looked for in
        b"\x82\x81\x61k\x61n",  # the key is an array
        b"\x82\x7f\x61k\xff\x61n",  # of indefinite length
        b"\x82\x63k",  # cut short
        b"\x82\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x82",
    ],
)
def test_a_value_without_a_key_has_none(value: bytes) -> None:
    assert leading_items(value, 1) is None
    with pytest.raises(ValueError, match="scalars"):
        superseded("m/meta", value)
    assert by_key([element("m/meta", value)]) == {}


@given(st.binary(max_size=40), st.integers(1, 2))
def test_any_bytes_have_a_key_or_none(value: bytes, count: int) -> None:
    key = leading_items(value, count)
    assert key is None or value[1:].startswith(key)


def test_the_latest_write_has_the_largest_clock_then_the_largest_dot() -> None:
    old, new = element("r/title", b"\x01", hlc=1, log=B), element("r/title", b"\x02", hlc=2)
    assert latest([new, old]) == new
    tie = new._replace(dot=Dot(B, 0))
    assert latest([tie, new]) == latest([new, tie]) == tie
    assert latest([]) is None


def test_siblings_are_unequal_values_newest_first() -> None:
    old, new = element("r/title", b"\x01", hlc=1), element("r/title", b"\x02", hlc=3)
    same = element("r/title", b"\x01", hlc=2, log=B)
    owed = [element("r/title", None, hlc=hlc, clock=hlc) for hlc in (4, 5)]
    assert siblings([old, new, same]) == [new, same]
    assert siblings([owed[0], old, owed[1]]) == [owed[1], owed[0], old]


def test_tags_are_distinct_values() -> None:
    found = [element("s/tags", value) for value in (b"\x61b", None, b"\x61a", b"\x61b")]
    assert tags(found) == [b"\x61a", b"\x61b"]


def test_entries_group_by_key() -> None:
    found = [element("m/meta", value) for value in (NEW_L, OLD_K, None, NEW_K)]
    assert by_key(found) == {b"\x61k": [found[1], found[3]], b"\x61l": [found[0]]}
    assert len(by_key(found, 2)) == 3


def test_events_come_oldest_first() -> None:
    late, early = element("l/events", b"\x01", hlc=2), element("l/events", b"\x02", hlc=1, log=B)
    assert events([late, early]) == [early, late]


def test_a_collection_is_picked_in_order() -> None:
    made = document(change(A, 1, ("s/tags", b"\x02"), ("r/title", b"\x01"), ("s/tags", b"\x01")))
    assert [e.value for e in in_collection(made.elements(), "s/tags")] == [b"\x02", b"\x01"]


def test_a_digest_covers_names_and_payloads_and_not_whether_they_are_held() -> None:
    one = change(A, 1, ("r/title", b"\x01"), ("r/life", b"\x02"))
    base = digest(ENGRAM, elements_of_one(ENGRAM, one))
    hollow = one._replace(puts=tuple((name, None) for name, _ in one.puts))
    assert digest(ENGRAM, elements_of_one(ENGRAM, hollow)) == base
    others = [
        one._replace(payload_hash=bytes(32)),
        one._replace(log=B),
        one._replace(puts=one.puts[:1]),
        one._replace(puts=one.puts[::-1]),
        one._replace(removed=(Dot(A, 0),)),
    ]
    digests = {digest(ENGRAM, elements_of_one(ENGRAM, other)) for other in others}
    assert len(digests - {base}) == len(others)
    assert digest(ENGRAM[::-1], elements_of_one(ENGRAM, one)) != base


def test_a_digest_does_not_change() -> None:
    """Known answer: replicas of different versions compare these numbers."""
    one = change(A, 1, ("r/title", b"\x01"))._replace(payload_hash=b"p" * 32)
    found = digest(ENGRAM, elements_of_one(ENGRAM, one)).to_bytes(32).hex()
    assert found == "9fe81a00c7784de2ba670e79f49b12eb630312933ff4b4e3592a684ea572954f"
