"""Node: what an agent embeds."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Self

import trio

from engram_crdt import StrategyRegistry
from engram_sync.api import (
    Compaction,
    Doctor,
    Identity,
    JoinResult,
    PeerStatus,
    Status,
    SyncResult,
)
from engram_sync.config import Config
from engram_sync.errors import DeadlineError, DegradedError, UsageError
from engram_sync.membership import InviteToken, parse_token
from engram_sync.memory.read import Strategies
from engram_sync.model.ids import node_text
from engram_sync.node.background.presence import watch_store
from engram_sync.node.background.void_elsewhere import ratify_forever
from engram_sync.node.core import Core
from engram_sync.node.home.environment import Environment, HomeStorage
from engram_sync.node.limits import JOIN_S, SHUTDOWN_S
from engram_sync.node.memories import Memories
from engram_sync.node.memory_calls import MemoryCalls
from engram_sync.node.network.joining import bring as bring_earlier
from engram_sync.node.network.joining import earlier, invite, make_current
from engram_sync.node.network.redeeming import redeem
from engram_sync.node.network.sharing import NetworkController
from engram_sync.node.opening.founding import relabel
from engram_sync.node.opening.opening import opened
from engram_sync.node.reporting import identity, peers, status
from engram_sync.node.single_error import single_error
from engram_sync.node.syncing import Sync
from engram_sync.node.upkeep.maintenance import compact, doctor
from engram_sync.transport import Address, dialable

KEEP_DAYS = 30.0
"""How long a compaction leaves alone what changed, unless told otherwise: a month to restore it."""

Service = Callable[..., Awaitable[object]]
"""``async def serve(node, *, task_status)``: runs beside an open node until cancelled."""


class Node(MemoryCalls):
    """One agent's memories, and their replication.

    Open it with ``async with Node.open(home) as node``.  Every method raises ``EngramError`` and
    nothing else on purpose.  A write has reached the disk when its method returns, and is offered
    to peers only then.
    """

    default_services: ClassVar[tuple[Service, ...]] = ()
    """What every open node runs beside itself unless ``open`` is told otherwise."""

    def __init__(
        self,
        core: Core,
        sharing: NetworkController,
        *,
        running: bool,
        strategies: StrategyRegistry | None,
    ) -> None:
        read_by = Strategies(core.config.strategies, strategies)
        super().__init__(Memories(core, running=running, strategies=read_by))
        self._core = core
        self._sharing = sharing
        self._running = running

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        home: str | Path | None = None,
        *,
        config: Config | None = None,
        label: str | None = None,
        services: Sequence[Service] | None = None,
        running: bool = True,
        machine: Environment | None = None,
        premises: HomeStorage | None = None,
        lock_wait_s: float = 0.0,
        strategies: StrategyRegistry | None = None,
    ) -> AsyncGenerator[Self]:
        """Open the node of ``home``, creating it on first use.

        No socket is opened for the network unless ``config.network.enabled``.

        Args:
            home: The directory; by default the user's data directory for engram-sync.
            config: Settings; by default those of the environment and the files.
            label: Display name of a node that is created now.
            services: What runs beside it; by default ``default_services``.
            running: Whether the node outlives single calls, so that instant memories make sense.
            machine: Time, entropy and network; by default the real ones.
            premises: Where key and store are; by default the directory ``home``.
            lock_wait_s: Seconds to wait for another process to leave the home.
            strategies: How fields may be read that hold several values; by default the built-in
                ways.  ``config.strategies`` says which field is read how.

        Raises:
            DegradedError: Another process has the home open, or an address cannot be listened on.
            CorruptError: The home holds something else than a store of ours.
            DeniedError: The home cannot be read or written.

        Resource handling: on the way out connections get a goodbye, queued writes are committed
        and the store is closed, all within a deadline.
        Error handling: a peer's error ends that peer's connection; anything unexpected in a part
        of the node leaves this block as an exception.
        """
        machine = machine or Environment()
        with single_error():
            async with (
                opened(home, config, label, machine, premises, lock_wait_s) as core,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(core.materialise_forever)
                nursery.start_soon(core.index_forever)
                nursery.start_soon(watch_store, core)
                nursery.start_soon(ratify_forever, core)
                sharing = NetworkController(core, nursery)
                await sharing.recall_peers()
                node = cls(core, sharing, running=running, strategies=strategies)
                for service in cls.default_services if services is None else services:
                    await nursery.start(service, node)
                if core.config.network.enabled:
                    await node._start_network()
                try:
                    yield node
                finally:
                    with trio.move_on_after(SHUTDOWN_S, shield=True):
                        await sharing.stop()
                    nursery.cancel_scope.cancel()

    @property
    def home(self) -> Path:
        """The directory that holds the node's store and key."""
        return self._core.home

    @property
    def unstored(self) -> str:
        """Why nothing can be stored just now, in words; empty when it can."""
        return self._core.problems.get("store", "")

    async def identity(self) -> Identity:
        """Who this node is."""
        return identity(self._core)

    async def relabel(self, label: str) -> Identity:
        """Change this node's display name; other nodes show it with their next sync.

        Raises:
            UsageError: It is empty, too long or holds control characters.
        """
        core = self._core
        await core.write(lambda tx: relabel(tx, core.path, core.key, label))
        core.facts.label = label
        return identity(core)

    # -- peers -------------------------------------------------------------------------------

    async def sync(self, *, timeout_s: float = 30.0) -> SyncResult:
        """Pull, push, and wait until clocks and digests agree with every reachable peer.

        Raises:
            DegradedError: The node was told to stay offline.
        """
        core = self._core
        async with self._sharing.for_duration() as network:
            return await Sync(core, network, core.readers()).run(timeout_s)

    async def invite(self, *, ttl_s: float = 900.0, role: str = "member", uses: int = 1) -> str:
        """A token that admits another node to this agent; whoever holds it can join.

        Raises:
            DegradedError: The node does not listen, so nobody could redeem it.
            DeniedError: This node does not lead its agent.
        """
        addresses = [str(address) for address in dialable(self._sharing.network.listening)]
        if not addresses:
            raise DegradedError(
                "an invite names an address to join at, and this node listens on none",
                hint="start it with: engram-sync up",
            )
        return invite(self._core, addresses, ttl_s=ttl_s, role=role, uses=uses).text()

    async def join(self, token: str, *, bring: bool = False) -> JoinResult:
        """Become a member of the agent that issued ``token``.

        Args:
            token: What ``invite`` printed.
            bring: Re-create the memories of the agent this node belonged to so far.

        Raises:
            UsageError: It is no token.
            DeniedError: It has expired, or the issuer refused.
            DegradedError: The issuer cannot be reached.
        """
        core = self._core
        parsed = parse_token(token, now_ms=core.machine.clock.now_ms())
        if parsed.issuer == core.key.public:
            raise UsageError("this node issued the invite itself", hint="join on another node")
        try:
            async with self._sharing.for_duration() as network:
                with trio.move_on_after(JOIN_S) as deadline:
                    await redeem(core, network, parsed, deadline)
                if deadline.cancelled_caught:
                    raise DeadlineError(f"the issuer did not answer within {JOIN_S:g} s")
        except (DegradedError, DeadlineError):
            # Only the issuer can tell somebody who was put out; a member has nothing to wait for.
            if core.path.role(parsed.scope, core.key.public) is None:
                raise
            kind = await core.write(lambda tx: make_current(tx, parsed.scope))
            core.facts.current[kind] = parsed.scope
        return await self._joined(parsed, bring=bring)

    async def _joined(self, token: InviteToken, *, bring: bool) -> JoinResult:
        core = self._core
        brought = await bring_earlier(core) if bring else 0
        left = (await core.read(earlier)).memories
        role = core.path.role(token.scope, core.key.public)
        assert role is not None
        return JoinResult(
            agent=token.scope.hex(),
            node=node_text(token.issuer),
            role=role.name.lower(),
            brought=brought,
            left_behind=left,
        )

    async def peers(self) -> Sequence[PeerStatus]:
        """Every other member of this agent, and of the other scopes in use."""
        return await peers(self._core, self._sharing)

    async def status(self) -> Status:
        """The truth about this node, now."""
        return await status(self._core, self._sharing, running=self._running)

    async def doctor(self) -> Doctor:
        """Check everything that is stored, down to each signature; changes nothing."""
        return await doctor(self._core, keep_days=KEEP_DAYS)

    async def compact(self, *, keep_days: float = KEEP_DAYS, dry_run: bool = False) -> Compaction:
        """Drop values that nothing shows any more, and rewrite the store without its free room.

        What every memory shows stays as it is, and every signature still verifies.

        Args:
            keep_days: Leave memories alone that changed within so many days.
            dry_run: Change nothing and say what would be dropped.

        Raises:
            UsageError: ``keep_days`` is negative.
            DegradedError: There is no room to rewrite the store.
        """
        if not keep_days >= 0:
            raise UsageError(f"keep_days is {keep_days:g}", hint="give a number from 0")
        return await compact(self._core, keep_days=keep_days, dry_run=dry_run)

    async def go_offline(self) -> None:
        """Drop and refuse the network; the node stays writable."""
        self._sharing.offline = True
        await self._sharing.stop()

    async def go_online(self) -> None:
        """Listen and dial again, as configured."""
        self._sharing.offline = False
        await self._start_network()

    async def _start_network(self) -> None:
        network = self._core.config.network
        listen = [Address.parse(text) for text in network.listen]
        await self._sharing.start(listen)
