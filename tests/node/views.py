"""What nodes say, as many tests ask it."""

from engram_sync.api import PeerStatus
from engram_sync.node import Node
from engram_sync.testing import until


async def all_synced(*nodes: Node) -> None:
    """Wait until every node says that it is synced."""

    async def synced() -> bool:
        return all([(await node.status()).sync == "synced" for node in nodes])

    await until(synced)


async def peer_of(node: Node, other: Node) -> PeerStatus:
    """What ``node`` says about ``other``."""
    wanted = (await other.identity()).node
    return next(peer for peer in await node.peers() if peer.node == wanted)


async def contents(node: Node) -> list[str]:
    """Every live memory of the agent, sorted."""
    return sorted(engram.content for engram in await node.list(limit=1000, scope="agent"))
