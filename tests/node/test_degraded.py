"""Losing everybody else is a state that a node names, works in and leaves by itself."""

from pathlib import Path

import pytest
from trio.testing import MockClock

from engram_sync.errors import DegradedError
from engram_sync.node import Node
from engram_sync.node.background import presence as _presence
from engram_sync.testing import Cluster, DirectoryHome, converged, until

from .views import all_synced, contents


async def degraded(node: Node) -> bool:
    return (await node.status()).health == "degraded"


@pytest.mark.slow
async def test_a_node_that_reaches_nobody_says_so_and_works_on(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        assert not await degraded(a)
        cluster.network.partition("a", "b")
        await until(lambda: degraded(a))
        assert any("working locally" in problem for problem in (await a.status()).problems)
        await a.remember("written while alone")
        assert (await a.recall("alone"))[0].engram.content == "written while alone"

        cluster.network.heal()
        await converged(a, b)

        async def recovered() -> bool:
            return not await degraded(a)

        await until(recovered)
        assert await contents(b) == ["written while alone"]


async def test_a_node_without_other_members_is_not_degraded(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        await a.remember("nobody else belongs here")
        assert (await a.status()).health == "ok"
        assert (await a.status()).sync == "alone"


async def test_a_node_whose_store_is_gone_says_so_by_itself_and_stores_nothing(
    cluster: Cluster, tmp_path: Path, autojump_clock: MockClock
) -> None:
    cluster.homes["a"] = DirectoryHome(tmp_path / "home")
    async with cluster.open("a") as a:
        await a.remember("written before")
        kept = (tmp_path / "home" / "store.db").rename(tmp_path / "kept")
        await until(lambda: degraded(a))
        assert any("store.db was removed" in problem for problem in (await a.status()).problems)
        with pytest.raises(DegradedError, match="nothing is stored any more"):
            await a.remember("written to nowhere")
        kept.rename(tmp_path / "home" / "store.db")

        async def recovered() -> bool:
            return not await degraded(a)

        await until(recovered)
        await a.remember("written after")
        assert await contents(a) == ["written after", "written before"]


@pytest.mark.slow
async def test_a_member_of_another_agent_does_not_count_as_somebody_reached(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c") as c:
        await b.join(await a.invite())
        await a.join(await c.invite())
        await converged(a, c)
        cluster.network.partition("a", "c")
        await until(lambda: degraded(a))
        assert any("working locally" in problem for problem in (await a.status()).problems)
        assert a._controller.network.connections


async def test_a_node_whose_disk_is_full_says_so_before_it_stores_anything(
    cluster: Cluster, tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.homes["a"] = DirectoryHome(tmp_path / "home")
    async with cluster.open("a", online=False) as a:
        assert not (await a.status()).problems
        monkeypatch.setattr(_presence, "FULL_BYTES", 1 << 62)
        (problem,) = (await a.status()).problems
        assert "is full" in problem
