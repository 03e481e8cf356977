"""A hostile peer in a process of its own: 64 connections to one node, dialled again and again.

Started by ``benchmarks.hostile``; tells on standard output when it has begun, and in the end how
often it dialled.  It comes from an address of its own, as another machine would.
"""

import json
import ssl
import sys
from pathlib import Path

import trio

from benchmarks.peer import DIALING
from engram_sync import Node
from engram_sync.node.home.files import Home
from engram_sync.node.network.authentication import authenticate
from engram_sync.transport import Address, TcpTransport
from engram_wire import KeyPair, Role, Session, SyncRequest, cbor, clock_digest

CONNECTIONS = 64
SOURCE = "127.0.0.2"
"""Loopback too, and not the address that honest peers come from."""
PAUSE_S = 0.05
_HELLO = cbor.encode([0, [2], [], bytes(32)])
_FRAME = len(_HELLO).to_bytes(4, "big") + _HELLO


class Attacker:
    """Strangers of three kinds, and one member that asks for everything and reads nothing."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.dialled = 0
        self.begun = trio.Event()

    async def _tls(self) -> trio.SSLStream[trio.SocketStream]:
        tcp = await trio.open_tcp_stream(
            self._address.host, self._address.port, local_address=SOURCE
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        stream = trio.SSLStream(tcp, context)
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(tcp)
            raise
        self.dialled += 1
        if self.dialled >= CONNECTIONS // 2:
            self.begun.set()
        return stream

    async def length_only(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        """Declares the largest frame that is allowed, and sends nothing of it."""
        await stream.send_all((4096).to_bytes(4, "big"))
        await stream.receive_some()

    async def drip(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        """A good Hello at one byte per second."""
        for byte in _FRAME:
            await stream.send_all(bytes((byte,)))
            await trio.sleep(1)

    async def huge(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        """Declares 2**32 - 1 bytes and begins to send them."""
        await stream.send_all((2**32 - 1).to_bytes(4, "big"))
        while True:
            await stream.send_all(bytes(1 << 16))

    async def never_reads(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        """A good Hello, and no interest in the answer."""
        await stream.send_all(_FRAME)
        await trio.sleep_forever()

    async def stranger(self, number: int) -> None:
        """One connection, dialled again whenever it is closed."""
        kinds = (self.length_only, self.drip, self.huge, self.never_reads)
        while True:
            try:
                stream = await self._tls()
            except (OSError, trio.BrokenResourceError):
                await trio.sleep(PAUSE_S)
                continue
            try:
                await kinds[number % len(kinds)](stream)
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                await trio.aclose_forcefully(stream)
            await trio.sleep(PAUSE_S)

    async def member(self, home: Path, scope: bytes) -> None:
        """Asks for the whole scope again and again, and never reads an answer."""
        key = Home(home).load_key()
        assert key is not None
        while True:
            link = await TcpTransport().connect(self._address)
            identity = KeyPair(public_key=key.public, secret_key=key.secret)
            session = Session(
                Role.INITIATOR,
                identity,
                nonce=bytes(32),
                channel_binding=link.channel_binding,
                expected_peer=None,
            )
            try:
                await authenticate(link, session)
                for request in range(1, 8):
                    asks = SyncRequest(request, scope, clock_digest(()), (), credentials=())
                    await link.stream.send_all(session.send(asks, timestamp_ms=0))
                await trio.sleep(2)
            except (OSError, trio.BrokenResourceError):
                pass
            finally:
                await trio.aclose_forcefully(link.stream)
            self.dialled += 1


async def main(address: str, home: str, token: str) -> None:
    """Join as an ordinary member, then turn hostile until standard input ends."""
    async with Node.open(home, config=DIALING, services=(), label="mallory") as node:
        joined = await node.join(token)
    attacker = Attacker(Address.parse(address))
    async with trio.open_nursery() as nursery:
        for number in range(CONNECTIONS - 1):
            nursery.start_soon(attacker.stranger, number)
        nursery.start_soon(attacker.member, Path(home), bytes.fromhex(joined.agent))
        await attacker.begun.wait()
        print(json.dumps({"ready": True}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        print(json.dumps({"dialled": attacker.dialled}), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
