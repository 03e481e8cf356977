"""A home whose store shows somebody what each job leaves behind, before it is committed."""

from collections.abc import Callable
from typing import TypeVar

from engram_sync.store import MemoryStore, Reader, Store, Transaction
from engram_sync.testing import InlineExecutor, MemoryHome

T = TypeVar("T")


class WatchedStore(MemoryStore):
    """A store in memory that is watched."""

    watch: Callable[[Reader], None]
    """Sees the store after every job."""

    async def submit(self, job: Callable[[Transaction], T], *, weight: int = 1) -> T:
        """Run ``job`` and return its result once it is durable."""

        def watched(tx: Transaction) -> T:
            result = job(tx)
            self.watch(tx)
            return result

        return await super().submit(watched, weight=weight)


class WatchedHome(MemoryHome):
    """A home in memory that is watched.

    Args:
        name: As for `MemoryHome`.
        watch: Sees the store after every job of a node.
    """

    def __init__(self, name: str, watch: Callable[[Reader], None]) -> None:
        super().__init__(name)
        self._watch = watch

    async def open_store(self) -> Store:
        """The node's store, created when there is none."""
        store = await WatchedStore.open(self.store_name, InlineExecutor())
        store.watch = self._watch
        return store
