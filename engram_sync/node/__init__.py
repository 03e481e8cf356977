"""The node: owns the tasks of an open home and performs the effects that the pure parts decide.

Holds the one write path, the connections and the public ``Node``.  It must never contain how a
document merges, how a record is encoded or what a peer may see: it asks the rooms below.
"""

from engram_sync.node.home.environment import DirectoryStorage as DirectoryStorage
from engram_sync.node.home.environment import Environment as Environment
from engram_sync.node.home.environment import HomeStorage as HomeStorage
from engram_sync.node.home.environment import SystemClock as SystemClock
from engram_sync.node.home.environment import configured_peers as configured_peers
from engram_sync.node.home.files import Home as Home
from engram_sync.node.home.files import NodeKey as NodeKey
from engram_sync.node.node import Node as Node
from engram_sync.node.node import Service as Service

__all__ = [
    "DirectoryStorage",
    "Environment",
    "Home",
    "HomeStorage",
    "Node",
    "NodeKey",
    "Service",
    "SystemClock",
    "configured_peers",
]
