"""What every transport promises, whatever carries the bytes."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
import trio.testing

from engram_sync.errors import DegradedError, UsageError
from engram_sync.transport import (
    Address,
    Link,
    MemoryNetwork,
    TcpTransport,
    Transport,
    UnreachableError,
)

Handler = Callable[[Link], Awaitable[None]]


@dataclass(frozen=True)
class World:
    """Makes hosts of one kind that can reach each other."""

    kind: str
    host: Callable[[str], Transport]
    small: Callable[[str], Transport]
    """A host with places for three strangers, two of them from one address."""

    def address(self, name: str, port: int = 0) -> Address:
        return Address("127.0.0.1" if self.kind == "tcp" else name, port)


def tcp_world() -> World:
    def host(name: str) -> Transport:
        return TcpTransport()

    def small(name: str) -> Transport:
        return TcpTransport(strangers_max=3, strangers_per_address_max=2)

    return World("tcp", host, small)


def memory_world() -> World:
    network = MemoryNetwork(seed=1)

    def small(name: str) -> Transport:
        return network.transport(name, strangers_max=3, strangers_per_address_max=2)

    return World("memory", network.transport, small)


@pytest.fixture(params=[tcp_world, memory_world], ids=["tcp", "memory"])
def world(request: pytest.FixtureRequest) -> World:
    make: Callable[[], World] = request.param
    return make()


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


async def test_bytes_come_back_as_they_were_sent(world: World) -> None:
    async with (
        serving(world.host("far"), [world.address("far")], echo) as [address],
        dialled(world.host("near"), address) as link,
    ):
        await link.stream.send_all(b"Deploys go out on Tuesdays")

        assert await read_exactly(link, 26) == b"Deploys go out on Tuesdays"


async def test_both_ends_know_who_dialled_and_where(world: World) -> None:
    async with connected(world) as pair:
        assert pair.near.initiator
        assert not pair.far.initiator
        assert pair.near.remote == pair.address
        assert pair.far.remote.host == world.address("near").host
        assert pair.far.remote.port > 0


async def test_both_ends_hold_the_same_channel_binding(world: World) -> None:
    async with connected(world) as pair:
        assert pair.near.channel_binding == pair.far.channel_binding
        assert len(pair.near.channel_binding) == 32


async def test_two_hosts_have_different_channel_bindings(world: World) -> None:
    async with (
        serving(world.host("b"), [world.address("b")], echo) as [b],
        serving(world.host("c"), [world.address("c")], echo) as [c],
    ):
        near = world.host("a")
        async with dialled(near, b) as to_b, dialled(near, c) as to_c:
            assert to_b.channel_binding != to_c.channel_binding


async def test_large_transfers_in_both_directions_at_once_arrive_whole(world: World) -> None:
    size = 3 << 20
    there, back = bytes(range(256)) * (size // 256), b"\x5a" * size

    async def receive(link: Link, expected: bytes) -> None:
        assert await read_exactly(link, size) == expected

    async with connected(world) as pair, trio.open_nursery() as nursery:
        nursery.start_soon(pair.near.stream.send_all, there)
        nursery.start_soon(pair.far.stream.send_all, back)
        nursery.start_soon(receive, pair.near, back)
        nursery.start_soon(receive, pair.far, there)


async def test_a_sender_waits_for_a_reader_that_does_not_read(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever the kernel's buffers are, far less than 64 MiB fits into them."""
    async with connected(world) as pair:
        with trio.move_on_after(1) as gave_up:
            await pair.near.stream.send_all(bytes(64 << 20))

        assert gave_up.cancelled_caught


async def test_a_close_on_purpose_reads_as_the_end(world: World) -> None:
    async with connected(world) as pair:
        await pair.near.stream.send_all(b"goodbye")
        await pair.near.aclose()

        assert await read_exactly(pair.far, 7) == b"goodbye"
        assert await pair.far.stream.receive_some() == b""
        await pair.near.aclose()


async def test_a_closed_link_cannot_be_used(world: World) -> None:
    async with connected(world) as pair:
        await pair.near.aclose()

        with pytest.raises(trio.ClosedResourceError):
            await pair.near.stream.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await pair.near.stream.send_all(b"x")


async def test_a_link_that_is_dropped_is_not_mistaken_for_an_end(world: World) -> None:
    async with connected(world) as pair:
        await trio.aclose_forcefully(pair.near.stream)

        with pytest.raises(trio.BrokenResourceError):
            await pair.far.stream.receive_some()


async def test_sending_to_a_peer_that_closed_fails(world: World) -> None:
    async with connected(world) as pair:
        await pair.near.aclose()

        with pytest.raises(trio.BrokenResourceError):
            await pair.far.stream.send_all(bytes(64 << 20))


async def test_a_close_is_bounded_when_the_peer_does_not_read(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    async with connected(world) as pair:
        with trio.move_on_after(1):
            await pair.near.stream.send_all(bytes(64 << 20))
        before = trio.current_time()
        await pair.near.aclose()

        assert trio.current_time() - before <= 1


async def test_an_address_where_nobody_listens_is_unreachable(world: World) -> None:
    async with serving(world.host("far"), [world.address("far")], echo) as [address]:
        pass

    with pytest.raises(UnreachableError, match=f"cannot reach {address}: connection refused") as e:
        await world.host("near").connect(address)
    assert isinstance(e.value, DegradedError)
    assert e.value.hint


async def test_port_zero_cannot_be_dialled(world: World) -> None:
    with pytest.raises(UsageError, match="port 0"):
        await world.host("near").connect(world.address("far"))


async def test_all_addresses_are_listened_on_before_any_is_reported(world: World) -> None:
    wanted = [world.address("far"), world.address("far")]
    async with serving(world.host("far"), wanted, echo) as actual:
        assert len({address.port for address in actual}) == 2
        assert all(address.port for address in actual)
        for address in actual:
            async with dialled(world.host("near"), address):
                pass


async def test_a_port_in_use_is_named_and_no_other_address_stays_open(world: World) -> None:
    far = world.host("far")
    async with serving(far, [world.address("far")], echo) as [taken]:
        async with serving(far, [world.address("far")], echo) as [free]:
            pass
        with pytest.raises(DegradedError) as e:
            await far.serve([free, taken], echo)
        assert str(e.value) == f"cannot listen on {taken}: address already in use"
        assert "choose another port" in e.value.hint

        with pytest.raises(UnreachableError):
            await world.host("near").connect(free)


async def test_an_address_of_another_machine_cannot_be_listened_on(world: World) -> None:
    elsewhere = Address("203.0.113.7" if world.kind == "tcp" else "elsewhere", 7463)

    with pytest.raises(DegradedError, match=f"cannot listen on {elsewhere}: cannot assign") as e:
        await world.host("far").serve([elsewhere], echo)
    assert "0.0.0.0" in e.value.hint


async def test_a_failing_handler_ends_its_own_link_only(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails_on_a_bad_byte(link: Link) -> None:
        async for data in link.stream:
            if data == b"bad":
                raise RuntimeError("planted")
            await link.stream.send_all(data)

    far, near = world.host("far"), world.host("near")
    async with (
        serving(far, [world.address("far")], fails_on_a_bad_byte) as [address],
        dialled(near, address) as victim,
        dialled(near, address) as other,
    ):
        await victim.stream.send_all(b"bad")
        assert await victim.stream.receive_some() == b""

        await other.stream.send_all(b"good")
        assert await read_exactly(other, 4) == b"good"

    assert far.statistics.handlers_failed == 1
    assert "planted" in caplog.text


async def test_a_cut_that_ends_a_handler_is_counted_without_noise(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    far, ended = world.host("far"), trio.Event()

    async def echo_until_the_end(link: Link) -> None:
        try:
            await echo(link)
        finally:
            ended.set()

    async with serving(far, [world.address("far")], echo_until_the_end) as [address]:
        async with dialled(world.host("near"), address):
            pass
        await ended.wait()
        await trio.testing.wait_all_tasks_blocked()

    assert far.statistics.cut == 1
    assert far.statistics.handlers_failed == 0
    assert not caplog.records


async def test_a_failure_while_the_node_stops_does_not_escape(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails_when_cancelled(link: Link) -> None:
        async def fails() -> None:
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                raise RuntimeError("planted") from None

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails)
            nursery.start_soon(trio.sleep_forever)
            await link.stream.send_all(b"ready")

    far = world.host("far")
    async with (
        serving(far, [world.address("far")], fails_when_cancelled) as [address],
        dialled(world.host("near"), address) as link,
    ):
        await read_exactly(link, 5)

    assert far.statistics.handlers_failed == 1


async def test_stopping_cuts_the_links_that_handlers_hold(world: World) -> None:
    kept = Kept()
    async with AsyncExitStack() as stack:
        async with serving(world.host("far"), [world.address("far")], kept) as [address]:
            link = await stack.enter_async_context(dialled(world.host("near"), address))
            await kept.next()

        with pytest.raises(trio.BrokenResourceError):
            await link.stream.receive_some()


async def test_strangers_of_one_address_get_only_their_places(world: World) -> None:
    kept, far, near = Kept(), world.small("far"), world.host("near")
    async with (
        serving(far, [world.address("far")], kept) as [address],
        dialled(near, address),
        dialled(near, address),
    ):
        with pytest.raises(UnreachableError):
            await near.connect(address)
        assert far.statistics.refused_for_address == 1


async def test_an_authenticated_peer_makes_room_for_the_next_stranger(world: World) -> None:
    kept, far, near = Kept(), world.small("far"), world.host("near")
    async with serving(far, [world.address("far")], kept) as [address], AsyncExitStack() as stack:
        for _ in range(6):
            await stack.enter_async_context(dialled(near, address))
            inbound = await kept.next()
            inbound.authenticated()
            inbound.authenticated()
        assert far.statistics.accepted == 6
        assert far.statistics.refused_for_address == 0


async def test_a_link_that_ends_makes_room_for_the_next_stranger(world: World) -> None:
    far, near = world.small("far"), world.host("near")

    async def one_byte(link: Link) -> None:
        await link.stream.send_all(b"x")

    async with serving(far, [world.address("far")], one_byte) as [address]:
        for _ in range(6):
            async with dialled(near, address) as link:
                await read_exactly(link, 1)
                assert await link.stream.receive_some() == b""
            # The place is free a moment after the peer sees the end.
            await trio.testing.wait_all_tasks_blocked(0.01)

    assert far.statistics.accepted == 6


async def test_a_link_is_a_stream_as_trio_defines_it(world: World) -> None:
    async with trio.open_nursery() as nursery:
        kept = Kept()
        [address] = await nursery.start(world.host("far").serve, [world.address("far")], kept)
        near = world.host("near")

        async def make() -> tuple[trio.abc.Stream, trio.abc.Stream]:
            link = await near.connect(address)
            inbound = await kept.next()
            inbound.authenticated()
            return link.stream, inbound.stream

        await trio.testing.check_two_way_stream(make, None)
        nursery.cancel_scope.cancel()
