"""What the value of an element says, as far as finding conflicts asks.

Values come from peers.  They fitted the schema of their collection when their record was applied,
and whatever does not parse here all the same says nothing: it never raises.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, TypeGuard

from engram_crdt import Element
from engram_wire import WireError
from engram_wire.cbor import decode_untrusted, encode, is_dict, is_list

LIFE = "r/life"
METADATA = "m/meta"
BELIEF = "b/belief"
EVENTS = "l/events"
SKILL = "k/skill"
BODY = "r/body"

DELETED = "deleted"
PART_ID_BYTES = 8  # 64 bits: no two events of one engram share them by accident.
SOURCE_KEY = "key"


class Opinion(NamedTuple):
    """What one element of ``b/belief`` holds."""

    subject: str
    relation: str
    object: str
    polarity: bool

    def contradicts(self, other: "Opinion") -> bool:
        """Whether both cannot hold, given that they are about the same subject and relation.

        A relation has one object: to affirm two is a contradiction, to deny two is none.
        """
        if self.object == other.object:
            return self.polarity is not other.polarity
        return self.polarity and other.polarity


class EventVersion(NamedTuple):
    """What one element of ``l/events`` holds: an event as one author tells it."""

    id: bytes
    """The event, whoever tells it and however often it was amended."""
    hlc: int
    """When the event was first written down."""
    clock: int
    """Its place among those first written down together."""
    value: object
    encoded: bytes
    """The value again, encoded: equal bytes are equal accounts."""
    amendments: int
    """How often it was amended."""

    @property
    def source_key(self) -> str | None:
        """The key under which its source knows the event."""
        key = self.value.get(SOURCE_KEY) if is_dict(self.value) else None
        return key if isinstance(key, str) else None


class Version(NamedTuple):
    """What one element of ``k/skill`` holds: one refinement of a skill."""

    id: bytes
    parents: tuple[bytes, ...]
    skill: dict[str, object]
    encoded: bytes
    """The skill again, encoded."""


def decoded(element: Element) -> object:
    """The value of an element; None when it is owed or says nothing."""
    if element.value is None:
        return None
    try:
        return decode_untrusted(element.value, bytes_max=len(element.value))
    except WireError:
        return None


def life_of(element: Element) -> tuple[str, str]:
    """State and reason that an element of ``r/life`` holds; ("", "") when its payload is owed."""
    value = decoded(element)
    if not is_list(value) or len(value) != 2:
        return "", ""
    state, reason = value
    return (state, reason) if isinstance(state, str) and isinstance(reason, str) else ("", "")


def tombstones(elements: Iterable[Element]) -> list[Element]:
    """The live elements that say the engram is deleted."""
    return [e for e in elements if e.collection == LIFE and life_of(e)[0] == DELETED]


def metadata_key(value: bytes | None) -> bytes | None:
    """The encoded key of an encoded metadata entry ``[key, value]``; None when it is owed.

    Keys are short texts, so the header says where the key ends without decoding the value.
    """
    if value is None or len(value) < 2 or value[0] != 0x82:
        return None
    head = value[1]
    if 0x60 <= head <= 0x77:
        return value[1 : 2 + head - 0x60]
    if head == 0x78 and len(value) > 2:
        return value[1 : 3 + value[2]]
    return None


def opinion_of(element: Element) -> Opinion | None:
    """The opinion in an element of ``b/belief``; None when it is owed."""
    value = decoded(element)
    if not is_list(value) or len(value) < 4:
        return None
    subject, relation, thing, polarity = value[:4]
    if isinstance(subject, str) and isinstance(relation, str) and isinstance(thing, str):
        return Opinion(subject, relation, thing, polarity is True)
    return None


def account_of(element: Element) -> EventVersion | None:
    """The event in an element of ``l/events``; None when it is owed.

    An event is ``[id, hlc, clock, amendments, value]``, with an hlc of 0 for that of the record
    that brings it.  Earlier versions wrote the bare value.  Such an event is named by the payload
    that brought it: a payload is salted, so nothing else has its hash.
    """
    if element.value is None:
        return None
    value = decoded(element)
    named = account_parts(value)
    if named is None:
        name = part_id(element.payload_hash, element.value)
        return EventVersion(name, element.hlc, element.dot.clock, value, element.value, 0)
    name, hlc, clock, amendments, inner = named
    return EventVersion(name, hlc or element.hlc, clock, inner, _encoded(inner), amendments)


def account_parts(value: object) -> tuple[bytes, int, int, int, object] | None:
    """The parts of an event, its value last; None for the bare value of one.

    What callers give has no byte strings, so a bare value is never taken for the other form.
    """
    if not is_list(value) or len(value) != 5:
        return None
    name, hlc, clock, amendments, inner = value
    if not _is_part_id(name):
        return None
    if type(hlc) is not int or type(clock) is not int or type(amendments) is not int:
        return None
    return None if min(hlc, clock, amendments) < 0 else (name, hlc, clock, amendments, inner)


def encoded_account(account: EventVersion) -> bytes:
    """The value that holds an account; its ``hlc`` is 0 where the event is told first."""
    name, hlc, clock, _, event, amendments = account
    return encode([name, hlc, clock, amendments, None])[:-1] + event


def version_of(element: Element) -> Version | None:
    """The refinement in an element of ``k/skill``; None when it is owed."""
    value = decoded(element)
    parts = version_parts(value)
    if parts is None:
        return None
    name, parents, skill = parts
    return Version(name, parents, skill, _encoded(skill))


def version_parts(value: object) -> tuple[bytes, tuple[bytes, ...], dict[str, object]] | None:
    """Id, parents and skill of ``[id, [parent...], skill]``."""
    if not is_list(value) or len(value) != 3:
        return None
    name, parents, skill = value
    if not _is_part_id(name) or not is_list(parents) or not is_dict(skill):
        return None
    if not all(_is_part_id(parent) for parent in parents):
        return None
    held = {str(key): part for key, part in skill.items()}
    return name, tuple(p for p in parents if isinstance(p, bytes)), held


def encoded_version(name: bytes, parents: Iterable[bytes], skill: bytes) -> bytes:
    """The value of a refinement whose skill is encoded already."""
    return encode([name, list(parents), None])[:-1] + skill


def part_id(source: bytes, value: bytes) -> bytes:
    """The name of an event or a refinement.

    Args:
        source: What nothing else is named from: see callers.
        value: What it says when it is first written.
    """
    data = source + value
    return hashlib.blake2b(data, digest_size=PART_ID_BYTES, person=b"engram part").digest()


def _is_part_id(value: object) -> TypeGuard[bytes]:
    return type(value) is bytes and len(value) == PART_ID_BYTES


def _encoded(value: object) -> bytes:
    try:
        return encode(value)  # type: ignore[arg-type]  # it was decoded from these bytes
    except ValueError:
        return b""
