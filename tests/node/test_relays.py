"""Records that travel over others: whose they are stays proven, and none goes round in circles."""

from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.store import Reader
from engram_sync.sync import _feed
from engram_sync.testing import Cluster, converged
from engram_wire import SyncResponse, decode_frame_untrusted

from .tap import Tap
from .views import contents

NAMES = "abcd"


def data_records(tap: Tap) -> Counter[str]:
    """How many records each host has sent."""
    return Counter(
        {
            host: sum(
                len(decode_frame_untrusted(message.frame).records)
                for message in tap.messages(host, SyncResponse)
                if message.frame is not None
            )
            for host in NAMES
        }
    )


async def members(cluster: Cluster) -> None:
    """Four hosts of one agent that know no addresses of each other."""
    async with cluster.open("a") as a:
        token = await a.invite(uses=3)
        for name in NAMES[1:]:
            async with cluster.open(name) as node:
                await node.join(token)
                await node.sync()
    for one in NAMES:
        for other in NAMES:
            if one < other:
                cluster.network.partition(one, other)


def link(cluster: Cluster, *ways: str) -> None:
    for way in ways:
        cluster.network.heal(way[0], way[1])


async def test_a_relay_passes_on_what_the_author_signed(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    await members(cluster)
    link(cluster, "ab", "bc")
    async with (
        cluster.open("a") as a,
        cluster.open("b", peers=["a"]) as b,
        cluster.open("c", peers=["b"]) as c,
    ):
        await a.remember("from a")
        await c.remember("from c")
        await converged(a, b, c)
        assert await contents(a) == await contents(c) == ["from a", "from c"]
        assert a._core.key.public not in c._controller.network.connections
        for writer, reader in ((a, c), (c, a)):
            (found,) = [e for e in await reader.list() if e.provenance.node == await name(writer)]
            assert found.content == f"from {'a' if writer is a else 'c'}"
            # Every signature of every log, checked again against its author's key.
            checks = {check.name: check.ok for check in (await reader.doctor()).checks}
            assert checks["logs"]
            assert await signatures(writer, of=writer) <= await signatures(reader, of=writer)


async def name(node: Node) -> str:
    return (await node.identity()).node


async def signatures(node: Node, *, of: Node) -> set[bytes]:
    """What ``node`` holds of the signatures that ``of`` has made in their agent's scope."""
    author = of._core.key.public
    scope = node._core.path.ledger.scope_number(node._core.facts.agent_scope)

    def read(reader: Reader) -> set[bytes]:
        logs = {row.n for row in reader.logs() if row.author == author and row.scope == scope}
        return {run.signature for n in logs for run in reader.runs_of(n, 0, 1000)}

    found = await node._core.read(read)
    assert found
    return found


async def ring(cluster: Cluster) -> int:
    """Records sent while four nodes in a ring tell each other twenty things, one by one."""
    await members(cluster)
    link(cluster, "ab", "bc", "cd", "ad")
    cluster.network.faults.latency_s_min = cluster.network.faults.latency_s_max = 0.05
    cluster.tap = tap = Tap()
    async with (
        cluster.open("a", peers=["b"]) as a,
        cluster.open("b", peers=["c"]) as b,
        cluster.open("c", peers=["d"]) as c,
        cluster.open("d", peers=["a"]) as d,
    ):
        nodes = (a, b, c, d)
        await converged(*nodes)
        await trio.sleep(60)
        assert sum(len(node._controller.network.connections) for node in nodes) == 8
        before = data_records(tap)
        for number in range(20):
            await nodes[number % 4].remember(f"fact {number}")
            await converged(*nodes)
        await trio.sleep(120)
        assert len(await contents(c)) == 20
        return (data_records(tap) - before).total()


@pytest.mark.slow
async def test_a_ring_of_relays_does_not_multiply_traffic(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """Three copies must travel; a fourth crosses where both ways round the ring meet."""
    assert 20 * 3 <= await ring(cluster) <= 20 * 4


@pytest.mark.slow
async def test_without_the_memory_of_who_sent_what_the_ring_says_everything_twice(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim above is about what keeps the echo away, and notices when it is gone."""

    def forget(feed: _feed.Feed, received: object) -> None:
        pass

    monkeypatch.setattr(_feed.Feed, "shown", forget)
    assert await ring(cluster) > 20 * 4
