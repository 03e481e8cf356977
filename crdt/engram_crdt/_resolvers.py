"""Resolvers: pure reads of the elements of one collection.

They write nothing and forget nothing: what a resolver leaves out stays a sibling until somebody
who saw it supersedes it.
"""

from collections.abc import Iterable

from ._dots import Dot, Element
from ._scalars import leading_items


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
    unequal: dict[bytes | Element, Element] = {}
    for element in sorted(elements, key=_age, reverse=True):
        unequal.setdefault(element if element.value is None else element.value, element)
    return list(unequal.values())


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


def events(elements: Iterable[Element]) -> list[Element]:
    """Return the elements of an event list, oldest first: by clock, then dot."""
    return sorted(elements, key=_age)


def _age(element: Element) -> tuple[int, Dot]:
    return element.hlc, element.dot
