"""A transport that can tell how many bytes its links have carried, TLS and handshakes included.

The kernel counts them (``TCP_INFO``, Linux only); nothing stands between the node and its socket.
"""

import socket
import struct
import sys

import trio

from engram_sync.transport import Address, TcpTransport

# Offsets of tcpi_bytes_acked and tcpi_bytes_received in struct tcp_info (linux/tcp.h).
_COUNTERS = struct.Struct("QQ")
_OFFSET = 120
_INFO_BYTES = 192


class CountingTransport(TcpTransport):
    """TCP and TLS as always; remembers the sockets it opened."""

    def __init__(self) -> None:
        super().__init__()
        self._sockets: list[trio.socket.SocketType] = []

    async def open_tcp(self, address: Address) -> trio.SocketStream:
        """The TCP connection under an outbound link; a place to count bytes or bind a source."""
        stream = await super().open_tcp(address)
        self._sockets.append(stream.socket)
        return stream

    def bytes_carried(self) -> int | None:
        """Payload bytes of the newest link so far, both directions; None where nobody counts."""
        if sys.platform != "linux" or not self._sockets:
            return None
        info = self._sockets[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        sent, received = _COUNTERS.unpack_from(info, _OFFSET)
        return int(sent) + int(received)
