"""What a network is made of, and what it remembers between connections."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import trio

from engram_sync.discovery import Discovery
from engram_sync.host import Clock, Entropy
from engram_sync.node._connection import Connection
from engram_sync.replication import Intervals
from engram_sync.transport import Transport


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
    intervals: Intervals


@dataclass(slots=True)
class PeerMemory:
    """What is remembered of a peer between connections."""

    via: str = ""
    address: str = ""
    last_success_ms: int | None = None
    failures: int = 0
    last_error: str = ""
    clock_digests: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])


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


@dataclass(frozen=True, slots=True)
class Way:
    """How a link came about."""

    via: str
    """``inbound``, or who told the address that was dialled."""
    address: str
    since: float
    """When dialling began, or the link was accepted."""


def stays(rival: Connection, newcomer: Way, *, dialled: bool, own_key: bytes) -> bool:
    """Whether the older of two connections to one peer stays.

    Of two dials of this node that overlapped, the one that was proven first stays: the peer never
    hears who dialled the other one.  So a peer sees a second connection of ours only when we have
    given up the first, and takes it.  When both sides dialled, both keep the one that the lower
    key opened.

    Args:
        rival: The older one.
        newcomer: How the newer one came about.
        dialled: Whether this node dialled the newer one.
        own_key: This node's key.
    """
    if rival.initiator != dialled:
        return rival.initiator == (own_key < rival.peer)
    return dialled and newcomer.since <= rival.since
