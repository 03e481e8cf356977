"""Hosts of every kind of transport, and links between them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from engram_sync.testing import MemoryNetwork
from engram_sync.transport import Address, Link, TcpTransport, Transport

Handler = Callable[[Link], Awaitable[None]]


@dataclass(frozen=True)
class World:
    """Makes hosts of one kind that can reach each other."""

    kind: str
    host: Callable[[str], Transport]
    small: Callable[[str], Transport]
    """A host with places for three strangers, two of them from one address, and for six links of
    one address."""

    def address(self, name: str, port: int = 0) -> Address:
        return Address("127.0.0.1" if self.kind == "tcp" else name, port)


def tcp_world() -> World:
    def host(name: str) -> Transport:
        return TcpTransport()

    def small(name: str) -> Transport:
        return TcpTransport(strangers_max=3, strangers_per_address_max=2, links_per_address_max=6)

    return World("tcp", host, small)


def memory_world() -> World:
    network = MemoryNetwork(seed=1)

    def small(name: str) -> Transport:
        return network.transport(
            name, strangers_max=3, strangers_per_address_max=2, links_per_address_max=6
        )

    return World("memory", network.transport, small)


@asynccontextmanager
async def serving(
    transport: Transport, addresses: Sequence[Address], handler: Handler
) -> AsyncGenerator[list[Address]]:
    async with trio.open_nursery() as nursery:
        actual: list[Address] = await nursery.start(transport.serve, addresses, handler)
        yield actual
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def dialled(transport: Transport, address: Address) -> AsyncGenerator[Link]:
    link = await transport.connect(address)
    try:
        yield link
    finally:
        await trio.aclose_forcefully(link.stream)


async def echo(link: Link) -> None:
    async for data in link.stream:
        await link.stream.send_all(data)


async def read_exactly(link: Link, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        data = await link.stream.receive_some(size - len(received))
        assert data, f"ended after {len(received)} of {size} bytes"
        received += data
    return bytes(received)


class Kept:
    """A handler that keeps its links open and hands them to the test."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Link](64)

    async def __call__(self, link: Link) -> None:
        await self._send.send(link)
        await trio.sleep_forever()

    async def next(self) -> Link:
        return await self._receive.receive()


@dataclass
class Pair:
    near: Link
    far: Link
    address: Address


@asynccontextmanager
async def connected(world: World) -> AsyncGenerator[Pair]:
    kept = Kept()
    async with (
        serving(world.host("far"), [world.address("far")], kept) as [address],
        dialled(world.host("near"), address) as near,
    ):
        yield Pair(near, await kept.next(), address)
