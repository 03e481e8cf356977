"""A network of named hosts in memory, repeatable from a seed."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from engram_sync.address import Address
from engram_sync.errors import DegradedError, UsageError
from engram_sync.transport import (
    CONNECT_S_MAX,
    LINKS_PER_ADDRESS_MAX,
    RECEIVE_BYTES,
    STRANGERS_MAX,
    STRANGERS_PER_ADDRESS_MAX,
    ConnectionLimiter,
    Link,
    Slot,
    TransportStatistics,
    UnreachableError,
)

from ._pipe import MemoryStream, Pipe

_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - a name here, binds nothing
_EPHEMERAL_PORT_FIRST: Final = 49152  # RFC 6335, section 6.
_PORT_LAST: Final = 65535
_TORN_BYTES_MAX: Final = 4096  # Splits most frames, keeps large transfers affordable.
BUFFER_BYTES: Final = 1 << 16
"""What a link holds per direction before its sender waits: as small as a slow socket's buffers,
so that tests meet back-pressure."""


@dataclass(slots=True)
class NetworkFaults:
    """What the network does to every link; may be changed while links are open."""

    latency_s_min: float = 0.0
    latency_s_max: float = 0.0
    """Each piece of bytes, and each connect, travels a time drawn between the two.  Order within
    one direction of a link is kept, as TCP keeps it."""
    refuse_chance: float = 0.0
    """Probability that a connect fails."""
    cut_chance: float = 0.0
    """Probability, per piece sent, that the link is cut instead."""
    tear: bool = False
    """Whether receives return random small parts of what has arrived."""


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    binding: bytes
    accept: Callable[[MemoryStream, bytes, Address], bool]
    """Takes the inbound end of a new link, or says that there is no place for it."""


@dataclass(slots=True, eq=False)
class _Wire:
    """A live connection between two hosts: the pipe of each direction, by its sending host."""

    initiator: str
    responder: str
    there: Pipe
    back: Pipe

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset((self.initiator, self.responder))

    @property
    def over(self) -> bool:
        cut = self.there.cut or self.back.cut
        return cut or (self.there.finished and self.back.finished)

    def cut(self) -> None:
        for pipe in (self.there, self.back):
            pipe.cut = True
            pipe.wake()


class MemoryNetwork:
    """Hosts by name, and what is wrong between them.

    Everything random comes from ``seed``, and each link, direction and end draws from a source of
    its own, so that what happens on one link does not change the luck of another.  With trio's
    scheduler and clock made repeatable, whole runs repeat.

    Args:
        seed: Draws channel bindings, delays and faults.
        faults: What happens to all links.
        buffer_bytes: What each direction of a link holds before its sender waits.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        faults: NetworkFaults | None = None,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self.faults = NetworkFaults() if faults is None else faults
        self._buffer_bytes = buffer_bytes
        self._seed = seed
        self._sources: Counter[str] = Counter()
        self._listeners: dict[Address, _Listener] = {}
        self._wires: list[_Wire] = []
        self._parted: set[frozenset[str]] = set()
        self._clogged: set[tuple[str, str]] = set()
        self._unclogged = trio.lowlevel.ParkingLot()
        self._port = _EPHEMERAL_PORT_FIRST

    def transport(
        self,
        host: str,
        *,
        strangers_max: int = STRANGERS_MAX,
        strangers_per_address_max: int = STRANGERS_PER_ADDRESS_MAX,
        links_per_address_max: int = LINKS_PER_ADDRESS_MAX,
    ) -> "MemoryTransport":
        """The transport of the host of that name."""
        return MemoryTransport(
            self,
            host,
            strangers_max=strangers_max,
            strangers_per_address_max=strangers_per_address_max,
            links_per_address_max=links_per_address_max,
        )

    def partition(self, a: str, b: str) -> None:
        """Cut the links between two hosts and refuse new ones until `heal`."""
        self._parted.add(frozenset((a, b)))
        self.cut(a, b)

    def clog(self, sender: str, receiver: str) -> None:
        """Stop bytes and connects in one direction until `unclog`; nothing is lost."""
        self._set_clogged(sender, receiver, clogged=True)

    def unclog(self, sender: str, receiver: str) -> None:
        """Deliver what `clog` held back."""
        self._set_clogged(sender, receiver, clogged=False)

    def heal(self, a: str | None = None, b: str | None = None) -> None:
        """End partitions and clogs: all, those of one host, or those between two.

        Links that were cut stay cut; the nodes dial again.
        """
        chosen = {host for host in (a, b) if host is not None}
        self._parted = {pair for pair in self._parted if not chosen <= pair}
        for sender, receiver in sorted(self._clogged):
            if chosen <= {sender, receiver}:
                self.unclog(sender, receiver)

    def cut(self, a: str, b: str | None = None) -> int:
        """Break the live links of ``a``, or only those with ``b``; returns how many.

        Both ends see `trio.BrokenResourceError`; what was in flight is lost.
        """
        chosen = {a} if b is None else {a, b}
        broken = [wire for wire in self._live() if chosen <= wire.hosts]
        for wire in broken:
            wire.cut()
        self._wires = [wire for wire in self._wires if wire not in broken]
        return len(broken)

    def links(self) -> list[tuple[str, str]]:
        """(initiator, responder) of every live link, oldest first."""
        return [(wire.initiator, wire.responder) for wire in self._live()]

    def _live(self) -> list[_Wire]:
        self._wires = [wire for wire in self._wires if not wire.over]
        return self._wires

    def _set_clogged(self, sender: str, receiver: str, *, clogged: bool) -> None:
        (self._clogged.add if clogged else self._clogged.discard)((sender, receiver))
        for wire in self._live():
            for source, sink, pipe in (
                (wire.initiator, wire.responder, wire.there),
                (wire.responder, wire.initiator, wire.back),
            ):
                if (source, sink) == (sender, receiver):
                    pipe.clogged = clogged
                    pipe.wake()
        self._unclogged.unpark_all()

    # What follows is called by MemoryTransport only.

    def listen(
        self,
        host: str,
        address: Address,
        accept: Callable[[MemoryStream, bytes, Address], bool],
    ) -> Address:
        """Make ``address`` reachable under the host's name.

        Raises:
            DegradedError: The port is taken, or the address belongs to another host.
        """
        if address.host != host and address.host not in _EVERY_ADDRESS:
            raise DegradedError(
                f"cannot listen on {address}: cannot assign requested address",
                hint=f"this host is {host}; 0.0.0.0 listens on all its addresses",
            )
        actual = Address(host, address.port or self._free_port(host))
        if actual in self._listeners:
            raise DegradedError(
                f"cannot listen on {address}: address already in use",
                hint="another node listens there; stop it or choose another port",
            )
        self._listeners[actual] = _Listener(self._source(f"listen {actual}").randbytes(32), accept)
        return actual

    def unlisten(self, address: Address) -> None:
        """Undo `listen`; links that were accepted stay."""
        del self._listeners[address]

    async def dial(self, host: str, address: Address) -> Link:
        """Open a link from ``host`` to whatever listens at ``address``."""
        luck = self._source(f"dial {host} {address}")
        # A connect is a round trip: it meets the network as it is when it arrives.
        await trio.sleep(self._delay_s(luck) + self._delay_s(luck))
        while {(host, address.host), (address.host, host)} & self._clogged:
            await self._unclogged.park()
        if frozenset((host, address.host)) in self._parted:
            raise _unreachable(address, "no route to host")
        listener = self._listeners.get(address)
        if listener is None or luck.random() < self.faults.refuse_chance:
            raise _unreachable(address, "connection refused")
        wire = _Wire(host, address.host, self._pipe(luck), self._pipe(luck))
        inbound = self._stream(wire, wire.back, wire.there, luck)
        outbound = self._stream(wire, wire.there, wire.back, luck)
        remote = Address(host, self._free_port(host))
        if not listener.accept(inbound, listener.binding, remote):
            raise _unreachable(address, "connection refused")
        self._wires.append(wire)
        return Link(outbound, listener.binding, True, address)

    def _source(self, use: str) -> random.Random:
        self._sources[use] += 1
        text = f"{self._seed} {use} {self._sources[use]}"
        return random.Random(text)  # noqa: S311 - repeatable on purpose

    def _pipe(self, luck: random.Random) -> Pipe:
        own = random.Random(luck.getrandbits(64))  # noqa: S311 - repeatable on purpose
        return Pipe(self._buffer_bytes, lambda: self._delay_s(own))

    def _stream(
        self, wire: _Wire, outgoing: Pipe, incoming: Pipe, luck: random.Random
    ) -> MemoryStream:
        sending = random.Random(luck.getrandbits(64))  # noqa: S311 - repeatable on purpose
        reading = random.Random(luck.getrandbits(64))  # noqa: S311 - repeatable on purpose

        def before_send() -> None:
            if self.faults.cut_chance and sending.random() < self.faults.cut_chance:
                wire.cut()

        def read_bytes_max() -> int:
            return reading.randint(1, _TORN_BYTES_MAX) if self.faults.tear else RECEIVE_BYTES

        return MemoryStream(
            outgoing, incoming, before_send=before_send, read_bytes_max=read_bytes_max
        )

    def _delay_s(self, luck: random.Random) -> float:
        low, high = self.faults.latency_s_min, self.faults.latency_s_max
        return luck.uniform(low, high) if high else 0.0

    def _free_port(self, host: str) -> int:
        while True:
            port = self._port
            self._port = _EPHEMERAL_PORT_FIRST if port == _PORT_LAST else port + 1
            if Address(host, port) not in self._listeners:
                return port


def _unreachable(address: Address, reason: str) -> UnreachableError:
    return UnreachableError(
        f"cannot reach {address}: {reason}",
        hint="check the address, and that the other node is running",
    )


class MemoryTransport:
    """The links of one host of a `MemoryNetwork`.

    Args:
        network: Where the host stands.
        host: Its name there.
        connect_s: How long a connect may hang.
        strangers_max: As for TCP.
        strangers_per_address_max: As for TCP; the address is the other host's name.
        links_per_address_max: As for TCP.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        host: str,
        *,
        connect_s: float = CONNECT_S_MAX,
        strangers_max: int = STRANGERS_MAX,
        strangers_per_address_max: int = STRANGERS_PER_ADDRESS_MAX,
        links_per_address_max: int = LINKS_PER_ADDRESS_MAX,
    ) -> None:
        self._network = network
        self._host = host
        self._connect_s = connect_s
        self._limiter = ConnectionLimiter(
            strangers_max=strangers_max,
            strangers_per_address_max=strangers_per_address_max,
            links_per_address_max=links_per_address_max,
        )

    @property
    def statistics(self) -> TransportStatistics:
        """Live counters."""
        return self._limiter.statistics

    async def serve(
        self,
        addresses: Sequence[Address],
        handler: Callable[[Link], Awaitable[None]],
        *,
        task_status: "trio.TaskStatus[list[Address]]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """See `Transport.serve`."""
        tasks: trio.Nursery | None = None

        def accept(stream: MemoryStream, binding: bytes, remote: Address) -> bool:
            place = None if tasks is None else self._limiter.admit(remote)
            if tasks is None or place is None:
                return False
            link = Link(stream, binding, False, remote, place.prove)
            tasks.start_soon(self._handle, link, place, handler)
            return True

        listening: list[Address] = []
        try:
            # Before the nursery, so that the error does not arrive in a group.
            for address in addresses:
                actual = self._network.listen(self._host, address, accept)
                listening.append(actual)
            async with trio.open_nursery() as nursery:
                tasks = nursery
                try:
                    task_status.started(list(listening))
                    await trio.sleep_forever()
                finally:
                    tasks = None  # While links are being closed, whoever dials is refused.
        finally:
            for actual in listening:
                self._network.unlisten(actual)

    async def _handle(
        self, link: Link, place: Slot, handler: Callable[[Link], Awaitable[None]]
    ) -> None:
        try:
            await self._limiter.hand_over(link, handler)
        finally:
            place.leave()
            await link.aclose()

    async def connect(self, address: Address) -> Link:
        """See `Transport.connect`."""
        if address.port == 0:
            raise UsageError(
                "port 0 cannot be dialled", hint="use the port that the other node listens on"
            )
        try:
            with trio.fail_after(self._connect_s):
                return await self._network.dial(self._host, address)
        except trio.TooSlowError as error:
            raise UnreachableError(
                f"cannot reach {address}: no answer within {self._connect_s:g} s",
                hint="check the address, and that no firewall is in between",
            ) from error
