"""Answers come in pages, and what one page cannot hold is named."""

import pytest
from trio.testing import MockClock

from engram_sync.api.arguments import NewMemory
from engram_sync.errors import UsageError
from engram_sync.memory.read import siblings as _siblings
from engram_sync.model import limits as _limits
from engram_sync.testing import Cluster

HALF = 200 << 10
"""Characters of a content of which some forty fill an answer."""


async def test_the_pages_of_a_history_are_the_history(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        e = await a.remember("0")
        for number in range(1, 8):
            await a.update(e.id, content=str(number))
        whole = await a.history(e.id)
        assert whole.next is None
        paged = list[object]()
        page = await a.history(e.id, limit=3)
        while page.next is not None:
            assert len(page) == 3
            paged += page
            page = await a.history(e.id, limit=3, after=page.next)
        assert [*paged, *page] == whole
        with pytest.raises(UsageError, match="no record"):
            await a.history(e.id, after="ab:1")


async def test_a_page_ends_where_an_answer_is_full_and_every_entry_is_reached(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        memories = [NewMemory("x" * HALF, title="memory") for _ in range(60)]
        ids = await a.remember_many(memories)
        page = await a.list(limit=1000)
        seen = [engram.id for engram in page]
        assert 0 < len(seen) < 60
        while page.next is not None:
            page = await a.list(limit=1000, after=page.next)
            seen += [engram.id for engram in page]
        assert sorted(seen) == sorted(ids)
        hits = await a.recall("memory", limit=60)
        assert {hit.engram.id for hit in hits} == set(ids)
        named = [hit.engram for hit in hits if not hit.engram.content]
        assert named
        assert all(engram.left_out["content"] == HALF for engram in named)


async def test_of_a_memory_with_more_than_one_answer_holds_the_rest_is_counted(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        e = await a.remember("many")
        for number in range(60):
            await a.update(e.id, metadata={str(number): "x" * 15_000})
        shown = await a.get(e.id)
        assert len(shown.metadata) + shown.left_out["metadata"] == 60
        assert shown.left_out["metadata"] > 0
        assert sum(len(str(value)) for value in shown.metadata.values()) <= _limits.PART_BYTES_MAX


async def test_a_conflict_of_more_values_than_one_answer_holds_is_listed_and_settled(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_siblings, "SIBLINGS_BYTES_MAX", 3_000)
    async with cluster.open("a", online=False) as a:
        seen = await a.remember("first")
        for number in range(5):
            await a.update(seen, content=f"{number}" * 500)
        (conflict,) = await a.conflicts()
        assert (len(conflict.siblings), conflict.left_out) == (2, 3)
        assert (await a.get(seen.id)).left_out == {"siblings": 3}
        await a.update(seen.id, content="settled", if_version=conflict.engram_version)
        assert await a.conflicts() == []
        assert (await a.get(seen.id)).siblings == ()


async def test_the_pages_of_the_conflicts_are_the_conflicts(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        for number in range(5):
            seen = await a.remember(f"first {number}")
            await a.update(seen, content="one", title="one")
            await a.update(seen, content="two", title="two")
        whole = await a.conflicts()
        assert (len(whole), whole.next) == (10, None)
        paged = list[object]()
        page = await a.conflicts(limit=3)
        while page.next is not None:
            paged += page
            page = await a.conflicts(limit=3, after=page.next)
        assert [*paged, *page] == whole
        with pytest.raises(UsageError, match="no conflict"):
            await a.conflicts(after="nowhere:1")
