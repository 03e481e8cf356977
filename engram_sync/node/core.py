"""What the parts of one open node share: store, write path, scope views, and who hears of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from engram_sync.api import Scope
from engram_sync.config import Config
from engram_sync.errors import DegradedError, EngramError, LocalError
from engram_sync.membership import Member
from engram_sync.memory.instant import InstantMemories
from engram_sync.memory.materialise import flush_index
from engram_sync.memory.read import Planner
from engram_sync.model.limits import FLUSH_ROWS
from engram_sync.node.home.environment import Environment
from engram_sync.node.home.files import NodeKey
from engram_sync.node.home.newer import uses
from engram_sync.node.limits import (
    INDEX_IDLE_S,
    INGEST_SLICE_S,
    MATERIALISE_PATIENCE_S,
    MATERIALISE_SLICE_S,
    MATERIALISE_WEIGHT,
    MATERIALISE_WEIGHT_MIN,
    PURGE_GAP_S,
)
from engram_sync.node.writing.brought import are_due
from engram_sync.node.writing.catching_up import CatchUp, StillWaitsError
from engram_sync.node.writing.counterparts import erase_counterparts
from engram_sync.node.writing.fork_problems import tell_forks
from engram_sync.node.writing.outcome import JobOutcome
from engram_sync.node.writing.quotas import Quotas
from engram_sync.node.writing.write_path import WritePath
from engram_sync.observe import Logger
from engram_sync.store import Reader, Store, Transaction
from engram_sync.sync import ScopeView

T = TypeVar("T")
log = Logger("node")


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
    watchers: list[set[bytes]] = field(default_factory=list[set[bytes]])
    """Sets that collect the ids of engrams that received records changed."""
    problems: dict[str, str] = field(default_factory=dict[str, str])
    """Open problems by name, in words for ``status``."""
    purge_due: bool = False
    """Whether something was erased that is still in the files."""
    _left_over: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """Of each scope that an earlier run left behind its records: the newest arrival at opening."""
    _told_forks: frozenset[tuple[bytes, int, int]] = frozenset()
    """Root, last common position and number of branches of each fork that was known at opening."""
    _purged: float = -math.inf
    """When the files were purged last of what this run erased."""
    _materialise_weight: int = MATERIALISE_WEIGHT
    """How much the next step of a sweep materialises."""
    _unpurged: trio.Event = field(default_factory=trio.Event)
    _lagging: trio.Event = field(default_factory=trio.Event)
    _unindexed: trio.Event = field(default_factory=trio.Event)
    _changed: trio.Event = field(default_factory=trio.Event)

    # -- reading and writing -----------------------------------------------------------------

    async def read(self, job: Callable[[Reader], T]) -> T:
        """Run ``job`` on one consistent state of the store."""
        forked = self.path.ledger.is_forked
        if not forked():
            try:
                result = await self.store.read(job)
            except Exception:
                if not forked():
                    raise
            else:
                if not forked():
                    return result
        # What references mean where a log was forked, only the writer's thread knows; and it may
        # have divided the first one while an older state of the store was read.
        return await self.store.submit(job)

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
        self._tell_waiting(outcome)
        for watcher in self.watchers:
            watcher.update(outcome.changed)
        for view in outcome.views:
            self._publish(view)
        if outcome.reports:
            self.problems.update(outcome.reports)
            self.announce_change()
        self.purge_due = self.purge_due or outcome.erased
        if self.purge_due:
            if outcome.erased_here or trio.current_time() >= self._purged + PURGE_GAP_S:
                await self.purge()
            self._unpurged.set()

    async def write_shown(self, job: Callable[[Transaction, CatchUp], T], *, weight: int = 1) -> T:
        """As ``write``, for a job that needs all that waits of some memories; others go between."""
        shown = CatchUp(self.path)
        while True:
            try:
                return await self.write(lambda tx: job(tx, shown), weight=weight)
            except StillWaitsError as error:
                await self.materialise_pending(error.scope)

    def _tell_waiting(self, outcome: JobOutcome) -> None:
        self.problems.pop("waiting", None)
        if outcome.waits:
            self.problems["waiting"] = (
                "records that build on refused ones are not taken before these are"
            )

    async def read_sealed(self) -> None:
        """Let the views name sealed logs too: peers compare them, and nobody else needs them."""

        def job(_: Transaction) -> None:
            self.path.read_sealed(unread)

        unread = [view.scope for view in self.scopes.values() if len(view.seals) < view.sealed[0]]
        if unread:
            await self.write(job)

    async def purge(self) -> None:
        """Leave nothing of what was erased in any file of the home."""
        if self.purge_due:
            self._purged = trio.current_time()
        self.purge_due = False
        try:
            while await self.read(are_due):
                await self.write_shown(partial(erase_counterparts, self.path, self.key.public))
            await self.store.purge()
        except LocalError as error:
            self.problems["purge"] = f"erased values are still in the files: {error.message}"
        else:
            self.problems.pop("purge", None)

    async def _purge_forever(self) -> None:
        """Purge what peers erased, together with what they erase soon after."""
        while True:
            await self._unpurged.wait()
            self._unpurged = trio.Event()
            await trio.sleep_until(self._purged + PURGE_GAP_S)
            if self.purge_due:
                await self.purge()

    def adopt(self, view: ScopeView) -> None:
        """Take the view of a scope while the node opens, when nobody listens yet."""
        self.scopes[view.scope] = view
        self._tell_needs(view)

    def _publish(self, view: ScopeView) -> None:
        before = self.scopes.get(view.scope)
        if before is not None and before.generation > view.generation:
            return
        self.scopes[view.scope] = view
        if view.state_digest is None:
            self._lagging.set()
        self._tell_needs(view)
        tell_forks(self.path, view, self.problems, told=self._told_forks)
        self._unindexed.set()
        for listener in tuple(self.listeners):
            listener(before, view)
        self.announce_change()

    def _tell_needs(self, view: ScopeView) -> None:
        problem = f"newer {view.scope.hex()}"
        self.problems.pop(problem, None)
        if view.needs:
            self.problems[problem] = (
                f"scope {view.scope.hex()[:16]} {uses(view.needs)}: it is neither shared nor"
                " written to until this machine is upgraded"
            )

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

    def resume(self) -> None:
        """Look for work that an earlier run of the node left undone."""
        views = self.scopes.values()
        forks = [fork for view in self.scopes.values() for fork in view.forks]
        self._told_forks = frozenset((f.root, f.base, len(f.branches)) for f in forks)
        self._left_over = {v.scope: v.arrival for v in views if v.state_digest is None}
        self._lagging.set()
        self._unindexed.set()

    # -- background work ---------------------------------------------------------------------

    async def materialise_forever(self) -> None:
        """Keep the documents up with the records, in slices."""
        async with trio.open_nursery() as nursery:
            await self.purge()
            nursery.start_soon(self._purge_forever)
            await self._materialise_forever()

    async def _materialise_forever(self) -> None:
        while True:
            await self._lagging.wait()
            self._lagging = trio.Event()
            lagging = [v.scope for v in self.scopes.values() if v.state_digest is None]
            for scope in lagging:
                await self._let_backlog_pass()
                await self._materialise_step(scope)

    async def _let_backlog_pass(self) -> None:
        """Durable and acknowledged first: a backlog that streams in goes before documents.

        Only for a while, so that an endless one cannot keep every memory out of recall.
        """
        with trio.move_on_after(MATERIALISE_PATIENCE_S):
            while self.receiving():
                await self.wait_change()

    async def materialise_pending(self, scope: bytes) -> None:
        """Materialise one more slice of a scope."""
        await self.write(partial(self._materialise_slice, scope), weight=self._materialise_weight)

    async def _materialise_step(self, scope: bytes) -> None:
        try:
            await self.materialise_pending(scope)
        except EngramError as error:
            self.problems["materialise"] = error.message
            log.error("records cannot be materialised", reason=error.message)
            await trio.sleep(1.0)
            self._lagging.set()
        else:
            self.problems.pop("materialise", None)

    def _materialise_slice(self, scope: bytes, tx: Transaction) -> None:
        """Materialise what there is time for, in steps that take about a slice of an ingest."""
        start = began = self.environment.work_s()
        while self.path.materialise_pending(tx, scope, limit=self._materialise_weight):
            spent, began = self.environment.work_s() - began, self.environment.work_s()
            if spent > INGEST_SLICE_S:
                self._materialise_weight = max(
                    MATERIALISE_WEIGHT_MIN, self._materialise_weight // 2
                )
            elif spent < INGEST_SLICE_S / 4:
                self._materialise_weight = min(MATERIALISE_WEIGHT, 2 * self._materialise_weight)
            if spent == 0 or self.store.waiting or began - start > MATERIALISE_SLICE_S:
                return  # Without a clock, each step is a slice.

    async def wait_materialised(self) -> None:
        """Materialise what was durable when the node opened; reads find all of it afterwards.

        Whoever opens a node to ask one question must not be told less than is stored.
        """
        while self._left_over:
            scope, until = min(self._left_over.items())
            await self.materialise_all(scope, until)
            self._left_over.pop(scope, None)

    async def materialise_all(self, scope: bytes, until: int | None = None) -> None:
        """Materialise what has arrived of a scope by now, or by some arrival, in many jobs."""
        until = self.scopes[scope].arrival if until is None else until
        while await self.write(
            partial(self._materialise_left_over, scope, until), weight=self._materialise_weight
        ):
            pass

    def _materialise_left_over(self, scope: bytes, until: int, tx: Transaction) -> bool:
        row = tx.scope(self.path.ledger.scope_number(scope))
        if waits := row is not None and row.materialised < until:
            self._materialise_slice(scope, tx)
        return waits

    async def index_forever(self) -> None:
        """Flush deferred index entries once writing pauses."""
        while True:
            await self._unindexed.wait()
            self._unindexed = trio.Event()
            with trio.move_on_after(INDEX_IDLE_S):
                await self._unindexed.wait()
                continue
            try:
                await self.flush_index()
            except EngramError as error:
                log.error("the search index cannot be updated", reason=error.message)

    async def flush_index(self) -> None:
        """Index everything that waits for it; recall then finds every durable memory."""
        if not await self.read(lambda reader: reader.unindexed()):
            return
        done = FLUSH_ROWS
        while done == FLUSH_ROWS:
            done = await self.store.submit(
                partial(flush_index, logs=self.path.logs, recent=self.path.materialiser.recent),
                weight=FLUSH_ROWS,
            )

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
