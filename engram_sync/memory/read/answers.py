"""How much one answer holds: whoever may write can write more than anybody wants to be sent.

Entries are counted by the bytes of their values and a constant for what goes with each.  A page
always holds at least one entry, and no entry is larger than a record, so that every entry can be
reached, page by page.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from engram_sync.api import Engram
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.model.limits import ANSWER_BYTES_MAX, ITEM_BYTES, PART_BYTES_MAX
from engram_sync.model.values import json_text

T = TypeVar("T")
_FIELDS = ("content", "tags", "belief", "events", "skill", "metadata", "counters")


class Room:
    """What is left of the bytes that one answer may hold."""

    def __init__(self, bytes_max: int = ANSWER_BYTES_MAX) -> None:
        self._left = bytes_max
        self._begun = False
        self.full = False
        """Whether something did not fit."""

    def takes(self, size: int) -> bool:
        """Whether one more entry of that many bytes fits; the first one always does."""
        self._left -= size + ITEM_BYTES
        if self._begun and self._left < 0:
            self.full = True
        self._begun = True
        return not self.full


def size_of(state: EngramState) -> int:
    """Bytes of the live values of an engram, and of what is told beside each."""
    values = sum(ITEM_BYTES + len(e.value or b"") for e in state.elements)
    return values + sum(4 * len(text) for text in state.texts.values())


def told_of(state: EngramState, engram: Engram) -> int:
    """Bytes of what is shown of an engram; siblings are told twice more, as text and as data."""
    return size_of(state) * (3 if engram.siblings else 1)


def first_of(items: Iterable[T], sizes: Iterable[int], bytes_max: int = PART_BYTES_MAX) -> list[T]:
    """The first entries of a field, as many as fit into ``bytes_max``."""
    room = Room(bytes_max)
    kept: list[T] = []
    for item, size in zip(items, sizes, strict=True):
        if not room.takes(size):
            break
        kept.append(item)
    return kept


def shortened(engram: Engram) -> Engram:
    """The same engram with no more of each field than one answer holds, and what that leaves out.

    Siblings were counted when they were told.
    """
    told = replace(
        engram,
        content=engram.content[:PART_BYTES_MAX],
        tags=_first(engram.tags),
        belief=_first(engram.belief),
        events=_first(engram.events),
        skill=_first(engram.skill),
        metadata=dict(_first(engram.metadata.items())),
        counters=dict(_first(engram.counters.items())),
    )
    counts = {name: len(getattr(engram, name)) - len(getattr(told, name)) for name in _FIELDS}
    return replace(told, left_out=engram.left_out | {name: n for name, n in counts.items() if n})


def _first(entries: Collection[T]) -> tuple[T, ...]:
    """The first entries of a field, by what they take as JSON."""
    return tuple(first_of(entries, (len(json_text(entry)) for entry in entries)))


def outline(engram: Engram) -> Engram:
    """What names an engram, where an answer holds no more of it."""
    left_out = dict(engram.left_out)
    for name in (*_FIELDS, "siblings"):
        left_out[name] = left_out.get(name, 0) + len(getattr(engram, name))
    return replace(
        engram,
        content="",
        tags=(),
        belief=(),
        events=(),
        skill=(),
        siblings=(),
        metadata={},
        counters={},
        left_out={name: n for name, n in left_out.items() if n},
    )
