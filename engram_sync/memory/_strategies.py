"""Which strategy reads which field of which engram, by this node's configuration.

Strategies write nothing: they decide what a reader sees of values that stand side by side.
"""

from collections.abc import Mapping, Sequence

from engram_crdt import Element, latest
from engram_sync.conflicts import Found
from engram_sync.store import Reader

from . import _fields as fields
from ._authors import Authors
from ._state import EngramState
from ._values import NOT_HELD, entry_of, plain


class FieldReading:
    """The fields of one engram as its strategies show them."""

    def __init__(self, by: Mapping[str, Sequence[Element]], state: EngramState) -> None:
        self._by = by
        self._state = state
        self.notes: list[str] = []

    def elements(self, collection: str) -> Sequence[Element]:
        return self._by.get(collection, ())

    def value(self, collection: str) -> object:
        held = [e for e in self.elements(collection) if e.value is not None]
        newest = latest(held)
        return None if newest is None or newest.value is None else plain(newest.value)

    def text(self, collection: str) -> str:
        group = self.elements(collection)
        value = self.value(collection)
        if value is None:
            return NOT_HELD if group else ""
        return value if isinstance(value, str) else ""

    def content(self) -> str:
        bodies = [e for e in self.elements(fields.BODY) if e.dot in self._state.texts]
        newest = latest(bodies)
        if newest is None:
            return self.text(fields.CONTENT)
        return self._state.texts[newest.dot]

    def metadata(self) -> dict[str, object]:
        entries = sorted(self.elements(fields.METADATA), key=lambda e: (e.hlc, e.dot))
        held = dict(entry_of(e.value) for e in entries if e.value is not None)
        return {key: held[key] for key in sorted(held)}


class Strategies:
    def reading(
        self,
        reader: Reader,
        authors: Authors,
        state: EngramState,
        by: Mapping[str, Sequence[Element]],
    ) -> FieldReading:
        return FieldReading(by, state)

    def unsettled(self, elements: Sequence[Element], found: list[Found]) -> list[Found]:
        return found


MVR = Strategies()
