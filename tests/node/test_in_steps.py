"""The owner of a memory can always act on it, in as many records as that takes."""

import pytest
from trio.testing import MockClock

from engram_sync.api import Engram
from engram_sync.model import draft_parts as _draft_parts
from engram_sync.node import Node
from engram_sync.testing import Cluster, converged


@pytest.fixture(autouse=True)
def small_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """One record supersedes four values at most, instead of 256."""
    monkeypatch.setattr(_draft_parts, "SUPERSEDED_MAX", 4)


async def crowded(node: Node) -> Engram:
    """A memory of which eleven values stand side by side, and a tag for each."""
    seen = await node.remember("first")
    for number in range(11):
        await node.update(seen, content=f"sibling {number}", add_tags=[f"tag {number}"])
    shown = await node.get(seen.id)
    assert (len(shown.siblings), len(shown.tags)) == (11, 11)
    return shown


async def test_a_conflict_of_more_values_than_a_record_may_replace_is_settled(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        shown = await crowded(a)
        settled = await a.update(shown, content="settled", remove_tags=shown.tags)
        assert (settled.content, settled.siblings, settled.tags) == ("settled", (), ())
        assert await a.conflicts() == []
        await converged(a, b)
        assert (await b.get(shown.id)).content == "settled"


@pytest.mark.parametrize("erase", [False, True])
async def test_a_memory_that_more_logs_wrote_to_than_a_record_may_name_is_forgotten(
    cluster: Cluster, autojump_clock: MockClock, erase: bool
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        e = await a.remember("first")
        await converged(a, b)
    for number in range(10):
        cluster.home("b").witnesses.clear()
        async with cluster.open("b", online=False) as b:
            await b.update(e.id, add_tags=[f"tag {number}"])
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        shown = await a.get(e.id)
        assert len(shown.tags) == 10
        gone = await a.forget(shown, erase=erase)
        assert (gone.life, gone.erased) == ("deleted", erase)
        await converged(a, b)
        assert (await b.get(e.id)).life == "deleted"
        assert await a.conflicts() == await b.conflicts() == []
        if not erase:
            back = await b.restore(e.id)
            assert (back.content, len(back.tags)) == ("first", 10)
            await converged(a, b)
