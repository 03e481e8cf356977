"""Counters: each log keeps a total of its own, and readers add them up.

A slot per log and not per agent: two nodes of one agent that count at the same time would replace
each other's total in a common slot, and lose one of the two counts.

An entry is the log's total, or ``[origin, up, down]``: what was counted up and down on behalf of
``origin`` (the first bytes of a log's id, None for the log itself), where a log has counted down
or restates what others had counted before a delete.  What a log says of itself goes before what
others say of it, so that nobody can count for somebody who counts.  Of the others the largest
numbers count, so that two nodes which restore one memory at the same time do not double it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engram_crdt import Element
from engram_sync.errors import PreconditionError, UsageError
from engram_sync.model.readings import part_id
from engram_wire.cbor import encode, is_list, load

from .draft_parts import DraftParts
from .fields import one_line
from .limits import CLAIMED_COUNT_MAX, COUNT_MAX
from .schema import COUNTER_PREFIX, ORIGIN_BYTES

_NAME = "a lower-case word of up to 62 letters, digits, - and _"


class Count(NamedTuple):
    """What one entry says."""

    origin: bytes
    up: int
    down: int
    own: bool
    """Whether the log that counted says so itself."""


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
    value = load(element.value)
    own = element.dot.log[:ORIGIN_BYTES]
    if isinstance(value, int):
        return Count(own, int(value), 0, own=True)
    if not is_list(value) or len(value) != 3:
        return None
    origin, up, down = value
    if not isinstance(up, int) or not isinstance(down, int):
        return None
    if not isinstance(origin, bytes) or origin == own:
        return Count(own, up, down, own=True)
    return Count(origin, min(up, CLAIMED_COUNT_MAX), min(down, CLAIMED_COUNT_MAX), own=False)


def sums(elements: Iterable[Element]) -> dict[str, int]:
    """Each counter with the sum over everybody who counted, by name."""
    found: dict[str, list[Element]] = {}
    for element in elements:
        if element.collection.startswith(COUNTER_PREFIX):
            found.setdefault(element.collection[len(COUNTER_PREFIX) :], []).append(element)
    return {name: _sum(slots) for name, slots in sorted(found.items())}


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
        if source is not None and abs(number) > CLAIMED_COUNT_MAX:
            raise UsageError(f"counter {name} cannot start beyond {CLAIMED_COUNT_MAX}")
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
    wanted = {collection_of(name): name for name in counters}
    mine: dict[str, list[tuple[Element, Count]]] = {collection: [] for collection in wanted}
    for element in live:
        if element.collection in mine:
            said = count_of(element)
            if said is not None and said.origin == own:
                mine[element.collection].append((element, said))
    for collection, name in sorted(wanted.items()):
        number = _number(name, counters[name])
        last_up, last_down = _largest([said for _, said in mine[collection]])
        up, down = last_up + max(number, 0), last_down + max(-number, 0)
        if max(up, down) > COUNT_MAX:
            raise PreconditionError(f"counter {name} cannot count beyond {COUNT_MAX}")
        replaced = [e for e, _ in mine[collection] if e.dot.log == own_log]
        parts.replace(collection, _value(None, up, down), replaced)


def restated(element: Element) -> bytes | None:
    """An entry as another log writes it again: on behalf of the log that counted.

    It counts while nothing that the log itself said is live.
    """
    said = count_of(element)
    return None if said is None else encode([said.origin, said.up, said.down])


def _largest(said: Sequence[Count]) -> tuple[int, int]:
    """How far one origin has counted up and down, from all that is said of it."""
    heard = [count for count in said if count.own] or said
    return max((c.up for c in heard), default=0), max((c.down for c in heard), default=0)


def _sum(slots: Sequence[Element]) -> int:
    said = [count for count in map(count_of, slots) if count is not None]
    if len(said) == 1:
        return said[0].up - said[0].down
    by_origin: dict[bytes, list[Count]] = {}
    for count in said:
        by_origin.setdefault(count.origin, []).append(count)
    return sum(map(_total, by_origin.values()))


def _total(said: Sequence[Count]) -> int:
    up, down = _largest(said)
    return up - down


def _value(origin: bytes | None, up: int, down: int) -> bytes:
    return encode(up) if origin is None and not down else encode([origin, up, down])


def _number(name: str, number: object) -> int:
    if type(number) is not int or not -COUNT_MAX <= number <= COUNT_MAX:
        raise UsageError(f"counter {name} counts by whole numbers, not by {number!r:.60}")
    return number
