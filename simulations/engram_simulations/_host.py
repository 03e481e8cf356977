"""One machine of the simulated world: a node that lives, leaves and dies on it."""

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from engram_simulations._determinism import seeded_entropy
from engram_simulations._watched import WatchedHome
from engram_sync.api import Engram
from engram_sync.config import Config
from engram_sync.node import Environment, Node, configured_peers
from engram_sync.store import Reader
from engram_sync.testing import (
    Disk,
    MemoryNetwork,
    SimulatedClock,
    TappedStream,
    WrappedTransport,
)
from engram_sync.transport import Link

NEWER_ENGRAM = b"\x12" * 16
"""The memory of which a record says what only a newer release understands."""
OVERLAP_BYTES = 64
"""Of what was sent before, shown again, so that nothing hides by lying across two pieces."""
LOOK_S = 0.05
"""How often somebody who waits for a machine looks at it; simulated time costs nothing."""


def _tapped(overhear: Callable[[bytes, int], None], link: Link) -> Link:
    """Let somebody read what leaves on a link, before encryption makes it unreadable."""
    tail = b""

    def hear(data: bytes) -> None:
        nonlocal tail
        seen = tail + data
        overhear(seen, len(tail))
        tail = seen[-OVERLAP_BYTES:]

    link.stream = TappedStream(link.stream, hear)
    return link


class Host:
    """A machine with a home, a clock, a place in the network, and sometimes a running node.

    Args:
        name: One letter.
        seed: Draws keys, salts and pauses.
        network: Where it stands.
        clock: Its wall clock.
        config: What its node is told.
        overhear: Gets every byte that leaves it.
        on_opened: Run beside each node that opens.
    """

    def __init__(
        self,
        name: str,
        *,
        seed: int,
        network: MemoryNetwork,
        clock: SimulatedClock,
        config: Config,
        overhear: Callable[[str, bytes, int], None],
        on_opened: Callable[["Host", Node], Awaitable[None]],
    ) -> None:
        self.name = name
        self.clock = clock
        self.node: Node | None = None
        """The running node, once it is open."""
        self.crashes = 0
        self.digests: dict[str, list[tuple[float, str]]] = defaultdict(list)
        """By scope: every state digest that the store ever held, and since when."""
        self.records: dict[str, int] = {}
        """By scope: how many records the store holds."""
        self.received_at = float("-inf")
        """When the number of records grew last."""
        self.newer_since: float | None = None
        """Since when the store holds a record that stops the scope."""
        self.views: dict[str, Engram] = {}
        """What its user looked at last, by engram; may be old."""
        self.storage = WatchedHome(name, self._watch)
        self.kept: list[tuple[int, Disk]] = []
        """Copies of its home, with the moment in the order of the account."""
        self.parked: list[Disk] = []
        """Homes that were taken out of it, and come back in the end."""
        self._network = network
        self._config = config
        self._on_opened = on_opened
        self._power = trio.CancelScope()
        self._leave = trio.Event()
        self._ended = trio.Event()
        self._ended.set()
        tapped = partial(_tapped, partial(overhear, name))
        transport = WrappedTransport(network.transport(name), dialled=tapped, accepted=tapped)
        self._machine = Environment(
            clock=clock,
            entropy=seeded_entropy(f"{seed} {name}"),
            jitter=random.Random(f"{seed} {name} jitter").random,
            transport=lambda _network, _home: transport,
            discovery=configured_peers,
            work_s=float,
        )

    @property
    def running(self) -> bool:
        """Whether its power is on, open node or not."""
        return not self._ended.is_set()

    @property
    def opening(self) -> bool:
        """Whether a node is being opened on it now."""
        return self.running and self.node is None and not self._leave.is_set()

    def power_on(self, nursery: trio.Nursery) -> None:
        """Open a node and serve it until ``leave`` or ``crash``.

        Error handling: an error of the node ends ``nursery`` as it is: nobody expected it.
        """
        self._leave, self._ended, self._power = trio.Event(), trio.Event(), trio.CancelScope()
        nursery.start_soon(self._live, nursery, self._power, self._leave, self._ended)

    async def _live(
        self, nursery: trio.Nursery, power: trio.CancelScope, leave: trio.Event, ended: trio.Event
    ) -> None:
        opening = Node.open(
            config=self._config,
            label=f"node {self.name}",
            services=(),
            environment=self._machine,
            storage=self.storage,
        )
        try:
            with power:
                async with opening as node:
                    self.node = node
                    nursery.start_soon(self._on_opened, self, node)
                    await leave.wait()
        finally:
            self.node = None
            ended.set()

    async def opened(self) -> Node:
        """The node, once one is open here."""
        while self.node is None:  # noqa: ASYNC110 - a node may come, go and come back meanwhile
            await trio.sleep(LOOK_S)
        return self.node

    async def open_or_off(self) -> None:
        """Return when it is neither opening nor closing."""
        while self.running and self.node is None:  # noqa: ASYNC110 - for the same reason
            await trio.sleep(LOOK_S)

    def leave(self) -> None:
        """Stop the node as its user would; it takes its time."""
        self.node = None
        self._leave.set()

    def forget(self) -> None:
        """Another home takes the place of the one that was looked at."""
        self.views.clear()
        self.records.clear()
        self.newer_since = None

    def crash(self) -> None:
        """Cut the power: what is not on the disk by now, and what has not left by now, is gone."""
        self.crashes += 1
        self.node = None
        self.storage.cut_power()
        self._network.cut(self.name)
        self._power.cancel()

    def _watch(self, reader: Reader) -> None:
        now = trio.current_time()
        for row in reader.scopes():
            scope = row.id.hex()
            if row.records > self.records.get(scope, 0):
                self.received_at = now
                if self.newer_since is None and list(reader.stream_of(row.n, NEWER_ENGRAM)):
                    self.newer_since = now
            self.records[scope] = row.records
            if row.materialised < reader.last_arrival(row.n):
                continue
            digest = row.digest.to_bytes(32, "big").hex()
            states = self.digests[scope]
            if not states or states[-1][1] != digest:
                states.append((now, digest))
