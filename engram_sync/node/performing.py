"""What a node does for each call: one row per call of ``engram_sync.api.calls``."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import trio

from engram_sync.api import Identity, JoinResult, SyncResult
from engram_sync.api import calls as c
from engram_sync.errors import DeadlineError, DegradedError, UsageError
from engram_sync.membership import InviteToken, parse_token
from engram_sync.memory.state import Strategies
from engram_sync.model.ids import node_text
from engram_sync.node.background.background import Background
from engram_sync.node.limits import JOIN_S
from engram_sync.node.memories import Memories
from engram_sync.node.network.controller import NetworkController
from engram_sync.node.network.joining import bring as bring_earlier
from engram_sync.node.network.joining import earlier, invite, make_current
from engram_sync.node.network.redeeming import redeem
from engram_sync.node.opening.founding import relabel
from engram_sync.node.reporting import identity, peers, status
from engram_sync.node.syncing import Sync
from engram_sync.node.upkeep.maintenance import compact, doctor
from engram_sync.transport import dialable

R = TypeVar("R")


class Performer:
    """Performs the calls of one open node.

    Args:
        background: The node's core, and what follows its writes.
        controller: Its network.
        running: Whether the node outlives single calls.
        strategies: How fields that hold several values are read.
    """

    def __init__(
        self,
        background: Background,
        controller: NetworkController,
        *,
        running: bool,
        strategies: Strategies,
    ) -> None:
        core, materialising = background.core, background.materialising
        self._core = core
        self._materialising = materialising
        self._controller = controller
        self._memories = memories = Memories(background, running=running, strategies=strategies)
        self._rows: dict[type[c.Call[Any]], Callable[[Any], Awaitable[object]]] = {
            c.RememberCall: memories.remember,
            c.RememberManyCall: lambda call: memories.remember_many(call.memories),
            c.RecallCall: memories.recall,
            c.GetCall: memories.get,
            c.ListCall: memories.newest,
            c.UpdateCall: memories.update,
            c.ForgetCall: memories.forget,
            c.ArchiveCall: memories.archive,
            c.RestoreCall: memories.restore,
            c.HistoryCall: memories.history,
            c.ConflictsCall: memories.conflicts,
            c.IdentityCall: self._identity,
            c.RelabelCall: self._relabel,
            c.SyncCall: self._sync,
            c.InviteCall: self._invite,
            c.JoinCall: self._join,
            c.PeersCall: lambda _: peers(core, controller),
            c.StatusCall: lambda _: status(core, controller, running=running),
            c.DoctorCall: lambda _: doctor(core, materialising, keep_days=c.KEEP_DAYS),
            c.CompactCall: self._compact,
            c.GoOfflineCall: lambda _: controller.go_offline(),
            c.GoOnlineCall: lambda _: controller.go_online(),
        }

    async def perform(self, call: c.Call[R]) -> R:
        """Do what a call asks, and answer it."""
        return cast(R, await self._rows[type(call)](call))

    async def _identity(self, _: c.IdentityCall) -> Identity:
        return identity(self._core)

    async def _relabel(self, call: c.RelabelCall) -> Identity:
        core = self._core
        await core.write(lambda tx: relabel(tx, core.path, core.key, call.label))
        core.facts.label = call.label
        return identity(core)

    async def _sync(self, call: c.SyncCall) -> SyncResult:
        core = self._core
        async with self._controller.for_duration() as network:
            return await Sync(core, network, core.readers()).run(call.timeout_s)

    async def _invite(self, call: c.InviteCall) -> str:
        addresses = [str(address) for address in dialable(self._controller.network.listening)]
        if not addresses:
            raise DegradedError(
                "an invite names an address to join at, and this node listens on none",
                hint="start it with: engram-sync up",
            )
        made = invite(self._core, addresses, ttl_s=call.ttl_s, role=call.role, uses=call.uses)
        return made.text()

    async def _join(self, call: c.JoinCall) -> JoinResult:
        core = self._core
        parsed = parse_token(call.token, now_ms=core.environment.clock.now_ms())
        if parsed.issuer == core.key.public:
            raise UsageError("this node issued the invite itself", hint="join on another node")
        try:
            async with self._controller.for_duration() as network:
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
        return await self._joined(parsed, bring=call.bring)

    async def _joined(self, token: InviteToken, *, bring: bool) -> JoinResult:
        core = self._core
        brought = await bring_earlier(core, self._materialising) if bring else 0
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

    async def _compact(self, call: c.CompactCall) -> object:
        if not call.keep_days >= 0:
            raise UsageError(f"keep_days is {call.keep_days:g}", hint="give a number from 0")
        return await compact(
            self._core, self._materialising, keep_days=call.keep_days, dry_run=call.dry_run
        )
