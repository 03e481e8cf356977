"""What an exchange asks its driver to do.  Effects are values; only the node performs them."""

from collections.abc import Mapping
from dataclasses import dataclass

from engram_sync.sync._ranges import PositionSet
from engram_wire import (
    Announcement,
    ClockEntry,
    CloseCode,
    Credentials,
    JoinRequest,
    JoinResponse,
    Message,
    Rejection,
    SyncRequest,
)


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``message`` on this connection."""

    message: Message


@dataclass(frozen=True, slots=True)
class Ingest:
    """Verify and store the frame, then call ``Exchange.on_stored``."""

    request: int
    scope: bytes
    announcements: Mapping[int, Announcement]
    """The peer's numbering of logs for this request; grows as the peer announces more."""
    frame: bytes
    turn: int = 0
    """Which answer of the request it belongs to: after a refusal the peer begins a new one."""


@dataclass(frozen=True, slots=True)
class Present:
    """Store the membership records a peer presents, then call ``Exchange.on_presented``."""

    request: SyncRequest | Credentials
    """The request that they are shown with, or a page of them ahead of one."""


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """Read the next page of signed runs that the peer lacks, then call ``Exchange.on_page``."""

    request: int
    scope: bytes
    after: int | None
    """Arrival number to continue after; None = start where ``known`` falls behind."""
    known: Mapping[bytes, int]
    """Newest seq per log that the peer is known to hold; live, so look at it while reading."""
    refs: Mapping[bytes, int]
    """The numbers already announced, by log id."""
    feed: int = 0
    """Serial of the feed that asked; a page for an earlier one is dropped."""


@dataclass(frozen=True, slots=True)
class FindPositions:
    """Find positions that the peer names among the logs held here, then call
    ``Exchange.on_placed``.
    """

    request: int
    scope: bytes
    positions: tuple[ClockEntry, ...]
    feed: int
    """Serial of the feed that asked; places found for an earlier one are dropped."""
    probed: tuple[int, ...] = ()
    """The positions of one log that a Probe asked for; empty for what the peer stated itself."""
    log: bytes = b""
    """That log, by the name that the peer gives it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Call ``positions.prepare(POSITIONS_PER_TURN)`` until it is done, with turns for others in
    between; then call ``Exchange.on_surveyed``.
    """

    request: int
    serving: bool
    """Whether it is a request of the peer, not one of ours."""
    positions: PositionSet


@dataclass(frozen=True, slots=True)
class ReadHeads:
    """Read the chain heads that the peer asks for, then call ``Exchange.on_heads``."""

    number: int
    scope: bytes
    log: bytes
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReadPayloads:
    """Read the payloads that the peer asks for, then call ``Exchange.on_payloads``."""

    number: int
    scope: bytes
    wanted: tuple[tuple[bytes, int], ...]
    """(log, seq) each."""


@dataclass(frozen=True, slots=True)
class ReadOwed:
    """Read which payloads are owed here, then call ``Exchange.on_owed``."""

    scope: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class StorePayloads:
    """Check and store payloads that the peer sent, then call ``Exchange.on_payloads_stored``."""

    scope: bytes
    payloads: tuple[tuple[bytes, int, bytes], ...]
    """(log, seq, payload) each, all of them asked for."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The peer knows more of a log that is written here than is held: it must not go on."""

    scope: bytes
    log: bytes


@dataclass(frozen=True, slots=True)
class CollectCredentials:
    """Read the membership records that admit us, then call ``Exchange.on_credentials``."""

    scope: bytes


@dataclass(frozen=True, slots=True)
class DecideJoin:
    """Decide about a join request, then call ``Exchange.on_admitted``."""

    request: JoinRequest


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to our own join request has come."""

    response: JoinResponse


@dataclass(frozen=True, slots=True)
class Diverged:
    """Equal clocks, different states: an alarm that a person must see."""

    scope: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """These records are not taken, by the peer or somebody behind it: their authors must know."""

    scope: bytes
    rejected: tuple[Rejection, ...]
    by_others: bool = False
    """Whether the peer passes on what another member told it."""


@dataclass(frozen=True, slots=True)
class Close:
    """Say goodbye with ``code`` and close the connection."""

    code: CloseCode
    reason: str


Effect = (
    Send
    | Ingest
    | Present
    | ReadRuns
    | FindPositions
    | Survey
    | ReadHeads
    | ReadPayloads
    | ReadOwed
    | StorePayloads
    | RolledBack
    | CollectCredentials
    | DecideJoin
    | Joined
    | Diverged
    | Refused
    | Close
)
