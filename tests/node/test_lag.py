"""What is durable is found, also by whoever opens the node before its documents are built."""

import pytest

from engram_sync.errors import PreconditionError
from engram_sync.replication import ScopeView
from engram_sync.results import NewMemory

from .village import Village, agent_scope, agreement

COUNT = 3000
MEMBERSHIP_RECORDS = 2


async def lagging(village: Village) -> None:
    """Make host c as b would be had it died with records stored and not yet materialised."""
    async with village.open("a") as a, village.open("b") as b:
        await a.remember_many([NewMemory(f"backlog number {n}", key=f"{n}") for n in range(COUNT)])

        def changed(_: ScopeView | None, view: ScopeView) -> None:
            if view.state_digest is None:
                village.clone("c", of="b")

        b._core.listeners.append(changed)
        await b.join(await a.invite())
        await agreement(a, b)


async def test_a_node_opened_after_a_crash_shows_everything_that_is_durable(
    village: Village, autojump_clock: object
) -> None:
    await lagging(village)
    async with village.open("c", online=False) as c:
        hits = await c.recall("backlog", limit=10_000)
        assert len(hits) == (await agent_scope(c)).records - MEMBERSHIP_RECORDS > 0


async def test_a_memory_that_waits_to_be_materialised_is_listed_and_can_be_changed(
    village: Village, autojump_clock: object
) -> None:
    await lagging(village)
    async with village.open("c", online=False) as c:
        listed = await c.list(limit=10_000)
        assert len(listed) == (await agent_scope(c)).records - MEMBERSHIP_RECORDS > 0
        assert (await c.update(listed[0], content="changed")).content == "changed"


async def test_a_source_key_that_waits_to_be_materialised_is_known(
    village: Village, autojump_clock: object
) -> None:
    await lagging(village)
    async with village.open("c", online=False) as c:
        with pytest.raises(PreconditionError, match="same key"):
            await c.remember("something else", key=f"{COUNT - 1}")
        assert (await c.remember("backlog number 0", key="0")).siblings == ()
        assert (await agent_scope(c)).records == COUNT + MEMBERSHIP_RECORDS
