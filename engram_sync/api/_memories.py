"""Memories as a node answers with them, and as it takes them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class MemoryType(StrEnum):
    """What kind of memory an engram is; it decides the default scope."""

    INSTANT = "instant"
    """Lives in the running node only; never written to a log."""
    EPISODIC = "episodic"
    """Something that happened; stays in the instance unless told otherwise."""
    SEMANTIC = "semantic"
    """Something that is so; shared by all nodes of the agent."""
    PROCEDURAL = "procedural"
    """How something is done; shared by all nodes of the agent."""


class Scope(StrEnum):
    """How far a memory may travel, from narrow to wide."""

    INSTANCE = "instance"
    AGENT = "agent"
    COLLECTIVE = "collective"
    UNIVERSAL = "universal"

    def contains(self, other: "Scope") -> bool:
        """Whether everything visible in ``other`` may be visible in this scope too."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class Life(StrEnum):
    """Where an engram is in its life."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    DELETED = "deleted"


class Epistemic(StrEnum):
    """On what ground a memory stands."""

    OBSERVED = "observed"
    """Its author saw it."""
    REPORTED = "reported"
    """Somebody else said so.  Depends on who reads: never written, see ``Engram.reported``."""
    INFERRED = "inferred"
    """Its author concluded it."""
    CONSENSUS = "consensus"
    """Several authors agreed on it."""
    CONTESTED = "contested"
    """Live opinions contradict each other, or somebody marked it so."""
    RETRACTED = "retracted"
    """Its author does not stand by it any more."""


class Insert(NamedTuple):
    """Text to put into a collaborative text."""

    position: int
    """In code points of the text as the edits before this one left it."""
    text: str


class Delete(NamedTuple):
    """Text to take out of a collaborative text."""

    position: int
    """In code points of the text as the edits before this one left it."""
    length: int
    """In code points."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who wrote the newest live content of an engram; stamped by the engine, covered by a
    signature.
    """

    node: str
    """Id of the node whose key signed it."""
    label: str
    """That node's display name as its agent's charter gives it; never an identity."""
    agent: str
    """Scope id of the agent the node wrote for."""
    written_at_ms: int
    """Wall-clock part of the record's hybrid logical clock."""
    trust: float = 1.0
    """This node's trust in the author, in [0, 1]; applied when reading, never replicated."""


@dataclass(frozen=True, slots=True)
class Reported:
    """Why a memory counts as hearsay here; computed when reading, never replicated."""

    source: str
    """Id of the node that wrote its content."""
    label: str
    agent: str
    """Scope id of the agent that node wrote for."""
    trust: float
    """This node's trust in the source, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """One of several live values of a field that no write has superseded."""

    field: str
    value: str
    """The value as text (JSON for values that are not text)."""
    node: str
    label: str
    written_at_ms: int
    data: object = None
    """The value as JSON has it; None also when it is not held here."""
    id: str = ""
    """Of an event or a refinement; empty elsewhere."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an episode, with its amendments applied."""

    id: str
    """The same on every replica and after every amendment; ``amend_events`` takes it."""
    value: object
    """Text, or any value as JSON has them.  Of an object, ``key`` is the event's source key:
    two events with equal key and equal value are one."""
    written_at_ms: int
    """When it was first written: events are listed in this order."""
    node: str
    """Id of the node that wrote or last amended it."""
    label: str
    amended: bool = False


@dataclass(frozen=True, slots=True)
class Refinement:
    """One head of a skill: a version of it that nothing refines yet."""

    id: str
    """The same on every replica; ``refine_parents`` takes it."""
    parents: tuple[str, ...]
    """Ids of the refinements it was made from; empty for the first."""
    skill: dict[str, object]
    """name, and steps (a list of texts) or text, and confidence."""
    written_at_ms: int
    node: str
    label: str


@dataclass(frozen=True, slots=True)
class Engram:
    """One memory as this node sees it now."""

    id: str
    version: str
    """Names exactly what this view contained; ``update`` supersedes that and nothing newer."""
    type: str
    scope: str
    content: str
    title: str
    category: str
    tags: tuple[str, ...]
    confidence: float
    metadata: dict[str, object]
    belief: tuple[dict[str, object], ...]
    """Every live opinion: subject, relation, object, polarity, confidence."""
    events: tuple[Event, ...]
    """Oldest first."""
    life: str
    reason: str
    """Why it was archived or deleted; empty while it is active."""
    created_at_ms: int
    updated_at_ms: int
    provenance: Provenance
    siblings: tuple[Sibling, ...] = ()
    """Every live value of each field that has more than one unequal value, also where a strategy
    has settled which one is shown."""
    epistemic: str = ""
    """One of ``Epistemic``; empty when nobody stated any.  contested while opinions contradict
    each other, whatever was stated.  Never reported: that is ``reported``."""
    reported: Reported | None = None
    """Set when its content was written for another agent, or by a node that is not fully
    trusted here."""
    skill: tuple[Refinement, ...] = ()
    """The heads of its skill, newest first; several are a conflict."""
    counters: dict[str, int] = field(default_factory=dict[str, int])
    """The sum of each counter over everybody who counts."""
    collaborative: bool = False
    """Whether ``content`` is a text that takes ``edits``."""
    erased: bool = False
    """Whether values of it were erased for good."""
    notes: tuple[str, ...] = ()
    """What a reader should know about how it is shown, such as a strategy that is not registered
    here."""
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    """By the name of a field: how many entries of it are not in this answer, because they are more
    than one answer holds.  ``history`` has all of them, a page at a time."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of recall: an engram and how well it fits."""

    engram: Engram
    score: float
    """In [0, 1): s / (1 + s) with s the BM25 score."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One record of an engram's history."""

    kind: str
    node: str
    label: str
    written_at_ms: int
    fields: dict[str, object]
    """What the record put, by field; absent values (payload not held) are None."""
    log: str
    seq: int
    live: bool
    """Whether any of its values is still live."""
    superseded_by: tuple[str, ...] = ()
    """``log:seq`` of the first records that superseded its values; at most sixteen."""
    erased: bool = False
    """Whether its values were erased for good; they are None then."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Concurrent edits that nobody has resolved yet; the same on every replica."""

    id: str
    """Of what is in conflict: it stays while the values change."""
    version: str
    """Of the values that are in conflict.  It settles nothing: ``engram_version`` does."""
    engram: str
    kind: str
    """value, belief, episodic, skill, lifecycle or text."""
    field: str
    """content, metadata.NAME, belief, events, skill, life ..."""
    siblings: tuple[Sibling, ...]
    """Oldest first."""
    engram_version: str
    """Pass it to ``update`` to resolve: the write supersedes every sibling listed here."""
    key: tuple[str, ...] = ()
    """What of the field it is about: subject and relation of a belief, the id of an event or
    ``"key"`` and its source key, the name of a metadata entry; empty elsewhere."""
    left_out: int = 0
    """How many siblings are not in this answer, because they are more than one answer holds.
    ``engram_version`` covers them too, and ``history`` shows them, a page at a time."""
