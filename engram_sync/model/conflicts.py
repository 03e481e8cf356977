"""Finding conflicts among the live elements of one engram, from causality alone.

Two live elements of a register are there together only because neither write had seen the other
one: whoever sees a value supersedes it.  So the live elements *are* the evidence, and no clock
of any machine is asked.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntFlag, StrEnum
from itertools import combinations
from typing import NamedTuple, TypeVar, cast

from engram_crdt import Dot, Element
from engram_wire import INSERTED_TEXT, WireError
from engram_wire.cbor import decode_untrusted, encode

from .readings import (
    BELIEF,
    BODY,
    EVENTS,
    LIFE,
    METADATA,
    SKILL,
    SOURCE_KEY,
    account_of,
    life_of,
    metadata_key,
    opinion_of,
    tombstones,
    version_of,
)

PERSON = b"engram conflict"
R = TypeVar("R")


class ConflictClass(StrEnum):
    """What a conflict is about; part of its id."""

    VALUE = "value"
    """A field has unequal live values."""
    LIFECYCLE = "lifecycle"
    """Somebody deleted the engram, somebody else wrote to it, and neither saw the other."""
    BELIEF = "belief"
    """Live opinions about one subject and relation contradict each other."""
    EPISODIC = "episodic"
    """An event is told in two ways, or one source key names two events."""
    SKILL = "skill"
    """A skill was refined in two ways that nothing brings together."""
    TEXT = "text"
    """An edit of a text that somebody replaced without having seen it."""


class ConflictBits(IntFlag):
    """The classes that are open for one engram, as its row stores them."""

    NONE = 0
    VALUE = 1
    LIFECYCLE = 2
    BELIEF = 4
    EPISODIC = 8
    SKILL = 16
    TEXT = 32


_BITS = {kind: ConflictBits[kind.name] for kind in ConflictClass}


class Found(NamedTuple):
    """One open conflict of one engram."""

    kind: ConflictClass
    collection: str
    """The collection whose elements disagree; ``r/life`` for a lifecycle conflict."""
    key: bytes
    """What of the collection: the encoded metadata key, the encoded subject and relation, the
    id of an event or the encoded ``["key", source key]``; empty elsewhere."""
    heads: tuple[Element, ...]
    """The elements that disagree, sorted by dot: the same on every replica."""

    @property
    def bit(self) -> ConflictBits:
        """Its class as a row stores it."""
        return _BITS[self.kind]


def disagree(elements: Sequence[Element], texts: Mapping[Dot, str] | None = None) -> bool:
    """Whether live elements of one field hold more than one value.

    A value that is not held counts as different from every other: what cannot be read cannot be
    called equal, and reporting too much loses nothing.

    Args:
        elements: Of one register or one metadata key.
        texts: What the generations of a collaborative text hold; two generations of which the
            texts are not known disagree.
    """
    if len(elements) < 2:
        return False
    first = elements[0]
    if first.collection == LIFE:
        states = {life_of(e)[0] if e.value is not None else e.payload_hash.hex() for e in elements}
        return len(states) > 1
    if first.collection == BODY:
        held = texts or {}
        return len({held.get(e.dot, e.dot) for e in elements}) > 1
    return any(e.value is None or e.value != first.value for e in elements)


def collections_of(elements: Iterable[Element]) -> dict[tuple[str, bytes], list[Element]]:
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


def find(
    elements: Sequence[Element],
    *,
    texts: Mapping[Dot, str] | None = None,
    orphans: Sequence[Element] = (),
) -> list[Found]:
    """Every open conflict of one engram, each class sorted by collection and key.

    A tombstone with anything live beside it is one lifecycle conflict; the other fields are
    still compared, because whoever restores the engram must know about them.

    Args:
        elements: The live elements.
        texts: What the live generations of its collaborative text hold.
        orphans: Text that was put into generations which somebody replaced without having seen
            it, as elements of ``x/body``.
    """
    found: list[Found] = []
    dead = tombstones(elements)
    spared = [e for e in elements if e not in dead]
    if dead and (spared or orphans):
        heads = _by_dot([*dead, *spared, *orphans])
        found.append(Found(ConflictClass.LIFECYCLE, LIFE, b"", heads))
    elif orphans:
        heads = _by_dot([*(e for e in elements if e.collection == BODY), *orphans])
        found.append(Found(ConflictClass.TEXT, INSERTED_TEXT, b"", heads))
    for (collection, key), group in sorted(collections_of(elements).items()):
        if collection == LIFE and dead:
            continue  # Deleted beside anything else is the lifecycle conflict above.
        if disagree(group, texts):
            found.append(Found(ConflictClass.VALUE, collection, key, _by_dot(group)))
    return [*found, *_beliefs(elements), *_accounts(elements), *_versions(elements)]


def bits(
    elements: Sequence[Element],
    *,
    texts: Mapping[Dot, str] | None = None,
    orphans: Sequence[Element] = (),
) -> ConflictBits:
    """Which classes of conflict are open; cheap enough to run at every change."""
    open_now = ConflictBits.NONE
    for found in find(elements, texts=texts, orphans=orphans):
        open_now |= found.bit
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
    if collection in (BODY, INSERTED_TEXT):
        return "content"
    if collection.startswith("c/"):
        return f"counters.{collection[2:]}"
    return collection.partition("/")[2]


def key_names(found: Found) -> tuple[str, ...]:
    """The key of a conflict in words: see ``results.Conflict.key``."""
    if not found.key:
        return ()
    if found.kind is ConflictClass.EPISODIC and len(found.key) == 8:
        return (found.key.hex(),)
    try:
        value = decode_untrusted(found.key)
    except WireError:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _beliefs(elements: Sequence[Element]) -> Iterator[Found]:
    opinions = _read(elements, BELIEF, opinion_of)
    groups = _grouped(opinions, lambda opinion: encode([opinion.subject, opinion.relation]))
    for key, group in sorted(groups.items()):
        if any(one.contradicts(other) for (_, one), (_, other) in combinations(group, 2)):
            yield Found(ConflictClass.BELIEF, BELIEF, key, _by_dot(e for e, _ in group))


def _accounts(elements: Sequence[Element]) -> Iterator[Found]:
    accounts = _read(elements, EVENTS, account_of)
    for key, group in sorted(_grouped(accounts, lambda account: account.id).items()):
        if len({account.encoded for _, account in group}) > 1:
            yield Found(ConflictClass.EPISODIC, EVENTS, key, _by_dot(e for e, _ in group))
    keyed = [(e, a) for e, a in accounts if a.source_key is not None]
    by_key = _grouped(keyed, lambda account: encode([SOURCE_KEY, account.source_key or ""]))
    for key, group in sorted(by_key.items()):
        told = {account.encoded for _, account in group}
        # Two accounts of one event are the conflict above, whatever key they have.
        if len(told) > 1 and len({account.id for _, account in group}) > 1:
            yield Found(ConflictClass.EPISODIC, EVENTS, key, _by_dot(e for e, _ in group))


def _versions(elements: Sequence[Element]) -> Iterator[Found]:
    heads = [e for e in elements if e.collection == SKILL]
    if len(heads) < 2:
        return
    versions = [version_of(e) for e in heads]
    if None in versions or len({v.encoded for v in versions if v is not None}) > 1:
        yield Found(ConflictClass.SKILL, SKILL, b"", _by_dot(heads))


def _read(
    elements: Sequence[Element], collection: str, read: Callable[[Element], R | None]
) -> list[tuple[Element, R]]:
    """The elements of a collection with what they say; owed ones say nothing yet."""
    found = [(e, read(e)) for e in elements if e.collection == collection]
    return [(e, said) for e, said in found if said is not None] if len(found) > 1 else []


def _grouped(
    said: Iterable[tuple[Element, R]], key: Callable[[R], bytes]
) -> dict[bytes, list[tuple[Element, R]]]:
    groups: dict[bytes, list[tuple[Element, R]]] = {}
    for element, what in said:
        groups.setdefault(key(what), []).append((element, what))
    return groups


def _by_dot(elements: Iterable[Element]) -> tuple[Element, ...]:
    return tuple(sorted(elements, key=lambda e: (e.dot.log, e.dot.clock)))


def _hash(*parts: bytes) -> str:
    # Each part carries its length, so that no two lists of parts spell the same bytes.
    data = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.blake2b(data, digest_size=16, person=PERSON).hexdigest()
