"""The simulated world: machines, the network between them, their users' account, and checkers."""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from engram_simulations._host import Host
from engram_simulations._plan import Plan
from engram_simulations._trace import Trace
from engram_simulations._verdict import LivenessError
from engram_simulations._writes import Account
from engram_sync.api import Engram, ScopeStatus, Status
from engram_sync.errors import EngramError
from engram_sync.node import Node
from engram_sync.testing import MemoryNetwork, NetworkFaults, SimulatedClock

SETTLE_POLLS_S = (*(0.1 for _ in range(40)), 1.0)
"""How soon nodes that come to rest are looked at again: closely while they find each other, when
a claim that is made too early is soon true."""
JOIN_S = 120.0
ID_SHOWN = 8


class Checker(Protocol):
    """Watches the world and raises ``CorrectnessError`` when it must not be as it is."""

    def on_step(self, world: "World", statuses: dict[str, Status]) -> None:
        """After every step, with what each open node says of itself."""
        ...

    async def on_opened(self, world: "World", host: Host) -> None:
        """A node is open again after a restart or a crash."""
        ...

    async def at_rest(self, world: "World") -> None:
        """All nodes are up and have come to agree."""
        ...


class World:
    """Everything that exists in one run.

    Args:
        plan: What the seed drew.
        trace: Gets every event.
        checkers: Who may object.
        overhear: Further ears on every byte that leaves a node.
    """

    def __init__(
        self,
        plan: Plan,
        trace: Trace,
        checkers: Sequence[Checker],
        overhear: Sequence[Callable[[str, bytes, int], None]],
    ) -> None:
        self.plan = plan
        self.trace = trace
        self.checkers = checkers
        self.account = Account()
        self.scope = ""
        """The agent that all nodes belong to, once they do."""
        self.clogged_until = float("-inf")
        """Until when messages may be late for longer than the latency."""
        self.tampered: set[str] = set()
        """Hosts in whose place another copy of their home has run."""
        self.hurried: set[str] = set()
        """Hosts whose users have made many edits in one go."""
        self.newer = False
        """Whether somebody has written what only a newer release understands."""
        self.upgraded = False
        """Whether every machine has the newer release by now."""
        self.refused: set[str] = set()
        """Hosts of which another one refuses a record, or refused one."""
        self.damaged: set[str] = set()
        """Hosts whose disk has lost values."""
        self.views: dict[str, list[Engram]] = {}
        """By host: every memory of the agent that it shows, deleted ones too; listed at rest."""
        self.interrupted: set[tuple[str, str]] = set()
        """Pairs whose link was cut in the middle of a transfer."""
        self._ears = overhear
        self._wire = hashlib.blake2b(digest_size=8)
        self._wire_bytes = 0
        faults = NetworkFaults(latency_s_max=plan.latency_s, tear=plan.tear)
        self.network = MemoryNetwork(plan.seed, faults=faults)
        self.hosts = [self._host(index, name) for index, name in enumerate(plan.names)]
        self.by_name = {host.name: host for host in self.hosts}
        self.pairs = list(itertools.combinations(plan.names, 2))

    def _host(self, index: int, name: str) -> Host:
        clock = SimulatedClock(skew_ms=self.plan.skews_ms[index], drift=self.plan.drifts[index])
        return Host(
            name,
            seed=self.plan.seed,
            network=self.network,
            clock=clock,
            config=self.plan.config(name),
            overhear=self._overhear,
            on_opened=self._on_opened,
        )

    async def _on_opened(self, host: Host, node: Node) -> None:
        for checker in self.checkers:
            try:
                await checker.on_opened(self, host)
            except EngramError:
                if host.node is node:
                    raise

    def _overhear(self, name: str, seen: bytes, overlap: int) -> None:
        self._wire.update(seen[overlap:])
        self._wire_bytes += len(seen) - overlap
        for ear in self._ears:
            ear(name, seen, overlap)

    def discard(self) -> None:
        """Free what outlives the run."""
        for host in self.hosts:
            host.storage.discard()

    # -- setting up --------------------------------------------------------------------------

    async def set_up(self, nursery: trio.Nursery) -> None:
        """Open all nodes and join them to the agent of the first."""
        for host in self.hosts:
            self.power_on(nursery, host)
            await host.opened()
        first, *others = self.hosts
        founder = await first.opened()
        self.scope = (await founder.identity()).agent
        token = await founder.invite(uses=max(1, len(others)), ttl_s=86_400.0)
        for host in others:
            with trio.move_on_after(JOIN_S) as deadline:
                result = await (await host.opened()).join(token)
                self.trace.event(host.name, f"joined {result.agent[:ID_SHOWN]} as {result.role}")
            if deadline.cancelled_caught:
                raise LivenessError(f"{host.name} could not join within {JOIN_S:g} s")
        await self.settle()

    def set_clocks_right(self) -> None:
        """Let every clock show the time, also those that were far ahead of it."""
        for host in self.hosts:
            host.clock.set_right()
        self.trace.event("", "every clock is set right")

    def power_on(self, nursery: trio.Nursery, host: Host) -> None:
        """Start a node on a machine that has none."""
        self.trace.event(host.name, "power on")
        host.power_on(nursery)

    # -- looking at it -----------------------------------------------------------------------

    async def statuses(self) -> dict[str, Status]:
        """What every open node says of itself."""
        found: dict[str, Status] = {}
        for host in self.hosts:
            node = host.node
            if node is None:
                continue
            try:
                found[host.name] = await node.status()
            except EngramError:
                if host.node is node:
                    raise
        return {name: status for name, status in found.items() if self.by_name[name].node}

    def agent_scope(self, status: Status) -> ScopeStatus:
        """What a status says of the shared scope."""
        return next(scope for scope in status.scopes if scope.id == self.scope)

    async def step_done(self) -> None:
        """Let the checkers look, and write down where everybody stands."""
        statuses = await self.statuses()
        self._note_resumed()
        self.trace.event("", " ".join(self._standing(statuses)))
        for checker in self.checkers:
            checker.on_step(self, statuses)

    def _standing(self, statuses: dict[str, Status]) -> list[str]:
        wire = f"wire {self._wire_bytes} {self._wire.hexdigest()}"
        standing = [wire]
        for name, status in statuses.items():
            scopes = [scope for scope in status.scopes if scope.id == self.scope]
            shown = scopes[0] if scopes else status.scopes[-1]
            digest = shown.digest[:ID_SHOWN] or "lagging"
            standing.append(f"{name}:{shown.records}/{digest}/{status.sync}")
        return standing

    def _note_resumed(self) -> None:
        for a, b in sorted(self.interrupted):
            ours, theirs = (self.by_name[name].records.get(self.scope) for name in (a, b))
            if ours == theirs:
                self.interrupted.discard((a, b))
                self.trace.sometimes("a transfer resumed")

    # -- coming to rest ----------------------------------------------------------------------

    async def settle(self) -> None:
        """Wait until all nodes agree and say so.

        Raises:
            LivenessError: They do not within the time that the plan gives them.
        """
        missing = ""
        polls = itertools.chain(SETTLE_POLLS_S, itertools.repeat(SETTLE_POLLS_S[-1]))
        with trio.move_on_after(self.plan.converge_s):
            for host in self.hosts:
                missing = f"{host.name} does not open"
                await host.opened()
            while missing := self._missing(await self.statuses()):
                await self.step_done()
                await trio.sleep(next(polls))
        if missing:
            raise LivenessError(f"after {self.plan.converge_s:g} s of peace: {missing}")
        await self.step_done()

    def _missing(self, statuses: dict[str, Status]) -> str:
        """What is not as it should be in the end; empty when all is well."""
        for name in self.plan.names:
            if name not in statuses:
                return f"{name} is not up"
            if not any(scope.id == self.scope for scope in statuses[name].scopes):
                return f"{name} does not hold the agent's scope"
        scopes = {name: self.agent_scope(status) for name, status in statuses.items()}
        if lacking := self._lacking(scopes):
            return lacking
        first = self.plan.names[0]
        for name, scope in scopes.items():
            if scope.clock_digest != scopes[first].clock_digest:
                return f"{first} and {name} hold different records"
            if scope.digest != scopes[first].digest:
                return f"{first} and {name} hold equal records and different states"
        return self._not_synced(statuses)

    def _lacking(self, scopes: dict[str, ScopeStatus]) -> str:
        for name, scope in scopes.items():
            if not scope.digest:
                return f"{name} has not materialised everything"
            if scope.owed:
                return f"{name} still lacks {scope.owed} payloads"
        return ""

    def _not_synced(self, statuses: dict[str, Status]) -> str:
        for name, status in statuses.items():
            hub = self.plan.mesh or name == self.plan.names[0]
            connected = [peer for peer in status.peers if peer.connected]
            wanted = len(self.plan.names) - 1 if hub else 1
            if len(connected) < wanted:
                return f"{name} is connected to {len(connected)} of {wanted} peers"
            for peer in connected:
                if peer.state != "synced":
                    return f"{name} says {peer.state} of {peer.label}, and they agree"
        return ""
