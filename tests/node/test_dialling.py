"""However many times two nodes dial each other, and wherever they move: one connection, soon."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engram_sync.address import Address
from engram_sync.config import Config, NetworkConfig, SyncConfig
from engram_sync.discovery import Discovery, MdnsDiscovery, StaticDiscovery
from engram_sync.node import Environment, Node
from engram_sync.testing import PORT, Cluster, converged, until
from engram_sync.transport import TcpTransport
from engram_wire import CloseCode

from .tap import Tap
from .views import all_synced, peer_of


def links(node: Node) -> list[bytes]:
    """The sessions of the node's connections."""
    sessions = [c.session.session_id for c in node._controller.network.connections.values()]
    return [session for session in sessions if session is not None]


@pytest.mark.parametrize("times", [2, 5])
@pytest.mark.parametrize("seed", range(6))
async def test_dials_at_once_in_one_direction_end_with_one_connection_and_no_other(
    autojump_clock: MockClock, times: int, seed: int
) -> None:
    """On ways of different lengths: the first to be proven here is not the first one there."""
    cluster = Cluster(seed)
    cluster.tap = tap = Tap()
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        await all_synced(a, b)
        await b.go_offline()
        await until(lambda: nobody(a))
        cluster.network.faults.latency_s_max = 0.5
        tap.streams.clear()
        tap.sends.clear()
        network = b._controller.network
        await b._controller.start(())
        async with trio.open_nursery() as nursery:
            for _ in range(times):
                nursery.start_soon(dial, b, a)
        await trio.sleep(10)
        assert len(links(a)) == len(links(b)) == 1
        assert links(a) == links(b)
        assert len(cluster.network.links()) == 1
        # Only one of them was ever told who dials, so none was replaced and nobody dialled again.
        dialled = [data for host, data in tap.streams if host == "b"]
        assert sum(len(data) > 400 for data in dialled) == 1
        assert len(dialled) <= times + 1
        assert next(iter(network.connections.values())).initiator
        await a.remember("over the one that stayed")
        await converged(a, b)
    cluster.close()


async def nobody(node: Node) -> bool:
    return not node._controller.network.connections


async def dial(node: Node, other: Node) -> None:
    key = other._core.key.public
    await node._controller.network.connect(Address("a", PORT), via="token", expected=key)


@pytest.mark.slow
async def test_dials_at_once_in_both_directions_end_with_one_connection(
    autojump_clock: MockClock,
) -> None:
    for seed in range(8):
        cluster = Cluster(seed)
        async with cluster.nodes():
            pass
        cluster.network.faults.latency_s_max = 0.5
        cluster.tap = tap = Tap()
        async with (
            cluster.open("a", peers=["b"]) as a,
            cluster.open("b", peers=["a"]) as b,
        ):
            await all_synced(a, b)
            await trio.sleep(30)
            assert len(cluster.network.links()) == 1
            assert links(a) == links(b)
            assert len(tap.streams) <= 4, "two links of two ends: neither had to dial again"
        cluster.close()


async def test_a_dial_that_begins_while_connected_replaces_the_connection_on_both_sides(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """Nobody dials a peer that is connected, unless that connection died unseen."""
    async with cluster.nodes() as (a, b), trio.open_nursery() as nursery:
        await all_synced(a, b)
        (before,) = links(b)
        await trio.sleep(1)
        network = b._controller.network
        nursery.start_soon(partial(network.dial, Address("a", PORT), via="static"))
        await until(lambda: connected(b, but=before))
        await until(lambda: connected(a, but=before))
        assert links(a) == links(b)
        await a.remember("over the new one")
        await converged(a, b)
        nursery.cancel_scope.cancel()


async def connected(node: Node, *, but: bytes) -> bool:
    return links(node) not in ([], [but])


# -- moving ----------------------------------------------------------------------------------

FAST = SyncConfig(backoff_min_s=0.02, backoff_max_s=0.2)


def mdns(network: NetworkConfig) -> Sequence[Discovery]:
    return (MdnsDiscovery(["127.0.0.1"]),)


def static(network: NetworkConfig) -> Sequence[Discovery]:
    return (StaticDiscovery([Address.parse(text) for text in network.peers]),)


ANY = ("127.0.0.1:0",)


def settings(*peers: str, listen: Sequence[str] = ANY) -> Config:
    network = NetworkConfig(enabled=True, listen=tuple(listen), peers=peers, mdns=False)
    return Config(network=network, sync=FAST)


async def reached(node: Node, other: Node, via: str) -> None:
    """Wait until ``node`` has reached ``other`` over what that way of searching told."""
    with trio.fail_after(60):
        while True:
            seen = await peer_of(node, other)
            if seen.connected and seen.via == via:
                return
            await node._core.wait_change()


async def join(tmp_path: Path) -> None:
    """Two homes, a and b, of one agent; b remembers where a was."""
    environment = Environment(discovery=static)
    async with (
        Node.open(tmp_path / "a", config=settings(), services=(), environment=environment) as a,
        Node.open(tmp_path / "b", config=settings(), services=(), environment=environment) as b,
    ):
        await b.join(await a.invite())
        await b.sync()


@pytest.mark.slow
async def test_a_node_that_moves_to_another_port_is_found_over_mdns(tmp_path: Path) -> None:
    await join(tmp_path)
    environment = Environment(discovery=mdns)
    async with Node.open(
        tmp_path / "b", config=settings(), services=(), environment=environment
    ) as b:
        for ports in (2, 3):
            config = settings(listen=ANY * ports)  # Another setting: the port does not stay.
            opened = Node.open(tmp_path / "a", config=config, services=(), environment=environment)
            async with opened as a:
                # Whoever hears the other one first dials; either way it is connected again.
                with trio.fail_after(60):
                    while not (await peer_of(b, a)).connected:
                        await b._core.wait_change()
                assert (await b.sync(timeout_s=60)).state in ("clean", "merged")


async def test_a_node_that_moves_calls_those_whose_address_it_knows(tmp_path: Path) -> None:
    """By a token or a setting: who stays where it was is found by who moved."""
    environment = Environment(discovery=static)
    opened = Node.open(tmp_path / "a", config=settings(), services=(), environment=environment)
    async with opened as a:
        (where,) = (await a.status()).listen
        async with Node.open(
            tmp_path / "b", config=settings(), services=(), environment=environment
        ) as b:
            await b.join(await a.invite())
            await b.sync()
            before = (await b.status()).listen
        for ports, peers, via in ((2, (), "token"), (3, (where,), "static")):
            config = settings(*peers, listen=ANY * ports)
            moved = Node.open(tmp_path / "b", config=config, services=(), environment=environment)
            async with moved as b:
                assert not set(before) & set((await b.status()).listen)
                await reached(b, a, via)
                await a.remember(f"by {via}")
                assert (await b.sync(timeout_s=60)).state in ("clean", "merged")


async def test_a_node_is_found_at_a_new_address_while_the_old_one_goes_on_failing(
    tmp_path: Path,
) -> None:
    await join(tmp_path)
    environment = Environment(discovery=static)
    moved = settings(listen=ANY * 2)
    async with Node.open(tmp_path / "a", config=moved, services=(), environment=environment) as a:
        new, _ = (await a.status()).listen
        config = settings("127.0.0.1:1", new)
        async with Node.open(
            tmp_path / "b", config=config, services=(), environment=environment
        ) as b:
            await reached(b, a, "static")
            assert (await peer_of(b, a)).address == new


async def test_port_0_stays_the_port_that_it_took_for_as_long_as_nobody_else_has_it(
    tmp_path: Path,
) -> None:
    environment = Environment(discovery=static)
    opened = partial(Node.open, tmp_path, config=settings(), services=(), environment=environment)
    async with opened() as node:
        (first,) = (await node.status()).listen
        await node.go_offline()
        await node.go_online()
        assert (await node.status()).listen == (first,)
    async with opened() as node:
        assert (await node.status()).listen == (first,)
    port = int(first.rpartition(":")[2])
    (other,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
    async with other, opened() as node:
        (second,) = (await node.status()).listen
        assert second != first


@pytest.mark.parametrize("family", ["127.0.0.1", "[::1]"])
async def test_a_node_listens_on_several_addresses_of_both_families(
    tmp_path: Path, family: str
) -> None:
    environment = Environment(discovery=static)
    listen = ("127.0.0.1:0", "[::1]:0", "127.0.0.1:0")
    async with Node.open(
        tmp_path / "a", config=settings(listen=listen), services=(), environment=environment
    ) as a:
        where = (await a.status()).listen
        assert len(where) == len(set(where)) == 3
        assert [text.rpartition(":")[0] for text in where] == ["127.0.0.1", "[::1]", "127.0.0.1"]
        only = next(text for text in where if text.startswith(family))
        async with Node.open(
            tmp_path / "b", config=settings(listen=()), services=(), environment=environment
        ) as b:
            token = await a.invite()
            await b.join(token)
            await b.sync()
        async with Node.open(
            tmp_path / "c", config=settings(only, listen=()), services=(), environment=environment
        ) as c:
            await c._controller.network.connect(
                Address.parse(only), via="static", expected=a._core.key.public
            )
            (connection,) = c._controller.network.connections.values()
            assert connection.address == only


async def test_both_families_of_one_node_make_one_connection(tmp_path: Path) -> None:
    """What mDNS tells of a laptop is several addresses, and they are dialled at once."""
    await join(tmp_path)
    environment = Environment(discovery=static)
    both = settings(listen=("127.0.0.1:0", "[::1]:0"))
    async with Node.open(tmp_path / "a", config=both, services=(), environment=environment) as a:
        where = (await a.status()).listen
        transport = TcpTransport()
        dialling = Environment(discovery=static, transport=lambda _network, _node: transport)
        async with Node.open(
            tmp_path / "b", config=settings(*where), services=(), environment=dialling
        ) as b:
            await all_synced(a, b)
            assert links(a) == links(b)
            assert len(links(a)) == 1
            assert all(
                c.peer == a._core.key.public for c in b._controller.network.connections.values()
            )
        assert CloseCode.DUPLICATE.name.lower() not in (await peer_of(a, b)).last_error


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_calls_that_cross_again_and_again_are_no_copy_of_a_home(
    autojump_clock: MockClock, seed: int
) -> None:
    """Two nodes that know each other's addresses both call when their link is cut."""
    cluster = Cluster(seed)
    cluster.network.faults.latency_s_max = 0.4
    async with cluster.open("a", peers=["b"]) as a, cluster.open("b", peers=["a"]) as b:
        await b.join(await a.invite())
        told: list[str] = []
        for _ in range(20):
            await all_synced(a, b)
            cluster.network.cut("a", "b")
            for _ in range(40):
                await trio.sleep(0.2)
                told += [p for node in (a, b) for p in (await node.status()).problems]
        assert not [text for text in told if "copy" in text]
