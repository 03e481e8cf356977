"""Power loss at every operation of the disk: nothing acknowledged is lost, and life goes on."""

import shutil
from pathlib import Path

import pytest
from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.testing import Cluster, DirectoryHome, converged
from engram_wire import LogDomain
from tests.store.crash_vfs import Crash, CrashDisk, Loss

from .tap import Tap
from .views import contents


def own_logs(node: Node) -> set[bytes]:
    """Data logs of the agent that this node's key has written."""
    ledger, core = node._core.path.ledger, node._core
    return {
        log.id
        for log in ledger.logs(core.facts.agent_scope)
        if log.author == core.key.public and log.domain == LogDomain.DATA
    }


class Images:
    """Opens the images of a crash, one after the other, beside a peer that lost nothing."""

    def __init__(self, cluster: Cluster, directory: Path, peer: str) -> None:
        self.cluster = cluster
        self.directory = directory
        self.peer = peer
        self.seen = dict.fromkeys(Loss, 0)

    async def check(self, crash: Crash, promised: set[str], acked: dict[bytes, int]) -> None:
        """Everything acknowledged is there; a new incarnation goes on; sync completes."""
        place = f"{crash.position} {crash.loss}"
        image = crash.write_to(self.directory / "image")
        cluster = self.cluster
        with CrashDisk(image) as disk:
            cluster.homes["image"] = DirectoryHome(image, vfs=disk.name)
            cluster.clone("peer", of=self.peer)
            async with cluster.open("image") as node:
                held = await contents(node)
                assert promised <= set(held), place
                view = node._core.scopes[node._core.facts.agent_scope]
                clock = {entry.log: entry.seq for entry in view.clock}
                assert all(clock.get(log, 0) >= seq for log, seq in acked.items()), place
                before = own_logs(node)
                await node.remember("after the crash")
                assert len(own_logs(node) - before) == 1, place
                async with cluster.open("peer", peers=["image"]) as peer:
                    await converged(node, peer)
                    assert {*held, "after the crash"} <= set(await contents(peer)), place
                    assert not (await node.status()).problems
                    assert not (await peer.status()).problems
        shutil.rmtree(image)
        self.seen[crash.loss] += 1


@pytest.mark.slow
async def test_a_crash_at_any_operation_of_remember_loses_nothing_acknowledged(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    home = tmp_path / "home"
    cluster.homes["a"] = DirectoryHome(home)
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        await a.remember("before")
        await converged(a, b)
    with CrashDisk(home) as disk:
        cluster.homes["a"] = DirectoryHome(home, vfs=disk.name)
        promises: list[tuple[int, str]] = [(0, "before")]
        async with cluster.open("a") as a, cluster.open("b") as b:
            await a.remember("one")
            promises.append((disk.position, "one"))
            await converged(a, b)
        images = Images(cluster, tmp_path, "b")
        for crash in disk.crashes(seed=1):
            shutil.rmtree(runtime, ignore_errors=True)  # What was not closed left no witness.
            promised = {content for at, content in promises if at <= crash.position}
            await images.check(crash, promised, {})
    assert min(images.seen.values()) >= 3


@pytest.mark.slow
async def test_a_crash_at_any_operation_of_receiving_loses_nothing_acknowledged(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    home = tmp_path / "home"
    cluster.homes["b"] = DirectoryHome(home)
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        await converged(a, b)
    with CrashDisk(home) as disk:
        cluster.homes["b"] = DirectoryHome(home, vfs=disk.name)
        cluster.tap = tap = Tap(stamp=lambda: disk.position)
        async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
            await a.remember("one")
            await converged(a, b)
            acks = tap.acknowledged("b", a._core.facts.agent_scope)
        assert acks
        images = Images(cluster, tmp_path, "a")
        for crash in disk.crashes(seed=2):
            shutil.rmtree(runtime, ignore_errors=True)
            acked: dict[bytes, int] = {}
            for at, received in acks:
                if at <= crash.position:
                    acked |= received
            await images.check(crash, set(), acked)
    assert min(images.seen.values()) >= 3


async def test_a_disk_that_only_pretends_to_sync_is_noticed(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Were this to pass silently, the tests above would prove nothing."""
    home = tmp_path / "home"
    cluster.homes["a"] = DirectoryHome(home)
    async with cluster.open("a", online=False):
        pass
    with CrashDisk(home) as disk:
        disk.lie()
        cluster.homes["a"] = DirectoryHome(home, vfs=disk.name)
        async with cluster.open("a", online=False) as a:
            await a.remember("acknowledged")
            acknowledged_at = disk.position
        lost = 0
        for crash in disk.crashes(seed=3, start=acknowledged_at, stop=acknowledged_at):
            if crash.loss is Loss.LOST:
                cluster.homes["image"] = DirectoryHome(crash.write_to(tmp_path / "image"))
                async with cluster.open("image", online=False) as node:
                    lost += "acknowledged" not in await contents(node)
        assert lost == 1
