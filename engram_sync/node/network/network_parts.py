"""What a network is made of, and what it remembers between connections."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import trio

from engram_sync.discovery import Discovery
from engram_sync.host import Clock, Entropy
from engram_sync.node.network.connection import Connection, ConnectionEnded
from engram_sync.sync import Accord, Timing
from engram_sync.transport import Transport
from engram_wire import CloseCode

CROSSING_S = 5.0
"""Of two calls in opposite directions, the later one can have begun so long after the earlier one
was answered without knowing of it: several round trips."""
TAKEN_TOLD_S = 120.0
"""How long it is told that a copy took a connection over: a few turns of the two."""
TAKEN_TELLS = 2
REPLACED_TELLS = 4
"""A peer that lost its connection also opens another one; not so often within that time."""
ORDERLY = frozenset({CloseCode.OK, CloseCode.SHUTDOWN, CloseCode.DUPLICATE, CloseCode.TIMEOUT})
"""Ends after which the peer may be called again at once."""
COPY = (
    "a node with this node's key answers at {}: a copy of this home runs there; nothing is lost,"
    " and a second node needs init and join"
)


@dataclass(slots=True)
class NetworkParts:
    """The interfaces a network runs on."""

    transport: Callable[[], Transport]
    """A fresh one for each start."""
    capabilities: Callable[[], Sequence[str]]
    """What is offered to peers, for each start."""
    discovery: Callable[[bool], Sequence[Discovery]]
    """Fresh ones for each start, by whether the node listens; each can run once."""
    clock: Clock
    entropy: Entropy
    intervals: Timing


class End(Enum):
    """How a connection ended."""

    ORDERLY = "orderly"
    """The peer may be called again at once."""
    FAILED = "failed"
    """By an error before both sides agreed on anything."""
    TAKEN = "taken"
    """The peer has another connection, with a copy of this node."""


@dataclass(slots=True)
class Streak:
    """How often something happened, each time soon after the time before."""

    count: int = 0
    at: float = -math.inf

    def add(self, now: float) -> None:
        """It happened again."""
        self.count = self.count + 1 if now < self.at + TAKEN_TOLD_S else 1
        self.at = now

    def take_back(self) -> None:
        """The last time was something else."""
        self.count -= 1

    def goes_on(self, least: int, now: float) -> bool:
        """Whether it happened so often, and not long ago."""
        return self.count >= least and now < self.at + TAKEN_TOLD_S


@dataclass(frozen=True, slots=True)
class Way:
    """How a link came about."""

    via: str
    """``inbound``, or who told the address that was dialled."""
    address: str
    since: float
    """When dialling began, or the link was accepted."""


@dataclass(slots=True)
class PeerMemory:
    """What is remembered of a peer between connections."""

    via: str = ""
    address: str = ""
    last_success_ms: int | None = None
    failures: int = 0
    last_error: str = ""
    clock_digests: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    taken: Streak = field(default_factory=Streak)
    """The peer ended a connection for one with the same key as this node's."""
    stranger: bool = False
    """It takes this node for no member of anything, by its last word."""
    replaced: Streak = field(default_factory=Streak)
    """The peer opened a connection while it had another one."""

    def end(
        self, connection: Connection, ended: ConnectionEnded | None, *, now: float, now_ms: int
    ) -> End:
        """The only connection to the peer ended; says how it did."""
        exchange = connection.exchange
        self.stranger = ended is not None and ended.code is CloseCode.NOT_FOUND
        if exchange.accord() is Accord.SYNCED:
            # However short it was: both sides held the same when it ended.
            self.last_success_ms, self.failures, self.last_error = now_ms, 0, ""
        if ended is not None and ended.code is CloseCode.BUSY:
            # Both sides call now, perhaps at a time: that is no sign of a copy.
            self.taken, self.replaced = Streak(), Streak()
        if ended is not None and ended.code is CloseCode.DUPLICATE:
            # It is not this node that has a newer one.
            self.taken.add(now)
            return End.TAKEN
        if ended is None or ended.code in ORDERLY:
            return End.ORDERLY
        if exchange.accord() is not Accord.SYNCED:
            self.last_error = ended.reason
        agreed = not exchange.shared() or exchange.synced_scopes
        return End.ORDERLY if agreed else End.FAILED

    def replace(self, rival: Connection, newcomer: Way, *, dialled: bool, now: float) -> None:
        """A newer connection to the peer takes the place of one.

        Not by a copy of it, where both sides dialled at a time: so they do when one of them has
        ended a connection to begin anew.
        """
        if rival.initiator == dialled or newcomer.since > rival.since + CROSSING_S:
            self.replaced.add(now)

    def called(self, now: float) -> None:
        """The peer itself called, and is connected: what it has just ended, crossed this call.

        Nobody calls whom it takes for connected: so it does not after it has ended a connection
        for one with a copy.
        """
        if self.taken.count and now < self.taken.at + CROSSING_S:
            self.taken.take_back()

    def by_a_copy(self, now: float) -> bool:
        """Whether a copy of this node is connected to the peer in turn with this node.

        Once may be two calls that crossed, and the last time too until the peer's own has come.
        """
        least = TAKEN_TELLS + (now < self.taken.at + CROSSING_S)
        return self.taken.goes_on(least, now)

    def by_copies(self, now: float) -> bool:
        """Whether two nodes with the peer's key are connected in turn to this node."""
        return self.replaced.goes_on(REPLACED_TELLS, now)


@dataclass(slots=True)
class Opened:
    """How a connection that somebody waits for turned out."""

    event: trio.Event = field(default_factory=trio.Event)
    connection: Connection | None = None
    error: Exception | None = None

    def tell(self, connection: Connection) -> None:
        """It is there."""
        self.connection = connection
        self.event.set()


def stays(rival: Connection, newcomer: Way, *, dialled: bool, own_key: bytes) -> bool:
    """Whether the older of two connections to one peer stays.

    Of two dials of this node that overlapped, the one that was proven first stays: the peer never
    hears who dialled the other one.  So a peer sees a second connection of ours only when we have
    given up the first, and takes it.  When both sides dialled at a time, both keep the one that the
    lower key opened.

    Args:
        rival: The older one.
        newcomer: How the newer one came about.
        dialled: Whether this node dialled the newer one.
        own_key: This node's key.
    """
    if not dialled and newcomer.since > rival.since + CROSSING_S:
        return False  # Whoever dials now has no other connection: it gave it up, or is a copy.
    if rival.initiator != dialled:
        return rival.initiator == (own_key < rival.peer)
    return dialled and newcomer.since <= rival.since
