"""What a Node answers with: plain frozen values, the same in Python, over control and as JSON.

Nothing here computes anything.  Ids of engrams are UUID strings, node ids lower-case base32 of
the node's public key, scope ids lower-case hex, times milliseconds since 1970 UTC.
"""

from dataclasses import dataclass, field
from enum import StrEnum


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
class Sibling:
    """One of several live values of a field that no write has superseded."""

    field: str
    value: str
    """The value as text (JSON for values that are not text)."""
    node: str
    label: str
    written_at_ms: int


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
    events: tuple[object, ...]
    life: str
    reason: str
    """Why it was archived or deleted; empty while it is active."""
    created_at_ms: int
    updated_at_ms: int
    provenance: Provenance
    siblings: tuple[Sibling, ...] = ()
    """Every live value of each field that has more than one unequal value."""


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
    """``log:seq`` of the records that superseded its values."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Concurrent edits that nobody has resolved yet; the same on every replica."""

    id: str
    version: str
    engram: str
    kind: str
    """value or lifecycle."""
    field: str
    siblings: tuple[Sibling, ...]
    engram_version: str
    """Pass it to ``update`` to resolve: the write supersedes every sibling listed here."""


class SyncState(StrEnum):
    """The outcome of a sync, for one peer or for all."""

    CLEAN = "clean"
    MERGED = "merged"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PeerSync:
    """How a sync with one peer ended."""

    node: str
    label: str
    state: SyncState
    received: int
    """Records received and stored during this sync."""
    sent: int
    """Records sent to and acknowledged by the peer during this sync."""
    detail: str = ""
    """Why it is not clean or merged; empty otherwise."""


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What ``sync`` achieved.  ``clean``/``merged`` only when clocks and digests agreed."""

    state: SyncState
    synced_count: int
    """Engrams that changed here during this sync."""
    conflicts: tuple[str, ...]
    """Ids of the conflicts that are open now."""
    peers: tuple[PeerSync, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A peer as this node knows it."""

    node: str
    label: str
    role: str
    """observer, member or leader of the current agent."""
    connected: bool
    via: str
    """How the address was learned: token, static, mdns or inbound; empty before first contact."""
    address: str
    state: str
    """synced, syncing, waiting, unreachable or never."""
    last_success_ms: int | None
    """When clocks and digests last agreed; None means never."""
    failures: int
    """Consecutive failed attempts."""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class ScopeStatus:
    """One scope held by this node."""

    id: str
    kind: str
    current: bool
    engrams: int
    """Live and archived engrams; deleted ones are not counted."""
    deleted: int
    records: int
    logs: int
    lag: int
    """Records stored but not yet materialised and indexed."""
    digest: str
    """Hex of the state digest; empty while lag > 0."""
    clock_digest: str
    conflicts: int
    """Memories with at least one open conflict."""
    synced_peers: int
    peers: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this node is."""

    node: str
    label: str
    instance_id: str
    """UUID for display; the node id is the identity."""
    created_at_ms: int
    agent: str
    """Scope id of the current agent."""
    sharing_mode: str
    home: str


@dataclass(frozen=True, slots=True)
class Status:
    """The truth about a node, now."""

    identity: Identity
    running: bool
    """Whether a daemon serves this home (False when the store was opened for one command)."""
    network: str
    """off, offline or online."""
    listen: tuple[str, ...]
    health: str
    """ok or degraded."""
    problems: tuple[str, ...]
    sync: str
    """synced, syncing, behind, alone or never."""
    scopes: tuple[ScopeStatus, ...]
    peers: tuple[PeerStatus, ...]
    earlier_memories: int = 0
    """Memories of an agent this node belonged to before it joined the current one."""

    def to_json(self) -> str:
        """The same object that ``engram-sync status --json`` prints."""
        import msgspec

        document = {"v": 1, "kind": "status"} | msgspec.to_builtins(self)
        return msgspec.json.encode(document).decode()


@dataclass(frozen=True, slots=True)
class JoinResult:
    """What ``join`` did."""

    agent: str
    node: str
    """The node that admitted us."""
    role: str
    brought: int
    left_behind: int
    """Memories of the earlier agent that stay local; ``--bring`` re-creates them here."""


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory to be written: the keywords of ``remember`` as one value."""

    content: str
    type: str = MemoryType.SEMANTIC
    scope: str | None = None
    title: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    confidence: float = 1.0
    metadata: dict[str, object] = field(default_factory=dict[str, object])
    belief: dict[str, object] | None = None
    """subject, relation, object, polarity (bool), confidence."""
    events: tuple[object, ...] = ()
    key: str | None = None
    """Source key: the same key in the same scope names the same engram."""
