"""Encoded values as plain Python values, for people and for JSON."""

from collections.abc import Iterable

from engram_crdt import Element
from engram_sync.model.conflicts import field_name
from engram_sync.model.readings import account_parts, version_parts
from engram_wire import WireError
from engram_wire.cbor import is_list, load

from . import fields as fields

NOT_HELD = "(not held here)"
NOT_HELD_HINT = (
    "engram-sync sync, then try again; what a compaction let go of here can still be restored on a"
    " member that keeps it"
)
"""Shown in place of a value whose payload has not arrived."""


def plain(value: bytes) -> object:
    """The decoded value of an element; its payload fitted its schema when it was applied."""
    try:
        return load(value)
    except WireError:
        return None


def as_text(value: bytes | None) -> str:
    """The value as one text: itself when it is text, JSON otherwise."""
    if value is None:
        return NOT_HELD
    decoded = plain(value)
    return decoded if isinstance(decoded, str) else json_text(decoded)


def json_text(value: object) -> str:
    """Any plain value as compact JSON; byte strings as hexadecimal."""
    import msgspec

    return msgspec.json.encode(value, enc_hook=repr).decode()


def unique(elements: Iterable[Element]) -> list[bytes]:
    """The held values, each once, oldest first.

    Two nodes that restore one memory at the same time both restate its list entries; counting
    equal values once keeps such a list as it was.
    """
    return distinct(sorted(elements, key=lambda e: (e.hlc, e.dot)))


def distinct(elements: Iterable[Element]) -> list[bytes]:
    """The held values, each once, in the order of the elements."""
    return list(dict.fromkeys([e.value for e in elements if e.value is not None]))


def belief_of(value: bytes) -> dict[str, object]:
    """A belief by the names of its parts."""
    parts = plain(value)
    return dict(zip(fields.BELIEF_PARTS, parts, strict=False)) if is_list(parts) else {}


def event_of(value: bytes) -> object:
    """What an event says, without the name it goes by."""
    said = plain(value)
    parts = account_parts(said)
    return said if parts is None else parts[4]


def count_value(value: bytes) -> object:
    """How far one log, or what it speaks for, has counted."""
    said = plain(value)
    if is_list(said) and len(said) == 3:
        up, down = said[1:]
        return up - down if isinstance(up, int) and isinstance(down, int) else None
    return said


def entry_of(value: bytes) -> tuple[str, object]:
    """Key and value of a metadata entry."""
    parts = plain(value)
    if is_list(parts) and len(parts) == 2 and isinstance(parts[0], str):
        return parts[0], parts[1]
    return "", None


def field_values(collection: str, values: list[bytes]) -> dict[str, object]:
    """The values one record put into one collection, under the names people use."""
    if collection == fields.LIFE:
        parts = plain(values[-1])
        if is_list(parts) and len(parts) == 2:
            return {"life": parts[0], "reason": parts[1]}
        return {"life": None}
    if collection == fields.TAGS:
        return {"tags": [plain(value) for value in values]}
    if collection == fields.METADATA:
        return {"metadata": dict(entry_of(value) for value in values)}
    if collection == fields.BELIEF:
        return {"belief": [belief_of(value) for value in values]}
    if collection == fields.EVENTS:
        return {"events": [event_of(value) for value in values]}
    if collection == fields.SKILL:
        versions = [version_parts(plain(value)) for value in values]
        return {"skill": [version[2] for version in versions if version is not None]}
    if collection.startswith(fields.COUNTER_PREFIX):
        return {field_name(collection): count_value(values[-1])}
    if collection == fields.BODY:
        return {"collaborative": True}
    name = collection.partition("/")[2]
    decoded = [plain(value) for value in values]
    return {name: decoded[0] if len(decoded) == 1 else decoded}
