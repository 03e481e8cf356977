"""Everything of a node that touches the network: listeners, dialling, discovery, connections."""

from collections.abc import Callable, Mapping, Sequence

import trio

from engram_sync.discovery import Discovery, Sighting
from engram_sync.errors import DegradedError, EngramError
from engram_sync.model.ids import node_text
from engram_sync.node.home.files import NodeKey
from engram_sync.node.limits import CONNECTIONS_MAX, STRANGERS_MAX
from engram_sync.node.network.authentication import authenticate
from engram_sync.node.network.connection import Connection, ConnectionEnded, Services
from engram_sync.node.network.network_parts import (
    COPY,
    End,
    NetworkParts,
    Opened,
    PeerMemory,
    Way,
    stays,
)
from engram_sync.observe import Logger
from engram_sync.sync import Contact, Exchange, PeerTable, ScopeView
from engram_sync.transport import Address, CertificateError, Link, Transport
from engram_wire import CloseCode, Established, KeyPair, Role, Session

log = Logger("network")
SIGHTINGS_MAX = 64
"""Sightings waiting to be looked at; discovery drops and counts beyond it."""


class Network:
    """The connections of one node.

    Args:
        scopes: The node's scope views; the node replaces entries as commits happen.
        services: What connections ask of the node.
        changed: Called whenever something visible changed.
    """

    def __init__(
        self,
        key: NodeKey,
        parts: NetworkParts,
        table: PeerTable,
        scopes: Mapping[bytes, ScopeView],
        services: Services,
        changed: Callable[[], None],
    ) -> None:
        self._key = key
        self._parts = parts
        self.table = table
        self._scopes = scopes
        self._services = services
        self._changed = changed
        self.connections: dict[bytes, Connection] = {}
        self.memory: dict[bytes, PeerMemory] = {}
        self.listening: tuple[Address, ...] = ()
        self.problems: dict[str, str] = {}
        """In words, by the discovery or the address that is concerned."""
        self.misnamed = 0
        """Peers whose certificate was for another node, since the node was opened."""
        self._answering: set[bytes] = set()
        """Channel bindings of the links that were accepted."""
        self._transport: Transport | None = None
        self._capabilities: Sequence[str] = ()
        self._dial_now = trio.Event()
        self._nursery: trio.Nursery | None = None

    async def run(
        self,
        listen: Sequence[Address],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen, discover and dial until cancelled.

        Args:
            listen: Addresses to accept peers on; none to dial only.

        Resource handling: every connection is closed with a goodbye before it returns.
        Error handling: a peer's error ends that peer's connection; an address that cannot be
        listened on, and a setting that cannot be used, is raised before ``started``.
        """
        self._capabilities = self._parts.capabilities()
        self._transport = transport = self._parts.transport()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                if listen:
                    addresses = await nursery.start(transport.serve, listen, self._serve_link)
                    self.listening = tuple(addresses)
                for discovery in self._parts.discovery(bool(listen)):
                    await self._start_discovery(nursery, discovery)
                nursery.start_soon(self._dial_loop)
                task_status.started()
        finally:
            self._nursery = None
            self.listening = ()
            self.problems.clear()

    async def _start_discovery(self, nursery: trio.Nursery, discovery: Discovery) -> None:
        send, receive = trio.open_memory_channel[Sighting](SIGHTINGS_MAX)
        nursery.start_soon(self._take_sightings, receive)
        state = await nursery.start(discovery.run, self.listening, send)
        if not state.available and state.kind == "mdns":
            self.problems[state.kind] = f"{state.kind}: {state.reason}"

    async def _take_sightings(self, sightings: trio.MemoryReceiveChannel[Sighting]) -> None:
        own = {str(address) for address in self.listening}
        async for sighting in sightings:
            address = str(sighting.address)
            if sighting.gone:
                self.table.gone(address)
            elif address not in own:
                self.sight(address, via=sighting.via)

    # -- dialling ----------------------------------------------------------------------------

    def sight(self, address: str, *, via: str, key: bytes | None = None) -> None:
        """A node may be found at ``address``."""
        self.table.sighted(address, via=via, now=trio.current_time(), key=key)
        self.dial_soon()

    def dial_soon(self) -> None:
        """Look at the peer table again now."""
        self._dial_now.set()

    def retry_all(self) -> None:
        """Forget every backoff: the user asked."""
        self.table.retry_all(trio.current_time())
        self.dial_soon()

    async def connect(self, address: Address, *, via: str, expected: bytes) -> Connection:
        """Dial and return the authenticated connection, which goes on being served.

        Raises:
            ConnectionEnded: Nobody with that key answered.
            EngramError: The address cannot be reached.
        """
        connected = self.connections.get(expected)
        if connected is not None:
            return connected
        if self._nursery is None:
            raise DegradedError("this node is offline", hint="engram-sync online")
        opened = Opened()
        self._nursery.start_soon(self._connect, address, via, expected, opened)
        await opened.event.wait()
        if opened.error is not None:
            raise opened.error
        assert opened.connection is not None
        return opened.connection

    async def _connect(self, address: Address, via: str, expected: bytes, opened: Opened) -> None:
        try:
            await self.dial(address, via=via, expected=expected, opened=opened)
        except (ConnectionEnded, EngramError) as error:
            opened.error = error
        except Exception as error:  # noqa: BLE001 - logged; see ``_dial_contact``
            log.error("a connection failed", cause=error, address=str(address))
            opened.error = ConnectionEnded(CloseCode.INTERNAL, "an error inside this node")
        opened.event.set()

    async def _dial_loop(self) -> None:
        assert self._nursery is not None
        while True:
            for contact in self.table.due(trio.current_time()):
                self._nursery.start_soon(self._dial_contact, contact)
            deadline = self.table.next_deadline()
            with trio.move_on_at(float("inf") if deadline is None else deadline):
                await self._dial_now.wait()
            self._dial_now = trio.Event()

    async def _dial_contact(self, contact: Contact) -> None:
        try:
            await self.dial(Address.parse(contact.address), via=contact.via)
        except ConnectionEnded as error:
            self._dial_failed(contact, error.reason, stranger=error.code is CloseCode.NOT_FOUND)
            if error.code is CloseCode.DUPLICATE and self.table.is_due_again(contact):
                self.problems[contact.address] = COPY.format(contact.address)
        except EngramError as error:
            self._dial_failed(contact, error.message, stranger=False)
            if isinstance(error, CertificateError) and contact.via != "mdns":
                # Somebody has to look at it; not at those who only announced themselves.
                self.problems[contact.address] = error.message
        except Exception as error:  # noqa: BLE001 - logged, and as for those who dial us:
            # a defect that a peer can reach ends its connection and not the node.
            log.error("a connection failed", cause=error, address=contact.address)
            self._dial_failed(contact, "an error inside this node", stranger=False)
        finally:
            contact.dialing = False

    def _dial_failed(self, contact: Contact, error: str, *, stranger: bool) -> None:
        now = trio.current_time()
        self.problems.pop(contact.address, None)
        self.table.failed(contact.address, now=now, error=error, stranger=stranger)
        memory = None if contact.key is None else self.memory.get(contact.key)
        if memory is not None:
            memory.failures = contact.failures
            memory.last_error = error
        self.dial_soon()
        self._changed()

    async def dial(
        self,
        address: Address,
        *,
        via: str,
        expected: bytes | None = None,
        opened: Opened | None = None,
    ) -> None:
        """Connect, prove, and serve the connection until it ends.

        Args:
            expected: The key that must answer; nothing is said to any other.
            opened: Told of the connection as soon as it is authenticated.

        Raises:
            ConnectionEnded: It ended without a useful session.
            EngramError: The address cannot be reached.
        """
        assert self._transport is not None
        way = Way(via, str(address), trio.current_time())
        link = await self._transport.connect(address)
        await self._establish(link, self._session(Role.INITIATOR, link, expected), way, opened)

    # -- connections -------------------------------------------------------------------------

    async def _serve_link(self, link: Link) -> None:
        session = self._session(Role.RESPONDER, link, None)
        self._answering.add(link.channel_binding)
        try:
            await self._establish(
                link, session, Way("inbound", str(link.remote), trio.current_time()), None
            )
        except ConnectionEnded:
            return  # A stranger, or a peer that left: it has been told, nothing to do here.
        finally:
            self._answering.discard(link.channel_binding)

    def _session(self, role: Role, link: Link, expected: bytes | None) -> Session:
        return Session(
            role,
            KeyPair(public_key=self._key.public, secret_key=self._key.secret),
            nonce=self._parts.entropy(32),
            channel_binding=link.channel_binding,
            expected_peer=expected,
            capabilities=self._capabilities,
        )

    async def _establish(
        self, link: Link, session: Session, way: Way, opened: Opened | None
    ) -> None:
        try:
            established = await authenticate(link, session)
            if link.initiator and not self._goes_on(link, established.peer, way, opened):
                await trio.aclose_forcefully(link.stream)
                return
        except BaseException as error:
            duplicate = isinstance(error, ConnectionEnded) and error.code is CloseCode.DUPLICATE
            if duplicate and link.channel_binding in self._answering:
                # This node itself answered: its own announcement, or a proxy in front of it.
                self.table.connected(self._key.public, address=way.address)
            await trio.aclose_forcefully(link.stream)
            raise
        link.authenticated()
        self.problems.pop(way.address, None)
        connection = self._connection(link, session, established, way)
        await self._run_connection(connection, way, opened)

    def _goes_on(self, link: Link, peer: bytes, way: Way, opened: Opened | None) -> bool:
        """Whether to tell the node that was dialled who is here; until now it does not know.

        Raises:
            CertificateError: It shows the certificate of another node.
        """
        if problem := self._misnamed(link, peer):
            raise CertificateError(problem, hint="every node needs a certificate of its own")
        rival = self.connections.get(peer)
        if rival is None or not stays(rival, way, dialled=True, own_key=self._key.public):
            return True
        self.table.connected(peer, address=way.address)
        if opened is not None:
            opened.tell(rival)
        return False

    def _misnamed(self, link: Link, peer: bytes) -> str:
        """What is wrong when the peer's certificate is not for the node that it proved to be."""
        node = node_text(peer)
        if link.permits(node):
            return ""
        self.misnamed += 1
        names = ", ".join(sorted(link.names or ())) or "no node"
        problem = f"the certificate shown from {link.remote} is for {names}, and not for {node}"
        log.warning("a node shows a certificate that is not its own", reason=problem)
        return problem

    def _connection(
        self, link: Link, session: Session, established: Established, way: Way
    ) -> Connection:
        memory = self.memory.setdefault(established.peer, PeerMemory())
        now = trio.current_time()
        exchange = Exchange(
            established.peer,
            self._scopes,
            now=now,
            remembered=memory.clock_digests,
            intervals=self._parts.intervals,
            session=established.session_id,
        )
        return Connection(
            link=link,
            session=session,
            exchange=exchange,
            peer=established.peer,
            clock=self._parts.clock,
            services=self._services,
            via=way.via,
            address=way.address,
            initiator=link.initiator,
            since=now,
        )

    async def _run_connection(
        self, connection: Connection, way: Way, opened: Opened | None
    ) -> None:
        peer, dialled = connection.peer, connection.initiator
        rival = self.connections.get(peer)
        misnamed = "" if dialled else self._misnamed(connection.link, peer)
        crowded = rival is None and self._crowded(peer)
        if not (crowded or misnamed):
            self.table.connected(peer, address=way.address if dialled else None)
            self.dial_soon()
        if misnamed:
            connection.close(CloseCode.STRANGER, misnamed)
            self.memory[peer].last_error = misnamed
        elif crowded:
            connection.close(CloseCode.BUSY, "too many connections")
        elif rival and stays(rival, way, dialled=dialled, own_key=self._key.public):
            connection.close(CloseCode.DUPLICATE, "connected already")
        else:
            if rival is not None:
                self.memory[peer].replace(rival, way, dialled=dialled, now=trio.current_time())
                rival.close(CloseCode.DUPLICATE, "a newer connection replaces this one")
            self.connections[peer] = connection
            self._remember_way(connection)
            if not dialled:
                self.memory[peer].called(trio.current_time())
        self._changed()
        if opened is not None:
            opened.tell(self.connections.get(peer, connection))
        try:
            ended = await connection.run()
        except BaseException:
            self._forget(connection, None)
            raise
        self._forget(connection, ended)
        if ended.code is not CloseCode.DUPLICATE and not connection.exchange.shared():
            raise ended

    def reached(self, connection: Connection, *, via: str, address: str) -> None:
        """A connection turns out to be the one that somebody's word led to."""
        connection.via, connection.address = via, address
        if self.connections.get(connection.peer) is connection:
            self._remember_way(connection)

    def _remember_way(self, connection: Connection) -> None:
        """Where and how a peer was reached; what we dialled says more than where it came from."""
        memory = self.memory.setdefault(connection.peer, PeerMemory())
        if connection.via != "inbound":
            memory.via, memory.address = connection.via, connection.address
        elif not memory.via:
            memory.via = connection.via

    def admitted(self) -> None:
        """A scope has new members: look at strangers again."""
        self.table.admitted(now=trio.current_time())
        self.dial_soon()

    def _knows(self, key: bytes) -> bool:
        return any(key in view.readers for view in self._scopes.values())

    def _crowded(self, key: bytes) -> bool:
        """Whether there is no place for ``key``; strangers cannot take those of members."""
        strangers = sum(not self._knows(other) for other in self.connections)
        return len(self.connections) >= CONNECTIONS_MAX or (
            strangers >= STRANGERS_MAX and not self._knows(key)
        )

    def _forget(self, connection: Connection, ended: ConnectionEnded | None) -> None:
        # Two connections to one peer may end one after the other.
        memory = self.memory.setdefault(connection.peer, PeerMemory())
        memory.clock_digests = {
            scope: summary.clock_digest
            for scope, summary in connection.exchange.summaries().items()
        }
        if self.connections.get(connection.peer) is connection:
            del self.connections[connection.peer]
            now = trio.current_time()
            how = memory.end(connection, ended, now=now, now_ms=self._parts.clock.now_ms())
            self.table.disconnected(
                connection.peer, now=now, failed=how is End.FAILED, taken=how is End.TAKEN
            )
        if connection.peer not in self.connections and not self._knows(connection.peer):
            # Keys cost nothing: whoever is no member leaves no trace.
            del self.memory[connection.peer]
        self.dial_soon()
        self._changed()
