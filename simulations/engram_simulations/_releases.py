"""Releases of the program side by side: what one writes and another does not know."""

import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from engram_simulations._checkers import NEWER_VERSION, NOTICE_S, Watcher
from engram_simulations._continuity import LogsContinueOnProof
from engram_simulations._host import NEWER_ENGRAM, Host
from engram_simulations._world import World
from engram_sync.api import Status
from engram_sync.errors import EngramError
from engram_sync.ledger import Draft
from engram_sync.node import Node
from engram_sync.node.home import newer as _newer
from engram_wire import LogDomain, cbor, newer_kind

OFTEN = 0.2
"""How likely somebody writes a kind of record of tomorrow, in a step of a run that has them."""
NEWER = 12
"""A kind of record that this release does not know and must not go on without."""
_KINDS = "newer_kind"
OPTIONAL = 13 | 0x20
"""One that it may leave alone."""


@dataclass(eq=False)
class Releases:
    """What the releases on the machines of a world know of each other's records.

    Args:
        world: Where they run.
        luck: Draws what is written.
        continuity: Told which nodes are stopped in order.
    """

    world: World
    luck: random.Random
    continuity: LogsContinueOnProof
    _steps: int = 0

    @contextmanager
    def running(self) -> Generator[None]:
        """Let the nodes be of these releases for the time of the block."""
        setattr(_newer, _KINDS, self._known)
        try:
            yield
        finally:
            setattr(_newer, _KINDS, newer_kind)

    def strike(self, calls: trio.Nursery) -> None:
        """Perhaps somebody writes what not every release knows."""
        self._steps += 1
        able = [(host, host.node) for host in self.world.hosts if host.node is not None]
        if not self.world.plan.newer or not able:
            return
        host, node = self.luck.choice(able)
        if self.luck.random() < OFTEN:
            draft = Draft(OPTIONAL, self.luck.randbytes(16), _PUTS)
            calls.start_soon(self._write, host, node, draft, "an optional")
        # It stops everything else, so it comes late.
        late = self._steps > self.world.plan.steps * 0.75
        if late and not self.world.newer and self.luck.random() < OFTEN:
            self.world.newer = True
            draft = Draft(NEWER, NEWER_ENGRAM, _PUTS)
            calls.start_soon(self._write, host, node, draft, "a needed")

    async def upgrade(self) -> None:
        """Give every machine the newer release, if anything was written that needs it."""
        if not self.world.newer:
            return
        self.world.upgraded = True
        self.world.trace.event("", "every machine is upgraded")
        for host in self.world.hosts:
            await host.open_or_off()
            if host.node is not None:
                self.continuity.left(host.name)
                host.leave()
                await host.open_or_off()

    async def _write(self, host: Host, node: Node, draft: Draft, which: str) -> None:
        core = node._core  # noqa: SLF001 - no user can write what its release does not know
        try:
            await core.write(
                lambda tx: core.path.write(tx, core.facts.agent_scope, [draft], LogDomain.DATA)
            )
        except EngramError:
            return
        self.world.trace.event(host.name, f"writes {which} record of a kind of tomorrow")
        self.world.trace.sometimes(f"{which} kind of tomorrow")

    def _known(self, shape: bytes, superseded: bytes) -> str | None:
        needs = newer_kind(shape, superseded)
        return None if self.world.upgraded and shape[0] == NEWER else needs


_PUTS = (("r/tomorrow", cbor.encode("what nobody knows yet")),)


class NewerStopsAScope(Watcher):
    """A node that holds what only a newer release understands says so, and does nothing there."""

    def on_step(self, world: World, statuses: dict[str, Status]) -> None:
        """Whoever holds it says so, as soon as it is stored."""
        now = trio.current_time()
        for name, status in statuses.items():
            since = world.by_name[name].newer_since
            if since is None or world.upgraded or now - since <= NOTICE_S:
                continue
            if not any(NEWER_VERSION in problem for problem in status.problems):
                raise self.objects(f"{name} goes on with a kind of record that it does not know")
            world.trace.sometimes("a scope stopped until an upgrade")
            if status.sync == "synced":
                raise self.objects(f"{name} says synced of a scope that is stopped")
