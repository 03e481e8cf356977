"""What the parts of one open node share: store, write path, scope views, and who hears of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import trio

from engram_sync.api import Scope
from engram_sync.config import Config
from engram_sync.errors import DegradedError
from engram_sync.membership import Member
from engram_sync.memory.instant import InstantMemories
from engram_sync.memory.read import Planner
from engram_sync.node.home.environment import Environment
from engram_sync.node.home.files import NodeKey
from engram_sync.node.writing.outcome import JobOutcome
from engram_sync.node.writing.quotas import Quotas
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Reader, Store, Transaction
from engram_sync.sync import ScopeView

T = TypeVar("T")


async def _nothing(_: JobOutcome) -> None:
    pass


@dataclass(slots=True)
class Facts:
    """What never changes while a node is open, except its current scopes."""

    label: str
    instance_id: str
    created_at_ms: int
    current: dict[str, bytes]
    """By kind: the scope that new memories go to.  Any number of others may be held beside it."""

    @property
    def instance_scope(self) -> bytes:
        """The scope that never leaves this node."""
        return self.current[Scope.INSTANCE]

    @property
    def agent_scope(self) -> bytes:
        """The agent that this node writes for."""
        return self.current[Scope.AGENT]

    def shared(self) -> list[bytes]:
        """The current scopes that leave this node; the agent last, whose word counts most."""
        others = (kind for kind in self.current if kind not in (Scope.INSTANCE, Scope.AGENT))
        return [self.current[kind] for kind in (*sorted(others), Scope.AGENT)]


@dataclass(slots=True, eq=False)
class Core:
    """One open node's store and everything derived from it."""

    home: Path
    key: NodeKey
    config: Config
    environment: Environment
    store: Store
    path: WritePath
    facts: Facts
    instant: InstantMemories
    quotas: Quotas
    planner: Planner = field(default_factory=Planner)
    scopes: dict[bytes, ScopeView] = field(default_factory=dict[bytes, ScopeView])
    """Newest view of every scope held."""
    listeners: list[Callable[[ScopeView | None, ScopeView], None]] = field(
        default_factory=list[Callable[[ScopeView | None, ScopeView], None]]
    )
    receiving: Callable[[], bool] = bool
    """Whether a backlog is streaming in now; the network says so once there is one."""
    contradictions: Callable[[], list[str]] = list
    """What connected members contradict, in words; the network knows once there is one."""
    followers: list[Callable[[JobOutcome], None]] = field(
        default_factory=list[Callable[[JobOutcome], None]]
    )
    """Who hears of every job that is durable, after the listeners have heard of its views."""
    before_return: Callable[[JobOutcome], Awaitable[object]] = _nothing
    """What is done before a write returns; purging says so once there is any."""
    problems: dict[str, str] = field(default_factory=dict[str, str])
    """Open problems by name, in words for ``status``."""
    _changed: trio.Event = field(default_factory=trio.Event)

    # -- reading and writing -----------------------------------------------------------------

    async def read(self, job: Callable[[Reader], T]) -> T:
        """Run ``job`` on one consistent state of the store."""
        return await self.store.read(job)

    async def write(self, job: Callable[[Transaction], T], *, weight: int = 1) -> T:
        """Run ``job`` in a transaction; returns once it is durable and its effects are visible.

        Raises:
            LocalError: Nothing was written.
        """
        try:
            result, outcome = await self.store.submit(
                lambda tx: self.path.run(tx, job), weight=weight
            )
        except DegradedError as error:
            self.problems["store"] = error.message
            self.announce_change()
            raise
        self.problems.pop("store", None)
        await self._follow(outcome)
        return result

    async def _follow(self, outcome: JobOutcome) -> None:
        """Let everybody know what a job changed, now that it is durable."""
        for view in outcome.views:
            self._publish(view)
        for follower in tuple(self.followers):
            follower(outcome)
        if outcome.reports:
            self.announce_change()
        await self.before_return(outcome)

    async def read_sealed(self) -> None:
        """Let the views name sealed logs too: peers compare them, and nobody else needs them."""

        def job(_: Transaction) -> None:
            self.path.read_sealed(unread)

        unread = [view.scope for view in self.scopes.values() if len(view.seals) < view.sealed[0]]
        if unread:
            await self.write(job)

    def adopt(self, view: ScopeView) -> None:
        """Take the view of a scope while the node opens, when nobody listens yet."""
        self.scopes[view.scope] = view

    def _publish(self, view: ScopeView) -> None:
        before = self.scopes.get(view.scope)
        if before is not None and before.generation > view.generation:
            return
        self.scopes[view.scope] = view
        for listener in tuple(self.listeners):
            listener(before, view)
        self.announce_change()

    # -- waiting for change ------------------------------------------------------------------

    def company(self) -> dict[bytes, Member]:
        """Everybody else in the current scopes; as the agent has it, where several know a key."""
        scopes = self.facts.shared()
        found = {member.key: member for scope in scopes for member in self.path.members(scope)}
        found.pop(self.key.public, None)
        return found

    def label(self, key: bytes) -> str:
        """What somebody in the current scopes is called; empty when nothing says it."""
        labels = [self.path.label(scope, key) for scope in self.facts.shared()]
        return next(filter(None, reversed(labels)), "")

    def readers(self) -> frozenset[bytes]:
        """Everybody else for whom something of the current scopes may leave."""
        views = [self.scopes[scope] for scope in self.facts.shared()]
        return frozenset({key for view in views for key in view.readers} - {self.key.public})

    def announce_change(self) -> None:
        """Wake whoever waits for something visible to change."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait_change(self) -> None:
        """Return after the next change of anything that ``status`` or ``sync`` shows."""
        await self._changed.wait()

    def scope_for(self, wanted: str) -> bytes:
        """The id of this node's current scope of that kind.

        Raises:
            DegradedError: The node has no such scope yet.
        """
        found = self.facts.current.get(wanted)
        if found is None:
            kinds = " or ".join(f"--scope {kind}" for kind in self.facts.current)
            raise DegradedError(f"this node belongs to no {wanted} scope", hint=f"use {kinds}")
        return found
