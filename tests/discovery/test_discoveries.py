"""What every discovery promises, and what multicast DNS does on the loopback interface."""

import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from engram_sync.address import Address
from engram_sync.discovery import (
    Discovery,
    DiscoveryState,
    MdnsDiscovery,
    NoDiscovery,
    Sighting,
    StaticDiscovery,
)
from engram_sync.discovery import _mdns as mdns_module
from engram_sync.discovery._announcement import SERVICE_TYPE
from engram_sync.discovery._responder import Responder, ResponderError
from engram_sync.discovery._sightings import Mailbox

LOOPBACK = ["127.0.0.1"]
# Drawn, because tests that run beside this one announce themselves on the same interface.
_PORT = 20000 + secrets.randbelow(40000)
HERE = Address("127.0.0.1", _PORT)
THERE = Address("127.0.0.1", _PORT + 1)


def static() -> Discovery:
    return StaticDiscovery([THERE, HERE, THERE])


def mdns() -> Discovery:
    return MdnsDiscovery(LOOPBACK)


def mdns_where_it_cannot_work() -> Discovery:
    """203.0.113.0/24 is reserved for documentation: no machine has it."""
    return MdnsDiscovery(["203.0.113.7"])


every = pytest.mark.parametrize(
    "make", [NoDiscovery, static, mdns, mdns_where_it_cannot_work], ids=lambda make: make.__name__
)


@asynccontextmanager
async def running(
    discovery: Discovery, listening: Sequence[Address], *, places: int = 64
) -> "AsyncGenerator[tuple[DiscoveryState, trio.MemoryReceiveChannel[Sighting]]]":
    send, receive = trio.open_memory_channel[Sighting](places)
    with trio.fail_after(60):
        async with receive, trio.open_nursery() as nursery:
            state: DiscoveryState = await nursery.start(discovery.run, listening, send)
            yield state, receive
            nursery.cancel_scope.cancel()


async def sighting_of(address: Address, receive: "trio.MemoryReceiveChannel[Sighting]") -> Sighting:
    """The next sighting of that address; a node's own never comes."""
    async for sighting in receive:
        if sighting.address == address:
            return sighting
    raise AssertionError("discovery ended")


@every
async def test_it_starts_and_says_what_it_can_do(make: Callable[[], Discovery]) -> None:
    discovery = make()
    async with running(discovery, [HERE]) as (state, _):
        assert state.kind == discovery.state.kind
        assert state.available == discovery.state.available
        assert state.available or state.reason
        assert not state.announcing


@every
async def test_it_runs_until_it_is_cancelled_and_closes_its_channel(
    make: Callable[[], Discovery],
) -> None:
    send, receive = trio.open_memory_channel[Sighting](64)
    ended = trio.Event()

    async def run(*, task_status: "trio.TaskStatus[DiscoveryState]") -> None:
        try:
            await make().run([HERE], send, task_status=task_status)
        finally:
            ended.set()

    async with receive, trio.open_nursery() as nursery:
        await nursery.start(run)
        assert not ended.is_set()
        nursery.cancel_scope.cancel()

    assert ended.is_set()
    with pytest.raises(trio.ClosedResourceError):
        send.send_nowait(Sighting(HERE, "static", "x"))


@every
async def test_a_node_that_takes_no_sightings_does_not_stop_it(
    make: Callable[[], Discovery],
) -> None:
    async with running(make(), [HERE], places=0):
        pass


@every
async def test_a_node_that_does_not_listen_can_run_it(make: Callable[[], Discovery]) -> None:
    async with running(make(), []) as (state, _):
        assert not state.announcing


async def test_static_addresses_are_sighted_once_each_and_the_own_one_never() -> None:
    async with running(static(), [HERE]) as (state, receive):
        assert state.available
        assert await receive.receive() == Sighting(THERE, "static", str(THERE))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.WouldBlock):
            receive.receive_nowait()


async def test_static_discovery_without_addresses_says_so() -> None:
    assert not StaticDiscovery([]).state.available


async def test_mdns_that_cannot_work_never_prevents_a_start() -> None:
    discovery = mdns_where_it_cannot_work()
    async with running(discovery, [HERE]) as (state, _):
        assert state == DiscoveryState(
            "mdns", available=False, reason="no multicast on 203.0.113.7"
        )


@pytest.mark.parametrize("wanted", [["eth0"], [""], ["::1"]])
async def test_an_interface_that_is_none_is_a_reason_not_an_error(wanted: list[str]) -> None:
    async with running(MdnsDiscovery(wanted), [HERE]) as (state, _):
        assert not state.available


async def test_a_node_that_listens_nowhere_has_no_interface_to_speak_on() -> None:
    async with running(MdnsDiscovery(), []) as (state, _):
        assert (state.available, state.reason) == (False, "no address is listened on")


async def test_an_address_without_an_interface_is_a_reason_not_an_error() -> None:
    async with running(MdnsDiscovery(), [Address("alice", 7463)]) as (state, _):
        assert not state.available


async def test_without_zeroconf_a_node_starts_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    async with running(MdnsDiscovery(LOOPBACK), [HERE]) as (state, _):
        assert not state.available
        assert "zeroconf" in state.reason


async def test_sockets_that_do_not_open_in_time_never_prevent_a_start(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    release = threading.Event()

    class Stuck(Responder):
        def open(self, listening: Sequence[Address], wanted: Sequence[str] | None) -> None:
            release.wait()

        def close(self) -> None:
            release.wait()

    monkeypatch.setattr(mdns_module, "Responder", Stuck)
    async with running(MdnsDiscovery(LOOPBACK), [HERE]) as (state, _):
        assert not state.available
        assert "took more than" in state.reason
    release.set()


@pytest.mark.slow
def test_zeroconf_is_loaded_only_when_it_is_used() -> None:
    code = "import sys, engram_sync.discovery; sys.exit('zeroconf' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_announced_where_nothing_is_listened_on_or_after_the_end() -> None:
    responder = Responder("name", Mailbox("name"))
    responder.open([], LOOPBACK)
    assert not responder.announce([Address("192.0.2.2", 7463)])
    responder.close()
    responder.close()

    assert not responder.announce([HERE])
    with pytest.raises(ResponderError, match="stopped"):
        responder.open([], LOOPBACK)


@pytest.mark.slow
async def test_two_nodes_on_one_machine_see_each_other_and_a_goodbye() -> None:
    first, second = MdnsDiscovery(LOOPBACK), MdnsDiscovery(LOOPBACK)
    async with running(first, [HERE]) as (state, seen_by_first):
        assert state.available
        async with running(second, [THERE]) as (_, seen_by_second):
            arrival = await sighting_of(THERE, seen_by_first)
            assert (arrival.via, arrival.gone) == ("mdns", False)
            assert (await sighting_of(HERE, seen_by_second)).via == "mdns"

        departure = await sighting_of(THERE, seen_by_first)
        assert departure == Sighting(THERE, "mdns", arrival.name, gone=True)
    assert not second.state.available


@pytest.mark.slow
async def test_every_address_that_a_node_listens_on_is_seen_and_taken_back() -> None:
    third = Address("127.0.0.1", _PORT + 2)
    async with running(MdnsDiscovery(LOOPBACK), [HERE]) as (_, seen):
        async with running(MdnsDiscovery(LOOPBACK), [THERE, third]):
            names: dict[Address, str] = {}
            while not {THERE, third} <= names.keys():
                arrival = await seen.receive()
                names[arrival.address] = arrival.name
            assert names[THERE] != names[third]
        gone: set[Address] = set()
        while not {THERE, third} <= gone:
            departure = await seen.receive()
            if departure.gone:
                gone.add(departure.address)


@pytest.mark.slow
async def test_a_node_does_not_see_itself() -> None:
    """What a second node has seen, the first has been sent too: both share one interface."""
    first = MdnsDiscovery(LOOPBACK)
    async with running(first, [HERE]) as (_, seen_by_first):
        async with running(MdnsDiscovery(LOOPBACK), []) as (_, seen_by_second):
            assert (await sighting_of(HERE, seen_by_second)).address == HERE
        while True:
            try:
                assert seen_by_first.receive_nowait().address != HERE
            except trio.WouldBlock:
                break


@pytest.mark.slow
async def test_announcements_of_others_are_ignored_and_counted() -> None:
    """Foreign versions, missing text records and odd names, in packets as a peer sends them."""
    from zeroconf import ServiceInfo, Zeroconf

    def info(name: str, txt: dict[bytes, bytes]) -> ServiceInfo:
        return ServiceInfo(
            SERVICE_TYPE,
            f"{name}.{SERVICE_TYPE}",
            port=THERE.port,
            properties=txt,
            server=f"{name.replace(' ', '')}.local.",
            parsed_addresses=["127.0.0.1"],
        )

    bad = [info("foreign", {b"v": b"2"}), info("bare", {}), info("Odd Name", {b"v": b"1"})]

    def announce(stranger: Zeroconf) -> None:
        for one in [*bad, info("good", {b"v": b"1"})]:
            stranger.register_service(one, cooperating_responders=True)

    discovery = MdnsDiscovery(LOOPBACK)
    async with running(discovery, [HERE]) as (state, seen):
        assert state.available
        stranger = await trio.to_thread.run_sync(lambda: Zeroconf(interfaces=LOOPBACK))
        try:
            await trio.to_thread.run_sync(announce, stranger)
            assert (await sighting_of(THERE, seen)).name == "good"
        finally:
            await trio.to_thread.run_sync(stranger.close)
    assert discovery.ignored >= len(bad)


@pytest.mark.slow
async def test_malformed_packets_do_not_end_discovery() -> None:
    discovery = MdnsDiscovery(LOOPBACK)
    async with running(discovery, [HERE]) as (state, seen):
        assert state.available
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
            attacker.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1")
            )
            for packet in (b"", b"\0" * 12, b"\xff" * 512, bytes(range(256)) * 4):
                attacker.sendto(packet, ("224.0.0.251", 5353))
        async with running(MdnsDiscovery(LOOPBACK), [THERE]):
            assert not (await sighting_of(THERE, seen)).gone
