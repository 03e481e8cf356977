"""Whatever the way a memory took into its row, it is what its records make."""

import random
from collections.abc import Sequence
from contextlib import suppress

import pytest
from trio.testing import MockClock

from engram_sync.api import Engram
from engram_sync.errors import DeniedError, PreconditionError
from engram_sync.memory.materialise import compare_rows, rows_of
from engram_sync.memory.state import Snapshot
from engram_sync.node import Node
from engram_sync.node.upkeep.space import CompactedSlice, compact_slice, plan_slice
from engram_sync.store import Reader, Transaction
from engram_sync.testing import Cluster, converged

from .views import contents

HOUR_MS = 3_600_000


async def differences(node: Node) -> list[str]:
    """What of the rows, counts and digest of the agent's scope is not as its records make it."""
    core = node._core
    scope = core.facts.agent_scope

    def look(tx: Transaction) -> list[str]:
        row = tx.scope(core.scopes[scope].number)
        assert row is not None
        rows = list(rows_of(tx, row.n, None, 10_000))
        found, digest = compare_rows(Snapshot(tx, core.path.logs), row, rows)
        deleted = sum(each.life == 2 for each in rows)
        counted = digest % (1 << 256), len(rows) - deleted, deleted
        if counted != (row.digest, row.live, row.deleted):
            found.append("the counts of the scope are not those of its memories")
        return found

    return await core.store.submit(look)


async def act(node: Node, luck: random.Random) -> None:
    """Do something to some memory."""
    held = await node.list(limit=100, scope="agent", life="all")
    known: Sequence[Engram] = [e for e in held if not e.siblings] or []
    draw = luck.random()
    if draw < 0.3 or not known:
        await node.remember(f"memory {luck.random()}", tags=luck.sample(("a", "b", "c"), 2))
        return
    e = luck.choice(known)
    if e.life == "deleted":
        with suppress(PreconditionError):  # Of what was erased nothing comes back.
            await node.restore(e)
    elif draw < 0.8:
        await node.update(e, content=f"content {luck.random()}", confidence=luck.random())
    elif draw < 0.9:
        with suppress(DeniedError):  # A member may not erase what others wrote.
            await node.forget(e, erase=luck.random() < 0.5)
    elif e.life == "active":
        await node.archive(e)


@pytest.mark.slow
async def test_rows_are_what_their_records_make_over_forks_futures_and_erasures(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    for seed in range(1, 4):
        luck = random.Random(seed)
        a, b, copy = (f"{name}{seed}" for name in ("a", "b", "copy"))
        async with cluster.open(a) as one, cluster.open(b) as two:
            await two.join(await one.invite())
            for _ in range(8):
                await act(luck.choice((one, two)), luck)
            await converged(one, two)
        cluster.clone(copy, of=a, with_witness=True)
        cluster.environment(copy)
        cluster.clocks[copy].skew_ms = luck.choice((0, HOUR_MS))
        for name in (a, copy):
            async with cluster.open(name, online=False) as node:
                for _ in range(6):
                    await act(node, luck)
        for name, acts in ((copy, True), (a, True), (copy, False), (a, False)):
            async with cluster.open(name) as node, cluster.open(b, peers=[name]) as two:
                if acts:
                    await act(two, luck)
                await converged(node, two)
                assert await differences(node) == await differences(two) == []
        cluster.clocks[b].skew_ms = cluster.clocks[a].skew_ms = 3 * HOUR_MS
        cluster.clocks[copy].skew_ms = 3 * HOUR_MS
        shown = list[list[str]]()
        for name in (a, b, copy):
            async with cluster.open(name, online=False) as node:
                assert await differences(node) == []
                shown.append(await contents(node))
        assert shown[0] == shown[1] == shown[2]


async def test_compaction_drops_what_nothing_shows_and_keeps_counts_and_digest(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        gone = await a.remember("deleted long ago")
        await a.forget(gone)
        old = await a.remember("the first of many")
        for number in range(20):
            await a.update(old.id, content=f"version {number}")
        core, scope = a._core, a._core.facts.agent_scope
        cluster.clocks["a"].skew_ms += HOUR_MS
        fresh = await a.remember("fresh")
        await a.update(fresh, content="fresher")
        await a.forget(fresh.id)
        before_ms = cluster.clocks["a"].now_ms() - HOUR_MS // 2
        before = core.scopes[scope]

        def planned(reader: Reader) -> CompactedSlice:
            now = Snapshot(reader, core.path.logs_at(reader))
            return plan_slice(core.path, now, scope, None, before_ms)

        plan = await core.read(planned)
        assert plan.after is None

        def compact(tx: Transaction) -> int:
            done = compact_slice(core.path, tx, scope, None, before_ms).done
            return sum(len(each.positions) for each in done)

        # Of the many the last stays, and the first, whose type and confidence are live.
        assert await core.write(compact) == 19 + 1
        assert core.scopes[scope].state_digest == before.state_digest
        assert await core.write(compact) == 0
        assert await differences(a) == []
        assert (await a.get(old.id)).content == "version 19"
        fields = [entry.fields["content"] for entry in await a.history(old.id)]
        assert fields[1:-1] == [None] * 19
        assert not (await a.status()).owed
        assert (await a.restore(fresh.id)).content == "fresher"
        with pytest.raises(PreconditionError, match="not held"):
            await a.restore(gone.id)
