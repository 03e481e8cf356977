"""What a caller's view of an engram contained: the only thing a write may supersede."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engram_crdt import Element
from engram_sync.conflicts import find, life_of, tombstones
from engram_sync.errors import PreconditionError
from engram_sync.results import Life

from ._fields import LIFE
from ._ids import engram_text
from ._state import EngramState
from ._strategies import Strategies
from ._versions import resolve_version


@dataclass(frozen=True, slots=True)
class Observed:
    """The part of an engram's state that a caller has seen."""

    state: EngramState
    """The engram as it is now, with what the caller has not seen."""
    clock: Mapping[bytes, int]
    """Of each log, how many puts the caller has seen."""
    elements: Sequence[Element]
    """The live elements that the caller has seen."""
    by_version: bool
    """Whether the caller named a version; without one the current state was meant."""
    check: bytes | None = None
    """What the version says of the live part of its view; None where it says nothing."""

    @property
    def text(self) -> str:
        """The id of the engram, for messages."""
        return engram_text(self.state.engram)

    def live(self, collection: str) -> list[Element]:
        """The seen live elements of one collection."""
        return [e for e in self.elements if e.collection == collection]

    def tombstones(self) -> list[Element]:
        """The seen elements that say it is deleted."""
        return tombstones(self.elements)

    @property
    def orphans(self) -> list[Element]:
        """The seen edits of texts that somebody replaced without having seen them."""
        return [e for e in self.state.orphans if e.dot.clock < self.clock.get(e.dot.log, 0)]

    def is_deleted(self) -> bool:
        """Whether the caller saw a deleted engram and nothing live beside the tombstone."""
        dead = len(self.tombstones())
        return dead > 0 and dead == len(self.elements) and not self.orphans

    def is_archived(self) -> bool:
        """Whether the caller saw an element that says it is archived."""
        return any(life_of(e)[0] == Life.ARCHIVED for e in self.live(LIFE))


def observe(state: EngramState, if_version: str | None) -> Observed:
    """What the view named by ``if_version`` contained; the current state without one.

    An element that was seen but has been superseded since is not live any more and needs no
    second superseding.

    Raises:
        UsageError: ``if_version`` is not a version.
        PreconditionError: It names changes this node does not have.
    """
    if if_version is None:
        return Observed(state, state.clock, state.elements, by_version=False)
    clock, check = resolve_version(if_version, state.clock)
    seen = [e for e in state.elements if e.dot.clock < clock.get(e.dot.log, 0)]
    return Observed(state, clock, seen, by_version=True, check=check)


def refuse_open_conflicts(observed: Observed, strategies: Strategies | None = None) -> None:
    """Refuse a write that names no version while concurrent edits are open.

    Such a write would settle them unseen.

    Raises:
        PreconditionError: There are open conflicts and no version was named.
    """
    if observed.by_version:
        return
    state = observed.state
    found = find(state.elements, texts=state.texts, orphans=state.orphans)
    if strategies is not None:
        found = strategies.unsettled(state, found)
    if found:
        raise PreconditionError(
            f"memory {observed.text} has concurrent edits that nobody has resolved",
            hint="look at them with `engram-sync conflicts`, then repeat with"
            " --if-version and the version shown there",
        )
