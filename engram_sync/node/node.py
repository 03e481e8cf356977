"""Node: what an agent embeds."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import trio

from engram_crdt import StrategyRegistry
from engram_sync.api.calls import Call, NodeApi
from engram_sync.config import Config
from engram_sync.memory.state import Strategies
from engram_sync.node.background.background import Background
from engram_sync.node.background.presence import watch_store
from engram_sync.node.background.void_elsewhere import ratify_forever
from engram_sync.node.home.environment import Environment, HomeStorage
from engram_sync.node.limits import SHUTDOWN_S
from engram_sync.node.network.controller import NetworkController
from engram_sync.node.opening.opening import opened
from engram_sync.node.performing import Performer
from engram_sync.node.single_error import single_error

R = TypeVar("R")
Service = Callable[..., Awaitable[object]]
"""``async def serve(node, *, task_status)``: runs beside an open node until cancelled."""


class Node(NodeApi):
    """One agent's memories, kept in step with others.

    Open it with ``async with Node.open(home) as node``.  Every method raises ``EngramError`` and
    nothing else on purpose.  A write has reached the disk when its method returns, and is offered
    to peers only then.
    """

    default_services: ClassVar[tuple[Service, ...]] = ()
    """What every open node runs beside itself unless ``open`` is told otherwise."""

    def __init__(
        self,
        background: Background,
        controller: NetworkController,
        *,
        running: bool,
        strategies: StrategyRegistry | None,
    ) -> None:
        core = self._core = background.core
        self._background = background
        self._controller = controller
        read_by = Strategies(core.config.strategies, strategies or StrategyRegistry())
        self._performer = Performer(background, controller, running=running, strategies=read_by)

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
        environment: Environment | None = None,
        storage: HomeStorage | None = None,
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
            environment: Time, entropy and network; by default the real ones.
            storage: Where key and store are; by default the directory ``home``.
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
        environment = environment or Environment()
        with single_error():
            async with (
                opened(home, config, label, environment, storage, lock_wait_s) as background,
                trio.open_nursery() as nursery,
            ):
                core = background.core
                nursery.start_soon(background.materialise_and_purge)
                nursery.start_soon(background.indexing.index_forever)
                nursery.start_soon(watch_store, core)
                nursery.start_soon(ratify_forever, core)
                controller = NetworkController(core, background.materialising, nursery)
                await controller.recall_peers()
                node = cls(background, controller, running=running, strategies=strategies)
                for service in cls.default_services if services is None else services:
                    await nursery.start(service, node)
                if core.config.network.enabled:
                    await controller.start()
                try:
                    yield node
                finally:
                    with trio.move_on_after(SHUTDOWN_S, shield=True):
                        await controller.stop()
                    nursery.cancel_scope.cancel()

    @property
    def home(self) -> Path:
        """The directory that holds the node's store and key."""
        return self._core.home

    @property
    def unstored(self) -> str:
        """Why nothing can be stored just now, in words; empty when it can."""
        return self._core.problems.get("store", "")

    async def perform(self, call: Call[R]) -> R:
        """Do what a call asks, and answer it."""
        return await self._performer.perform(call)
