"""What only the memory network promises: faults on demand, and the same run from the same seed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from engram_sync.testing import MemoryNetwork, NetworkFaults
from engram_sync.transport import Address, Link, UnreachableError

B = Address("b", 7463)


class Inbox:
    """Keeps the inbound links of one host."""

    def __init__(self) -> None:
        self.links: list[Link] = []

    async def __call__(self, link: Link) -> None:
        self.links.append(link)
        await trio.sleep_forever()


@asynccontextmanager
async def linked(network: MemoryNetwork) -> AsyncGenerator[tuple[Link, Link]]:
    """A link that a dialled, and its end at b."""
    async with trio.open_nursery() as nursery:
        inbox = Inbox()
        await nursery.start(network.transport("b").serve, [Address("0.0.0.0", 7463)], inbox)
        near = await network.transport("a").connect(B)
        await trio.testing.wait_all_tasks_blocked()
        yield near, inbox.links[0]
        nursery.cancel_scope.cancel()


async def test_a_partition_cuts_live_links_at_both_ends_and_refuses_new_ones() -> None:
    network = MemoryNetwork()
    async with linked(network) as (near, far):
        assert network.links() == [("a", "b")]
        network.partition("b", "a")

        for link in (near, far):
            with pytest.raises(trio.BrokenResourceError):
                await link.stream.receive_some()
            with pytest.raises(trio.BrokenResourceError):
                await link.stream.send_all(b"x")
        with pytest.raises(UnreachableError, match="no route to host"):
            await network.transport("a").connect(B)
        assert network.links() == []

        network.heal()
        again = await network.transport("a").connect(B)
        with pytest.raises(trio.BrokenResourceError):
            await near.stream.receive_some()
        await again.aclose()


async def test_a_partition_leaves_other_hosts_alone() -> None:
    network = MemoryNetwork()
    async with linked(network):
        network.partition("a", "c")
        network.partition("b", "c")
        network.heal("a")
        network.cut("c")

        with pytest.raises(UnreachableError):
            await network.transport("c").connect(B)
        assert network.links() == [("a", "b")]


async def test_healing_one_pair_leaves_other_partitions() -> None:
    network = MemoryNetwork()
    async with linked(network):
        network.partition("a", "b")
        network.partition("c", "b")
        network.heal("b", "a")

        await (await network.transport("a").connect(B)).aclose()
        with pytest.raises(UnreachableError):
            await network.transport("c").connect(B)


async def test_a_cut_in_the_middle_of_a_transfer_is_seen_by_both_ends() -> None:
    network = MemoryNetwork(buffer_bytes=1000)
    async with linked(network) as (near, far), trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await near.stream.send_all(bytes(5000))

        async def receive() -> None:
            assert await far.stream.receive_some(500)
            assert network.cut("a", "b") == 1
            with pytest.raises(trio.BrokenResourceError):
                await far.stream.receive_some()

        nursery.start_soon(send)
        nursery.start_soon(receive)


async def test_a_clog_holds_bytes_of_one_direction_back_and_loses_none() -> None:
    network = MemoryNetwork()
    async with linked(network) as (near, far):
        await near.stream.send_all(b"before")
        network.clog("a", "b")
        await far.stream.send_all(b"other way")
        assert await near.stream.receive_some() == b"other way"

        got: list[bytes | bytearray] = []

        async def receive() -> None:
            got.append(await far.stream.receive_some())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await trio.testing.wait_all_tasks_blocked()
            assert got == []
            network.unclog("a", "b")
        assert got == [b"before"]


async def test_a_connect_through_a_clog_waits_for_its_end_or_the_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = MemoryNetwork()
    async with linked(network):
        network.clog("b", "a")
        with pytest.raises(UnreachableError, match="no answer within 10 s"):
            await network.transport("a").connect(B)

        async with trio.open_nursery() as nursery:

            async def connect() -> None:
                await (await network.transport("a").connect(B)).aclose()

            nursery.start_soon(connect)
            await trio.testing.wait_all_tasks_blocked()
            network.heal("a", "b")


async def test_bytes_take_their_time_and_keep_their_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = MemoryNetwork(seed=3)
    async with linked(network) as (near, far):
        network.faults = NetworkFaults(latency_s_min=1, latency_s_max=9)
        started = trio.current_time()
        for n in range(10):
            await near.stream.send_all(bytes([n]))
        await near.aclose()

        received = b"".join([bytes(data) async for data in far.stream])
        assert received == bytes(range(10))
        assert 1 <= trio.current_time() - started <= 9


async def test_torn_reads_lose_nothing() -> None:
    network = MemoryNetwork(seed=5, faults=NetworkFaults(tear=True))
    content = bytes(range(256)) * 40
    async with linked(network) as (near, far):
        await near.stream.send_all(content)
        await near.aclose()
        pieces = [bytes(data) async for data in far.stream]

        assert b"".join(pieces) == content
        assert len(pieces) > 1


async def test_connects_and_links_fail_as_often_as_told() -> None:
    network = MemoryNetwork()
    async with linked(network) as (near, far):
        network.faults.refuse_chance = 1.0
        with pytest.raises(UnreachableError, match="connection refused"):
            await network.transport("a").connect(B)

        network.faults.cut_chance = 1.0
        with pytest.raises(trio.BrokenResourceError):
            await near.stream.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await far.stream.receive_some()


async def story(seed: int) -> list[str]:
    """What an echo over a bad network looks like, as a trace."""
    faults = NetworkFaults(
        latency_s_min=0.01, latency_s_max=0.5, refuse_chance=0.2, cut_chance=0.02, tear=True
    )
    network = MemoryNetwork(seed, faults=faults)
    trace: list[str] = []
    started = trio.current_time()

    async def echo(link: Link) -> None:
        async for data in link.stream:
            await link.stream.send_all(data)

    async with trio.open_nursery() as nursery:
        await nursery.start(network.transport("b").serve, [B], echo)
        for _ in range(20):
            try:
                link = await network.transport("a").connect(B)
                trace.append(link.channel_binding.hex())
                await link.stream.send_all(bytes(3000))
                trace.append(f"{len(await link.stream.receive_some())} bytes")
                await link.aclose()
            except (UnreachableError, trio.BrokenResourceError) as error:
                trace.append(repr(error))
            trace.append(f"{trio.current_time() - started:.6f} s")
        nursery.cancel_scope.cancel()
    return trace


async def test_a_seed_gives_one_story_and_another_seed_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    first, again, other = await story(7), await story(7), await story(8)

    assert first == again
    assert first != other
    assert any("UnreachableError" in line for line in first)


async def test_an_address_belongs_to_one_host() -> None:
    network = MemoryNetwork()
    async with linked(network), trio.open_nursery() as nursery:
        [other] = await nursery.start(network.transport("c").serve, [Address("c", 7463)], Inbox())
        assert other == Address("c", 7463)
        nursery.cancel_scope.cancel()
