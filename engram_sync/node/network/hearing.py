"""Asks peers of whom something good is about to be said, when nothing was heard of them lately.

A link that was cut without a word looks alive until its peer is given up, and all that is known of
the peer was true when it was heard last.
"""

import trio

from engram_sync.node.core import Core
from engram_sync.node.limits import FRESH_S
from engram_sync.node.network.connection import Connection
from engram_sync.node.network.network import Network
from engram_sync.sync import SILENT_S, Accord

NONCE_BYTES = 7
"""A nonce fits a CBOR integer, and 0 is that of the keep-alive."""


def new_nonce(core: Core) -> int:
    """A number for a ping whose answer is waited for."""
    return int.from_bytes(core.environment.entropy(NONCE_BYTES), "big") | 1


async def hear(core: Core, network: Network) -> None:
    """Return when every peer that counts as synced was heard lately, or does not answer."""
    now = trio.current_time()
    asked: dict[Connection, int] = {}
    for connection in tuple(network.connections.values()):
        exchange = connection.exchange
        if exchange.accord() is Accord.SYNCED and now > exchange.heard_at + FRESH_S:
            asked[connection] = nonce = new_nonce(core)
            connection.perform(exchange.probe(nonce, now))
    with trio.move_on_after(SILENT_S):
        while any(_waits(network, c, nonce) for c, nonce in asked.items()):
            await core.wait_change()


def _waits(network: Network, connection: Connection, nonce: int) -> bool:
    connected = network.connections.get(connection.peer) is connection
    return connected and nonce not in connection.exchange.pongs
