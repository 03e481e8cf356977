"""Whole nodes on one network in memory."""

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from string import ascii_lowercase
from typing import Final, Self

from engram_sync.config import Config, NetworkConfig, SyncConfig
from engram_sync.node import Environment, HomeStorage, Node, configured_peers
from engram_sync.transport import Transport

from ._clock import SimulatedClock
from ._home import MemoryHome
from ._network import MemoryNetwork, NetworkFaults

PORT: Final = 7463
"""Where every node listens, each at the name of its host."""


class Cluster:
    """Hosts by name, each with a wall clock, and a home that survives its node.

    A context manager: the memory of the homes is freed at its end.

    Args:
        seed: Draws keys, ids, pauses and the luck of the network.
        faults: What happens to all links.
    """

    def __init__(self, seed: int = 0, *, faults: NetworkFaults | None = None) -> None:
        self.network = MemoryNetwork(seed, faults=faults)
        """What can be parted, clogged, cut and healed, by the names of hosts."""
        self.clocks: dict[str, SimulatedClock] = {}
        """By host that has had a node."""
        self.homes: dict[str, HomeStorage] = {}
        """By host; another one may be put in the place of one that is not open."""
        self.tap: Callable[[str, Transport], Transport] = lambda _name, transport: transport
        """What is done to the transport of each host, whenever its network starts."""
        self._luck: dict[str, random.Random] = {}
        self._seed = seed
        self._made: list[MemoryHome] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory of its homes; no node may be open."""
        for home in self._made:
            home.discard()

    def home(self, name: str) -> MemoryHome:
        """The home of a host that has it in memory, made on first use."""
        home = self._storage(name)
        assert isinstance(home, MemoryHome), f"the home of {name} is on a disk"
        return home

    def _storage(self, name: str) -> HomeStorage:
        if name not in self.homes:
            self._keep(name, MemoryHome(name))
        return self.homes[name]

    def clone(self, name: str, *, of: str, with_witness: bool = False) -> None:
        """Give host ``name`` a copy of the home of ``of``; see `MemoryHome.copy`."""
        self._keep(name, self.home(of).copy(name, with_witness=with_witness))

    def _keep(self, name: str, home: MemoryHome) -> None:
        self._made.append(home)
        self.homes[name] = home

    def environment(self, name: str) -> Environment:
        """Time, entropy and network of that host."""
        luck = self._luck.setdefault(
            name,
            random.Random(f"{self._seed} {name}"),  # noqa: S311 - repeatable on purpose
        )
        return Environment(
            clock=self.clocks.setdefault(name, SimulatedClock()),
            entropy=luck.randbytes,
            jitter=luck.random,
            transport=lambda _network, _node: self.tap(name, self.network.transport(name)),
            discovery=configured_peers,
            work_s=float,
        )

    @asynccontextmanager
    async def open(
        self,
        name: str,
        *,
        peers: Sequence[str] = (),
        online: bool = True,
        sync: SyncConfig | None = None,
        compression: str = "none",
    ) -> AsyncGenerator[Node]:
        """The node of that host.

        Args:
            name: The host.
            peers: Names of the hosts that it dials.
            online: Whether it begins with its network on.
            sync: Settings that are not the defaults.
            compression: As in the settings.
        """
        network = NetworkConfig(
            enabled=online,
            listen=(f"{name}:{PORT}",),
            peers=tuple(f"{peer}:{PORT}" for peer in peers),
            mdns=False,
            compression=compression,
        )
        async with Node.open(
            config=Config(network=network, sync=sync or SyncConfig()),
            label=name,
            services=(),
            environment=self.environment(name),
            storage=self._storage(name),
        ) as node:
            yield node

    @asynccontextmanager
    async def nodes(
        self, count: int = 2, *, sync: SyncConfig | None = None
    ) -> AsyncGenerator[tuple[Node, ...]]:
        """The nodes of hosts a, b, c and so on; the others have joined a."""
        async with AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(self.open(name, sync=sync))
                for name in ascii_lowercase[:count]
            ]
            for node in opened[1:]:
                await node.join(await opened[0].invite())
            yield tuple(opened)


@asynccontextmanager
async def nodes(
    count: int = 2, *, seed: int = 0, faults: NetworkFaults | None = None
) -> AsyncGenerator[tuple[Node, ...]]:
    """So many nodes that share the scope of one agent; a `Cluster` for those who need no more."""
    with Cluster(seed, faults=faults) as cluster:
        async with cluster.nodes(count) as opened:
            yield opened
