"""What can be said about a record from its shape alone, worked out once per distinct shape.

In bulk nearly all records are plain creates of a handful of shapes.  For those this leaves one
decoding, one hash and one row of work per record.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, cast

from engram_crdt import DIGEST_MODULUS
from engram_sync.model.readings import SOURCE_KEY, account_parts
from engram_wire import NO_SUPERSEDED, Record, RecordKind, parse_shape_untrusted
from engram_wire.cbor import is_dict

from . import fields as fields
from .fields import read_payload

_PLAIN = frozenset(
    {
        fields.CONTENT,
        fields.TITLE,
        fields.TYPE,
        fields.CATEGORY,
        fields.EPISTEMIC,
        fields.TAGS,
        fields.METADATA,
        fields.CONFIDENCE,
        fields.BELIEF,
        fields.EVENTS,
        fields.SKILL,
    }
)
_SINGLE = frozenset({fields.BELIEF, fields.SKILL})
"""Of these, several in one record can contradict each other."""


class SearchedTexts(NamedTuple):
    """What of an engram is searched."""

    title: str
    content: str
    tags: str


class ShapePlan(NamedTuple):
    """How to materialise a record that is the only one of its engram."""

    collections: tuple[str, ...]
    plain: bool
    """Whether its engram is active and without conflict whatever its values are, as long as no
    two metadata entries share a key and no two events a name."""
    title: tuple[int, ...]
    content: tuple[int, ...]
    tags: tuple[int, ...]
    metadata: tuple[int, ...]
    events: tuple[int, ...]


@lru_cache(maxsize=1024)
def plan_of(shape: bytes) -> ShapePlan:
    """The plan for records of this shape."""
    kind, collections, _ = parse_shape_untrusted(shape)

    def places(collection: str) -> tuple[int, ...]:
        return tuple(i for i, name in enumerate(collections) if name == collection)

    single = [name for name in collections if name.startswith("r/") or name in _SINGLE]
    counters = {name for name in collections if name.startswith(fields.COUNTER_PREFIX)}
    return ShapePlan(
        collections,
        plain=(
            kind == RecordKind.CREATE
            and bool(collections)  # An engram of which nothing is live is deleted.
            and _PLAIN.issuperset(set(collections) - counters)
            and len(set(single)) == len(single)
        ),
        title=places(fields.TITLE),
        content=places(fields.CONTENT),
        tags=places(fields.TAGS),
        metadata=places(fields.METADATA),
        events=places(fields.EVENTS),
    )


@lru_cache(maxsize=4096)
def _digest_parts(shape: bytes, log: bytes) -> tuple[bytes, ...]:
    plan = plan_of(shape)
    return tuple(
        collection.encode() + b"\0" + log + clock.to_bytes(8)
        for clock, collection in enumerate(plan.collections)
    )


def plain_digest(log: bytes, record: Record) -> int:
    """The digest of an engram whose only record is a plain create.

    The same number as ``engram_crdt.digest`` of its elements, without making any.
    """
    engram, payload_hash = record.engram, record.payload_hash
    total = 0
    for name in _digest_parts(record.shape, log):
        data = engram + name + payload_hash
        hashed = blake2b(data, digest_size=32, person=b"engram element").digest()
        total += int.from_bytes(hashed)
    return total % DIGEST_MODULUS


def plain_texts(record: Record) -> SearchedTexts | None:
    """The searchable texts of a record that is the only one of its engram.

    Returns:
        None when the record is not plain, and its elements must be looked at.
    """
    plan = plan_of(record.shape)
    if not plan.plain or record.superseded != NO_SUPERSEDED:
        return None
    values = read_payload(record.payload, plan.collections)
    if values is None:
        return SearchedTexts("", "", "")
    if len(plan.metadata) > 1:
        keys = {cast(list[object], values[i])[0] for i in plan.metadata}
        if len(keys) < len(plan.metadata):
            return None
    if len(plan.events) > 1 and _may_clash([values[i] for i in plan.events]):
        return None
    return SearchedTexts(
        cast(str, values[plan.title[0]]) if plan.title else "",
        cast(str, values[plan.content[0]]) if plan.content else "",
        " ".join([cast(str, values[i]) for i in plan.tags]),
    )


def _may_clash(events: list[object]) -> bool:
    """Whether events of one record may contradict each other: they share a name, or have keys."""
    parts = [account_parts(event) for event in events]
    told = [e if p is None else p[4] for e, p in zip(events, parts, strict=True)]
    names = [part[0] for part in parts if part is not None]
    keyed = any(is_dict(event) and SOURCE_KEY in event for event in told)
    return keyed or len(set(names)) < len(names)
