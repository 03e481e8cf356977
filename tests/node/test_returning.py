"""Somebody comes back after a year: what was deleted stays deleted, and nothing is lost."""

from trio.testing import MockClock

from engram_sync.api import Life
from engram_sync.testing import Cluster, converged

from .views import all_synced, contents

YEAR_MS = 366 * 24 * 3_600_000


async def test_a_tombstone_survives_a_peer_that_returns_after_a_year(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        for text in ("gone", "edited meanwhile", "kept"):
            await a.remember(text)
        await converged(a, b)
    # What b writes while it is away, it writes without knowing of any delete.
    async with cluster.open("b", online=False) as b:
        (mine,) = [m for m in await b.list() if m.content == "edited meanwhile"]
        await b.update(mine, content="edited by somebody away")
        await b.remember("written while away")
    async with cluster.open("a", online=False) as a:
        for text in ("gone", "edited meanwhile"):
            (each,) = [m for m in await a.list() if m.content == text]
            await a.forget(each, reason="nobody needs it")
        cluster.clocks["a"].skew_ms += YEAR_MS
        assert (await a.compact(keep_days=0)).saved.payloads > 0
        await a.remember("written a year later")
    cluster.clocks["b"].skew_ms += YEAR_MS

    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        await all_synced(a, b)
        for node in (a, b):
            shown = await contents(node)
            assert "gone" not in shown
            assert {"kept", "written while away", "written a year later"} <= set(shown)
            # The edit that did not know of the delete is neither lost nor silently alive.
            (conflict,) = await node.conflicts()
            assert conflict.kind == "lifecycle"
            assert (await node.get(conflict.engram)).content == "edited by somebody away"
            hidden = {engram.content for engram in await node.list(life=Life.DELETED)}
            assert hidden == {"", "edited by somebody away"}
