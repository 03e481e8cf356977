"""Keeps documents up with the records, in slices, and makes whoever needs them wait for them."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from engram_sync.errors import EngramError
from engram_sync.node.core import Core
from engram_sync.node.limits import (
    INGEST_SLICE_S,
    MATERIALISE_PATIENCE_S,
    MATERIALISE_SLICE_S,
    MATERIALISE_WEIGHT,
    MATERIALISE_WEIGHT_MIN,
)
from engram_sync.node.writing.catching_up import CatchUp, StillWaitsError
from engram_sync.observe import Logger
from engram_sync.store import Transaction
from engram_sync.sync import ScopeView

T = TypeVar("T")
log = Logger("background")


class Materialising:
    """Materialises what waits: in the background, and for whoever cannot go on without it.

    Args:
        core: The node, with the views of what an earlier run left behind its records.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._left_over = {
            view.scope: view.arrival for view in core.scopes.values() if view.state_digest is None
        }
        """Of each scope that an earlier run left behind its records: the newest arrival then."""
        self._weight = MATERIALISE_WEIGHT
        """How much the next step of a slice materialises."""
        self._lagging = trio.Event()
        self._lagging.set()
        core.listeners.append(self._on_view)

    def _on_view(self, _: ScopeView | None, view: ScopeView) -> None:
        if view.state_digest is None:
            self._lagging.set()

    async def materialise_forever(self) -> None:
        """Keep the documents up with the records; runs until cancelled."""
        while True:
            await self._lagging.wait()
            self._lagging = trio.Event()
            views = self._core.scopes.values()
            for scope in [view.scope for view in views if view.state_digest is None]:
                await self._let_backlog_pass()
                await self._step(scope)

    async def _let_backlog_pass(self) -> None:
        """Durable and acknowledged first: a backlog that streams in goes before documents.

        Only for a while, so that an endless one cannot keep every memory out of recall.
        """
        with trio.move_on_after(MATERIALISE_PATIENCE_S):
            while self._core.receiving():
                await self._core.wait_change()

    async def _step(self, scope: bytes) -> None:
        problems = self._core.problems
        try:
            await self.materialise_pending(scope)
        except EngramError as error:
            problems["materialise"] = error.message
            log.error("records cannot be materialised", reason=error.message)
            await trio.sleep(1.0)
            self._lagging.set()
        else:
            problems.pop("materialise", None)

    async def materialise_pending(self, scope: bytes) -> None:
        """Materialise one more slice of a scope."""
        await self._core.write(partial(self._slice, scope), weight=self._weight)

    def _slice(self, scope: bytes, tx: Transaction) -> None:
        """Materialise what there is time for, in steps that take about a slice of an ingest."""
        work_s = self._core.environment.work_s
        start = began = work_s()
        while self._core.path.materialise_pending(tx, scope, limit=self._weight):
            spent, began = work_s() - began, work_s()
            if spent > INGEST_SLICE_S:
                self._weight = max(MATERIALISE_WEIGHT_MIN, self._weight // 2)
            elif spent < INGEST_SLICE_S / 4:
                self._weight = min(MATERIALISE_WEIGHT, 2 * self._weight)
            if spent == 0 or self._core.store.waiting or began - start > MATERIALISE_SLICE_S:
                return  # Without a clock, each step is a slice.

    # -- for those who need what waits ---------------------------------------------------------

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
        until = self._core.scopes[scope].arrival if until is None else until
        while await self._core.write(partial(self._slice_until, scope, until), weight=self._weight):
            pass

    def _slice_until(self, scope: bytes, until: int, tx: Transaction) -> bool:
        row = tx.scope(self._core.path.ledger.scope_number(scope))
        if waits := row is not None and row.materialised < until:
            self._slice(scope, tx)
        return waits

    async def write_shown(self, job: Callable[[Transaction, CatchUp], T], *, weight: int = 1) -> T:
        """As ``Core.write``, for a job that needs all that waits of some memories.

        Others go between.
        """
        shown = CatchUp(self._core.path)
        while True:
            try:
                return await self._core.write(lambda tx: job(tx, shown), weight=weight)
            except StillWaitsError as error:
                await self.materialise_pending(error.scope)
