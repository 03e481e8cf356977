"""A node's home in memory: key, store, witness and lock, and what a power cut leaves of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.errors import DegradedError
from engram_sync.host import Entropy
from engram_sync.node import NodeKey
from engram_sync.store import InlineExecutor, MemoryStore, Reader, Size, Store, Transaction

T = TypeVar("T")
SEED_BYTES = 32


class WatchedStore:
    """A store that shows somebody what each job leaves behind, before it is committed."""

    def __init__(self, store: Store, watch: Callable[[Reader], None]) -> None:
        self._store = store
        self._watch = watch

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit what is submitted until ``aclose``; ``started`` at once."""
        await self._store.serve(task_status=task_status)

    @property
    def waiting(self) -> bool:
        """Whether jobs wait that have not begun; a long job may ask, and end early."""
        return self._store.waiting

    async def submit(self, job: Callable[[Transaction], T], *, weight: int = 1) -> T:
        """Run ``job`` and return its result once it is durable."""

        def watched(tx: Transaction) -> T:
            result = job(tx)
            self._watch(tx)
            return result

        return await self._store.submit(watched, weight=weight)

    async def read(self, job: Callable[[Reader], T]) -> T:
        """Run ``job`` against one consistent state and return its result."""
        return await self._store.read(job)

    async def purge(self) -> None:
        """Remove from the files what erased payloads, and the index of their words, left there."""
        await self._store.purge()

    async def compact(self) -> Size:
        """Rewrite the whole store without its free pages; the size before."""
        return await self._store.compact()

    async def integrity(self) -> list[str]:
        """What contradicts itself in the store, a sentence each; empty when all is well."""
        return await self._store.integrity()

    async def confirm(self) -> None:
        """Return if the store's files are still in their place; every write asks the same."""
        await self._store.confirm()

    async def aclose(self, *, drain: bool = True) -> int:
        """Accept nothing more, finish or drop what is queued, and close."""
        return await self._store.aclose(drain=drain)


@dataclass(frozen=True, slots=True)
class Disk:
    """What lay in a home at one moment, and the witness that lay outside it then."""

    image: int
    witnesses: dict[bytes, bytes]


class SimulatedHomeStorage:
    """One node's home; it outlives the node, as a directory does.

    Args:
        name: The node's name; its stores are those of ``name`` in ``run``.
        run: What tells the homes of this run from those of others in the process.
        watch: Sees the store after every job.
    """

    def __init__(self, name: str, run: int, watch: Callable[[Reader], None]) -> None:
        self.path = Path(name)
        self.boots = 1
        self._run = run
        self._watch = watch
        self._made = self._image = 1
        """Images made so far, and the one that is in place."""
        self._key: NodeKey | None = None
        self._witnesses: dict[bytes, bytes] = {}
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
        """Become the only process here, within ``wait_s`` seconds."""
        await trio.lowlevel.checkpoint()
        if self._locked:
            raise DegradedError(f"{self.path} is open already")
        self._locked = True
        self._without_power = False

    def release(self) -> None:
        """Let others in."""
        self._locked = False

    def key(self, entropy: Entropy) -> NodeKey:
        """The node's key, drawn and stored when there is none."""
        if self._key is None:
            self._key = NodeKey(*crypto_sign_seed_keypair(entropy(SEED_BYTES)))
        return self._key

    async def open_store(self) -> Store:
        """The node's store, created when there is none."""
        store = await MemoryStore.open(self._named(self._image), InlineExecutor())
        return WatchedStore(store, self._watch)

    def take_witness(self, store_id: bytes) -> bytes | None:
        """Read and remove the witness of continuity."""
        return self._witnesses.pop(store_id, None)

    def leave_witness(self, store_id: bytes, data: bytes) -> None:
        """Leave a witness for the next opening."""
        if not self._without_power:
            self._witnesses[store_id] = data

    def witness_problem(self) -> str:
        """Why no witness can be left, in words; empty when one can."""
        return ""

    @property
    def proven(self) -> bool:
        """Whether a witness says that the store is the newest."""
        return bool(self._witnesses)

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

    def keep(self) -> Disk:
        """A copy of everything, as the snapshot of a machine has it; nobody has it open."""
        return Disk(self._copied(self._image), dict(self._witnesses))

    def put_in(self, disk: Disk, *, with_witness: bool) -> Disk:
        """Let the next opening find what lay in the home then; returns what lies there now.

        Args:
            disk: From ``keep`` or from an earlier call.
            with_witness: Whether the whole machine is as it was then, and not its home alone.
        """
        before = Disk(self._image, dict(self._witnesses))
        self._image = self._copied(disk.image)
        if with_witness:
            self._witnesses = dict(disk.witnesses)
        return before

    async def alter(self, job: Callable[[Transaction], T]) -> T:
        """Change what lies in the home while no node has it open, as a failing disk does."""
        store = await MemoryStore.open(self._named(self._image), InlineExecutor())
        async with trio.open_nursery() as nursery:
            await nursery.start(store.serve)
            result = await store.submit(job)
            await store.aclose()
        return result

    def reboot(self) -> None:
        """Lose what does not survive a reboot: the witness."""
        self.boots += 1
        self._witnesses.clear()

    def discard(self) -> None:
        """Free the memory; nobody may have the store open."""
        for number in range(1, self._made + 1):
            MemoryStore.discard(self._named(number))

    def _named(self, number: int) -> str:
        return f"simulated-{self._run}-{self.path}-{number}"
