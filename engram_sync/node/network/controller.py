"""Replication between this node and its peers: performs what exchanges ask, and syncs on demand."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from engram_sync.discovery import Discovery
from engram_sync.errors import DegradedError, EngramError
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.background.receipts import note_claims
from engram_sync.node.core import Core
from engram_sync.node.home.environment import Environment, capabilities
from engram_sync.node.network.budget import Budget
from engram_sync.node.network.connection import Connection, Services
from engram_sync.node.network.contradictions import copies, divergences, refusals
from engram_sync.node.network.network import Network
from engram_sync.node.network.network_parts import NetworkParts, PeerMemory
from engram_sync.node.network.passing_on import PassingOn
from engram_sync.node.network.ports import note_ports, with_ports
from engram_sync.node.network.reach import watch_reach
from engram_sync.node.network.refused_by import RefusedByPeers
from engram_sync.node.network.store_effects import StoreEffects
from engram_sync.node.single_error import single_error
from engram_sync.observe import Logger
from engram_sync.store import PeerRow, Transaction
from engram_sync.sync import Accord, PeerTable, ScopeView, Timing
from engram_sync.transport import Address

log = Logger("network")
PEERS_SAVE_S = 1.0
"""What is remembered of peers is written at most this often; losing it costs a longer search."""
DIALABLE = ("token", "static", "mdns")


class NetworkController:
    """The network side of one open node."""

    def __init__(self, core: Core, materialising: Materialising, nursery: trio.Nursery) -> None:
        self._core = core
        self._materialising = materialising
        self._nursery = nursery
        self._scopes: dict[bytes, ScopeView] = {}
        for view in core.scopes.values():
            self._keep(view)
        self._saved: dict[bytes, PeerRow] = {}
        self._running: trio.CancelScope | None = None
        self.offline = False
        self._turning = trio.Lock()
        self._wanted = False
        """Whether the network runs until it is told to stop."""
        self._guests = 0
        """Calls that need it for their duration."""
        self.network = self._new_network(core.environment)
        core.listeners.append(self._on_view)
        core.receiving = self._receiving
        core.contradictions = self._contradictions

    def _new_network(self, environment: Environment) -> Network:
        sync, network = self._core.config.sync, self._core.config.network
        intervals = Timing(
            ping_s=sync.ping_s,
            dead_s=sync.dead_after_s,
            compare_s=sync.interval_s,
            backoff_min_s=sync.backoff_min_s,
            backoff_max_s=sync.backoff_max_s,
        )
        self._passing_on = PassingOn(self._core, self._scopes, self._connections)
        self._refused_by = RefusedByPeers(
            self._core, self._materialising, self._scopes, self._passing_on
        )
        answering = StoreEffects(self._core, self._scopes, self._refused_by)
        services = Services(
            ingest=answering.ingest,
            work=answering.work,
            diverged=answering.diverged,
            budget=Budget(),
            quotas=self._core.quotas,
            work_s=environment.work_s,
            changed=self._core.announce_change,
        )
        table = PeerTable(self._core.key.public, jitter=environment.jitter, intervals=intervals)
        parts = NetworkParts(
            transport=lambda: environment.transport(network, self._core.key.node_id),
            capabilities=lambda: capabilities(network),
            discovery=self._discoveries,
            clock=environment.clock,
            entropy=environment.entropy,
            intervals=intervals,
        )
        return Network(
            self._core.key, parts, table, self._scopes, services, self._core.announce_change
        )

    # -- going on and off line ---------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether the network runs."""
        return self._running is not None

    async def start(self, listen: Sequence[Address] | None = None) -> None:
        """Listen, discover and dial until ``stop``.

        Args:
            listen: Where; None is as configured.

        Raises:
            DegradedError: An address cannot be listened on; the network stays off.
            UsageError: A setting cannot be used; it stays off, too.
        """
        if listen is None:
            listen = [Address.parse(text) for text in self._core.config.network.listen]
        async with self._turning:
            if self._wanted:
                return
            await self._halt()  # What runs for a guest listens nowhere; the guest dials again.
            await self._launch(listen)
            self._wanted = True

    def _discoveries(self, listening: bool) -> Sequence[Discovery]:
        network = self._core.config.network
        # Who listens nowhere has nothing to announce, and no interface to ask on.
        return self._core.environment.discovery(
            network if listening else replace(network, mdns=False)
        )

    async def _launch(self, listen: Sequence[Address]) -> None:
        self.network.retry_all()
        await self._core.read_sealed()
        known = await with_ports(self._core, listen)
        try:
            await self._begin(known)
        except DegradedError:
            if known == listen:
                raise
            await self._begin(listen)  # Somebody else has a port of the last time now.
        await note_ports(self._core, listen, self.network.listening)

    async def _begin(self, listen: Sequence[Address]) -> None:
        with single_error():
            await self._nursery.start(self._run, listen)

    async def _run(
        self,
        listen: Sequence[Address],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.CancelScope() as scope:
            self._running = scope
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._save_peers_forever)
                    nursery.start_soon(self._refused_by.give_way_forever)
                    nursery.start_soon(self._passing_on.pass_on_forever)
                    nursery.start_soon(watch_reach, self._core, self.network)
                    await self.network.run(listen, task_status=task_status)
            finally:
                self._running = None
                self._core.announce_change()

    def _connections(self) -> Iterable[Connection]:
        return self.network.connections.values()

    def _contradictions(self) -> list[str]:
        core, network = self._core, self.network
        return [*divergences(core, network), *copies(core, network), *refusals(network)]

    async def go_offline(self) -> None:
        """Drop the network, and refuse it until ``go_online``."""
        self.offline = True
        await self.stop()

    async def go_online(self) -> None:
        """Listen and dial again, as configured."""
        self.offline = False
        await self.start()

    async def stop(self) -> None:
        """Close every connection and listener; returns when all are closed."""
        async with self._turning:
            self._wanted = False
            await self._halt()
            await self._save_peers()

    async def _halt(self) -> None:
        self.note_success()  # While there are connections to tell.
        if self._running is not None:
            self._running.cancel()
        while self._running is not None:
            await self._core.wait_change()

    @asynccontextmanager
    async def for_duration(self) -> AsyncGenerator[Network]:
        """The network, dialled for the time of the block when it is off.

        Raises:
            DegradedError: The node was told to stay offline.
        """
        if self.offline:
            raise DegradedError("this node is offline", hint="engram-sync online")
        async with self._turning:
            if not self.online:
                await self._launch(())
            self._guests += 1
        try:
            yield self.network
        finally:
            self._guests -= 1
            with trio.CancelScope(shield=True):
                async with self._turning:
                    if not self._guests and not self._wanted:
                        await self._halt()
                        await self._save_peers()

    def _receiving(self) -> bool:
        return any(c.exchange.receiving() for c in self.network.connections.values())

    # -- views -------------------------------------------------------------------------------

    def _keep(self, view: ScopeView) -> None:
        # The instance scope is not even in the mapping that exchanges see.
        if view.scope != self._core.facts.instance_scope:
            self._scopes[view.scope] = view

    def _on_view(self, before: ScopeView | None, view: ScopeView) -> None:
        self._keep(view)
        if view.scope not in self._scopes:
            return
        if before is None or view.readers - before.readers:
            self.network.admitted()
        caught_up = before is not None and before.state_digest is None
        for connection in tuple(self.network.connections.values()):
            connection.perform(connection.exchange.on_advanced(view.scope))
            if caught_up and view.state_digest is not None:
                connection.perform(connection.exchange.on_materialised(view.scope))

    # -- what is remembered of peers ---------------------------------------------------------

    async def recall_peers(self) -> None:
        """Take up what an earlier run remembered of the peers."""
        for row in await self._core.read(lambda reader: reader.peers()):
            self._saved[row.key] = row
            self.network.memory.setdefault(
                row.key,
                PeerMemory(
                    via=row.via,
                    address=row.address,
                    last_success_ms=row.last_success_ms,
                    failures=row.failures,
                    last_error=row.error,
                ),
            )
            if row.address and row.via in DIALABLE:
                self.network.sight(row.address, via=row.via, key=row.key)

    async def _save_peers_forever(self) -> None:
        while True:
            await self._core.wait_change()
            self.note_success()
            await trio.sleep(PEERS_SAVE_S)
            await self._save_peers()
            peers = {key: c.exchange for key, c in self.network.connections.items()}
            await note_claims(self._core, tuple(self._scopes), peers)

    def note_success(self) -> None:
        """Remember of every peer that is synced that it was so just now."""
        now_ms, now = self._core.environment.clock.now_ms(), trio.current_time()
        for key, connection in self.network.connections.items():
            memory, exchange = self.network.memory[key], connection.exchange
            if exchange.accord() is Accord.SYNCED and not exchange.silent(now):
                memory.last_success_ms, memory.failures, memory.last_error = now_ms, 0, ""

    async def _save_peers(self) -> None:
        self.note_success()
        rows = [
            PeerRow(
                key=key,
                label=self._core.path.label(self._core.facts.agent_scope, key),
                address=memory.address,
                via=memory.via,
                last_success_ms=memory.last_success_ms,
                failures=memory.failures,
                error=memory.last_error,
            )
            for key, memory in self.network.memory.items()
        ]
        changed = [row for row in rows if self._saved.get(row.key) != row]
        views = tuple(self._scopes.values())
        dirty = [row for row in changed if any(row.key in view.readers for view in views)]
        if not dirty:
            return

        def job(tx: Transaction) -> None:
            for row in dirty:
                tx.put_peer(row)

        try:
            await self._core.write(job)
        except EngramError as error:
            log.warning("peers cannot be remembered", reason=error.message)
            return
        self._saved |= {row.key: row for row in dirty}
