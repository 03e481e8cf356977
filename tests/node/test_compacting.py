"""What compaction lets go, and that nothing shows less than it claims afterwards."""

import pytest
from trio.testing import MockClock

from engram_sync.api import Delete, Insert
from engram_sync.errors import PreconditionError
from engram_sync.testing import Cluster, converged

HOUR_MS = 3_600_000


@pytest.mark.parametrize("key", [None, "a key"])
async def test_a_deleted_text_whose_characters_are_gone_is_not_restored_without_them(
    cluster: Cluster, autojump_clock: MockClock, key: str | None
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("a text", collaborative=True, key=key)
        await a.update(e.id, edits=[Insert(6, " that goes on")])
        await a.forget(e.id)
        cluster.clocks["a"].skew_ms += 60_000
        await a.compact(keep_days=0)
        with pytest.raises(PreconditionError, match="not held here"):
            await a.restore(e.id)


async def test_a_past_whose_values_are_gone_says_so(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("first")
        await a.update(e.id, content="second")
        await converged(a, b)
        await b.remember("b names that position, so that its signature stays")
        await converged(a, b)
        at_ms = cluster.clocks["a"].now_ms()
        for clock in cluster.clocks.values():
            clock.skew_ms += 60_000
        await a.update(e.id, content="third")
        await converged(a, b)
        assert (await a.get(e.id, at_ms=at_ms)).content == "second"
        cluster.clocks["a"].skew_ms += 60_000
        await a.compact(keep_days=0)
        then = await a.get(e.id, at_ms=at_ms)
        assert then.content == "(not held here)"
        assert "not held here" in " ".join(then.notes)
        assert not (await a.get(e.id)).notes
        assert not (await b.get(e.id, at_ms=at_ms)).notes


async def test_a_past_text_with_a_gap_says_so(cluster: Cluster, autojump_clock: MockClock) -> None:
    """What is left of a text looks like a text."""
    async with cluster.nodes() as (a, b):
        e = await a.remember("one two three", collaborative=True)
        await a.update(e.id, edits=[Insert(3, " and")])
        await converged(a, b)
        await b.remember("b names that position, so that its signature stays")
        await converged(a, b)
        at_ms = cluster.clocks["a"].now_ms()
        for clock in cluster.clocks.values():
            clock.skew_ms += 60_000
        await a.update(e.id, edits=[Delete(3, 4)])
        await converged(a, b)
        cluster.clocks["a"].skew_ms += 60_000
        await a.compact(keep_days=0)
        then, now = await a.get(e.id, at_ms=at_ms), await a.get(e.id)
        assert (then.content, now.content) == ("one two three", "one two three")
        assert "not held here" in " ".join(then.notes)
        assert not now.notes
