"""Claims about docs/engrams.md: it lists what there is, with the limits that hold."""

import re
from pathlib import Path

from engram_crdt import Dot, Element
from engram_sync.model import limits as limits
from engram_sync.model import schema as schema
from engram_sync.model.readings import account_of, part_id
from engram_wire.cbor import encode

PAGE = (Path(__file__).parents[2] / "docs" / "engrams.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: found[2]
    for found in re.finditer(r"^\| `([a-z]/\w+)` \|.*\|([^|]*)\|$", PAGE, re.MULTILINE)
}


def test_every_collection_is_listed_and_no_other() -> None:
    known = {
        value
        for name, value in vars(schema).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z]/[a-z]+", value)
    }
    assert set(ROWS) == known | {f"{schema.COUNTER_PREFIX}NAME"}


def test_the_limits_are_those_that_hold() -> None:
    def numbers(collection: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d{2,}", ROWS[collection])]

    assert numbers(schema.CONTENT) == [limits.CONTENT_BYTES_MAX]
    assert numbers(schema.TITLE) == [limits.TITLE_BYTES_MAX]
    assert numbers(schema.LIFE) == [limits.REASON_BYTES_MAX]
    labels = (schema.TYPE, schema.CATEGORY, schema.TAGS, schema.EPISTEMIC, schema.BODY)
    for collection in labels:
        assert numbers(collection) == [limits.LABEL_BYTES_MAX]
    assert numbers(schema.METADATA) == [limits.KEY_BYTES_MAX, limits.ENTRY_BYTES_MAX]
    assert numbers(schema.BELIEF) == [limits.KEY_BYTES_MAX, limits.ENTRY_BYTES_MAX]
    assert numbers(schema.EVENTS) == [limits.ENTRY_BYTES_MAX]
    assert numbers(schema.SKILL) == [limits.SKILL_BYTES_MAX, limits.PARENTS_MAX]
    assert limits.COUNT_MAX == 2**53
    assert limits.CLAIMED_COUNT_MAX == 2**52


def test_an_event_is_named_as_documented() -> None:
    """Pinned, because a store keeps these names."""
    event = encode("disk full")
    assert part_id(bytes(16), event).hex() == "aac9700b8cf1d969"
    alone = Element("l/events", Dot(b"l" * 32, 0), 1, event, b"p" * 32, 1)
    told = account_of(alone)
    assert told is not None
    assert told.id == part_id(b"p" * 32, event)
