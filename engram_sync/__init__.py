"""engram-sync: memories that AI agents share without a server.

    async with Node.open("memory") as node:
        await node.remember("Deploys go out on Tuesdays", tags={"ops"})
        hits = await node.recall("when do we deploy?")

Holds the public names; everything else is reached through them.
"""

import trio

from engram_sync.config import Config as Config
from engram_sync.config import load_config as load_config
from engram_sync.errors import EngramError as EngramError
from engram_sync.errors import LocalError as LocalError
from engram_sync.errors import RemoteError as RemoteError
from engram_sync.node import Node as Node
from engram_sync.results import Conflict as Conflict
from engram_sync.results import Engram as Engram
from engram_sync.results import Hit as Hit
from engram_sync.results import Life as Life
from engram_sync.results import MemoryType as MemoryType
from engram_sync.results import NewMemory as NewMemory
from engram_sync.results import Scope as Scope
from engram_sync.results import Status as Status
from engram_sync.results import SyncResult as SyncResult
from engram_sync.results import SyncState as SyncState

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


async def _control(
    node: Node, *, task_status: "trio.TaskStatus[object]" = trio.TASK_STATUS_IGNORED
) -> None:
    # Imported when a node opens: control stands above node, and most programs need neither early.
    from engram_sync.control import serve_control

    await serve_control(node, task_status=task_status)


Node.default_services = (_control,)
