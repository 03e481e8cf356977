"""What a home shows of one memory, without what ties between concurrent writes may decide.

Left out are dates, and which of several concurrent values is shown first.  All else must not depend
on any clock.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engram_crdt import Element
from engram_sync.api import Conflict, Engram
from engram_sync.memory.state import EngramState
from engram_sync.model.counters import count_of
from engram_sync.model.events import shown_events
from engram_sync.model.fields import EVENTS, LIFE, SKILL
from engram_sync.model.readings import account_of, version_of

Step = tuple[int, int]
"""The step of a history in which a record was written, and its place among that step's records."""
Name = tuple[Step, str, str]
"""An element: the record that put it, the collection, and what it says."""


class Shown(NamedTuple):
    """One memory at one home."""

    elements: tuple[Name, ...] = ()
    life: tuple[str, ...] = ()
    """Several where concurrent writes leave it open."""
    tags: tuple[str, ...] = ()
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Of each field every value that is shown or stands beside what is shown."""
    counters: tuple[tuple[str, int], ...] = ()
    beliefs: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    events: tuple[tuple[str, ...], ...] = ()
    """Of each event what is told of it."""
    characters: str = ""
    """Of a collaborative text, in any order."""
    conflicts: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    erased: bool = False
    missing: int = 0
    held: tuple[Step, ...] = ()
    """The records of it whose payload is held: of an erased memory none."""


NOTHING = Shown()


def shown(
    state: EngramState,
    view: Engram,
    found: Iterable[Conflict],
    held: Iterable[Step],
    steps: Mapping[bytes, Step],
) -> Shown:
    """What a home shows of one memory.

    Args:
        state: The memory.
        view: The same, as people see it.
        found: Its open conflicts.
        held: The records of it whose payload is held.
        steps: By payload hash: which step of the history wrote it.
    """
    lives = {said(e) for e in state.live(LIFE)}
    return Shown(
        elements=tuple(
            sorted((steps[e.payload_hash], e.collection, said(e)) for e in state.elements)
        ),
        life=tuple(sorted(lives)) if len(lives) > 1 else (view.life, view.reason),
        tags=view.tags,
        fields=tuple(sorted(fields_of(view).items())),
        counters=tuple(sorted(view.counters.items())),
        beliefs=tuple(sorted(map(as_text, view.belief))),
        skills=tuple(sorted(as_text(head.skill) for head in view.skill)),
        events=tuple(sorted(groups_of(state))),
        characters="".join(sorted(view.content)) if view.collaborative else "",
        conflicts=tuple(sorted(map(opened, found))),
        erased=view.erased,
        missing=state.missing,
        held=tuple(sorted(held)),
    )


def fields_of(view: Engram) -> dict[str, tuple[str, ...]]:
    """Of each field of one value all values that a reader is shown."""
    values: dict[str, set[str]] = {
        "title": {view.title},
        "category": {view.category},
        "epistemic": {view.epistemic},
        "confidence": {as_text(view.confidence)},
        "type": {view.type},
        **{f"metadata.{key}": {as_text(value)} for key, value in view.metadata.items()},
    }
    if not view.collaborative:
        values["content"] = {view.content}
    for sibling in view.siblings:
        if sibling.field in values:
            shown_as = sibling.data if sibling.field.startswith("metadata.") else sibling.value
            if not isinstance(shown_as, str) or sibling.field.startswith("metadata."):
                shown_as = as_text(shown_as)
            values[sibling.field].add(shown_as)
    return {name: tuple(sorted(found)) for name, found in values.items()}


def groups_of(state: EngramState) -> Iterable[tuple[str, ...]]:
    """Of each event all that is told of it."""
    for accounts in shown_events(state.live(EVENTS)):
        yield tuple(sorted(as_text(one.account.value) for one in accounts))


def opened(conflict: Conflict) -> tuple[str, str, tuple[str, ...]]:
    """A conflict, without what names it."""
    values = tuple(sorted(sibling.value for sibling in conflict.siblings))
    return conflict.kind, conflict.field, values


def said(element: Element) -> str:
    """What an element says, without the names that follow from where it was written.

    Those of a forked log follow from the hash of a record, and a record's clock is part of that.
    """
    if element.value is None:
        return "not held"
    if element.collection == EVENTS and (account := account_of(element)) is not None:
        return as_text([account.value, account.amendments])
    if element.collection == SKILL and (version := version_of(element)) is not None:
        return as_text(version.skill)
    if element.collection.startswith("c/"):
        count = count_of(element)
        return as_text([count.up, count.down] if count is not None else None)
    return element.value.hex()


def as_text(value: object) -> str:
    """Anything as one text that can be compared."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, default=repr)
