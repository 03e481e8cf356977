"""Where a node lives and what it runs on: the real machine, or one that a simulation supplies."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import Protocol

import trio

from engram_sync.config import NetworkConfig
from engram_sync.discovery import Discovery, MdnsDiscovery, StaticDiscovery
from engram_sync.errors import CorruptError, DegradedError, UsageError
from engram_sync.host import Clock, Entropy
from engram_sync.node.home.files import (
    Home,
    NodeKey,
    WitnessFile,
    boot_id,
    runtime_directory,
    runtime_problem,
)
from engram_sync.store import HomeLock, SqliteStore, Store
from engram_sync.transport import Address, Authority, TcpTransport, Transport
from engram_wire import ZSTD, available_capabilities

LOCK_RETRY_S = 0.05


class HomeStorage(Protocol):
    """What a node owns: one key, one store, one lock, and a witness kept elsewhere."""

    @property
    def path(self) -> Path:
        """The home directory, or a name for it."""
        ...

    @property
    def boot_id(self) -> str:
        """Differs after a reboot."""
        ...

    async def acquire(self, wait_s: float) -> None:
        """Become the only process here, within ``wait_s`` seconds.

        Raises:
            DegradedError: Another process has the home; the message names it.
        """
        ...

    def release(self) -> None:
        """Let others in."""
        ...

    def key(self, entropy: Entropy) -> NodeKey:
        """The node's key, drawn and stored when there is none."""
        ...

    async def open_store(self) -> Store:
        """The node's store, created when there is none."""
        ...

    def take_witness(self, store_id: bytes) -> bytes | None:
        """Read and remove the witness of continuity."""
        ...

    def leave_witness(self, store_id: bytes, data: bytes) -> None:
        """Leave a witness for the next opening."""
        ...

    def witness_problem(self) -> str:
        """Why no witness can be left, in words; empty when one can."""
        ...


class DirectoryStorage:
    """A directory on this machine.

    Args:
        home: The directory.
        vfs: Name of the SQLite file system layer to use; None means the system's.
    """

    def __init__(self, home: Home, *, vfs: str | None = None) -> None:
        self.home = home
        self.vfs = vfs
        self._lock = HomeLock(home.lock)
        self.boot_id = boot_id()

    @property
    def path(self) -> Path:
        """The home directory."""
        return self.home.path

    async def acquire(self, wait_s: float) -> None:
        """Become the only process here, within ``wait_s`` seconds."""
        self.home.create()
        deadline = trio.current_time() + wait_s
        while True:
            try:
                self._lock.acquire()
                return
            except DegradedError:
                if trio.current_time() >= deadline:
                    raise
            await trio.sleep(LOCK_RETRY_S)

    def release(self) -> None:
        """Let others in."""
        self._lock.release()

    def key(self, entropy: Entropy) -> NodeKey:
        """The node's key, drawn and stored when there is none."""
        key = self.home.load_key()
        if key is None and self.home.store.exists():
            raise CorruptError(
                f"{self.home.path} has a store but no node.key",
                hint="restore node.key from a backup, or choose another --home",
            )
        return key or self.home.create_key(entropy)

    async def open_store(self) -> Store:
        """The node's store, created when there is none."""
        return await self.open_file(self.home.store)

    async def open_file(self, path: Path) -> SqliteStore:
        """The store in a file of this home, created when there is none."""
        return await SqliteStore.open(path, vfs=self.vfs)

    def take_witness(self, store_id: bytes) -> bytes | None:
        """Read and remove the witness of continuity."""
        return WitnessFile(runtime_directory(), store_id).take()

    def leave_witness(self, store_id: bytes, data: bytes) -> None:
        """Leave a witness for the next opening."""
        WitnessFile(runtime_directory(), store_id).leave(data)

    def witness_problem(self) -> str:
        """Why no witness can be left, in words; empty when one can."""
        return runtime_problem()


class SystemClock:
    """The machine's wall clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000


def discoveries(network: NetworkConfig) -> Sequence[Discovery]:
    """What finds peers; fresh for each time the network starts."""
    announced = (MdnsDiscovery(),) if network.mdns else ()
    return (*configured_peers(network), *announced)


def configured_peers(network: NetworkConfig) -> Sequence[Discovery]:
    """The addresses in the configuration, and nothing else."""
    return (StaticDiscovery([Address.parse(text) for text in network.peers]),)


def tcp_transport(network: NetworkConfig, node: str) -> Transport:
    """TCP and TLS as the settings say, for the node of that id.

    Raises:
        UsageError: The files of an authority are incomplete, cannot be used, or are for another
            node.
    """
    files = (network.tls_ca, network.tls_cert, network.tls_key)
    if not any(files):
        return TcpTransport()
    if not all(files):
        raise UsageError(
            f"network.{('tls_ca', 'tls_cert', 'tls_key')[files.index('')]} is missing",
            hint="network.tls_ca, network.tls_cert and network.tls_key belong together",
        )
    authority = Authority(*map(Path, files))
    transport = TcpTransport(authority=authority)
    authority.require_own(node)
    return transport


def capabilities(network: NetworkConfig) -> Sequence[str]:
    """What the settings say that is offered to peers.

    Raises:
        UsageError: The library that it takes is not installed.
    """
    if network.compression != ZSTD:
        return ()
    if ZSTD not in available_capabilities():
        raise UsageError(
            "network.compression is zstd, and its library is not installed",
            hint="pip install '.[zstd]' from your checkout, or set it to none",
        )
    return (ZSTD,)


@dataclass(frozen=True, slots=True)
class Environment:
    """Time, entropy and network of a node.  The defaults are the real ones."""

    clock: Clock = field(default_factory=SystemClock)
    entropy: Entropy = secrets.token_bytes
    jitter: Callable[[], float] = field(default_factory=lambda: SystemRandom().random)
    transport: Callable[[NetworkConfig, str], Transport] = tcp_transport
    """Of the settings and the node's id; called whenever the network starts."""
    discovery: Callable[[NetworkConfig], Sequence[Discovery]] = discoveries
    work_s: Callable[[], float] = time.thread_time
    """CPU time of the thread that asks, in seconds: by it work is shared out fairly."""
