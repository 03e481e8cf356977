"""What leaves a node: never more than it must, and nothing of the instance's own scope."""

import trio
from trio.testing import MockClock

from engram_sync.api.arguments import NewMemory
from engram_sync.node import Node
from engram_sync.testing import Cluster, converged
from engram_wire import SyncRequest, SyncResponse, decode_frame_untrusted

from .tap import Tap
from .views import all_synced


def records_sent(tap: Tap, host: str) -> int:
    """Records in all frames that ``host`` sent."""
    frames = [r.frame for r in tap.messages(host, SyncResponse) if r.frame is not None]
    return sum(len(decode_frame_untrusted(frame).records) for frame in frames)


async def test_what_a_peer_sent_is_not_sent_back_to_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        before = records_sent(tap, "b")
        for number in range(10):
            await a.remember(f"fact {number}")
        await a.remember_many([NewMemory(content=f"more {n}") for n in range(300)])
        await all_synced(a, b)
        assert records_sent(tap, "b") == before
        assert records_sent(tap, "a") >= 310


async def test_equal_nodes_agree_in_one_small_round_trip_after_a_reconnect(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        await a.remember_many([NewMemory(content=f"fact {n}") for n in range(500)])
        await all_synced(a, b)
        await b.go_offline()
        tap.streams.clear()
        await b.go_online()
        assert (await b.sync()).state == "clean"
        await all_synced(a, b)
        assert records_sent(tap, "a") == records_sent(tap, "b") == 0
        assert len(tap.bytes_of("a")) + len(tap.bytes_of("b")) <= 4096
        assert len(tap.messages("b", SyncRequest)) == 1


async def test_nothing_of_the_instance_scope_ever_leaves(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        secret = await a.remember("nobody else reads this", type="episodic")
        await a.remember("shared")
        await a.forget((await a.remember("private too", scope="instance")).id)
        await converged(a, b)
        await b.sync()
        await b.go_offline()
        await a.remember("more of my own", type="episodic")
        await b.go_online()
        await all_synced(a, b)
        status = await a.status()
        own = next(scope for scope in status.scopes if scope.kind == "instance")
        heard = tap.bytes_of("a")
        assert heard
        assert b"shared" in heard
        traces = [
            bytes.fromhex(own.id),
            bytes.fromhex(own.digest),
            bytes.fromhex(own.clock_digest),
            bytes.fromhex(secret.id.replace("-", "")),
            b"nobody else reads this",
            b"private too",
            b"more of my own",
            *[entry.log for entry in a._core.scopes[bytes.fromhex(own.id)].clock],
        ]
        for trace in traces:
            assert trace not in heard
        # Three walls: connections do not see the scope, nobody may read it, and it is not asked.
        assert bytes.fromhex(own.id) not in a._controller._scopes
        assert a._core.scopes[bytes.fromhex(own.id)].readers == frozenset()


async def test_a_stranger_is_told_nothing_of_any_scope(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.open("a") as a, cluster.open("c", peers=["a"]) as c:
        await a.remember("not for you")
        await trio.sleep(20.0)
        assert (await c.list()) == []
        heard = tap.bytes_of("a")
        for scope in (await a.status()).scopes:
            assert bytes.fromhex(scope.id) not in heard
        assert not tap.messages("a", SyncRequest)
        assert not tap.messages("c", SyncRequest)


async def test_acks_carry_what_became_durable(cluster: Cluster, autojump_clock: MockClock) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        await a.remember_many([NewMemory(content=f"fact {n}") for n in range(1000)])
        await all_synced(a, b)
        held = dict(_positions(b))
        acked: dict[bytes, int] = {}
        for _, received in tap.acknowledged("b", a._core.facts.agent_scope):
            acked |= received
        assert max(acked.values()) == 1000
        assert acked.items() <= held.items()


def _positions(node: Node) -> list[tuple[bytes, int]]:
    view = node._core.scopes[node._core.facts.agent_scope]
    return [(entry.log, entry.seq) for entry in view.clock]


async def test_one_edit_of_a_large_memory_sends_the_edit_and_not_the_memory(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        engram = await a.remember("x" * 100_000, tags={"draft"})
        await all_synced(a, b)
        tap.streams.clear()
        tap.sends.clear()
        await a.update(engram, confidence=0.5)
        await converged(a, b)
        assert (await b.get(engram.id)).confidence == 0.5
        frames = [message.frame for _, message in tap.stamped("a", SyncResponse)]
        sent = [data for sender, _, data in tap.sends if sender == "a"]
        assert sum(frame is not None for frame in frames) == 1
        assert sum(map(len, sent)) < 1_000
