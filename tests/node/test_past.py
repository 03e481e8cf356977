"""What could this node have believed then: what had arrived counts, not what is dated."""

import pytest
from trio.testing import MockClock

from engram_sync.api import Delete, Insert
from engram_sync.errors import NotFoundError
from engram_sync.node import Node
from engram_sync.testing import Cluster, converged

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def now_ms(cluster: Cluster, name: str) -> int:
    return cluster.clocks[name].now_ms()


async def kinds(node: Node, ref: str, at_ms: int) -> list[str]:
    return [entry.kind for entry in await node.history(ref, at_ms=at_ms)]


async def test_a_memory_can_be_read_as_it_was(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a", online=False) as a:
        before = now_ms(cluster, "a")
        cluster.clocks["a"].skew_ms += HOUR_MS
        e = await a.remember("first", tags=("one",))
        first = now_ms(cluster, "a")
        cluster.clocks["a"].skew_ms += HOUR_MS
        await a.update(e, content="second", add_tags=("two",))
        second = now_ms(cluster, "a")
        cluster.clocks["a"].skew_ms += HOUR_MS
        await a.forget(e.id, reason="done")
        then = await a.get(e.id, at_ms=first)
        assert (then.content, then.tags, then.life) == ("first", ("one",), "active")
        assert then.updated_at_ms == e.updated_at_ms
        then = await a.get(e.id, at_ms=second)
        assert (then.content, then.tags) == ("second", ("one", "two"))
        assert (await a.get(e.id, at_ms=now_ms(cluster, "a"))).reason == "done"
        with pytest.raises(NotFoundError):
            await a.get(e.id, at_ms=before)
        assert await kinds(a, e.id, before) == []
        assert await kinds(a, e.id, first) == ["create"]
        assert await kinds(a, e.id, second) == ["create", "update"]
        [entry] = await a.history(e.id, at_ms=first)
        assert entry.live
        assert entry.superseded_by == ()


async def test_what_was_written_elsewhere_counts_from_when_it_arrived(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("known to both")
        await converged(a, b)
        await b.go_offline()
        await b.update(e.id, content="changed at b")
        written = now_ms(cluster, "b")
        for clock in cluster.clocks.values():
            clock.skew_ms += HOUR_MS
        await b.go_online()
        await converged(a, b)
        assert (await a.get(e.id)).content == "changed at b"
        half_an_hour_later = written + HOUR_MS // 2
        assert (await a.get(e.id, at_ms=half_an_hour_later)).content == "known to both"
        assert (await b.get(e.id, at_ms=half_an_hour_later)).content == "changed at b"


async def test_a_text_can_be_read_as_it_was(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("naïve text", collaborative=True)
        first = now_ms(cluster, "a")
        cluster.clocks["a"].skew_ms += HOUR_MS
        e = await a.update(e, edits=(Insert(0, "A "), Delete(2, 1)))
        assert e.content == "A aïve text"
        assert (await a.get(e.id, at_ms=first)).content == "naïve text"
        kinds_now = [entry.kind for entry in await a.history(e.id)]
        assert kinds_now == ["create", "edit", "edit"]
        shown = [entry.fields for entry in await a.history(e.id)][-1]
        assert shown == {"inserted": ["A "], "deleted": 1}


async def test_what_was_erased_is_gone_from_the_past_too(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("a secret")
        then = now_ms(cluster, "a")
        cluster.clocks["a"].skew_ms += HOUR_MS
        await a.forget(e.id, erase=True)
        seen = await a.get(e.id, at_ms=then)
        assert "secret" not in seen.content
        assert seen.erased
