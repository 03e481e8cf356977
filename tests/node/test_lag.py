"""What is durable is found, also by whoever opens the node before its documents are built."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from engram_sync import Node
from engram_sync.api import Engram, Scope
from engram_sync.api.arguments import NewMemory
from engram_sync.errors import PreconditionError
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.limits import MATERIALISE_WEIGHT_MIN
from engram_sync.node.network.joining import bring, make_current
from engram_sync.store import Reader
from engram_sync.sync import ScopeView
from engram_sync.testing import Cluster, agent_scope, converged, until
from engram_wire import Rejection

from .test_scopes import founded
from .test_voids import own_log
from .views import contents

COUNT = 3000
CHANGES = 300
MEMBERSHIP_RECORDS = 2


async def lagging(cluster: Cluster) -> None:
    """Make host c as b would be had it died with records stored and not yet materialised."""
    async with cluster.open("a") as a, cluster.open("b") as b:
        await a.remember_many([NewMemory(f"backlog number {n}", key=f"{n}") for n in range(COUNT)])

        def changed(_: ScopeView | None, view: ScopeView) -> None:
            if view.state_digest is None:
                cluster.clone("c", of="b")

        b._core.listeners.append(changed)
        await b.join(await a.invite())
        await converged(a, b)


@pytest.mark.slow
async def test_a_node_opened_after_a_crash_shows_everything_that_is_durable(
    cluster: Cluster, autojump_clock: object
) -> None:
    await lagging(cluster)
    async with cluster.open("c", online=False) as c:
        hits = await c.recall("backlog", limit=10_000)
        assert len(hits) == (await agent_scope(c)).records - MEMBERSHIP_RECORDS > 0


@pytest.mark.slow
async def test_a_memory_that_waits_to_be_materialised_is_listed_and_can_be_changed(
    cluster: Cluster, autojump_clock: object
) -> None:
    await lagging(cluster)
    async with cluster.open("c", online=False) as c:
        listed = await c.list(limit=10_000)
        assert len(listed) == (await agent_scope(c)).records - MEMBERSHIP_RECORDS > 0
        assert (await c.update(listed[0], content="changed")).content == "changed"


@pytest.mark.slow
async def test_a_source_key_that_waits_to_be_materialised_is_known(
    cluster: Cluster, autojump_clock: object
) -> None:
    await lagging(cluster)
    async with cluster.open("c", online=False) as c:
        with pytest.raises(PreconditionError, match="same key"):
            await c.remember("something else", key=f"{COUNT - 1}")
        assert (await c.remember("backlog number 0", key="0")).siblings == ()
        assert (await agent_scope(c)).records == COUNT + MEMBERSHIP_RECORDS


async def _never(_: Materialising) -> None:
    await trio.sleep_forever()


async def _holds_all_of(node: Node, other: Node) -> bool:
    wanted, held = await agent_scope(other), await agent_scope(node)
    return held.clock_digest == wanted.clock_digest


async def _waiting(node: Node) -> int:
    """How many records of the agent's scope are stored and not shown."""
    number = node._core.path.ledger.scope_number(node._core.facts.agent_scope)

    def count(reader: Reader) -> int:
        row = reader.scope(number)
        assert row is not None
        return reader.records_after(number, row.materialised)

    return await node._core.read(count)


@pytest.mark.slow
async def test_a_change_does_not_wait_for_what_waits_of_other_memories(
    cluster: Cluster, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        mine = await b.remember("mine")
        shared = await b.remember("shared", key="k")
        await converged(a, b)
    monkeypatch.setattr(Materialising, "materialise_forever", _never)
    async with cluster.open("a", peers=["b"]) as a, cluster.open("b") as b:
        await a.remember_many([NewMemory(f"flood {n}") for n in range(COUNT)])
        await a.update(shared, content="changed")
        await a.remember_many([NewMemory(f"flood {n}") for n in range(COUNT)])
        await until(partial(_holds_all_of, b, a))
        waiting = await _waiting(b)
        assert waiting > COUNT
        assert (await b.update(mine, content="new")).content == "new"
        assert (await b.update(shared.id, title="title")).content == "changed"
        assert (await b.remember("shared", key="k")).title == "title"
        assert (await b.forget(mine.id, erase=True)).erased
        assert await _waiting(b) >= waiting


Act = Callable[[Node, Engram], Awaitable[object]]
KEYED = NewMemory("shared", key="k")


async def update(node: Node, shared: Engram) -> None:
    await node.update(shared.id, title="title")


async def remember(node: Node, _: Engram) -> None:
    await node.remember("shared", key="k")


async def remember_many(node: Node, _: Engram) -> None:
    await node.remember_many([KEYED])


async def bring_over(node: Node, _: Engram) -> None:
    """As ``join --bring`` does once it is a member of another agent."""
    scope = await founded(node, Scope.AGENT)
    await node._core.write(lambda tx: make_current(tx, scope))
    assert await bring(node._core, node._background.materialising) == 1
    assert f"changed {CHANGES - 1}" in await contents(node)


async def refuse_last(node: Node, _: Engram) -> None:
    """As when a peer refuses the newest record of this node."""
    core = node._core
    log, seq = own_log(node)
    rejection = Rejection(log=log, seq=seq, code=7)
    refused_by = node._controller._refused_by
    await refused_by._give_way(b"p" * 32, core.facts.agent_scope, rejection)
    assert own_log(node)[0] != log


@pytest.mark.slow
@pytest.mark.parametrize("act", [update, remember, remember_many, bring_over, refuse_last])
async def test_whoever_needs_what_waits_of_a_memory_waits_in_many_small_jobs(
    cluster: Cluster, autojump_clock: object, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.join(await a.invite())
        shared = await b.remember("shared", key="k")
        await converged(a, b)
    monkeypatch.setattr(Materialising, "materialise_forever", _never)
    async with cluster.open("a", online=False) as a:
        for number in range(CHANGES):
            await a.update(shared.id, content=f"changed {number}")
    async with cluster.open("a", peers=["b"]) as a, cluster.open("b") as b:
        await until(partial(_holds_all_of, b, a))
        assert await _waiting(b) >= CHANGES
        b._background.materialising._weight = MATERIALISE_WEIGHT_MIN
        jobs = 0

        def count(_before: ScopeView | None, _view: ScopeView) -> None:
            nonlocal jobs
            jobs += 1

        b._core.listeners.append(count)
        await act(b, shared)
        assert (await b.get(shared.id)).content == f"changed {CHANGES - 1}"
        assert jobs > 3
