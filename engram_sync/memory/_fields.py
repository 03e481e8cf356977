"""The fields of a memory: how each is named, encoded, limited and checked.

One table serves both directions.  What we are about to write is checked with words for the
caller; what a record brought is checked with the same limits and no words, because a value that
does not fit counts as not held.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import cast

from engram_sync.errors import UsageError
from engram_sync.results import Life, MemoryType, NewMemory
from engram_wire import WireError
from engram_wire.cbor import Encodable, dump_canonical, encode, is_list, load_untrusted

from ._limits import (
    CONTENT_BYTES_MAX,
    ENTRY_BYTES_MAX,
    KEY_BYTES_MAX,
    LABEL_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    PUTS_MAX,
    REASON_BYTES_MAX,
    SOURCE_KEY_BYTES_MAX,
    TITLE_BYTES_MAX,
)

CONTENT = "r/content"
TITLE = "r/title"
TYPE = "r/type"
CATEGORY = "r/category"
LIFE = "r/life"
TAGS = "s/tags"
METADATA = "m/meta"
CONFIDENCE = "o/confidence"
BELIEF = "b/belief"
EVENTS = "l/events"

BELIEF_PARTS = ("subject", "relation", "object", "polarity", "confidence")
SALT_BYTES = 16
PAYLOAD_OVERHEAD_BYTES = 64  # Salt and array heads around the values.

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
    if type(value) is not list or len(cast(list[object], value)) != len(BELIEF_PARTS):
        return False
    subject, relation, thing, polarity, confidence = cast(list[object], value)
    return (
        _within(subject, KEY_BYTES_MAX)
        and _within(relation, KEY_BYTES_MAX)
        and _within(thing, ENTRY_BYTES_MAX)
        and type(polarity) is bool
        and _fits_unit(confidence)
    )


def _fits_entry(value: object) -> bool:
    if type(value) is str:
        return _within(value, ENTRY_BYTES_MAX)
    if type(value) is float:
        return math.isfinite(value)
    return type(value) in (bool, int) or _plain_bytes(value) <= ENTRY_BYTES_MAX


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
    EVENTS: _fits_entry,
}


def _fits_anything(value: object) -> bool:
    # A collection of a newer version: kept, compared and handed on, never shown.
    return _plain_bytes(value) <= PAYLOAD_BYTES_MAX


@lru_cache(maxsize=1024)
def checks_of(collections: tuple[str, ...]) -> tuple[Callable[[object], bool], ...]:
    """One check per put of a record with these collections."""
    return tuple(_CHECKS.get(collection, _fits_anything) for collection in collections)


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


# ------------------------------------------------------------- what callers give us


def puts_of(memory: NewMemory) -> tuple[Put, ...]:
    """The puts of a memory that is written for the first time, always in the same order.

    Empty title and category are not put; neither are metadata entries whose value is None.

    Raises:
        UsageError: A field is too large, malformed, or there are too many of them.
    """
    puts: list[Put] = [
        (CONTENT, content_value(memory.content)),
        (TYPE, type_value(memory.type)),
        (CONFIDENCE, confidence_value(memory.confidence)),
    ]
    if memory.title:
        puts.append((TITLE, title_value(memory.title)))
    if memory.category:
        puts.append((CATEGORY, category_value(memory.category)))
    puts += [(TAGS, tag_value(tag)) for tag in sorted(set(memory.tags))]
    puts += [
        (METADATA, metadata_value(key, value))
        for key, value in sorted(memory.metadata.items())
        if value is not None
    ]
    if memory.belief is not None:
        puts.append((BELIEF, belief_value(memory.belief)))
    puts += [(EVENTS, event_value(event)) for event in memory.events]
    return check_count(puts)


def check_count(puts: list[Put]) -> tuple[Put, ...]:
    """The puts as they are, unless one record cannot hold them."""
    if len(puts) > PUTS_MAX:
        raise UsageError(
            f"this memory has {len(puts)} fields, tags, metadata entries and events;"
            f" at most {PUTS_MAX} fit",
            hint="split it into several memories",
        )
    if sum(len(value) for _, value in puts) > PAYLOAD_BYTES_MAX - PAYLOAD_OVERHEAD_BYTES:
        raise UsageError(
            f"this memory is larger than {PAYLOAD_BYTES_MAX >> 10} KiB in all",
            hint="split it into several memories",
        )
    return tuple(puts)


def content_value(content: str) -> bytes:
    """Content: any text up to 256 KiB."""
    if not content.strip():
        raise UsageError("a memory needs content", hint='engram-sync remember "what to remember"')
    return _text("content", content, CONTENT_BYTES_MAX, hint="split it into several memories")


def title_value(title: str) -> bytes:
    """A title: one line."""
    return _text("title", _one_line("title", title), TITLE_BYTES_MAX)


def category_value(category: str) -> bytes:
    """A category: one short line."""
    return _text("category", _one_line("category", category), LABEL_BYTES_MAX)


def type_value(memory_type: str) -> bytes:
    """A type that is kept: instant memories are never put anywhere."""
    kept = [str(kind) for kind in MemoryType if kind is not MemoryType.INSTANT]
    if memory_type not in kept:
        raise UsageError(
            f"{memory_type!r} is not a type of memory that can be stored",
            hint=f"use one of: {', '.join(kept)}",
        )
    return encode(str(memory_type))


def tag_value(tag: str) -> bytes:
    """A tag: one short line that is not blank."""
    if not tag.strip():
        raise UsageError("a tag cannot be empty")
    return _text("tag", _one_line("tag", tag), LABEL_BYTES_MAX)


def confidence_value(confidence: float) -> bytes:
    """A confidence in [0, 1]."""
    number = float(confidence)
    if not 0.0 <= number <= 1.0:
        raise UsageError(f"confidence must be between 0 and 1, not {confidence}")
    return encode(number + 0.0)  # Minus zero is zero.


def metadata_key_value(key: str) -> bytes:
    """The encoded key of a metadata entry."""
    if not key.strip():
        raise UsageError("a metadata key cannot be empty")
    return _text("metadata key", _one_line("metadata key", key), KEY_BYTES_MAX)


def metadata_value(key: str, value: object) -> bytes:
    """A metadata entry: a short key and a value as JSON has them."""
    return b"\x82" + metadata_key_value(key) + _entry(f"metadata {key!r}", value)


def event_value(event: object) -> bytes:
    """An event: text, or any value as JSON has them."""
    return _entry("an event", event)


def belief_value(belief: Mapping[str, object]) -> bytes:
    """A belief: subject, relation, object, and optionally polarity and confidence."""
    unknown = sorted(set(belief) - set(BELIEF_PARTS))
    if unknown:
        raise UsageError(
            f"a belief has no part {unknown[0]!r}", hint=f"parts: {', '.join(BELIEF_PARTS)}"
        )
    texts: list[str] = []
    for part, bytes_max in zip(
        BELIEF_PARTS[:3], (KEY_BYTES_MAX, KEY_BYTES_MAX, ENTRY_BYTES_MAX), strict=True
    ):
        text = belief.get(part)
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"a belief needs its {part} as text")
        _text(f"belief {part}", text, bytes_max)
        texts.append(text)
    polarity, confidence = belief.get("polarity", True), belief.get("confidence", 1.0)
    if not isinstance(polarity, bool):
        raise UsageError("the polarity of a belief is true or false")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise UsageError("the confidence of a belief is a number between 0 and 1")
    confidence_value(confidence)
    return encode([*texts, polarity, float(confidence) + 0.0])


def life_value(life: Life, reason: str) -> bytes:
    """A state of life and why."""
    _text("reason", reason, REASON_BYTES_MAX)
    return encode([str(life), reason])


def check_source_key(key: str) -> str:
    """A source key, unless it is empty or too long."""
    if not key:
        raise UsageError("a source key cannot be empty")
    _text("source key", key, SOURCE_KEY_BYTES_MAX)
    return key


def _text(what: str, text: str, bytes_max: int, *, hint: str = "") -> bytes:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not valid Unicode at character {error.start}") from None
    if size > bytes_max:
        raise UsageError(f"{what} has {size} bytes; at most {bytes_max} fit", hint=hint)
    return encode(text)


def _one_line(what: str, text: str) -> str:
    for at, character in enumerate(text):
        # Control characters would let a peer's title move the cursor of a reader's terminal.
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise UsageError(f"{what} contains a control character at position {at}")
    return text


def _entry(what: str, value: object) -> bytes:
    data = dump_canonical(_plain(what, value, depth=0))
    if len(data) > ENTRY_BYTES_MAX:
        raise UsageError(f"{what} has {len(data)} bytes; at most {ENTRY_BYTES_MAX} fit")
    return data


def _plain(what: str, value: object, depth: int) -> object:
    """``value`` with tuples as lists, when it is made of what JSON is made of."""
    if depth > 8:
        raise UsageError(f"{what} is nested deeper than 8 levels")
    match value:
        case None | bool():
            return value
        case int() if -(2**63) <= value < 2**63:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case str():
            _text(what, value, ENTRY_BYTES_MAX)
            return str(value)
        case list() | tuple():
            items = cast(list[object], value)
            return [_plain(what, item, depth + 1) for item in items]
        case dict():
            entries = cast(dict[object, object], value)
            if all(isinstance(key, str) for key in entries):
                return {str(k): _plain(what, v, depth + 1) for k, v in entries.items()}
            raise UsageError(f"{what} has a key that is not text")
        case _:
            raise UsageError(
                f"{what} holds a {type(value).__name__} that cannot be stored",
                hint="use text, numbers, true, false, lists and objects, as JSON does",
            )
