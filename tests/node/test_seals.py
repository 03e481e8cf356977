"""Finished logs leave the clock: what is compared does not grow with every crash."""

from functools import partial

import pytest
from trio.testing import MockClock

from engram_sync import Node
from engram_sync.node.limits import OPEN_LOGS_MANY
from engram_sync.node.writing.write_path import arrival_untrusted
from engram_sync.testing import Cluster, agent_scope, converged
from engram_wire import (
    Announcement,
    KeyPair,
    LogDomain,
    RangeRequest,
    SyncRequest,
    SyncResponse,
)

from .speaker import Log
from .tap import Tap
from .views import all_synced, contents

CRASHES = 24


@pytest.mark.slow
async def test_a_node_that_crashes_often_has_a_short_clock_and_loses_nothing(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    cluster.tap = tap = Tap()
    async with cluster.nodes() as (a, b):
        await converged(a, b)
    home = cluster.home("a")
    for number in range(CRASHES):
        async with cluster.open("a", online=False) as a:
            await a.remember(f"before crash {number}")
        home.witnesses.clear()
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        await all_synced(a, b)
        assert len(await contents(b)) == CRASHES
        for node in (a, b):
            scope = await agent_scope(node)
            assert scope.sealed >= CRASHES - 1
            assert scope.logs < 8
    stated = [r.clock for name in ("a", "b") for r in tap.messages(name, SyncRequest) if r.clock]
    assert max(map(len, stated)) < 8


async def test_sealed_logs_stay_in_the_store_until_somebody_names_them(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    home = cluster.home("a")
    made: list[str] = []
    for number in range(CRASHES):
        home.witnesses.clear()
        async with cluster.open("a", online=False) as a:
            made.append((await a.remember(f"before crash {number}")).id)
    async with cluster.open("a", online=False) as a:
        ledger, scope = a._core.path.ledger, a._core.facts.agent_scope
        assert ledger.sealed_summary(scope)[0] == CRASHES - 1
        assert sum(log.domain == LogDomain.DATA for log in ledger.logs(scope)) == 1
        await a.update(made[3], content="edited long after")
        assert (await a.get(made[3])).content == "edited long after"
        assert sum(log.domain == LogDomain.DATA for log in ledger.logs(scope)) <= CRASHES // 2
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        await converged(a, b)
        assert len(await contents(b)) == CRASHES
        assert a._core.path.ledger.sealed_summary(scope) == b._core.path.ledger.sealed_summary(
            scope
        )


async def test_a_sealed_log_that_goes_on_in_a_copy_is_a_fork_on_a_node_that_had_not_read_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        memory = await a.remember("start")
        await converged(a, b)
    cluster.clone("twin", of="a", with_witness=True)
    home = cluster.home("a")
    async with cluster.open("a", online=False) as a:
        await a.update(memory.id, content="on the original")
    for number in range(3):
        home.witnesses.clear()
        async with cluster.open("a", online=False) as a:
            await a.remember(f"before crash {number}")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
    async with cluster.open("twin", online=False) as twin:
        await twin.update(memory.id, content="on the copy")
    async with cluster.open("twin", peers=["b"]) as twin, cluster.open("b") as b:
        await converged(twin, b)
        assert len(b._core.path.ledger.forks(b._core.facts.agent_scope)) == 1
        assert {"before crash 0", "before crash 1", "before crash 2"} <= set(await contents(b))


@pytest.mark.slow
async def test_two_nodes_that_sealed_apart_find_out_by_ranges_what_each_lacks(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await converged(a, b)
    for round_number in range(2):
        for name in ("a", "b"):
            home = cluster.home(name)
            for number in range(5):
                home.witnesses.clear()
                async with cluster.open(name, online=False) as node:
                    await node.remember(f"{name} {round_number} {number}")
        cluster.tap = tap = Tap()
        async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
            await converged(a, b)
            await all_synced(a, b)
            assert len(await contents(a)) == 10 * (round_number + 1)
        if round_number:
            assert tap.messages("a", RangeRequest)
            frames = [m for m in tap.messages("a", SyncResponse) if m.frame is not None]
            assert len(frames) <= 6, "only what is new is sent, however many logs there are"


@pytest.mark.slow
async def test_status_and_doctor_name_who_has_many_logs_that_are_not_ended(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """Each costs every comparison and every later record: somebody should know whose they are."""
    async with cluster.nodes() as (a, b):
        assert await told_of_logs(a) == []
        core = a._core
        rogue = cluster.homes["b"].key(bytes)
        for number in range(OPEN_LOGS_MANY + 1):
            log = Log(a, KeyPair(rogue.public, rogue.secret), number + 1).add(f"{number}")
            name = Announcement(0, int(LogDomain.DATA), rogue.public, log.incarnation, None)
            arrival = arrival_untrusted(core.facts.agent_scope, {0: name}, log.frame())
            await core.write(partial(core.path.ingest, arrivals=[arrival]))
        (told,) = await told_of_logs(a)
        assert "b has 65 logs that it has not ended" in told
        checks = {check.name: check for check in (await a.doctor()).checks}
        assert not checks["open logs"].ok
        await converged(a, b)


async def told_of_logs(node: Node) -> list[str]:
    return [text for text in (await node.status()).problems if "not ended" in text]
