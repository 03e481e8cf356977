"""Whole nodes on one network in memory, under virtual time, repeatable from a seed."""

import itertools
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from engram_sync.api import PeerStatus, ScopeStatus
from engram_sync.config import Config, NetworkConfig, SyncConfig
from engram_sync.errors import DegradedError
from engram_sync.host import Entropy
from engram_sync.node import (
    DirectoryStorage,
    Environment,
    HomeStorage,
    Node,
    NodeKey,
    configured_peers,
)
from engram_sync.node.home.files import Home
from engram_sync.store import InlineExecutor, MemoryStore, SqliteStore, Store
from engram_sync.transport import MemoryNetwork, NetworkFaults, Transport

PORT = 7463
EPOCH_MS = 1_780_000_000_000
DEADLINE_S = 300.0
"""Virtual: a test that waits longer than this for a condition fails."""
_stores = itertools.count(1)


@dataclass
class VirtualClock:
    """Wall time that follows the virtual clock."""

    offset_ms: int = 0

    def now_ms(self) -> int:
        return EPOCH_MS + self.offset_ms + round(trio.current_time() * 1000)


@dataclass
class MemoryHomeStorage:
    """A home without a disk; it survives the node as long as this object does."""

    name: str
    boot_id: str = "boot"
    witness: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    node_key: NodeKey | None = None
    occupied: bool = False

    @property
    def path(self) -> Path:
        return Path("memory") / self.name

    async def acquire(self, wait_s: float) -> None:
        if self.occupied:
            raise DegradedError(f"{self.path} is in use")
        self.occupied = True

    def release(self) -> None:
        self.occupied = False

    def key(self, entropy: Entropy) -> NodeKey:
        if self.node_key is None:
            from nacl.bindings import crypto_sign_seed_keypair

            self.node_key = NodeKey(*crypto_sign_seed_keypair(entropy(32)))
        return self.node_key

    async def open_store(self) -> Store:
        return await MemoryStore.open(self.name, InlineExecutor())

    def take_witness(self, store_id: bytes) -> bytes | None:
        return self.witness.pop(store_id, None)

    def leave_witness(self, store_id: bytes, data: bytes) -> None:
        self.witness[store_id] = data

    def witness_problem(self) -> str:
        return ""

    def copy(self, name: str) -> "MemoryHomeStorage":
        """Another home with the same content, as a clone or a restored backup has it.

        The witness lies outside the home, so that both look at the same one.
        """
        MemoryStore.copy(self.name, name)
        return MemoryHomeStorage(name, self.boot_id, self.witness, self.node_key)


class DiskHomeStorage(DirectoryStorage):
    """A home on a disk, with a store that runs in place so that virtual time stays exact."""

    def __init__(self, directory: Path, vfs: str | None = None) -> None:
        super().__init__(Home(directory), vfs=vfs)

    async def open_file(self, path: Path) -> SqliteStore:
        return await SqliteStore.open(path, executor=InlineExecutor(), vfs=self.vfs)


class Village:
    """Hosts by name, each with a home that survives its node."""

    def __init__(self, seed: int = 0, faults: NetworkFaults | None = None) -> None:
        self.network = MemoryNetwork(seed, faults=faults)
        self.clocks: dict[str, VirtualClock] = {}
        self.homes: dict[str, HomeStorage] = {}
        self.tap: Callable[[str, Transport], Transport] = lambda _name, transport: transport
        self._luck: dict[str, random.Random] = {}
        self._seed = seed
        self._stores: list[str] = []

    def home(self, name: str) -> HomeStorage:
        """The home of that host, made on first use."""
        if name not in self.homes:
            self.homes[name] = MemoryHomeStorage(self.store_name())
        return self.homes[name]

    def clone(self, name: str, of: str) -> None:
        """Give host ``name`` a copy of the home of ``of``."""
        original = self.home(of)
        assert isinstance(original, MemoryHomeStorage)
        self.homes[name] = original.copy(self.store_name())

    def snapshot(self, name: str, of: str) -> None:
        """Give host ``name`` all that a virtual machine has in its snapshot: the witness too.

        Nothing on such a machine can tell that it is not the first.
        """
        original = self.home(of)
        assert isinstance(original, MemoryHomeStorage)
        copy = original.copy(self.store_name())
        copy.witness = dict(original.witness)
        self.homes[name] = copy

    def store_name(self) -> str:
        self._stores.append(f"village-{next(_stores)}")
        return self._stores[-1]

    def environment(self, name: str) -> Environment:
        luck = self._luck.setdefault(name, random.Random(f"{self._seed} {name}"))
        return Environment(
            clock=self.clocks.setdefault(name, VirtualClock()),
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
        """The node of that host; it dials ``peers``, which are names of hosts."""
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
            storage=self.home(name),
        ) as node:
            yield node

    @asynccontextmanager
    async def pair(self, sync: SyncConfig | None = None) -> AsyncGenerator[tuple[Node, Node]]:
        """Hosts a and b, of which b has joined a."""
        async with self.open("a", sync=sync) as a, self.open("b", sync=sync) as b:
            await b.join(await a.invite())
            yield a, b

    def close(self) -> None:
        for name in self._stores:
            MemoryStore.discard(name)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, in virtual time."""
    with trio.fail_after(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110 - whatever changes it, and wherever
            await trio.sleep(0.05)


async def agent_scope(node: Node) -> ScopeStatus:
    """The scope of the agent that the node belongs to."""
    scopes = (await node.status()).scopes
    return next(scope for scope in scopes if scope.kind == "agent" and scope.current)


async def agree(*nodes: Node) -> bool:
    """Whether all nodes hold and have computed the same, by their own word."""
    scopes = [await agent_scope(node) for node in nodes]
    states = {(scope.id, scope.clock_digest, scope.digest) for scope in scopes}
    return len(states) == 1 and bool(scopes[0].digest)


async def agreement(*nodes: Node) -> None:
    """Wait until all nodes hold the same."""
    await until(lambda: agree(*nodes))


async def all_synced(*nodes: Node) -> None:
    """Wait until every node says that it is synced."""

    async def synced() -> bool:
        return all([(await node.status()).sync == "synced" for node in nodes])

    await until(synced)


async def peer_of(node: Node, other: Node) -> PeerStatus:
    """What ``node`` says about ``other``."""
    wanted = (await other.identity()).node
    return next(peer for peer in await node.peers() if peer.node == wanted)


async def contents(node: Node) -> list[str]:
    """Every live memory of the agent, sorted."""
    return sorted(engram.content for engram in await node.list(limit=1000, scope="agent"))
