"""Finding conflicts among the live elements of one engram, from causality alone.

Two live elements of a register are there together only because neither write had seen the other
one: whoever sees a value supersedes it.  So the live elements *are* the evidence, and no clock
of any machine is asked.
"""

import hashlib
from collections.abc import Iterable, Sequence
from enum import IntFlag, StrEnum
from typing import NamedTuple, cast

from engram_crdt import Element
from engram_wire import WireError
from engram_wire.cbor import decode_untrusted

LIFE = "r/life"
METADATA = "m/meta"
DELETED = "deleted"
PERSON = b"engram conflict"


class ConflictClass(StrEnum):
    """What a conflict is about; part of its id."""

    VALUE = "value"
    """A field has unequal live values."""
    LIFECYCLE = "lifecycle"
    """Somebody deleted the engram, somebody else wrote to it, and neither saw the other."""


class ConflictBits(IntFlag):
    """The classes that are open for one engram, as its row stores them."""

    NONE = 0
    VALUE = 1
    LIFECYCLE = 2


class Found(NamedTuple):
    """One open conflict of one engram."""

    kind: ConflictClass
    collection: str
    """The collection whose elements disagree; ``r/life`` for a lifecycle conflict."""
    key: bytes
    """The encoded metadata key for ``m/meta``; empty elsewhere."""
    heads: tuple[Element, ...]
    """The elements that disagree, sorted by dot: the same on every replica."""


def life_of(element: Element) -> tuple[str, str]:
    """State and reason that an element of ``r/life`` holds; ("", "") when its payload is owed."""
    if element.value is None:
        return "", ""
    try:
        value = decode_untrusted(element.value)
    except WireError:
        return "", ""
    if not isinstance(value, list) or len(value) != 2:
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


def disagree(elements: Sequence[Element]) -> bool:
    """Whether live elements of one field hold more than one value.

    A value that is not held counts as different from every other: what cannot be read cannot be
    called equal, and reporting too much loses nothing.
    """
    if len(elements) < 2:
        return False
    first = elements[0]
    if first.collection == LIFE:
        states = {life_of(e)[0] if e.value is not None else e.payload_hash.hex() for e in elements}
        return len(states) > 1
    return any(e.value is None or e.value != first.value for e in elements)


def fields(elements: Iterable[Element]) -> dict[tuple[str, bytes], list[Element]]:
    """The live elements grouped by what may hold one value only: registers and metadata keys."""
    groups: dict[tuple[str, bytes], list[Element]] = {}
    for element in elements:
        if element.collection.startswith("r/"):
            groups.setdefault((element.collection, b""), []).append(element)
        elif element.collection == METADATA:
            key = metadata_key(element.value)
            if key is not None:
                groups.setdefault((METADATA, key), []).append(element)
    return groups


def find(elements: Sequence[Element]) -> list[Found]:
    """Every open conflict among the live elements of one engram, sorted by collection and key.

    A tombstone with anything live beside it is one lifecycle conflict; the other fields are
    still compared, because whoever restores the engram must know about them.
    """
    found: list[Found] = []
    dead = tombstones(elements)
    spared = [e for e in elements if e not in dead]
    if dead and spared:
        found.append(Found(ConflictClass.LIFECYCLE, LIFE, b"", _by_dot([*dead, *spared])))
    for (collection, key), group in sorted(fields(elements).items()):
        if collection == LIFE and dead:
            continue  # Deleted beside anything else is the lifecycle conflict above.
        if disagree(group):
            found.append(Found(ConflictClass.VALUE, collection, key, _by_dot(group)))
    return found


def bits(elements: Sequence[Element]) -> ConflictBits:
    """Which classes of conflict are open; cheap enough to run at every change."""
    open_now = ConflictBits.NONE
    for found in find(elements):
        if found.kind is ConflictClass.LIFECYCLE:
            open_now |= ConflictBits.LIFECYCLE
        else:
            open_now |= ConflictBits.VALUE
    return open_now


def conflict_id(scope: bytes, engram: bytes, found: Found) -> str:
    """The name of a conflict: equal on every replica, unchanged by a further sibling."""
    return _hash(scope, engram, found.kind.encode(), found.collection.encode(), found.key)


def conflict_version(found: Found) -> str:
    """The name of exactly these heads; a third sibling makes a new version of the conflict."""
    return _hash(*(e.dot.log + e.dot.clock.to_bytes(8, "big") for e in found.heads))


def field_name(collection: str, key: bytes = b"") -> str:
    """What people call the field of a collection: ``content``, ``metadata.origin``."""
    if collection == METADATA and key:
        try:
            return f"metadata.{cast(str, decode_untrusted(key))}"
        except WireError:
            return "metadata"
    return collection.partition("/")[2]


def _by_dot(elements: Iterable[Element]) -> tuple[Element, ...]:
    return tuple(sorted(elements, key=lambda e: (e.dot.log, e.dot.clock)))


def _hash(*parts: bytes) -> str:
    # Each part carries its length, so that no two lists of parts spell the same bytes.
    data = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.blake2b(data, digest_size=16, person=PERSON).hexdigest()
