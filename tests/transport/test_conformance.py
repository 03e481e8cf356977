"""What every transport promises about its links, whatever carries the bytes."""

import pytest
import trio
import trio.testing

from engram_sync.transport import (
    Link,
)
from tests.transport.worlds import Kept, World, connected, dialled, echo, read_exactly, serving


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
    world: World, mock_clock: trio.testing.MockClock
) -> None:
    """Whatever the kernel's buffers are, far less than 64 MiB fits into them."""
    async with connected(world) as pair:
        mock_clock.autojump_threshold = 0  # Not before: the kernel needs time to connect.
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
    world: World, mock_clock: trio.testing.MockClock
) -> None:
    async with connected(world) as pair:
        mock_clock.autojump_threshold = 0
        with trio.move_on_after(1):
            await pair.near.stream.send_all(bytes(64 << 20))
        before = trio.current_time()
        await pair.near.aclose()

        assert trio.current_time() - before <= 1


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
