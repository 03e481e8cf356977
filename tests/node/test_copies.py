"""Copies of a home that both write, and homes that were rolled back: nothing is lost."""

import shutil
from pathlib import Path

import pytest
from trio.testing import MockClock

from engram_sync.api import Insert
from engram_sync.node import Node
from engram_sync.testing import Cluster, DirectoryHome, converged
from engram_wire import LogDomain

from .views import contents

WEEK_MS = 7 * 86_400_000


def own_logs(node: Node) -> dict[bytes, int]:
    """Data logs of the agent that this node's key has written, and how far."""
    ledger, core = node._core.path.ledger, node._core
    return {
        log.id: log.seq
        for log in ledger.logs(core.facts.agent_scope)
        if log.author == core.key.public and log.domain == LogDomain.DATA
    }


def fork_count(node: Node) -> int:
    return len(node._core.path.ledger.forks(node._core.facts.agent_scope))


def copy_home(cluster: Cluster, of: str, to: str, directory: Path) -> None:
    """Copy a closed home with every file in it, as a person does who clones a disk."""
    original = cluster.homes[of]
    assert isinstance(original, DirectoryHome)
    target = directory / to
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(original.path, target)
    cluster.homes[to] = DirectoryHome(target)


async def married(cluster: Cluster, directory: Path) -> None:
    """Host a lives on a disk and shares one memory with host b."""
    cluster.homes["a"] = DirectoryHome(directory / "a")
    async with cluster.nodes() as (a, b):
        await a.remember("common")
        await converged(a, b)


async def rolled_back(cluster: Cluster, tmp_path: Path, runtime: Path) -> None:
    """Host a is a machine that was set back, memory and all; b saw what it wrote meanwhile."""
    await married(cluster, tmp_path)
    copy_home(cluster, "a", "snapshot", tmp_path)
    shutil.copytree(runtime, tmp_path / "witnesses")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("before the roll back")
        await converged(a, b)
    copy_home(cluster, "snapshot", "a", tmp_path)
    shutil.rmtree(runtime)
    shutil.copytree(tmp_path / "witnesses", runtime)


async def test_both_copies_of_a_home_that_take_themselves_for_the_original_lose_nothing(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    await married(cluster, tmp_path)
    copy_home(cluster, "a", "copy", tmp_path)
    saved = tmp_path / "witnesses"
    shutil.copytree(runtime, saved)
    async with cluster.open("a", online=False) as a:
        await a.remember("from the original")
    shutil.rmtree(runtime)
    shutil.copytree(saved, runtime)
    async with cluster.open("copy", online=False) as copy:
        await copy.remember("from the copy")
    # One after the other, because they are one key; both meet the same peer.
    for name in ("a", "copy", "a"):
        async with cluster.open(name) as node, cluster.open("b", peers=[name]) as b:
            await converged(node, b)
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        wanted = ["common", "from the copy", "from the original"]
        assert await contents(a) == await contents(b) == wanted
        assert fork_count(a) == fork_count(b) == 1
        await a.remember("and life goes on")
        await converged(a, b)
        assert "and life goes on" in await contents(b)
        (fork,) = (await b.status()).forks
        assert (fork.label, len(fork.branches)) == ("a", 2)


async def test_a_home_restored_after_a_week_goes_on_beside_what_it_had_written(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path
) -> None:
    await married(cluster, tmp_path)
    copy_home(cluster, "a", "backup", tmp_path)
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("of the lost week")
        await converged(a, b)
    for clock in cluster.clocks.values():
        clock.skew_ms += WEEK_MS
    copy_home(cluster, "backup", "a", tmp_path)
    async with cluster.open("a", online=False) as a:
        await a.remember("after the restore")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        wanted = ["after the restore", "common", "of the lost week"]
        assert await contents(a) == await contents(b) == wanted
        assert fork_count(a) == fork_count(b) == 0


async def test_a_rolled_back_machine_that_writes_on_forks_its_log_and_loses_nothing(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    """Home and witness are restored together: only the peer can tell."""
    await rolled_back(cluster, tmp_path, runtime)
    async with cluster.open("a", online=False) as a:
        await a.remember("after the roll back")
        continued = own_logs(a)
        assert len(continued) == 1
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        wanted = ["after the roll back", "before the roll back", "common"]
        assert await contents(a) == await contents(b) == wanted
        assert fork_count(a) == fork_count(b) == 1
        before = own_logs(a)
        await a.remember("in a new incarnation")
        assert len(own_logs(a)) == len(before) + 1
        await converged(a, b)
        assert any("another copy" in text for text in (await a.status()).problems)


async def test_a_rolled_back_machine_that_meets_a_peer_first_forks_nothing(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    await rolled_back(cluster, tmp_path, runtime)
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        assert await contents(a) == ["before the roll back", "common"]
        await a.remember("after it")
        await converged(a, b)
        assert fork_count(a) == fork_count(b) == 0
        assert any("another copy" in text for text in (await a.status()).problems)


@pytest.mark.slow
async def test_edits_of_one_memory_on_both_copies_are_siblings_on_every_node(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    await married(cluster, tmp_path)
    copy_home(cluster, "a", "copy", tmp_path)
    shutil.copytree(runtime, tmp_path / "witnesses")
    async with cluster.open("a", online=False) as a:
        [common] = await a.list(scope="agent")
        await a.update(common, content="as the original says")
    shutil.rmtree(runtime)
    shutil.copytree(tmp_path / "witnesses", runtime)
    async with cluster.open("copy", online=False) as copy:
        await copy.update(common, content="as the copy says")
    for name in ("copy", "a", "copy"):
        async with cluster.open(name) as node, cluster.open("b", peers=[name]) as b:
            await converged(node, b)
    for name in ("a", "copy", "b"):
        async with cluster.open(name, online=False) as node:
            [seen] = await node.list(scope="agent")
            said = {sibling.value for sibling in seen.siblings if sibling.field == "content"}
            assert said == {"as the original says", "as the copy says"}, name
            settled = await node.conflicts()
            assert len(settled) == 1


async def test_what_is_said_of_a_shared_text_on_both_sides_of_a_fork_stays(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    """Units of the text and the tags beyond the fork get other names together."""
    cluster.homes["a"] = DirectoryHome(tmp_path / "a")
    async with cluster.nodes() as (a, b):
        text = await a.remember("one two", collaborative=True)
        await converged(a, b)
    copy_home(cluster, "a", "snapshot", tmp_path)
    shutil.copytree(runtime, tmp_path / "witnesses")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        seen = await a.update(text.id, edits=[Insert(7, " three")], add_tags=["first"])
        await a.update(seen, title="T")
        await converged(a, b)
    copy_home(cluster, "snapshot", "a", tmp_path)
    shutil.rmtree(runtime)
    shutil.copytree(tmp_path / "witnesses", runtime)
    async with cluster.open("a", online=False) as a:
        await a.update(text.id, edits=[Insert(0, "zero ")], add_tags=["second"])
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        for node in (a, b):
            assert fork_count(node) == 1
            shown = await node.get(text.id)
            assert (shown.content, shown.tags) == ("zero one two three", ("first", "second"))
            assert shown.title == "T"
            assert not any(check.damaged for check in (await node.doctor()).checks)


async def test_a_new_incarnation_seals_the_log_before_it(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    await married(cluster, tmp_path)
    shutil.rmtree(runtime)  # As after a crash.
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        old = own_logs(a)
        await a.remember("after the crash")
        await converged(a, b)
        for node in (a, b):
            ledger, scope = node._core.path.ledger, node._core.facts.agent_scope
            assert {entry.log for entry in ledger.sealed(scope)} == set(old)
            assert not old.keys() & {entry.log for entry in ledger.clock(scope)}
    async with cluster.open("b", online=False) as b:
        ledger, scope = b._core.path.ledger, b._core.facts.agent_scope
        assert ledger.sealed_summary(scope)[0] == len(old), "after a restart too"
        assert not old.keys() & {log.id for log in ledger.logs(scope)}, "and not in memory"


@pytest.mark.slow
async def test_copies_of_a_leader_that_both_write_its_charter_agree_on_it_after_a_restart(
    cluster: Cluster, autojump_clock: MockClock, tmp_path: Path, runtime: Path
) -> None:
    await married(cluster, tmp_path)
    copy_home(cluster, "a", "copy", tmp_path)
    shutil.copytree(runtime, tmp_path / "witnesses")
    async with cluster.open("a", online=False) as a:
        await a.relabel("the original")
        await a.remember("from the original")
    shutil.rmtree(runtime)
    shutil.copytree(tmp_path / "witnesses", runtime)
    async with cluster.open("copy", online=False) as copy:
        await copy.relabel("the copy")
        await copy.remember("from the copy")
    for name in ("a", "copy", "a"):
        async with cluster.open(name) as node, cluster.open("b", peers=[name]) as b:
            await converged(node, b)
    labels: set[str] = set()
    for name in ("a", "copy", "b"):
        async with cluster.open(name, online=False) as node:
            core = node._core
            scope = core.facts.agent_scope
            assert len(core.path.ledger.forks(scope)) == 2, "of its data and of its charter"
            founder = core.path.charters.of(scope).authorities()
            labels |= {core.path.label(scope, key) for key in founder}
            assert len(await contents(node)) == 3
    assert len(labels) == 1
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("and on it goes")
        await b.remember("on both sides")
        await converged(a, b)
