"""What becomes of a refusal between who refuses and the author: over other nodes and restarts."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import combinations

import pytest
import trio
from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.node.limits import REFUSALS_HEARD_MAX, REFUSALS_PASS_ON_S
from engram_sync.sync import Refused
from engram_sync.testing import Cluster, converged, until
from engram_wire import CloseCode, Goodbye, RefusalNotification, Rejection

from .tap import Tap
from .test_refusals import says
from .test_voids import lists, own_log, spoil
from .views import contents


@pytest.mark.slow
async def test_a_refusal_reaches_its_author_however_many_nodes_stand_between(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line(cluster) as nodes:
        a, *others, e = nodes
        memory = await a.remember("before")
        await converged(*nodes)
        spoil(e, own_log(a)[0], monkeypatch)
        await a.update(memory.id, content="changed", title="refused")
        await a.remember("after")
        await until(lambda: lists(e, "after"))
        await converged(a, *others)
        assert await contents(e) == ["after", "before"]
        assert len(a._core.path.own.data_logs(a._core.facts.agent_scope)) == 4, "it gave way once"


@pytest.mark.slow
async def test_an_author_hears_of_a_refusal_of_a_log_that_it_does_not_continue_any_more(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never sends that log again, so nothing of it is on its way to who knows of the refusal."""
    async with cluster.open("hub") as hub, cluster.open("c", peers=["hub"]) as c:
        async with cluster.open("a", peers=["hub"]) as a:
            for node in (a, c):
                await node.join(await hub.invite())
            memory = await a.remember("before")
            await converged(hub, a, c)
            await c.go_offline()
            spoil(c, own_log(a)[0], monkeypatch)
            await a.update(memory.id, title="refused")
            await converged(hub, a)
        home = cluster.home("a")
        home.witnesses.clear()
        await c.go_online()
        await until(lambda: says(hub, "refuses record"))
        async with cluster.open("a", peers=["hub"]) as a:
            await a.remember("after")
            await until(lambda: lists(c, "after"))


@pytest.mark.slow
async def test_what_follows_a_refused_record_arrives_where_sealed_logs_are_not_in_memory(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.open("a") as a:
        home = cluster.home("b")
        for opening in range(3):
            async with cluster.open("b", peers=["a"]) as b:
                if not opening:
                    await b.join(await a.invite())
                await b.remember(f"in log {opening}")
                await converged(a, b)
            home.witnesses.clear()
        async with cluster.open("b", peers=["a"], online=False) as b:
            spoil(b, own_log(a)[0], monkeypatch)
            await a.remember("new", title="refused")
            await b.go_online()
            await a.remember("after")
            await until(lambda: lists(b, "after"))


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [False, True])
async def test_a_restart_changes_nothing_of_what_becomes_of_records_that_build_on_a_refused_one(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, restarts: bool
) -> None:
    """What was refused is not stored: whoever sends what builds on it sends that before."""
    tap = Tap()
    cluster.tap = tap
    async with cluster.open("a") as a, cluster.open("c", peers=["a"]) as c:
        await c.join(await a.invite())
        async with AsyncExitStack() as stack:
            b = await stack.enter_async_context(cluster.open("b", peers=["c"]))
            await b.join(await a.invite())
            e = await a.remember("before")
            await converged(a, b, c)
            log = own_log(a)[0]
            spoil(b, log, monkeypatch)
            cluster.network.partition("a", "b")
            cluster.network.partition("a", "c")
            await a.update(e.id, title="refused")
            await b.go_offline()
            cluster.network.heal("a", "c")
            await converged(a, c)
            cluster.network.partition("a", "c")
            await c.update(e.id, title="on it")
            await b.go_online()
            await until(lambda: _waits(b))
            if restarts:
                await stack.aclose()
                b = await stack.enter_async_context(cluster.open("b", peers=["c"], online=False))
                spoil(b, log, monkeypatch)
                await b.go_online()
            await c.update(e.id, add_tags=["on that"])
            other = await b.remember("of b")
            await until(lambda: lists(c, "of b"))
            assert await _waits(b)
            codes = {bye.code for host in "bc" for bye in tap.messages(host, Goodbye)}
            assert codes <= {CloseCode.OK, CloseCode.SHUTDOWN, CloseCode.DUPLICATE}
            cluster.network.heal("a", "c")
            await until(lambda: _tagged(b, e.id, "on that"))
            assert (await b.get(e.id)).title == "on it"
            assert not await _waits(b)
            assert (await a.get(other.id)).content == "of b"


async def _waits(node: Node) -> bool:
    return await says(node, "build on refused")


async def _tagged(node: Node, ref: str, tag: str) -> bool:
    return tag in (await node.get(ref)).tags


@pytest.mark.slow
async def test_a_member_that_refuses_everything_is_heard_some_times_an_hour(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """Each refusal could go through all nodes, and each could name an earlier record."""
    tap = Tap()
    cluster.tap = tap
    async with line(cluster) as nodes:
        a, b, c, *_ = nodes
        for number in range(REFUSALS_HEARD_MAX * 2):
            await c.remember(f"memory {number}")
        await converged(*nodes)
        log, seq = own_log(c)
        connection = b._controller.network.connections[a._core.key.public]
        for at in range(seq, 0, -1):
            effect = Refused(c._core.facts.agent_scope, (Rejection(log, at, 7),))
            await b._controller._refused_by.hear(connection, effect)
            await trio.sleep(REFUSALS_PASS_ON_S)
        told = [why for m in tap.messages("b", RefusalNotification) for why in m.refused]
        assert 0 < len(told) <= REFUSALS_HEARD_MAX
        assert not tap.messages("a", RefusalNotification), "nobody is told what it has said"
        await converged(*nodes)


async def test_what_was_on_its_way_when_a_log_was_refused_does_not_count_as_other_refusals(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (hub, a), cluster.open("c", peers=["a"]) as c:
        await c.join(await hub.invite())
        await hub.remember("of the hub")
        await a.remember("of a")
        await converged(hub, a, c)
        scope, by_peers = hub._core.facts.agent_scope, hub._controller._refused_by
        connection = hub._controller.network.connections[c._core.key.public]
        own = Refused(scope, (Rejection(own_log(hub)[0], 1, 7),))
        for _ in range(REFUSALS_HEARD_MAX * 2):
            await by_peers.hear(connection, own)
        log = own_log(a)[0]
        await by_peers.hear(connection, Refused(scope, (Rejection(log, 1, 7),)))

        async def gave_way() -> bool:
            return own_log(a)[0] != log

        await until(gave_way)


@asynccontextmanager
async def line(cluster: Cluster) -> AsyncGenerator[list[Node]]:
    """Five members of one agent, each of which knows its neighbours only."""
    names = "abcde"
    async with AsyncExitStack() as stack:
        nodes: list[Node] = []
        for before, name in zip(" " + names, names, strict=False):
            node = await stack.enter_async_context(cluster.open(name, peers=before.split()))
            if nodes:
                await node.join(await nodes[0].invite())
            nodes.append(node)
        for one, other in combinations(names, 2):
            if abs(ord(one) - ord(other)) > 1:
                cluster.network.partition(one, other)
        await converged(*nodes)
        yield nodes
