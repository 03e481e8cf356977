"""Clocks are labels: whatever they say, causality alone decides what is shown and what is gone."""

from collections.abc import Sequence

import pytest
from trio.testing import MockClock

from engram_sync.api import Delete, Insert, Life
from engram_sync.node import Node
from engram_sync.testing import EPOCH_MS, Cluster, agent_scope, agree, converged

from .views import contents

SECOND_MS = 1_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS
TO_1970_MS = -EPOCH_MS
TO_2400_MS = 370 * YEAR_MS
OFFSETS_MS = (
    *(TO_1970_MS, -10 * YEAR_MS, -3 * HOUR_MS, -61 * SECOND_MS),
    *(61 * SECOND_MS, 2 * HOUR_MS, 10 * YEAR_MS, TO_2400_MS),
)
wrong_by = pytest.mark.parametrize("skew_ms", OFFSETS_MS)


async def holds(node: Node, text: str) -> int:
    """How many payloads in the node's store have these bytes in them."""
    sql = f"select count(*) from rec where instr(payload, cast('{text}' as blob))"
    return await node._core.read(lambda reader: reader._sql.one(sql)[0])  # type: ignore[attr-defined]  # looks into the file


async def same_for_all(nodes: Sequence[Node], ref: str) -> set[tuple[str, str, int]]:
    """What every node shows of a memory, with how many conflicts there are."""
    await converged(*nodes)
    return {
        (str(shown.life), shown.content, len(await node.conflicts()))
        for node in nodes
        for shown in [await node.get(ref)]
    }


@wrong_by
async def test_opening_a_node_with_a_wrong_clock_writes_nothing_and_brings_nothing_back(
    cluster: Cluster, autojump_clock: MockClock, skew_ms: int
) -> None:
    async with cluster.nodes() as (a, b):
        gone = await a.remember("password of the router")
        kept = await a.remember("deploy on Tuesdays")
        await converged(a, b)
        await b.forget(gone.id)
        await b.update(kept.id, content="deploy on Wednesdays")
        await converged(a, b)
        records = (await agent_scope(a)).records
    cluster.clocks["a"].skew_ms = skew_ms
    async with cluster.open("a", online=False) as a:
        assert await contents(a) == ["deploy on Wednesdays"]
    cluster.clocks["a"].skew_ms = 0
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        assert (await agent_scope(b)).records == records
        assert await same_for_all((a, b), gone.id) == {("deleted", "", 0)}
        assert await same_for_all((a, b), kept.id) == {("active", "deploy on Wednesdays", 0)}


@wrong_by
async def test_what_was_written_under_a_wrong_clock_is_shown_replaced_and_deleted_like_anything(
    cluster: Cluster, autojump_clock: MockClock, skew_ms: int
) -> None:
    async with cluster.nodes() as (a, b):
        before = await a.remember("from before", tags=["kept"])
        await converged(a, b)
        cluster.clocks["a"].skew_ms = skew_ms
        await a.update(before.id, content="said under the wrong clock")
        updated = await a.remember("v1")
        deleted = await a.remember("to be deleted")
        await converged(a, b)
        assert await contents(b) == await contents(a)
        assert (await b.get(before.id)).content == "said under the wrong clock"
        cluster.clocks["a"].skew_ms = 0
        await b.update(updated.id, content="v2")
        await b.forget(deleted.id)
        await a.update(before.id, content="said under the right clock")
        wanted = {
            before.id: ("active", "said under the right clock", 0),
            updated.id: ("active", "v2", 0),
            deleted.id: ("deleted", "", 0),
        }
        for later_ms in (0, 20 * YEAR_MS):
            cluster.clocks["a"].skew_ms = cluster.clocks["b"].skew_ms = later_ms
            for ref, shown in wanted.items():
                assert await same_for_all((a, b), ref) == {shown}


@wrong_by
async def test_a_clock_that_steps_while_a_node_runs_ends_no_log_and_loses_no_write(
    cluster: Cluster, autojump_clock: MockClock, skew_ms: int
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("old", counters={"seen": 1})
        log = a._core.path.own_log(a._core.facts.agent_scope)
        cluster.clocks["a"].skew_ms = skew_ms
        assert (await a.update(e.id, content="new", count={"seen": 1})).content == "new"
        assert (await a.get(e.id)).counters == {"seen": 2}
        cluster.clocks["a"].skew_ms = 0
        assert (await a.update(e.id, content="newest")).content == "newest"
        assert not await a.conflicts()
        assert (await a.forget(e.id)).life == Life.DELETED
        assert (await a.restore(e.id)).content == "newest"
        assert a._core.path.own_log(a._core.facts.agent_scope) is log
        assert (await agent_scope(a)).logs == 2, "data and members"


@wrong_by
async def test_an_edit_of_a_text_counts_positions_in_what_is_shown_whatever_the_clock_says(
    cluster: Cluster, autojump_clock: MockClock, skew_ms: int
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("one two three", collaborative=True)
        await converged(a, b)
        cluster.clocks["b"].skew_ms = skew_ms
        await b.update(e.id, edits=[Delete(0, 8)])
        await converged(a, b)
        await a.update(e.id, edits=[Insert(5, " four")])
        assert await same_for_all((a, b), e.id) == {("active", "three four", 0)}
        await a.update(e.id, content="another text")
        assert await same_for_all((a, b), e.id) == {("active", "another text", 0)}


@pytest.mark.parametrize("ahead_ms", [90 * SECOND_MS, 2 * HOUR_MS, TO_2400_MS])
async def test_what_was_written_by_a_clock_that_was_ahead_is_erased_everywhere(
    cluster: Cluster, autojump_clock: MockClock, ahead_ms: int
) -> None:
    async with cluster.nodes() as (a, b):
        cluster.clocks["a"].skew_ms = ahead_ms
        e = await a.remember("the secret is hunter2")
        await a.update(e.id, content="the secret is hunter3")
        cluster.clocks["a"].skew_ms = 0
        await converged(a, b)
        assert await holds(b, "hunter") == 2
        assert (await a.forget(e.id, erase=True)).erased
        await converged(a, b)
        for later_ms in (0, ahead_ms + HOUR_MS):
            cluster.clocks["a"].skew_ms = cluster.clocks["b"].skew_ms = later_ms
            for node in (a, b):
                assert await holds(node, "hunter") == 0
                assert (await node.get(e.id)).content == ""
                assert not await node.recall("hunter2")


@wrong_by
async def test_what_has_arrived_is_shown_at_once_whatever_the_clocks_say(
    cluster: Cluster, autojump_clock: MockClock, skew_ms: int
) -> None:
    async with cluster.nodes() as (a, b):
        cluster.clocks["a"].skew_ms = skew_ms
        await a.remember("from the laptop")
        await converged(a, b)
        assert await contents(b) == ["from the laptop"]
        assert (await b.recall("laptop"))[0].engram.content == "from the laptop"


async def test_a_memory_is_listed_and_told_in_the_order_of_what_its_authors_had_seen(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("first")
        await converged(a, b)
        offsets = (2 * HOUR_MS, -3 * HOUR_MS, TO_1970_MS, 0)
        for number, skew_ms in enumerate(offsets):
            node, name = ((a, "a"), (b, "b"))[number % 2]
            cluster.clocks[name].skew_ms = skew_ms
            await node.update(e.id, content=f"version {number}")
            await converged(a, b)
        told = [entry.fields["content"] for entry in await b.history(e.id)]
        assert told == ["first", *(f"version {number}" for number in range(4))]


async def test_a_wrong_clock_infects_only_what_it_wrote_to(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        cluster.clocks["b"].skew_ms = YEAR_MS
        ahead = await b.remember("a year ahead")
        await converged(a, b)
        after = await a.update(ahead.id, content="seen and changed")
        assert after.updated_at_ms >= ahead.updated_at_ms
        other = await a.remember("of another memory")
        assert abs(other.updated_at_ms - cluster.clocks["a"].now_ms()) < HOUR_MS


async def test_no_leader_is_kept_from_admitting_by_the_clock_of_another(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c") as c:
        await b.join(await a.invite(role="leader"))
        await converged(a, b)
        cluster.clocks["b"].skew_ms = TO_2400_MS
        await b.relabel("from the year 2400")
        await converged(a, b)
        await a.relabel("alpha")
        await c.join(await a.invite())
        await converged(a, b, c)
        assert await agree(a, b, c)


async def test_its_owner_can_always_act_on_a_memory_whose_clock_is_at_its_end(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        mine = await a.remember("mine")
        gone = await a.remember("mine too")
        await converged(a, b)
        cluster.clocks["b"].skew_ms = (1 << 47) - EPOCH_MS  # Beyond the last clock there is.
        await b.update(mine.id, title="by a clock at its end")
        await b.update(gone.id, title="by a clock at its end")
        await converged(a, b)
        await a.update(mine.id, content="updated", title="T")
        await a.update(mine.id, content="updated again")
        shown = await a.get(mine.id)
        assert (shown.content, shown.title, shown.siblings) == ("updated again", "T", ())
        await a.forget(mine.id)
        await a.restore(mine.id)
        assert await same_for_all((a, b), mine.id) == {("active", "updated again", 0)}
        assert (await a.forget(gone.id, erase=True)).erased
        assert await same_for_all((a, b), gone.id) == {("deleted", "", 0)}


async def test_status_and_doctor_say_that_this_clock_is_behind_what_was_written_here(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        await a.remember("under a right clock")
        cluster.clocks["a"].skew_ms = -50 * SECOND_MS
        assert (await a.status()).health == "ok"
        cluster.clocks["a"].skew_ms = -3 * HOUR_MS
        status = await a.status()
        assert status.health == "degraded"
        assert "clock is 3 h behind the newest memory written here" in status.problems[0]
        clocks = next(c for c in (await a.doctor()).checks if c.name == "clocks")
        assert not clocks.ok
        assert "3 h behind" in clocks.detail
        assert await contents(a) == ["under a right clock"]
        await a.remember("the next one is dated as this clock says")
        assert (await a.status()).health == "ok"


async def test_status_names_the_member_whose_records_are_dated_ahead(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        cluster.clocks["b"].skew_ms = 2 * DAY_MS
        await b.remember("the day after tomorrow")
        await converged(a, b)
        (problem,) = (await a.status()).problems
        assert "of b is dated 2 days ahead" in problem
        assert not (await b.status()).problems
        cluster.clocks["b"].skew_ms = 0
        await b.remember("today")
        await converged(a, b)
        assert not (await a.status()).problems
