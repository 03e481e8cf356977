"""What every transport promises about listening: addresses, handlers, strangers."""

from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing

from engram_sync.errors import DegradedError, UsageError
from engram_sync.transport import (
    Address,
    Link,
    UnreachableError,
)
from tests.transport.worlds import Kept, World, dialled, echo, read_exactly, serving


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


async def test_peers_of_one_address_get_only_their_places_proven_or_not(world: World) -> None:
    kept, far, near = Kept(), world.small("far"), world.host("near")
    async with serving(far, [world.address("far")], kept) as [address], AsyncExitStack() as stack:
        inbound: list[Link] = []
        for _ in range(6):
            await stack.enter_async_context(dialled(near, address))
            inbound.append(await kept.next())
            inbound[-1].authenticated()
        with pytest.raises(UnreachableError):
            await near.connect(address)
        assert far.statistics.refused_for_address == 1


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
