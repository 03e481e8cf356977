"""What callers give as fields of a memory, checked with words for them and encoded."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import cast

from engram_sync.api import Epistemic, Life, MemoryType
from engram_sync.errors import UsageError
from engram_wire.cbor import dump_canonical, encode

from .limits import (
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
from .schema import BELIEF as BELIEF
from .schema import BELIEF_PARTS as BELIEF_PARTS
from .schema import BODY as BODY
from .schema import CATEGORY as CATEGORY
from .schema import CONFIDENCE as CONFIDENCE
from .schema import CONTENT as CONTENT
from .schema import COUNTER_PREFIX as COUNTER_PREFIX
from .schema import EPISTEMIC as EPISTEMIC
from .schema import EVENTS as EVENTS
from .schema import LIFE as LIFE
from .schema import METADATA as METADATA
from .schema import PAYLOAD_OVERHEAD_BYTES as PAYLOAD_OVERHEAD_BYTES
from .schema import SKILL as SKILL
from .schema import TAGS as TAGS
from .schema import TEXT as TEXT
from .schema import TITLE as TITLE
from .schema import TYPE as TYPE
from .schema import Put as Put
from .schema import checks_of as checks_of
from .schema import read_payload as read_payload


def check_count(puts: list[Put]) -> tuple[Put, ...]:
    """The puts as they are, unless one record cannot hold them."""
    if len(puts) > PUTS_MAX:
        raise UsageError(
            f"this write has {len(puts)} fields, tags, metadata entries, beliefs, events and"
            f" counters; at most {PUTS_MAX} fit",
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
    return text_value("content", content, CONTENT_BYTES_MAX, hint="split it into several memories")


def title_value(title: str) -> bytes:
    """A title: one line."""
    return text_value("title", one_line("title", title), TITLE_BYTES_MAX)


def category_value(category: str) -> bytes:
    """A category: one short line."""
    return text_value("category", one_line("category", category), LABEL_BYTES_MAX)


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
    return text_value("tag", one_line("tag", tag), LABEL_BYTES_MAX)


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
    return text_value("metadata key", one_line("metadata key", key), KEY_BYTES_MAX)


def metadata_value(key: str, value: object) -> bytes:
    """A metadata entry: a short key and a value as JSON has them."""
    return b"\x82" + metadata_key_value(key) + entry(f"metadata {key!r}", value)


def epistemic_value(epistemic: str) -> bytes:
    """A status that its author may state; empty states nothing."""
    if epistemic == Epistemic.REPORTED:
        raise UsageError(
            "reported is no status to state: it depends on who reads",
            hint="what others wrote is shown as reported without anybody's saying so",
        )
    stated = [str(status) for status in Epistemic if status is not Epistemic.REPORTED]
    if epistemic and epistemic not in stated:
        raise UsageError(
            f"{epistemic!r} is no epistemic status", hint=f"use one of: {', '.join(stated)}"
        )
    return encode(str(epistemic))


def belief_values(
    beliefs: Mapping[str, object] | Sequence[Mapping[str, object]] | None,
) -> list[bytes]:
    """One belief or several, each about something else.

    Raises:
        UsageError: One is malformed, or two are about the same subject and relation.
    """
    if beliefs is None:
        return []
    several = [beliefs] if isinstance(beliefs, Mapping) else list(beliefs)
    values = [belief_value(belief) for belief in several]
    about: set[tuple[object, object]] = set()
    for belief in several:
        pair = (belief["subject"], belief["relation"])
        if pair in about:
            raise UsageError(
                f"two beliefs say what {pair[0]!r} {pair[1]!r}",
                hint="state one of them; what others believe stays beside it",
            )
        about.add(pair)
    return values


def belief_value(given: object) -> bytes:
    """A belief: subject, relation, object, and optionally polarity and confidence."""
    belief = parts_of("a belief", given, BELIEF_PARTS)
    texts: list[str] = []
    for part, bytes_max in zip(
        BELIEF_PARTS[:3], (KEY_BYTES_MAX, KEY_BYTES_MAX, ENTRY_BYTES_MAX), strict=True
    ):
        text = belief.get(part)
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"a belief needs its {part} as text")
        text_value(f"belief {part}", text, bytes_max)
        texts.append(text)
    polarity, confidence = belief.get("polarity", True), belief.get("confidence", 1.0)
    if not isinstance(polarity, bool):
        raise UsageError("the polarity of a belief is true or false")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise UsageError("the confidence of a belief is a number between 0 and 1")
    confidence_value(confidence)
    return encode([*texts, polarity, float(confidence) + 0.0])


def parts_of(what: str, given: object, allowed: Sequence[str]) -> dict[str, object]:
    """The parts of an object that callers give, by name.

    Raises:
        UsageError: It is no object, or has a part with another name.
    """
    hint = f"parts: {', '.join(allowed)}"
    if not isinstance(given, Mapping):
        raise UsageError(f"{what} is an object, not {given!r:.60}", hint=hint)
    parts = {str(name): part for name, part in cast(Mapping[object, object], given).items()}
    unknown = sorted(set(parts) - set(allowed))
    if unknown:
        raise UsageError(f"{what} has no part {unknown[0]!r:.60}", hint=hint)
    return parts


def life_value(life: Life, reason: str) -> bytes:
    """A state of life and why."""
    text_value("reason", reason, REASON_BYTES_MAX)
    return encode([str(life), reason])


def check_source_key(key: str) -> str:
    """A source key, unless it is empty or too long."""
    if not key:
        raise UsageError("a source key cannot be empty")
    text_value("source key", key, SOURCE_KEY_BYTES_MAX)
    return key


def text_value(what: str, text: str, bytes_max: int, *, hint: str = "") -> bytes:
    """A text, encoded, after checking its size in UTF-8."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not valid Unicode at character {error.start}") from None
    if size > bytes_max:
        raise UsageError(f"{what} has {size} bytes; at most {bytes_max} fit", hint=hint)
    return encode(text)


def one_line(what: str, text: str) -> str:
    """The text, after checking that it holds no control characters."""
    for at, character in enumerate(text):
        # Control characters would let a peer's title move the cursor of a reader's terminal.
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise UsageError(f"{what} contains a control character at position {at}")
    return text


def entry(what: str, value: object) -> bytes:
    """Any value that JSON has, encoded, after checking its size."""
    data = dump_canonical(plain_value(what, value, depth=0))
    if len(data) > ENTRY_BYTES_MAX:
        raise UsageError(f"{what} has {len(data)} bytes; at most {ENTRY_BYTES_MAX} fit")
    return data


def plain_value(what: str, value: object, depth: int) -> object:
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
            text_value(what, value, ENTRY_BYTES_MAX)
            return str(value)
        case list() | tuple():
            items = cast(list[object], value)
            return [plain_value(what, item, depth + 1) for item in items]
        case dict():
            entries = cast(dict[object, object], value)
            if all(isinstance(key, str) for key in entries):
                return {str(k): plain_value(what, v, depth + 1) for k, v in entries.items()}
            raise UsageError(f"{what} has a key that is not text")
        case _:
            raise UsageError(
                f"{what} holds a {type(value).__name__} that cannot be stored",
                hint="use text, numbers, true, false, lists and objects, as JSON does",
            )
