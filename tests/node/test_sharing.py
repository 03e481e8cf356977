"""Two and more nodes of one agent remember the same things."""

import pytest
import trio
from trio.testing import MockClock

from engram_sync.api import SyncState
from engram_sync.api.arguments import NewMemory
from engram_sync.membership import Admission, MemberRole, admit_draft
from engram_sync.testing import Cluster, agent_scope, agree, converged, until
from engram_wire import LogDomain

from .views import all_synced, contents, peer_of


async def test_what_one_node_remembers_the_other_recalls(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await a.remember("Deploys go out on Tuesdays", tags={"ops"})
        await converged(a, b)
        hits = await b.recall("when do deploys go out")
        assert [hit.engram.content for hit in hits] == ["Deploys go out on Tuesdays"]
        assert hits[0].engram.provenance.node == (await a.identity()).node
        await all_synced(a, b)


async def test_writes_are_pushed_both_ways_over_a_live_connection(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        for number in range(5):
            await a.remember(f"from a, {number}")
            await b.remember(f"from b, {number}")
        await converged(a, b)
        assert len(await contents(a)) == 10
        assert await contents(a) == await contents(b)
        assert (await peer_of(a, b)).connected


async def test_edits_made_apart_are_siblings_on_both_sides(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        engram = await a.remember("Deploys go out on Tuesdays")
        await converged(a, b)
        await b.go_offline()
        await a.update(engram.id, content="Deploys go out on Wednesdays")
        await b.update(engram.id, content="Deploys go out on Fridays")
        assert not await agree(a, b)
        await b.go_online()
        await converged(a, b)
        for node in (a, b):
            seen = await node.get(engram.id)
            assert {s.value for s in seen.siblings} == {
                "Deploys go out on Wednesdays",
                "Deploys go out on Fridays",
            }
            assert [c.engram for c in await node.conflicts()] == [engram.id]
        assert [c.id for c in await a.conflicts()] == [c.id for c in await b.conflicts()]


async def test_sync_says_clean_then_merged_and_counts(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        engram = await a.remember("one")
        result = await b.sync()
        assert result.state is SyncState.CLEAN
        await b.go_offline()
        await a.update(engram.id, content="two")
        await b.update(engram.id, content="three")
        await b.go_online()
        result = await b.sync()
        assert result.state is SyncState.MERGED
        assert await agree(a, b)
        assert len(result.conflicts) == 1


@pytest.mark.slow
async def test_a_thousand_memories_travel_in_many_frames(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        many = [NewMemory(content=f"fact {number}") for number in range(1000)]
        await a.remember_many(many)
        await converged(a, b)
        assert len(await contents(b)) == 1000


async def test_a_memory_larger_than_a_frame_travels_whole(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        large = "x" * (256 << 10)
        small = [NewMemory(content=f"{n} " + "y" * 3000) for n in range(200)]
        engram = await a.remember(large)
        await a.remember_many(small)
        await converged(a, b)
        assert (await b.get(engram.id)).content == large
        assert len(await contents(b)) == 201


async def test_a_member_that_does_not_hold_the_agent_is_not_synced_by_what_else_is_shared(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """It was admitted, and the answer got lost: the charter has it, and it has nothing."""
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c") as c:
        await b.join(await a.invite())
        await a.remember("of the agent before")
        await converged(a, b)
        await a.join(await c.invite())
        core = c._core
        scope = core.facts.agent_scope
        admit = Admission(b._core.key.public, MemberRole.MEMBER, scope)
        draft = admit_draft(admit, "b")
        await core.write(lambda tx: core.path.write(tx, scope, [draft], LogDomain.MEMBERS))
        await a.remember("of this agent")
        await converged(a, c)

        async def refused() -> bool:
            return (await peer_of(a, b)).state == "refused"

        await until(refused)
        assert (await peer_of(a, c)).state == "synced"
        assert "has not finished joining" in (await peer_of(a, b)).last_error
        assert (await a.status()).sync == "behind"
        result = await a.sync(timeout_s=20)
        assert {p.label: p.state for p in result.peers} == {"b": "partial", "c": "clean"}
        assert result.state == SyncState.PARTIAL


async def test_a_peer_that_went_silent_is_not_called_synced_five_seconds_later(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        cluster.network.clog("b", "a")
        await trio.sleep(3.5)
        assert (await a.status()).sync == "behind"
        peer = await peer_of(a, b)
        assert (peer.connected, peer.state) == (True, "silent")
        assert (await agent_scope(a)).synced_peers == 0
        cluster.network.heal()
        await all_synced(a, b)


async def test_an_idle_peer_is_asked_and_called_synced_however_long_nothing_was_said(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        await trio.sleep(14.0)
        assert (await a.status()).sync == "synced"
        assert (await peer_of(a, b)).state == "synced"
