"""Puts into the search index what was written, once writing pauses or somebody asks."""

from functools import partial

import trio

from engram_sync.errors import EngramError
from engram_sync.memory.materialise import flush_index
from engram_sync.model.limits import FLUSH_ROWS
from engram_sync.node.core import Core
from engram_sync.node.limits import INDEX_IDLE_S
from engram_sync.observe import Logger
from engram_sync.sync import ScopeView

log = Logger("background")


class Indexing:
    """Keeps the search index up with the documents.

    Args:
        core: The node.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._unindexed = trio.Event()
        self._unindexed.set()  # An earlier run may have left something.
        core.listeners.append(self._on_view)

    def _on_view(self, _: ScopeView | None, __: ScopeView) -> None:
        self._unindexed.set()

    async def index_forever(self) -> None:
        """Flush deferred index entries once writing pauses; runs until cancelled."""
        while True:
            await self._unindexed.wait()
            self._unindexed = trio.Event()
            with trio.move_on_after(INDEX_IDLE_S):
                await self._unindexed.wait()
                continue
            try:
                await self.flush()
            except EngramError as error:
                log.error("the search index cannot be updated", reason=error.message)

    async def flush(self) -> None:
        """Index everything that waits for it; recall then finds every durable memory."""
        path, store = self._core.path, self._core.store
        if not await self._core.read(lambda reader: reader.unindexed()):
            return
        job = partial(flush_index, logs=path.logs, recent=path.materialiser.recent)
        while await store.submit(job, weight=FLUSH_ROWS) == FLUSH_ROWS:
            pass
