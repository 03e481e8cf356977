"""Cut links, slow links, three nodes, and every way of going away."""

import pytest
import trio
from trio.testing import MockClock

from engram_sync.api import SyncState
from engram_sync.api.arguments import NewMemory
from engram_sync.config import SyncConfig
from engram_sync.errors import DegradedError
from engram_sync.node import Node
from engram_sync.sync import ScopeView
from engram_sync.testing import Cluster, agent_scope, agree, converged, until

from .speaker import Speaker
from .tap import Tap
from .test_traffic import records_sent
from .views import all_synced, contents, peer_of


@pytest.mark.slow
async def test_a_transfer_that_is_cut_goes_on_where_it_stopped(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        await b.go_offline()
        many = [NewMemory(content=f"{n} " + "x" * 200) for n in range(4000)]
        await a.remember_many(many)
        cluster.network.faults.latency_s_min = cluster.network.faults.latency_s_max = 0.05
        await b.go_online()

        async def partly() -> bool:
            return (await agent_scope(b)).records > 1000

        await until(partly)
        assert cluster.network.cut("a", "b") == 1
        held = (await agent_scope(b)).records
        assert held < 4000
        sent = records_sent(tap, "a")
        await converged(a, b)
        again = records_sent(tap, "a") - sent
        assert again <= 4010 - held
        assert len(await b.list(limit=5000)) == 4000


@pytest.mark.slow
async def test_a_network_that_cuts_and_tears_only_delays(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes(sync=SyncConfig(backoff_max_s=2.0)) as (a, b):
        cluster.network.faults.tear = True
        cluster.network.faults.cut_chance = 0.05
        cluster.network.faults.latency_s_max = 0.2
        for number in range(30):
            await (a, b)[number % 2].remember(f"fact {number}")
            await trio.sleep(0.5)
        await converged(a, b)
        assert len(await contents(a)) == 30


async def test_c_learns_of_b_through_a_and_they_sync_without_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with (
        cluster.open("a") as a,
        cluster.open("b") as b,
        cluster.open("c", peers=["a", "b"]) as c,
    ):
        # c knows where both are long before anybody has heard of it, and is a stranger by now.
        await trio.sleep(60)
        await c.join(await a.invite())
        await b.join(await a.invite())
        await converged(a, b, c)
        joined_at = trio.current_time()

        async def direct() -> bool:
            return (await peer_of(c, b)).connected

        await until(direct)
        assert trio.current_time() - joined_at < 10
        await a.go_offline()
        await b.remember("without a")
        await converged(b, c)
        await c.remember("nor with it")
        await converged(b, c)
        assert await contents(b) == ["nor with it", "without a"]


@pytest.mark.slow
async def test_three_nodes_agree_whatever_the_order_of_partitions(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    short = SyncConfig(backoff_max_s=5.0)
    async with (
        cluster.open("a", sync=short) as a,
        cluster.open("b", peers=["a"], sync=short) as b,
        cluster.open("c", peers=["a", "b"], sync=short) as c,
    ):
        for node in (b, c):
            await node.join(await a.invite())
        await converged(a, b, c)
        engram = await a.remember("shared")
        await converged(a, b, c)
        for one, two in (("a", "b"), ("b", "c"), ("a", "c")):
            cluster.network.partition(one, two)
            for node, name in ((a, "a"), (b, "b"), (c, "c")):
                await node.remember(f"{name} while {one} and {two} are apart")
        await b.update(engram.id, content="by b", if_version=engram.version)
        await c.forget(engram.id, if_version=engram.version)
        for one, two in (("a", "b"), ("b", "c"), ("a", "c")):
            cluster.network.heal(one, two)
        await converged(a, b, c)
        conflicts = [[x.id for x in await node.conflicts()] for node in (a, b, c)]
        assert conflicts[0] == conflicts[1] == conflicts[2]
        assert len(conflicts[0]) == 1
        assert len(await contents(a)) == 9
        assert [(await node.get(engram.id)).content for node in (a, b, c)] == ["by b"] * 3


async def test_both_sides_dial_at_once_and_one_connection_stays(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes():
        pass
    cluster.network.faults.latency_s_min = cluster.network.faults.latency_s_max = 0.1
    cluster.tap = tap = Tap()
    async with cluster.open("a", peers=["b"]) as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("hello")
        await all_synced(a, b)
        await trio.sleep(60)
        assert len(cluster.network.links()) == 1
        assert len(tap.streams) <= 4, "both ends of two links: neither side had to dial again"
        at_a = next(iter(a._controller.network.connections.values()))
        at_b = next(iter(b._controller.network.connections.values()))
        assert at_a.initiator != at_b.initiator
        await b.remember("and back")
        await converged(a, b)


def states_of(node: Node) -> set[tuple[str, str]]:
    """Every (clock digest, state digest) of the agent scope so far; it goes on growing."""
    core = node._core
    reached: set[tuple[str, str]] = set()

    def note(_: ScopeView | None, view: ScopeView) -> None:
        if view.scope == core.facts.agent_scope and view.state_digest is not None:
            reached.add((view.clock_digest.hex(), view.state_digest.hex()))

    note(None, core.scopes[core.facts.agent_scope])
    core.listeners.append(note)
    return reached


@pytest.mark.slow
async def test_status_never_says_synced_before_the_digests_agree(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        cluster.network.faults.latency_s_min = cluster.network.faults.latency_s_max = 0.3
        claims: dict[str, set[str]] = {"a": set(), "b": set()}
        done = trio.Event()

        async def watch(name: str, node: Node, other: Node) -> None:
            reached = states_of(other)
            while not done.is_set():
                status = await node.status()
                claims[name].add(status.sync)
                if status.sync == "synced":
                    mine = next(s for s in status.scopes if s.kind == "agent" and s.current)
                    # The other may be ahead, which nobody can know; it has been here, though.
                    assert (mine.clock_digest, mine.digest) in reached
                await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, "a", a, b)
            nursery.start_soon(watch, "b", b, a)
            for number in range(5):
                await a.remember(f"one {number}")
                await trio.sleep(0.7)
            await a.remember_many([NewMemory(content=f"many {n}") for n in range(2000)])
            await trio.sleep(0.7)
            await b.remember("back")
            await all_synced(a, b)
            assert await agree(a, b)
            done.set()
        assert claims["a"] >= {"synced", "syncing"}
        assert claims["b"] >= {"synced", "syncing"}


async def test_sync_reports_who_could_not_be_reached(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("c") as c:
        assert (await c.sync()).state is SyncState.FAILED
    async with cluster.open("a") as a:
        async with cluster.open("b") as b:
            await b.join(await a.invite())
            await converged(a, b)
        async with cluster.open("c") as c:
            await c.join(await a.invite())
            result = await c.sync(timeout_s=5)
            assert result.state is SyncState.PARTIAL
            states = {peer.label: peer.state for peer in result.peers}
            assert states == {"a": SyncState.CLEAN, "b": SyncState.FAILED}
            cluster.network.clog("a", "c")
            await a.remember("on its way")
            result = await c.sync(timeout_s=5)
            assert result.state is SyncState.FAILED
            cluster.network.unclog("a", "c")
            await c.go_offline()
            with pytest.raises(DegradedError, match="offline"):
                await c.sync()


async def test_shutdown_is_bounded_while_a_peer_does_not_read(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        cluster.network.clog("a", "b")
        await a.remember_many([NewMemory(content="x" * 2000 + str(n)) for n in range(500)])
        await trio.sleep(1)
        before = trio.current_time()
        await a.go_offline()
        assert trio.current_time() - before <= 5.0
        assert (await a.status()).network == "offline"


async def test_a_node_closes_in_bounded_time_whoever_is_connected(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("b") as b:
        async with cluster.open("a") as a:
            await b.join(await a.invite())
            silent = await Speaker.dial(cluster)
            cluster.network.clog("a", "b")
            cluster.network.clog("a", "rogue")
            await a.remember_many([NewMemory(content="x" * 2000 + str(n)) for n in range(500)])
            await trio.sleep(1)
            before = trio.current_time()
        assert trio.current_time() - before <= 10.0
        await silent.link.stream.aclose()


async def test_a_dead_peer_is_noticed_and_a_slow_one_is_not_mistaken_for_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        cluster.network.clog("b", "a")
        await trio.sleep(6)
        agreed_ms = (await peer_of(a, b)).last_success_ms
        await trio.sleep(33)
        # Who asks for the state of a peer not heard for a while waits for its answer.
        peer = await peer_of(a, b)
        assert (peer.connected, peer.state, peer.last_success_ms) == (True, "silent", agreed_ms)
        await trio.sleep(5)
        assert not (await peer_of(a, b)).connected
        cluster.network.unclog("b", "a")
        await all_synced(a, b)


async def test_offline_nodes_write_and_say_that_they_are_offline(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        await a.go_offline()
        await a.go_offline()
        await a.remember("alone")
        status = await a.status()
        assert (status.network, status.listen) == ("offline", ())
        assert status.sync != "synced"
        assert not await agree(a, b)
        await a.go_online()
        await a.go_online()
        await all_synced(a, b)


async def test_going_off_and_on_at_once_ends_in_the_last_wish(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(a.go_offline)
                nursery.start_soon(a.go_online)
        await a.go_online()
        assert (await a.status()).network == "online"
        await all_synced(a, b)
