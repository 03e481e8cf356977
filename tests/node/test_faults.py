"""Disks that fill up and calls that are given up: whole or not at all, and then life goes on."""

from pathlib import Path

import apsw
import pytest
import trio
from trio.testing import MockClock

from engram_sync.api.arguments import NewMemory
from engram_sync.config import Config
from engram_sync.errors import DegradedError, EngramError
from engram_sync.node import Environment, Node
from engram_sync.testing import Cluster, DirectoryHome, agree, converged, until
from tests.store.crash_vfs import CrashDisk

from .views import all_synced, contents

FOREVER = 1 << 30


@pytest.mark.slow
async def test_a_full_disk_while_receiving_delays_and_loses_nothing(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        cluster.homes["b"] = DirectoryHome(home, vfs=disk.name)
        async with cluster.nodes() as (a, b):
            await a.remember("before")
            await converged(a, b)
            disk.fail(after=0, times=FOREVER)
            await a.remember_many([NewMemory(content=f"fact {n}") for n in range(500)])
            await trio.sleep(60)
            assert disk.failures
            assert "full" in " ".join((await b.status()).problems)
            assert (await b.status()).health == "degraded"
            assert (await a.status()).sync != "synced"
            assert await contents(b) == ["before"]
            # It is called again, less and less often, not twice a second.
            assert disk.failures < 200
            disk.heal()
            await converged(a, b)
            await all_synced(a, b)
            assert len(await contents(b)) == 501
            assert not (await b.status()).problems


async def test_a_full_disk_refuses_a_write_and_the_node_goes_on(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        cluster.homes["a"] = DirectoryHome(home, vfs=disk.name)
        async with cluster.nodes() as (a, b):
            await a.remember("before")
            await converged(a, b)
            for after in range(6):
                disk.fail(after=after, times=FOREVER)
                with pytest.raises(DegradedError, match="full"):
                    await a.remember(f"refused {after}")
                disk.heal()
                await a.remember(f"taken {after}")
            await converged(a, b)
            assert await contents(b) == ["before", *[f"taken {n}" for n in range(6)]]
        async with cluster.open("a", online=False) as a:
            assert len(await contents(a)) == 7


async def test_a_join_at_a_full_disk_ends_no_node(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        cluster.homes["a"] = DirectoryHome(home, vfs=disk.name)
        async with cluster.open("a") as a, cluster.open("b") as b:
            token = await a.invite()
            disk.fail(after=0, times=FOREVER)
            with pytest.raises(EngramError):
                await b.join(token)
            disk.heal()
            await b.join(token)
            await converged(a, b)
            assert len(await a.peers()) == 1


@pytest.mark.parametrize("failing", ["a", "b"])
async def test_a_page_that_cannot_be_read_ends_no_node(
    cluster: Cluster,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        broken = {"a": a, "b": b}[failing]
        works = type(broken._core.store).read

        async def fails(*_: object, **__: object) -> object:
            raise DegradedError("the disk cannot be read")

        monkeypatch.setattr(type(broken._core.store), "read", fails)
        await broken.remember("unreadable for now")
        await trio.sleep(5)
        monkeypatch.setattr(type(broken._core.store), "read", works)
        await converged(a, b)
        assert await contents(a) == await contents(b) == ["unreadable for now"]


async def test_a_cancelled_remember_is_whole_or_not_there(tmp_path: Path) -> None:
    """With a real thread: whoever gives up never leaves half a memory behind."""
    async with Node.open(tmp_path / "home", config=Config(), services=()) as node:
        for number in range(20):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(node.remember, f"memory {number}")
                    for _ in range(number % 7):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()
        await node.remember("the last")
        held = await node.list(limit=1000)
        for engram in held:
            assert (await node.history(engram.id))[0].kind == "create"
        status = await node.status()
        scope_status = next(s for s in status.scopes if s.kind == "agent")
        assert scope_status.engrams == len(held)
        assert scope_status.lag == 0
        before = sorted(e.content for e in held)
    async with Node.open(tmp_path / "home", config=Config(), services=()) as node:
        assert sorted(e.content for e in await node.list(limit=1000)) == before


async def test_a_store_that_breaks_for_good_is_an_error_of_the_call(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        with pytest.raises(DegradedError, match="could not be read or written"):
            async with Node.open(
                config=Config(),
                services=(),
                storage=DirectoryHome(home, vfs=disk.name),
                environment=Environment(discovery=lambda _: ()),
            ) as node:
                await node.remember("kept")
                disk.fail(after=0, times=FOREVER, error=apsw.IOError)
                with pytest.raises(DegradedError):
                    await node.remember("lost, and said so")
                assert [e.content for e in await node.list()] == ["kept"]
        disk.heal()
    async with Node.open(home, config=Config(), services=()) as node:
        assert [e.content for e in await node.list()] == ["kept"]


@pytest.mark.slow
async def test_a_backlog_larger_than_all_buffers_arrives(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await b.go_offline()
        await a.remember_many([NewMemory(content=f"{n} " + "x" * 20_000) for n in range(600)])
        await b.remember_many([NewMemory(content=f"{n} " + "y" * 20_000) for n in range(600)])
        await b.go_online()
        await converged(a, b)
        found: list[str] = []
        page = await b.list(limit=5000)
        while True:
            found += [e.id for e in page]
            if page.next is None:
                break
            page = await b.list(limit=5000, after=page.next)
        assert len(set(found)) == len(found) == 1200

        async def quiet() -> bool:
            return await agree(a, b) and (await a.status()).sync == "synced"

        await until(quiet)
