"""Strategies: which of an engram's live elements a reader sees, and which of them wait.

A strategy is a supersede rule, fixed by the name of the collection, and a resolver, chosen by
whoever reads.  Resolvers write nothing, so replicas may choose differently and still hold the
same; digests never cover what a resolver says.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ._dots import Dot, Element
from ._resolvers import accounts, events, heads, latest, siblings, unequal


class Resolution(NamedTuple):
    """What a strategy says about the elements of one collection."""

    shown: tuple[Element, ...]
    """What a reader sees; unless the strategy orders events, the best first."""
    open: tuple[Element, ...]
    """Those that contradict each other until somebody settles it; empty when none do."""
    merged: bytes | None = None
    """The encoded value that a custom strategy makes of what is shown."""


class Context(NamedTuple):
    """What a strategy may ask beside the elements."""

    lamport: Mapping[Dot, int] = MappingProxyType({})
    """Lamport number of the record that put each element; 0 where it is absent."""
    agents: Mapping[bytes, bytes] = MappingProxyType({})
    """Log id -> agent; a log that is absent is its own agent."""
    texts: Mapping[Dot, str] = MappingProxyType({})
    """Generation -> text, as ``EngramDocument.texts`` returns them."""


Resolver = Callable[[Iterable[Element], Context], Resolution]
"""A pure function of both: it neither writes nor remembers."""

MVR: Final = "mvr"
"""What a strategy that is not known here reads as."""


def mvr(elements: Iterable[Element], context: Context) -> Resolution:  # noqa: ARG001 (a Resolver)
    """Show all unequal values; more than one is an open conflict."""
    return _contested(siblings(elements))


def lww(elements: Iterable[Element], context: Context) -> Resolution:  # noqa: ARG001 (a Resolver)
    """Show the last write by hybrid clock, then dot."""
    return _settled(latest(elements))


def lww_wall(elements: Iterable[Element], context: Context) -> Resolution:  # noqa: ARG001
    """Show the last write by the milliseconds of its clock alone, then dot."""
    return _settled(max(elements, key=lambda e: (e.hlc >> 16, e.dot), default=None))


def lww_lamport(elements: Iterable[Element], context: Context) -> Resolution:
    """Show the last write by Lamport number, then dot: no wall clock has a say."""
    lamport = context.lamport
    return _settled(max(elements, key=lambda e: (lamport.get(e.dot, 0), e.dot), default=None))


def aw_set(elements: Iterable[Element], context: Context) -> Resolution:  # noqa: ARG001
    """Show each value once, in the order of the encoded values; owed ones are left out."""
    held = [element for element in elements if element.value is not None]
    return Resolution(tuple(sorted(siblings(held), key=lambda e: e.value or b"")), ())


def own_slot(elements: Iterable[Element], context: Context) -> Resolution:
    """Show what each agent says, newest first; only an agent can contradict itself."""
    slots: dict[bytes, list[Element]] = {}
    for element in elements:
        agent = context.agents.get(element.dot.log, element.dot.log)
        slots.setdefault(agent, []).append(element)
    said = [siblings(slot) for slot in slots.values()]
    shown = heads(element for slot in said for element in slot)
    contested = heads(element for slot in said if len(slot) > 1 for element in slot)
    return Resolution(tuple(shown), tuple(contested))


def event_list(elements: Iterable[Element], context: Context) -> Resolution:  # noqa: ARG001
    """Show the newest version of each event, oldest event first; unequal versions are open."""
    told = accounts(elements)
    contested = [version for one in told if len(one.versions) > 1 for version in one.versions]
    return Resolution(tuple(one.versions[0] for one in told), tuple(events(contested)))


def skill_heads(elements: Iterable[Element], context: Context) -> Resolution:  # noqa: ARG001
    """Show all heads, newest first; two unequal ones are open."""
    found = heads(elements)
    distinct = siblings(found)
    return Resolution(tuple(found), tuple(distinct) if len(distinct) > 1 else ())


def counter(elements: Iterable[Element], context: Context) -> Resolution:  # noqa: ARG001
    """Show the last slot of each log, newest first; ``counter_total`` adds them up."""
    last = {element.dot.log: element for element in sorted(elements)}
    return Resolution(tuple(heads(last.values())), ())


def text(elements: Iterable[Element], context: Context) -> Resolution:
    """Show the generations whose texts differ, newest first; more than one is open.

    Generations are compared by their text: as values they are alike.
    """
    texts = context.texts
    return _contested(unequal(elements, lambda element: texts.get(element.dot, "")))


def _settled(element: Element | None) -> Resolution:
    return Resolution((), ()) if element is None else Resolution((element,), ())


def _contested(distinct: list[Element]) -> Resolution:
    shown = tuple(distinct)
    return Resolution(shown, shown if len(shown) > 1 else ())


BUILT_IN: Final[Mapping[str, Resolver]] = MappingProxyType(
    {
        MVR: mvr,
        "lww": lww,
        "lww-wall": lww_wall,
        "lww-lamport": lww_lamport,
        "aw-set": aw_set,
        "own-slot": own_slot,
        "events": event_list,
        "heads": skill_heads,
        "counter": counter,
        "text": text,
    }
)
"""The strategies that every implementation has, by name."""
