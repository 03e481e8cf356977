"""Everything that follows what is written while the node is open."""

from dataclasses import dataclass
from typing import Self

import trio

from engram_sync.node.background.indexing import Indexing
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.background.purging import Purging
from engram_sync.node.background.scope_problems import ScopeProblems
from engram_sync.node.core import Core


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A core and what follows its writes."""

    core: Core
    materialising: Materialising
    indexing: Indexing
    purging: Purging

    @classmethod
    def of(cls, core: Core) -> Self:
        """Follow a core that has just opened, and whose scopes are all adopted."""
        ScopeProblems(core)
        materialising = Materialising(core)
        return cls(core, materialising, Indexing(core), Purging(core, materialising))

    async def materialise_and_purge(self) -> None:
        """Purge what an earlier run left, then keep files and documents up with the records."""
        async with trio.open_nursery() as nursery:
            await self.purging.purge()
            nursery.start_soon(self.purging.purge_forever)
            await self.materialising.materialise_forever()
