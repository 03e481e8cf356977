"""Readings: pure functions of the elements of one collection.

They write nothing and forget nothing: what a reading leaves out stays a sibling until somebody
who saw it supersedes it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ._collections import event_key
from ._dots import Change, Dot, Element, clocks_of
from ._scalars import leading_items, whole_number

_STANCE_ITEMS = 4
"""Subject, relation, object and polarity: beliefs that agree in these do not contradict."""


class Group(NamedTuple):
    """Live elements about one thing."""

    key: bytes
    """What makes them so, as encoded CBOR."""
    versions: list[Element]
    """One for each unequal account of it, newest first: more than one means an open conflict."""


class SkillHead(NamedTuple):
    """One element of a ``k/`` collection with what it continues."""

    element: Element
    parents: tuple[Dot, ...]


def in_collection(elements: Iterable[Element], collection: str) -> list[Element]:
    """Return the elements of one collection, in their order."""
    return [element for element in elements if element.collection == collection]


def latest(elements: Iterable[Element]) -> Element | None:
    """Return the last write: largest clock, then largest dot.  None for no elements.

    Among live elements no clock can beat causality: whatever a write has seen is not live.
    """
    return max(elements, key=_age, default=None)


def siblings(elements: Iterable[Element]) -> list[Element]:
    """Return one element for each unequal live value, newest first.

    More than one means an open conflict.  An element whose value is owed counts as unequal to
    everything: it may be.
    """
    return unequal(elements, _value)


def unequal(elements: Iterable[Element], kind: Callable[[Element], object]) -> list[Element]:
    """Return the newest element of each kind, newest first."""
    newest: dict[object, Element] = {}
    for element in sorted(elements, key=_age, reverse=True):
        newest.setdefault(kind(element), element)
    return list(newest.values())


def tags(elements: Iterable[Element]) -> list[bytes]:
    """Return the distinct encoded values of a set, sorted; owed ones are left out."""
    return sorted({element.value for element in elements if element.value is not None})


def by_key(elements: Iterable[Element], items: int = 1) -> dict[bytes, list[Element]]:
    """Group the entries of a map by their encoded key, in the order of the keys.

    Args:
        elements: Elements of one collection; those that are owed or have no key are left out.
        items: How many leading items of a value are its key: 1 for metadata, 2 for beliefs.
    """
    groups: dict[bytes, list[Element]] = {}
    for element in elements:
        key = None if element.value is None else leading_items(element.value, items)
        if key is not None:
            groups.setdefault(key, []).append(element)
    return dict(sorted(groups.items()))


def accounts(elements: Iterable[Element]) -> list[Group]:
    """Return the events of an event list with all versions of each, oldest event first.

    Amendments of one event that did not know of each other, and imports that tell one source
    entry differently, are versions of one event; equal ones count once.
    """
    groups: dict[bytes, list[Element]] = {}
    for element in events(elements):
        groups.setdefault(event_key(element), []).append(element)
    return [Group(key, siblings(versions)) for key, versions in groups.items()]


def beliefs(elements: Iterable[Element]) -> list[Group]:
    """Return what is believed about each subject and relation, in the order of the keys.

    Versions differ in object or polarity; how sure one is makes no version.  Entries that are
    owed or are no belief are left out.
    """
    return [Group(key, unequal(entries, _stance)) for key, entries in by_key(elements, 2).items()]


def heads(elements: Iterable[Element]) -> list[Element]:
    """Return the heads of a skill, newest first: what nobody has refined yet."""
    return sorted(elements, key=_age, reverse=True)


def refinements(changes: Iterable[Change], collection: str) -> list[SkillHead]:
    """Return everything ever put into a ``k/`` collection, with its parents, in order of dots.

    Args:
        changes: All changes of the engram, those of each log in their order.
        collection: Its name.
    """
    clocks: dict[bytes, int] = {}
    put: dict[Dot, tuple[Element, Sequence[Dot]]] = {}
    for change in changes:
        first = clocks.get(change.log, 0)
        clocks[change.log] = first + clocks_of(change)
        for clock, (name, value) in enumerate(change.puts, first):
            if name == collection:
                dot = Dot(change.log, clock)
                seq, payload_hash = change.seq, change.payload_hash
                element = Element(name, dot, change.hlc, value, payload_hash, seq)
                put[dot] = element, change.removed
    return [
        SkillHead(element, tuple(sorted(other for other in removed if other in put)))
        for _, (element, removed) in sorted(put.items())
    ]


def counter_total(elements: Iterable[Element]) -> int:
    """Return the sum of a counter's slots: the last one of each log.

    Slots that are owed or hold no whole number count nothing.
    """
    last: dict[bytes, Element] = {}
    for element in sorted(elements):
        last[element.dot.log] = element
    return sum(whole_number(e.value) or 0 for e in last.values() if e.value is not None)


def events(elements: Iterable[Element]) -> list[Element]:
    """Return the elements of an event list, oldest first: by clock, then dot."""
    return sorted(elements, key=_age)


def _value(element: Element) -> object:
    return element if element.value is None else element.value


def _stance(element: Element) -> object:
    value = element.value or b""
    return leading_items(value, _STANCE_ITEMS) or value


def _age(element: Element) -> tuple[int, Dot]:
    return element.hlc, element.dot
