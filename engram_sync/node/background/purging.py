"""Leaves nothing of what was erased in any file of the home."""

import math
from functools import partial

import trio

from engram_sync.errors import LocalError
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.core import Core
from engram_sync.node.limits import PURGE_GAP_S
from engram_sync.node.writing.brought import are_due
from engram_sync.node.writing.counterparts import erase_counterparts
from engram_sync.node.writing.outcome import JobOutcome


class Purging:
    """Purges what this node erases at once, and what peers erase soon and together.

    Args:
        core: The node.
        materialising: For counterparts of erased memories, which are erased as a whole.
    """

    def __init__(self, core: Core, materialising: Materialising) -> None:
        self._core = core
        self._materialising = materialising
        self.due = False
        """Whether something was erased that is still in the files."""
        self._purged = -math.inf
        """When the files were purged last of what this run erased."""
        self._unpurged = trio.Event()
        core.before_return = self._follow

    async def _follow(self, outcome: JobOutcome) -> None:
        self.due = self.due or outcome.erased
        if self.due:
            if outcome.erased_here or trio.current_time() >= self._purged + PURGE_GAP_S:
                await self.purge()
            self._unpurged.set()

    async def purge(self) -> None:
        """Purge now, counterparts in other agents included; a failure is told in ``status``."""
        core = self._core
        if self.due:
            self._purged = trio.current_time()
        self.due = False
        try:
            while await core.read(are_due):
                job = partial(erase_counterparts, core.path, core.key.public)
                await self._materialising.write_shown(job)
            await core.store.purge()
        except LocalError as error:
            core.problems["purge"] = f"erased values are still in the files: {error.message}"
        else:
            core.problems.pop("purge", None)

    async def purge_forever(self) -> None:
        """Purge what peers erased, together with what they erase soon after."""
        while True:
            await self._unpurged.wait()
            self._unpurged = trio.Event()
            await trio.sleep_until(self._purged + PURGE_GAP_S)
            if self.due:
                await self.purge()
