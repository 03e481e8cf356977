"""Losing everybody else is a state that a node names, works in and leaves by itself."""

from pathlib import Path

import pytest
from trio.testing import MockClock

from engram_sync.errors import DegradedError
from engram_sync.node import Node
from engram_sync.node.background import presence as _presence

from .village import DiskHomeStorage, Village, agreement, all_synced, contents, until


async def degraded(node: Node) -> bool:
    return (await node.status()).health == "degraded"


async def test_a_node_that_reaches_nobody_says_so_and_works_on(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        await all_synced(a, b)
        assert not await degraded(a)
        village.network.partition("a", "b")
        await until(lambda: degraded(a))
        assert any("working locally" in problem for problem in (await a.status()).problems)
        await a.remember("written while alone")
        assert (await a.recall("alone"))[0].engram.content == "written while alone"

        village.network.heal()
        await agreement(a, b)

        async def recovered() -> bool:
            return not await degraded(a)

        await until(recovered)
        assert await contents(b) == ["written while alone"]


async def test_a_node_without_other_members_is_not_degraded(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.open("a") as a:
        await a.remember("nobody else belongs here")
        assert (await a.status()).health == "ok"
        assert (await a.status()).sync == "alone"


async def test_a_node_whose_store_is_gone_says_so_by_itself_and_stores_nothing(
    village: Village, tmp_path: Path, autojump_clock: MockClock
) -> None:
    village.homes["a"] = DiskHomeStorage(tmp_path / "home")
    async with village.open("a") as a:
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


async def test_a_member_of_another_agent_does_not_count_as_somebody_reached(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.open("a") as a, village.open("b") as b, village.open("c") as c:
        await b.join(await a.invite())
        await a.join(await c.invite())
        await agreement(a, c)
        village.network.partition("a", "c")
        await until(lambda: degraded(a))
        assert any("working locally" in problem for problem in (await a.status()).problems)
        assert a._controller.network.connections


async def test_a_node_whose_disk_is_full_says_so_before_it_stores_anything(
    village: Village, tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    village.homes["a"] = DiskHomeStorage(tmp_path / "home")
    async with village.open("a", online=False) as a:
        assert not (await a.status()).problems
        monkeypatch.setattr(_presence, "FULL_BYTES", 1 << 62)
        (problem,) = (await a.status()).problems
        assert "is full" in problem
