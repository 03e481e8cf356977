"""The collections of an engram: how each is named, and which values fit it.

What a record brought is checked with the limits that hold for what callers give us and no words,
because a value that does not fit counts as not held.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import cast

from engram_sync.api import Life
from engram_sync.model.readings import BELIEF as BELIEF
from engram_sync.model.readings import BODY as BODY
from engram_sync.model.readings import EVENTS as EVENTS
from engram_sync.model.readings import LIFE as LIFE
from engram_sync.model.readings import METADATA as METADATA
from engram_sync.model.readings import SKILL as SKILL
from engram_sync.model.readings import account_parts, version_parts
from engram_wire import INSERTED_TEXT, WireError
from engram_wire.cbor import (
    Encodable,
    dump_canonical,
    encode,
    is_list,
    load_untrusted,
)

from .limits import (
    CONTENT_BYTES_MAX,
    COUNT_MAX,
    ENTRY_BYTES_MAX,
    KEY_BYTES_MAX,
    LABEL_BYTES_MAX,
    PARENTS_MAX,
    PAYLOAD_BYTES_MAX,
    REASON_BYTES_MAX,
    SKILL_BYTES_MAX,
    TITLE_BYTES_MAX,
)

CONTENT = "r/content"
TITLE = "r/title"
TYPE = "r/type"
CATEGORY = "r/category"
EPISTEMIC = "r/epistemic"
TAGS = "s/tags"
TEXT = INSERTED_TEXT
CONFIDENCE = "o/confidence"
COUNTER_PREFIX = "c/"

BELIEF_PARTS = ("subject", "relation", "object", "polarity", "confidence")
SKILL_PARTS = ("name", "steps", "text", "confidence")
SALT_BYTES = 16
PAYLOAD_OVERHEAD_BYTES = 64  # Salt and array heads around the values.
ORIGIN_BYTES = 8  # Of the id of the log for which a counter's entry speaks.

Put = tuple[str, bytes]
"""A collection and the canonical CBOR of the value to put there."""


def _within(text: object, bytes_max: int) -> bool:
    # Four bytes per character is the most UTF-8 needs: short texts skip the encoding.
    return type(text) is str and (
        len(text) * 4 <= bytes_max
        or (len(text) <= bytes_max and len(text.encode("utf-8", "replace")) <= bytes_max)
    )


def _fits_unit(value: object) -> bool:
    return type(value) is float and 0.0 <= value <= 1.0


def _fits_life(value: object) -> bool:
    if type(value) is not list:
        return False
    parts = cast(list[object], value)
    return (
        len(parts) == 2
        and parts[0] in (Life.ACTIVE, Life.ARCHIVED, Life.DELETED)
        and type(parts[0]) is str
        and _within(parts[1], REASON_BYTES_MAX)
    )


def _fits_metadata(value: object) -> bool:
    if type(value) is not list:
        return False
    parts = cast(list[object], value)
    return len(parts) == 2 and _within(parts[0], KEY_BYTES_MAX) and _fits_entry(parts[1])


def _fits_belief(value: object) -> bool:
    # Newer versions may say more of a belief behind what this one knows.
    if not is_list(value) or len(value) < len(BELIEF_PARTS):
        return False
    subject, relation, thing, polarity, confidence = value[: len(BELIEF_PARTS)]
    return (
        _within(subject, KEY_BYTES_MAX)
        and _within(relation, KEY_BYTES_MAX)
        and _within(thing, ENTRY_BYTES_MAX)
        and type(polarity) is bool
        and _fits_unit(confidence)
        and (len(value) == len(BELIEF_PARTS) or _plain_bytes(value) <= 2 * ENTRY_BYTES_MAX)
    )


def _fits_entry(value: object) -> bool:
    if type(value) is str:
        return _within(value, ENTRY_BYTES_MAX)
    if type(value) is float:
        return math.isfinite(value)
    return type(value) in (bool, int) or _plain_bytes(value) <= ENTRY_BYTES_MAX


def _fits_event(value: object) -> bool:
    if is_list(value) and value and type(value[0]) is bytes:
        parts = account_parts(value)
        return parts is not None and _fits_entry(parts[4])
    return _fits_entry(value)


def _fits_skill(value: object) -> bool:
    parts = version_parts(value)
    if parts is None or len(parts[1]) > PARENTS_MAX:
        return False
    return _plain_bytes(parts[2]) <= SKILL_BYTES_MAX


def _fits_count(value: object) -> bool:
    if _is_count(value):
        return True
    if type(value) is not list or len(cast(list[object], value)) != 3:
        return False
    origin, up, down = cast(list[object], value)
    named = origin is None or (type(origin) is bytes and len(origin) == ORIGIN_BYTES)
    return named and _is_count(up) and _is_count(down)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= COUNT_MAX


def _plain_bytes(value: object) -> int:
    """Size of a value made of what payloads may hold; beyond any limit for other values."""
    try:
        return len(encode(cast(Encodable, value)))
    except ValueError:
        return PAYLOAD_BYTES_MAX + 1


_CHECKS: dict[str, Callable[[object], bool]] = {
    CONTENT: lambda value: _within(value, CONTENT_BYTES_MAX),
    TITLE: lambda value: _within(value, TITLE_BYTES_MAX),
    TYPE: lambda value: _within(value, LABEL_BYTES_MAX),
    CATEGORY: lambda value: _within(value, LABEL_BYTES_MAX),
    LIFE: _fits_life,
    TAGS: lambda value: _within(value, LABEL_BYTES_MAX),
    METADATA: _fits_metadata,
    CONFIDENCE: _fits_unit,
    BELIEF: _fits_belief,
    EVENTS: _fits_event,
    EPISTEMIC: lambda value: _within(value, LABEL_BYTES_MAX),
    BODY: lambda value: _within(value, LABEL_BYTES_MAX),
    SKILL: _fits_skill,
}


def _fits_anything(value: object) -> bool:
    # A collection of a newer version: kept, compared and handed on, never shown.
    return _plain_bytes(value) <= PAYLOAD_BYTES_MAX


@lru_cache(maxsize=1024)
def checks_of(collections: tuple[str, ...]) -> tuple[Callable[[object], bool], ...]:
    """One check per put of a record with these collections."""
    return tuple(_check_of(collection) for collection in collections)


def _check_of(collection: str) -> Callable[[object], bool]:
    if collection.startswith(COUNTER_PREFIX):
        return _fits_count
    return _CHECKS.get(collection, _fits_anything)


def read_payload(payload: bytes | None, collections: tuple[str, ...]) -> list[object] | None:
    """The values of a record, or None when they count as not held.

    A payload that is not the canonical ``[salt, values]``, holds another number of values, or has
    one that does not fit its collection is not held *as a whole*: whoever wrote half of a record
    wrong is not to be trusted with the other half.  Never raises.
    """
    if payload is None:
        return None
    try:
        parts = load_untrusted(payload, bytes_max=PAYLOAD_BYTES_MAX)
    except WireError:
        return None
    if not is_list(parts) or len(parts) != 2:
        return None
    salt, values = parts
    if type(salt) is not bytes or len(salt) != SALT_BYTES or not is_list(values):
        return None
    if len(values) != len(collections):
        return None
    # The checks prove the exact type of every value, so that the general walk over types, which
    # takes twice as long as all of this, is not needed before the bytes are compared.
    for check, value in zip(checks_of(collections), values, strict=True):
        if not check(value):
            return None
    return values if dump_canonical(parts) == payload else None
