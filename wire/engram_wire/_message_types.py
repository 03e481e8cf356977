"""The messages of protocol version 2 as frozen values.

``Hello`` and ``HelloAck`` travel bare, before authentication; all others inside an envelope.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from ._digests import NOTHING_SEALED
from ._digests import ClockEntry as ClockEntry


class MessageType(IntEnum):
    """The number of each message; 22 and 23 are reserved."""

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
    CONFLICT_NOTIFICATION = 10
    CONFLICT_RESOLUTION = 11
    LEAVE_NOTIFICATION = 12
    PAYLOAD_REQUEST = 13
    PAYLOAD_RESPONSE = 14
    PROBE = 15
    PROBE_RESPONSE = 16
    RANGE_REQUEST = 17
    RANGE_RESPONSE = 18
    EXTENSION = 19
    CREDENTIALS = 20
    REFUSAL_NOTIFICATION = 21


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
    RANGES_FOLLOW = 4
    """Clocks do not serve: a RangeRequest comes before the backlog."""


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
    branch: bytes | None = None
    """Of a forked log: the id of the branch's first record; None for the log or its trunk."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of one scope in four numbers."""

    clock_digest: bytes
    state_digest: bytes | None
    """None while the sender's documents lag behind its records, and where it makes none."""
    engrams: int
    """Live engrams."""
    rules: int = 0
    """By which the state was made; digests compare only under equal ones.  0 for no state."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Membership records that show why the sender may ask."""

    announcement: Announcement
    frame: bytes


class Rejection(NamedTuple):
    """A record that is not taken here, and with it the rest of that log."""

    log: bytes
    """As this node names it; of what the peer itself sent, a ``Refusal`` travels instead."""
    seq: int
    code: int
    """``CloseCode``, or a number of a newer version."""


class Refusal(NamedTuple):
    """A record that the receiver does not take, and with it the rest of that log."""

    ref: int
    """The sender's announcement of the log."""
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
    """The logs that are not sealed, sorted; None in the hope that the digests are equal."""
    credentials: tuple[Credential, ...] = ()
    sealed: tuple[int, bytes] = NOTHING_SEALED
    """How many sealed logs are held exactly to their seal, and their ``sealed_digest``."""


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
    """What of a request's records is durable at the receiver, and what is not taken."""

    request: int
    received: tuple[tuple[int, int], ...] = ()
    """(ref, seq): the log that the sender announced so is durable up to this position."""
    summary: Summary | None = None
    rejected: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Redeems an invitation."""

    scope: bytes
    agent: bytes
    """Scope id of the agent that the joiner writes for."""
    grant: bytes
    """The issuer's signed grant, canonical CBOR."""
    proof: bytes
    """By the invitation's key over the scope, the joiner's key and the session id."""
    label: str


@dataclass(frozen=True, slots=True)
class RefusalNotification:
    """What some other member does not take, on its way to the authors of these logs."""

    scope: bytes
    refused: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Membership records ahead of a request or of an answer that has no room for all of them."""

    scope: bytes
    credentials: tuple[Credential, ...]
    """In causal order, across all pages; the last ones stand in the message that needs them."""


@dataclass(frozen=True, slots=True)
class Extension:
    """Something that a version may define by a name, without a number of its own."""

    name: str
    mandatory: bool
    """Whether who does not know the name must end the session; otherwise it is ignored."""
    body: bytes


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


class OpenConflict(NamedTuple):
    """One conflict that waits for a resolution."""

    id: bytes
    version: bytes
    """Of the heads that conflict: another one is another version of the same conflict."""
    engram: bytes
    kind: int
    """Its class: a number that one byte holds, for the receiver to know or not."""


@dataclass(frozen=True, slots=True)
class ConflictNotification:
    """Conflicts of a scope that the sender has found; a hint, which changes nothing."""

    scope: bytes
    conflicts: tuple[OpenConflict, ...]


@dataclass(frozen=True, slots=True)
class ConflictResolution:
    """Conflicts of a scope that were resolved, and the records that did it."""

    scope: bytes
    resolved: tuple[tuple[bytes, bytes], ...]
    """(conflict id, version)."""
    announcements: tuple[Announcement, ...] = ()
    """The logs of the frames; these refs are good in this message only."""
    frames: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaveNotification:
    """The sender leaves a scope; a hint, the leave record in its membership log decides."""

    scope: bytes
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PayloadRequest:
    """Asks for payloads of records whose bodies are held."""

    number: int
    """Chosen by the sender, unique among its open requests of this type."""
    scope: bytes
    wanted: tuple[tuple[bytes, int], ...]
    """(log, seq), as the sender names its logs; at least one."""


@dataclass(frozen=True, slots=True)
class PayloadResponse:
    """The answer to a prefix of a PayloadRequest, at least to its first item."""

    number: int
    payloads: tuple[tuple[bytes, int, bytes | None], ...]
    """(log, seq, payload), in the order of the request; None when it is not held here."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks for the ids at some positions of a log, to find where two histories part."""

    number: int
    """Chosen by the sender, unique among its open requests of this type."""
    scope: bytes
    log: bytes
    seqs: tuple[int, ...]
    """Ascending, at least one."""


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """The answer to a Probe."""

    number: int
    heads: tuple[bytes | None, ...]
    """The id at each position asked for; None where nothing is held."""


@dataclass(frozen=True, slots=True)
class Range:
    """The positions, sealed ones too, of the logs from ``lower`` to below ``upper``."""

    lower: bytes
    upper: bytes | None
    """None for no bound."""
    fingerprint: bytes
    """``range_fingerprint`` of what the sender holds in it."""
    count: int


@dataclass(frozen=True, slots=True)
class RangePart:
    """One part of a range that was split; it ends where the next one, or the range, does."""

    lower: bytes
    fingerprint: bytes
    count: int


@dataclass(frozen=True, slots=True)
class RangeEntries:
    """An answer to a range: exactly these positions are held in it."""

    entries: tuple[ClockEntry, ...]


@dataclass(frozen=True, slots=True)
class RangeParts:
    """An answer to a range: these parts of it are to be compared next."""

    parts: tuple[RangePart, ...]
    """Ascending; the first begins where the range does."""


RangeAnswer: TypeAlias = RangeEntries | RangeParts | None
"""None: the same is held."""


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """Compares what both sides hold, when a clock is too large or does not tell."""

    request: int
    """The receiver's SyncRequest, before whose backlog the sender asks this."""
    ranges: tuple[Range, ...]
    """Ascending, without overlap, at least one."""


@dataclass(frozen=True, slots=True)
class RangeResponse:
    """One answer for each range of a RangeRequest, in order."""

    request: int
    answers: tuple[RangeAnswer, ...]


Message: TypeAlias = (
    SyncRequest
    | SyncResponse
    | SyncAck
    | JoinRequest
    | JoinResponse
    | Ping
    | Pong
    | Goodbye
    | ConflictNotification
    | ConflictResolution
    | LeaveNotification
    | PayloadRequest
    | PayloadResponse
    | Probe
    | ProbeResponse
    | RangeRequest
    | RangeResponse
    | Credentials
    | RefusalNotification
    | Extension
)
"""Every message that travels in an envelope."""
