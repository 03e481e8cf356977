"""Homes of nodes: in memory, with what a power cut leaves of them, and in a directory."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.errors import DegradedError
from engram_sync.host import Entropy
from engram_sync.node import DirectoryStorage, Home, NodeKey
from engram_sync.store import MemoryStore, SqliteStore, Store, Transaction

from ._executor import InlineExecutor

T = TypeVar("T")
_SEED_BYTES = 32
# Stores in memory have names of the whole process; no home may find those of another.
_homes = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Disk:
    """What lay in a home at one moment, and the witness that lay outside it then."""

    image: int
    witnesses: dict[bytes, bytes]


class MemoryHome:
    """The home of one node, without a disk; it outlives the node, as a directory does.

    Args:
        name: What errors call it: letters, digits and ``-``.
    """

    def __init__(self, name: str) -> None:
        self.path = Path(name)
        self.boots = 1
        self.witnesses: dict[bytes, bytes] = {}
        """What proves to the next node that the store is the newest; a crash leaves none."""
        self._stores = f"{name}-{next(_homes)}"
        self._made = self._image = 1
        """Images made so far, and the one that is in place."""
        self._key: NodeKey | None = None
        self._locked = False
        self._without_power = False

    @property
    def public(self) -> bytes:
        """The key of the node whose home it is, once it has one."""
        return b"" if self._key is None else self._key.public

    @property
    def boot_id(self) -> str:
        """Differs after a reboot."""
        return f"boot {self.boots}"

    async def acquire(self, wait_s: float) -> None:  # noqa: ARG002 - a second one is a mistake here
        """Become the only node here.

        Raises:
            DegradedError: Another node has the home.
        """
        await trio.lowlevel.checkpoint()
        if self._locked:
            raise DegradedError(f"{self.path} is in use")
        self._locked = True
        self._without_power = False

    def release(self) -> None:
        """Let others in."""
        self._locked = False

    def key(self, entropy: Entropy) -> NodeKey:
        """The node's key, drawn and stored when there is none."""
        if self._key is None:
            self._key = NodeKey(*crypto_sign_seed_keypair(entropy(_SEED_BYTES)))
        return self._key

    @property
    def store_name(self) -> str:
        """What its `MemoryStore` is called now."""
        return self._named(self._image)

    async def open_store(self) -> Store:
        """The node's store, created when there is none."""
        return await MemoryStore.open(self.store_name, InlineExecutor())

    def take_witness(self, store_id: bytes) -> bytes | None:
        """Read and remove the witness of continuity."""
        return self.witnesses.pop(store_id, None)

    def leave_witness(self, store_id: bytes, data: bytes) -> None:
        """Leave a witness for the next opening."""
        if not self._without_power:
            self.witnesses[store_id] = data

    def witness_problem(self) -> str:
        """Why no witness can be left, in words; empty when one can."""
        return ""

    # -- what happens to it ------------------------------------------------------------------

    def cut_power(self) -> None:
        """From now on nothing that the running node does reaches the disk.

        The node itself has to be stopped by whoever runs it; the next one finds what had been
        committed by now, and no witness.
        """
        self.save_image()
        self._without_power = True

    def save_image(self) -> None:
        """Let the next opening find what is committed now."""
        self._image = self._copied(self._image)

    def _copied(self, image: int) -> int:
        self._made += 1
        MemoryStore.copy(self._named(image), self._named(self._made))
        return self._made

    def reboot(self) -> None:
        """Lose what does not survive a reboot: the witness."""
        self.boots += 1
        self.witnesses.clear()

    def keep(self) -> Disk:
        """A copy of everything, as the snapshot of a machine has it; nobody has it open."""
        return Disk(self._copied(self._image), dict(self.witnesses))

    def put_in(self, disk: Disk, *, with_witness: bool) -> Disk:
        """Let the next opening find what lay in the home then; returns what lies there now.

        Args:
            disk: From ``keep`` or from an earlier call.
            with_witness: Whether the whole machine is as it was then, and not its home alone.
        """
        before = Disk(self._image, dict(self.witnesses))
        self._image = self._copied(disk.image)
        if with_witness:
            self.witnesses = dict(disk.witnesses)
        return before

    def copy(self, name: str, *, with_witness: bool = False) -> "MemoryHome":
        """Another home with the same content, as a clone or a restored backup has it.

        Args:
            name: What errors call it.
            with_witness: Whether it has a witness of its own, as a virtual machine that resumes
                from a snapshot: nothing on such a machine can tell that it is not the first.
                Else both homes look at the same one, which lies outside them.
        """
        other = MemoryHome(name)
        MemoryStore.copy(self.store_name, other.store_name)
        other.boots, other._key = self.boots, self._key
        other.witnesses = dict(self.witnesses) if with_witness else self.witnesses
        return other

    async def alter(self, job: Callable[[Transaction], T]) -> T:
        """Change what lies in the home while no node has it open, as a failing disk does."""
        store = await MemoryStore.open(self.store_name, InlineExecutor())
        async with trio.open_nursery() as nursery:
            await nursery.start(store.serve)
            result = await store.submit(job)
            await store.aclose()
        return result

    def discard(self) -> None:
        """Free the memory; nobody may have the store open."""
        for number in range(1, self._made + 1):
            MemoryStore.discard(self._named(number))

    def _named(self, number: int) -> str:
        return f"{self._stores}-{number}"


class DirectoryHome(DirectoryStorage):
    """A home on a disk, with a store that works in place, so that virtual time stays exact.

    Args:
        directory: Where it is; made when it does not exist.
        vfs: Name of the SQLite file system layer; None means the system's.
    """

    def __init__(self, directory: Path, *, vfs: str | None = None) -> None:
        super().__init__(Home(directory), vfs=vfs)

    async def open_file(self, path: Path) -> SqliteStore:
        """The store in a file of this home, created when there is none."""
        return await SqliteStore.open(path, executor=InlineExecutor(), vfs=self.vfs)
