"""What a node says about itself, its peers and its scopes."""

from dataclasses import dataclass, field
from enum import StrEnum


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
    """synced, silent, syncing, refused, diverged, waiting, unreachable or never."""
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
    owed: int = 0
    """Live values known by their hash whose payload has not arrived; see ``Status.missing``."""
    sealed: int = 0
    """Finished logs, held to their end and no longer compared one by one."""
    forks: int = 0
    """Logs that were continued in two ways."""
    cut_off: int = 0
    """Records beyond the cut-offs of those who were put out: held, passed on and not shown."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A log that was continued in two ways: a copied home, or a node that lies."""

    scope: str
    node: str
    """Id of the node whose key signed all branches."""
    label: str
    log: str
    """Id of the log they have in common, lower-case hex."""
    seq: int
    """The last record that they have in common."""
    branches: tuple[str, ...]
    """Ids of the logs that go on from there."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Values of one memory that have not arrived: nobody who was asked so far has them."""

    engram: str
    scope: str
    node: str
    """Id of the node that wrote them."""
    label: str
    values: int


@dataclass(frozen=True, slots=True)
class ErasureStatus:
    """How far one erasure has got, by what the members claim."""

    engram: str
    scope: str
    asked_at_ms: int
    node: str
    """Who asked for it."""
    records: int
    """Records whose values it erases."""
    confirmed: tuple[str, ...]
    """Labels (or ids) of members that say they hold the erasure."""
    waiting: tuple[str, ...]
    """Labels (or ids) of members that have not said so yet."""
    copies: tuple[str, ...] = ()
    """Memories known to have been made from it, which it does not reach."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """A node that two leaders at once admitted with one invite, beyond its uses: no member."""

    scope: str
    node: str
    label: str
    invite: str
    """Public key of the invite, lower-case hex."""


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """What one writer brought in since the node was opened; see ``docs/operations.md``, quotas."""

    node: str
    """Id of the node whose key signed the records."""
    label: str
    records: int
    record_bytes: int
    """Bytes of the frames that carried them."""
    work_ms: int
    """CPU time that storing and checking them took."""
    waiting_bytes: int = 0
    """Bytes that have arrived and wait for their turn."""
    delayed_s: float = 0.0
    """How long its next records still wait, because it is beyond its quota; mostly 0."""


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
    forks: tuple[Fork, ...] = ()
    owed: int = 0
    """Payloads that have not arrived, over all scopes."""
    erasures: tuple[ErasureStatus, ...] = ()
    """Erasures that some member has not confirmed."""
    writers: tuple[WriterStatus, ...] = ()
    """Other members that brought something in since the node was opened: those with the most
    bytes, at most 64."""
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    """By the name of a list above: how many more there are than one answer holds."""
    missing: tuple[Missing, ...] = ()
    """The first memories that lack values; ``owed`` counts the values of all."""
    let_go: tuple[LetGo, ...] = ()
    """Who is not admitted after all; a new invite admits it."""

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
