"""What callers want changed: the keywords of ``update`` as one value."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from engram_sync.api import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUpdate:
    """The keywords of ``update``; what is None or empty stays as it is."""

    content: str | None = None
    """Of a collaborative memory: a new text in place of the old one, not an edit of it."""
    title: str | None = None
    category: str | None = None
    add_tags: Collection[str] = ()
    remove_tags: Collection[str] = ()
    confidence: float | None = None
    metadata: dict[str, object] | None = field(default=None)
    """Entries to set; a value of None removes the entry."""
    epistemic: str | None = None
    """One of ``results.Epistemic``, except reported; empty takes back what was stated."""
    believe: Mapping[str, object] | Sequence[Mapping[str, object]] | None = None
    """Opinions to hold from now on, each in place of one's own about the same subject and
    relation."""
    add_events: Sequence[object] = ()
    amend_events: Mapping[str, object] | None = None
    """By the id of an event: what it should say."""
    remove_events: Collection[str] = ()
    """Ids of events to take out."""
    refine: Mapping[str, object] | None = None
    """The next version of the skill, in full; the name may be left out."""
    refine_parents: Collection[str] | None = None
    """Ids of the refinements it was made from; None means every head that was seen."""
    count: Mapping[str, int] | None = None
    """By the name of a counter: what to add to it."""
    edits: Sequence[Edit] = ()
    """Edits of a collaborative text; the first one's position counts in the text that the
    caller's version shows."""
