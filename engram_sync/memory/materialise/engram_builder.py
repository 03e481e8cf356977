"""An engram made from records as a document: what it was, and a second opinion on what it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engram_crdt import DocumentError, Dot, Element, EngramDocument
from engram_sync.memory.state.changes import change_of, is_applied
from engram_sync.memory.state.shown_texts import orphan_element
from engram_sync.memory.state.stored import StoredRecord
from engram_sync.model.conflicts import bits


class Shown(NamedTuple):
    """What a document shows."""

    elements: Sequence[Element]
    texts: Mapping[Dot, str]
    """By the dot of each live generation: its collaborative text."""
    orphans: Sequence[Element]
    """Live text of generations that are gone."""

    def bits(self) -> int:
        """The classes of open conflicts, as rows store them."""
        return int(bits(self.elements, texts=self.texts, orphans=self.orphans))


@dataclass(slots=True)
class EngramBuilder:
    """A document being made, with what a row would say about it."""

    document: EngramDocument
    first: tuple[int, int] = (0, 0)
    """Log and position of the first record that arrived; (0, 0) before it."""
    records: int = 0
    created: int = 0
    newest: int = 0
    erased: bool = False
    """Whether the payload of a record of it was erased for good."""

    @classmethod
    def of(cls, engram: bytes, records: Iterable[StoredRecord]) -> "EngramBuilder":
        """The engram that these applied records make, in the order in which they arrived."""
        made = cls(EngramDocument(engram))
        for stored in records:
            made.apply(stored)
        return made

    def apply(self, stored: StoredRecord) -> None:
        """Merge one record, unless it was merged before."""
        record = stored.record
        try:
            if not self.document.apply(change_of(stored.log_id, record, stored.naming)):
                return
        except DocumentError:
            # Valid as a record, yet beyond what a document can hold: it changes nothing, here as
            # on every other node.  One author must not stop the scope for all.
            return
        if not is_applied(record):
            return
        if not self.records:
            self.first = (stored.log, record.seq)
        self.records += 1
        self.created = min(self.created or record.hlc, record.hlc)
        self.newest = max(self.newest, record.hlc)

    def shown(self) -> Shown:
        """What the document shows."""
        document = self.document
        orphans = [orphan_element(span) for span in document.orphans()]
        return Shown(document.elements(), document.texts(), orphans)
