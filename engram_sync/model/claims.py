"""What one live element says, in a form that a store can compare without reading it.

Elements of one *group* contradict each other when they hold more than one *value* there.  So the
open conflicts of an engram follow from its groups, and whoever changes one element looks at its
groups alone.  ``find`` says the same from all elements, with names and heads.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from engram_crdt import Element
from engram_wire.cbor import encode

from .conflicts import ConflictBits
from .readings import (
    BELIEF,
    BODY,
    DELETED,
    EVENTS,
    LIFE,
    METADATA,
    SKILL,
    account_of,
    life_of,
    metadata_key,
    opinion_of,
    version_of,
)

_HASH_BYTES = 15  # With its class, a group has 16 bytes: nobody finds two of one name.
_LIVES = 6
"""Class of the group of all entries of ``r/life``; counts only while none of them is a delete."""
_CLASS_BITS = {
    1: ConflictBits.VALUE,
    2: ConflictBits.BELIEF,
    3: ConflictBits.EPISODIC,
    4: ConflictBits.SKILL,
    5: ConflictBits.BELIEF,
    7: ConflictBits.EPISODIC,
}
LIFE_STATES = ("active", "archived", DELETED)
"""States of life in the order of the numbers that rows store."""


class Claims(NamedTuple):
    """What an element says; all None for what can contradict nothing."""

    life: bytes | None = None
    """Of an entry of ``r/life``: the largest one among the live ones decides."""
    group: bytes | None = None
    value: bytes | None = None
    group2: bytes | None = None
    value2: bytes | None = None


_NOTHING = Claims()


def claims_of(element: Element) -> Claims:
    """What a live element says.

    A value that is not held counts as different from every other.  What a generation of a text
    holds is not in its element: see ``body_claims``.
    """
    collection, value = element.collection, element.value
    if collection == LIFE:
        return _life(element)
    if collection == BODY:
        return body_claims("")
    if collection.startswith("r/"):
        return Claims(None, _group(1, collection.encode()), _value(element, value))
    if collection == METADATA:
        key = metadata_key(value)
        return _NOTHING if key is None else Claims(None, _group(1, b"m", key), _hash(value or b""))
    if collection == BELIEF:
        return _belief(element)
    if collection == EVENTS:
        return _event(element)
    if collection == SKILL:
        version = version_of(element)
        said = None if version is None else version.encoded
        return Claims(None, _group(4), _value(element, said))
    return _NOTHING


def body_claims(text: str) -> Claims:
    """What a generation of a collaborative text says that holds ``text``."""
    return Claims(None, _group(1, BODY.encode()), _hash(text.encode("utf-8", "surrogatepass")))


def conflict_bits(contested: Iterable[int], *, live: int, dead: int, orphans: bool) -> ConflictBits:
    """Which classes of conflict are open; equals ``bits`` of all elements.

    Args:
        contested: The classes of the groups that hold more than one value.
        live: How many elements are live.
        dead: How many of these are tombstones.
        orphans: Whether there is live text of generations that are gone.
    """
    found = ConflictBits.NONE
    for group in contested:
        if group != _LIVES:
            found |= _CLASS_BITS[group]
        elif not dead:
            found |= ConflictBits.VALUE
    if dead and (live > dead or orphans):
        found |= ConflictBits.LIFECYCLE
    elif orphans:
        found |= ConflictBits.TEXT
    return found


def is_tombstone(life: bytes | None) -> bool:
    """Whether an element with that ``life`` says that the engram is deleted."""
    return life is not None and life[0] == 2


def life_from(life: bytes | None, *, live: int) -> int:
    """The number of an engram's state of life, from its heaviest entry.

    Deleted wins over everything concurrent with it; otherwise the newest entry counts.  An engram
    of which nothing is live is deleted, and one without an entry that is held is active.
    """
    if not live:
        return LIFE_STATES.index(DELETED)
    return 0 if life is None or not life[0] else life[-1]


def _life(element: Element) -> Claims:
    (log, clock), state = element.dot, life_of(element)[0]
    number = LIFE_STATES.index(state) if state in LIFE_STATES else 0
    # What is not held says nothing: it weighs less than anything that does.
    weight = 0 if element.value is None else 2 if state == DELETED else 1
    said = state.encode() if element.value is not None else element.payload_hash
    life = bytes((weight,)) + element.hlc.to_bytes(8) + log + clock.to_bytes(8) + bytes((number,))
    return Claims(life, _group(_LIVES), _hash(said))


def _belief(element: Element) -> Claims:
    opinion = opinion_of(element)
    if opinion is None:
        return _NOTHING
    about = encode([opinion.subject, opinion.relation])
    thing = _hash(opinion.object.encode())
    one = _group(5, about, thing), bytes((opinion.polarity,))
    if not opinion.polarity:
        return Claims(None, None, None, *one)
    # A relation has one object: to affirm two is a contradiction, to deny two is none.
    return Claims(None, _group(2, about), thing, *one)


def _event(element: Element) -> Claims:
    account = account_of(element)
    if account is None:
        return _NOTHING
    said = _hash(account.encoded)
    if account.source_key is None:
        return Claims(None, _group(3, account.id), said)
    return Claims(None, _group(3, account.id), said, _group(7, account.source_key.encode()), said)


def _value(element: Element, value: bytes | None) -> bytes:
    if value is not None:
        return _hash(value)
    return _hash(b"\0owed" + element.dot.log + element.dot.clock.to_bytes(8))


def _group(kind: int, *parts: bytes) -> bytes:
    return bytes((kind,)) + _hash(*parts)


def _hash(*parts: bytes) -> bytes:
    data = b"".join(len(part).to_bytes(4) + part for part in parts)
    return blake2b(data, digest_size=_HASH_BYTES, person=b"engram claim").digest()
