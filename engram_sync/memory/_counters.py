"""Counters: each log keeps a total of its own, and readers add them up.

A slot per log and not per agent: two nodes of one agent that count at the same time would replace
each other's total in a common slot, and lose one of the two counts.

An entry is the log's total, or ``[origin, up, down]``: what was counted up and down on behalf of
``origin`` (the first bytes of a log's id, None for the log itself), where a log has counted down
or restates what others had counted before a delete.  Of one origin the largest numbers count, so
that two nodes which restore one memory at the same time do not double it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engram_crdt import Element
from engram_sync.conflicts import part_id
from engram_sync.errors import PreconditionError, UsageError
from engram_wire.cbor import decode_untrusted, encode, is_list

from ._draft_parts import DraftParts
from ._fields import one_line
from ._limits import COUNT_MAX
from ._schema import COUNTER_PREFIX, ORIGIN_BYTES

_NAME = "a lower-case word of up to 62 letters, digits, - and _"


class Count(NamedTuple):
    """What one entry says."""

    origin: bytes
    up: int
    down: int

    @property
    def total(self) -> int:
        """What it adds to the sum."""
        return self.up - self.down


def collection_of(name: str) -> str:
    """The collection of a counter.

    Raises:
        UsageError: It cannot be called so.
    """
    allowed = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    if not allowed or name != name.lower() or len(name) > 62:
        raise UsageError(f"{name!r:.80} is no name of a counter", hint=f"use {_NAME}")
    return COUNTER_PREFIX + one_line("the name of a counter", name)


def count_of(element: Element) -> Count | None:
    """What a live entry says; None when it is owed."""
    if element.value is None:
        return None
    value = decode_untrusted(element.value)
    own = element.dot.log[:ORIGIN_BYTES]
    if isinstance(value, int):
        return Count(own, int(value), 0)
    if not is_list(value) or len(value) != 3:
        return None
    origin, up, down = value
    if not isinstance(up, int) or not isinstance(down, int):
        return None
    return Count(origin if isinstance(origin, bytes) else own, up, down)


def sums(elements: Iterable[Element]) -> dict[str, int]:
    """Each counter with the sum over everybody who counted, by name."""
    found: dict[str, dict[bytes, Count]] = {}
    for element in elements:
        if element.collection.startswith(COUNTER_PREFIX):
            slots = found.setdefault(element.collection[len(COUNTER_PREFIX) :], {})
            count = count_of(element)
            if count is not None:
                slots[count.origin] = _larger(slots.get(count.origin), count)
    return {name: sum(c.total for c in slots.values()) for name, slots in sorted(found.items())}


def first_counts(counters: Mapping[str, int], source: bytes | None) -> list[tuple[str, bytes]]:
    """Where the counters of a new memory start.

    Args:
        counters: By name.
        source: The id of a memory that has a source key, None for others: two imports of such a
            memory count once.

    Raises:
        UsageError: A name or a number is malformed.
    """
    puts: list[tuple[str, bytes]] = []
    for name, start in sorted(counters.items()):
        collection = collection_of(name)
        number = _number(name, start)
        origin = None if source is None else part_id(source, collection.encode())
        puts.append((collection, _value(origin, max(number, 0), max(-number, 0))))
    return puts


def count(
    parts: DraftParts, live: Iterable[Element], counters: Mapping[str, int], own_log: bytes
) -> None:
    """Add to counters in a record in the making.

    Args:
        parts: The record.
        live: Everything that is live now, not only what the caller saw: a total goes on from what
            this log counted last, and counting undoes nothing that the caller did not see.
        counters: What to add, by name.
        own_log: Id of the log that counts.

    Raises:
        PreconditionError: The total would be more than can be counted.
        UsageError: A name or a number is malformed.
    """
    own = own_log[:ORIGIN_BYTES]
    entries = list(live)
    for name, by in sorted(counters.items()):
        collection = collection_of(name)
        number = _number(name, by)
        mine = [
            (e, said)
            for e in entries
            if e.collection == collection and (said := count_of(e)) is not None
            if said.origin == own
        ]
        last = Count(own, 0, 0)
        for _, said in mine:
            last = _larger(last, said)
        up, down = last.up + max(number, 0), last.down + max(-number, 0)
        if max(up, down) > COUNT_MAX:
            raise PreconditionError(f"counter {name} cannot count beyond {COUNT_MAX}")
        replaced = [e for e, _ in mine if e.dot.log == own_log]
        parts.replace(collection, _value(None, up, down), replaced)


def restated(element: Element) -> bytes | None:
    """An entry as another log writes it again: on behalf of the log that counted."""
    said = count_of(element)
    return None if said is None else encode([said.origin, said.up, said.down])


def _larger(one: Count | None, other: Count) -> Count:
    if one is None:
        return other
    return Count(one.origin, max(one.up, other.up), max(one.down, other.down))


def _value(origin: bytes | None, up: int, down: int) -> bytes:
    return encode(up) if origin is None and not down else encode([origin, up, down])


def _number(name: str, number: object) -> int:
    if type(number) is not int or not -COUNT_MAX <= number <= COUNT_MAX:
        raise UsageError(f"counter {name} counts by whole numbers, not by {number!r:.60}")
    return number
