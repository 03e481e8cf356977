"""What a caller's view of an engram contained: the only thing a write may supersede."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engram_crdt import Element, EngramDocument
from engram_sync.api import Life
from engram_sync.errors import PreconditionError
from engram_sync.memory.materialise.engram_builder import EngramBuilder
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.snapshot import MVR, Snapshot, Strategies
from engram_sync.memory.state.stored import streamed
from engram_sync.model.conflicts import find
from engram_sync.model.fields import LIFE
from engram_sync.model.ids import engram_text
from engram_sync.model.readings import life_of, tombstones

from .strategies import unsettled
from .versions import VersionParts, is_ours, parse_version, state_name


@dataclass(frozen=True, slots=True)
class CallerView:
    """The part of an engram's state that a caller has seen."""

    state: EngramState
    """The engram as it is now, with what the caller has not seen."""
    clock: Mapping[bytes, int]
    """Of each log, how many puts the caller has seen."""
    elements: Sequence[Element]
    """The live elements that the caller has seen."""
    by_version: bool
    """Whether the caller named a version; without one the current state was meant."""
    name: bytes = b""
    """What the version calls its view, when that is not the current state any more."""

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


def observe(snapshot: Snapshot, state: EngramState, if_version: str | None) -> CallerView:
    """What the view named by ``if_version`` contained; the current state without one.

    An element that was seen but has been superseded since is not live any more and needs no
    second superseding.

    Args:
        snapshot: What is read.
        state: The engram as it is now.
        if_version: What the caller looked at.

    Raises:
        UsageError: ``if_version`` is not a version.
        PreconditionError: It is not the current one, and this node cannot tell what it showed.
    """
    if if_version is None:
        return CallerView(state, state.clock, state.elements, by_version=False)
    named = parse_version(if_version)
    if named.state == state_name(state):
        return CallerView(state, state.clock, state.elements, by_version=True)
    if not is_ours(named, state, snapshot.logs.version_key):
        raise _unknown(state)
    if state.texts or state.orphans:
        # Of each character nobody keeps when it appeared: the records tell.
        document = document_at(snapshot, state, named.state)
        if document is None:
            raise _unknown(state)
        clock: dict[bytes, int] = dict(document.clock())
        seen = [e for e in state.elements if e.dot.clock < clock.get(e.dot.log, 0)]
        return CallerView(state, clock, seen, by_version=True, name=named.state)
    return _as_of(state, named)


def _as_of(state: EngramState, named: VersionParts) -> CallerView:
    """What is live and had appeared when the version was given out."""
    clock = dict(state.clock)
    seen: list[Element] = []
    for element in state.elements:
        log, at = element.dot
        if state.born.get(element.dot, state.row.born) <= named.change:
            seen.append(element)
        else:
            # A log is read in its own order, so nothing behind this was seen either.
            clock[log] = min(clock.get(log, 0), at)
    clock = {log: count for log, count in clock.items() if count}
    return CallerView(state, clock, seen, by_version=True, name=named.state)


def document_at(snapshot: Snapshot, state: EngramState, name: bytes) -> EngramDocument | None:
    """The document when its state had that name; None when it never did here.

    Replays the records in the order in which they arrived, until the digest is the one wanted.
    """
    made = EngramBuilder.of(state.engram, ())
    for stored in streamed(snapshot, state.scope, state.engram):
        made.apply(stored)
        if made.document.digest().to_bytes(32, "big").startswith(name):
            return made.document
    return None


def _unknown(state: EngramState) -> PreconditionError:
    text = engram_text(state.engram)
    return PreconditionError(
        f"memory {text} has changed since, and what this version showed is not known here",
        hint=f"engram-sync sync, then look at it again with `engram-sync get {text}`",
    )


def refuse_open_conflicts(observed: CallerView, strategies: Strategies = MVR) -> None:
    """Refuse a write that names no version while concurrent edits are open.

    Such a write would settle them unseen.

    Raises:
        PreconditionError: There are open conflicts and no version was named.
    """
    state = observed.state
    if observed.by_version or not state.row.conflict:
        return
    found = find(state.elements, texts=state.texts, orphans=state.orphans)
    if found and unsettled(strategies, state, found):
        raise PreconditionError(
            f"memory {observed.text} has concurrent edits that nobody has resolved",
            hint="look at them with `engram-sync conflicts`, then repeat with"
            " --if-version and the version shown there",
        )
