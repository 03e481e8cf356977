"""engram-sync: memories that AI agents share without a server.

    async with Node.open("memory") as node:
        await node.remember("Deploys go out on Tuesdays", tags={"ops"})
        hits = await node.recall("when do we deploy?")

Holds the public names; everything else is reached through them.
"""

from typing import TYPE_CHECKING

from engram_sync.api import Conflict as Conflict
from engram_sync.api import Engram as Engram
from engram_sync.api import Hit as Hit
from engram_sync.api import Life as Life
from engram_sync.api import MemoryType as MemoryType
from engram_sync.api import Scope as Scope
from engram_sync.api import Status as Status
from engram_sync.api import SyncResult as SyncResult
from engram_sync.api import SyncState as SyncState
from engram_sync.config import Config as Config
from engram_sync.config import load_config as load_config
from engram_sync.errors import EngramError as EngramError
from engram_sync.errors import LocalError as LocalError
from engram_sync.errors import RemoteError as RemoteError

if TYPE_CHECKING:
    from engram_sync._embedded import Node as Node
    from engram_sync.api.arguments import NewMemory as NewMemory

__all__ = [
    "Config",
    "Conflict",
    "Engram",
    "EngramError",
    "Hit",
    "Life",
    "LocalError",
    "MemoryType",
    "NewMemory",
    "Node",
    "RemoteError",
    "Scope",
    "Status",
    "SyncResult",
    "SyncState",
    "load_config",
]


def __getattr__(name: str) -> object:
    # Node brings the event loop and the documents along, and the calls what checks them; most
    # commands of the command line end before they need any.
    if name == "Node":
        from engram_sync._embedded import Node

        return Node
    if name == "NewMemory":
        from engram_sync.api.arguments import NewMemory

        return NewMemory
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
