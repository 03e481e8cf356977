"""The messages of protocol version 1 as frozen values.

``Hello`` and ``HelloAck`` travel bare, before authentication; all others inside an envelope.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias


class MessageType(IntEnum):
    """The number of each message; 10 to 19 are reserved for messages named in SPEC.md."""

    HELLO = 0
    HELLO_ACK = 1
    SYNC_REQUEST = 2
    SYNC_RESPONSE = 3
    SYNC_ACK = 4
    JOIN_REQUEST = 5
    JOIN_RESPONSE = 6
    PING = 7
    PONG = 8
    GOODBYE = 9


class SyncStatus(IntEnum):
    """What a SyncResponse brings."""

    DATA = 0
    """A frame of records; more follow."""
    COMPLETE = 1
    """The backlog is finished; from now on new records are pushed."""
    CLOCK_NEEDED = 2
    """The digests differ: ask again with the whole clock."""
    REFUSED = 3
    """Absent and forbidden look alike."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a node can speak, and its nonce; no key, label or scope.  Not signed."""

    versions: tuple[int, ...]
    """Protocol versions, ascending."""
    capabilities: tuple[str, ...]
    """Names of optional features, sorted."""
    nonce: bytes
    """32 fresh bytes."""


@dataclass(frozen=True, slots=True)
class HelloAck:
    """Who a node is, proven over the transcript of the handshake."""

    key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Announcement:
    """Names a log of the request's scope by a small number for the rest of the request."""

    ref: int
    """Chosen by the sender; unique among its announcements for one request."""
    domain: int
    """``LogDomain``."""
    author: bytes
    incarnation: bytes


@dataclass(frozen=True, slots=True)
class ClockEntry:
    """How far one log is held."""

    log: bytes
    seq: int
    """The last signed position held, from 1."""
    head: bytes
    """The id at that position."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of one scope in three numbers."""

    clock_digest: bytes
    state_digest: bytes | None
    """None while the sender's documents lag behind its records."""
    engrams: int
    """Live engrams."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Membership records that show why the sender may ask."""

    announcement: Announcement
    frame: bytes


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that the receiver will never accept, and with it the rest of that log."""

    log: bytes
    seq: int
    code: int
    """``CloseCode``, or a number of a newer version."""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """Catches up on one scope and subscribes to it."""

    request: int
    """Chosen by the sender, unique in the session; responses repeat it."""
    scope: bytes
    clock_digest: bytes
    clock: tuple[ClockEntry, ...] | None
    """Sorted by log; None in the hope that the digests are equal."""
    credentials: tuple[Credential, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncResponse:
    """One step of the answer to a SyncRequest."""

    request: int
    status: SyncStatus
    announcements: tuple[Announcement, ...] = ()
    frame: bytes | None = None
    summary: Summary | None = None


@dataclass(frozen=True, slots=True)
class SyncAck:
    """What of a request's records is durable at the receiver, and what is refused for ever."""

    request: int
    received: tuple[tuple[bytes, int], ...] = ()
    """(log, seq): durable up to this signed position."""
    summary: Summary | None = None
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Redeems an invitation."""

    scope: bytes
    grant: bytes
    """The issuer's signed grant, canonical CBOR."""
    proof: bytes
    """By the invitation's key over the scope, the joiner's key and the session id."""
    label: str


@dataclass(frozen=True, slots=True)
class JoinResponse:
    """The answer to a JoinRequest."""

    accepted: bool
    reason: str | None = None
    secret: bytes | None = None
    """The scope's secret, 32 bytes."""
    credentials: tuple[Credential, ...] = ()


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a Pong, and tells the state of the scopes that this session shares."""

    nonce: int
    summaries: tuple[tuple[bytes, Summary], ...] = ()
    """(scope, summary)."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a Ping, with its nonce."""

    nonce: int
    summaries: tuple[tuple[bytes, Summary], ...] = ()


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The last message of a session."""

    code: int
    """``CloseCode``, or a number of a newer version."""
    reason: str = ""


Message: TypeAlias = (
    SyncRequest | SyncResponse | SyncAck | JoinRequest | JoinResponse | Ping | Pong | Goodbye
)
"""Every message that travels in an envelope."""
