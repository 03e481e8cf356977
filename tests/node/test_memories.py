"""Remember, recall, update, forget, archive, restore: through a node, across its restarts."""

import pytest
import trio
from trio.testing import MockClock

from engram_sync.errors import (
    DegradedError,
    NotFoundError,
    PreconditionError,
    UsageError,
)
from engram_sync.node import Node
from engram_sync.results import NewMemory

from .village import Village, agreement, contents


async def test_a_memory_lives_through_all_its_changes_and_a_restart(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.open("a", online=False) as a:
        e = await a.remember("Deploys go out on Tuesdays", title="Deploys", tags={"ops", "team"})
        assert (await a.get(e.id)) == e
        changed = await a.update(e, content="Deploys go out on Wednesdays", remove_tags=["team"])
        assert (changed.content, changed.tags) == ("Deploys go out on Wednesdays", ("ops",))
        gone = await a.forget(changed, reason="no more deploys")
        assert (gone.life, gone.reason) == ("deleted", "no more deploys")
        assert await a.list() == []
        assert await a.recall("deploys") == []
    async with village.open("a", online=False) as a:
        assert (await a.get(e.id[:13])).life == "deleted"
        back = await a.restore(e.id)
        assert (back.life, back.content) == ("active", "Deploys go out on Wednesdays")
        assert (await a.archive(back)).life == "archived"
        assert await a.recall("deploys") == []
        assert (await a.restore(e.id)).life == "active"
        assert [hit.engram.id for hit in await a.recall("when do deploys go out")] == [e.id]
        kinds = [entry.kind for entry in await a.history(e.id)]
        assert kinds == ["create", "update", "delete", "restore", "archive", "restore"]
        assert [m.id for m in await a.list(life=None)] == [e.id]


async def test_an_update_supersedes_what_its_caller_saw_and_nothing_newer(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        seen = await a.remember("one")
        await agreement(a, b)
        await b.update(seen.id, content="two")
        await agreement(a, b)
        after = await a.update(seen, content="three")
        assert {s.value for s in after.siblings} == {"two", "three"}
        with pytest.raises(PreconditionError):
            await a.update(seen.id, content="four")
        (conflict,) = await a.conflicts()
        await a.update(seen.id, content="both", if_version=conflict.engram_version)
        await agreement(a, b)
        assert await a.conflicts() == await b.conflicts() == []
        assert await contents(b) == ["both"]


async def test_a_key_names_one_memory(village: Village, autojump_clock: MockClock) -> None:
    async with village.open("a", online=False) as a:
        first = await a.remember("fact", key="source 1")
        assert (await a.remember("fact", key="source 1")).id == first.id
        with pytest.raises(PreconditionError):
            await a.remember("another", key="source 1")
        ids = await a.remember_many([NewMemory("fact", key="source 1"), NewMemory("new", key="2")])
        assert ids[0] == first.id
        with pytest.raises(UsageError):
            await a.remember_many([NewMemory("x", key="k"), NewMemory("y", key="k")])
        assert len(await a.list()) == 2


async def test_a_batch_with_a_bad_memory_writes_nothing_of_it(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.open("a", online=False) as a:
        with pytest.raises(UsageError):
            await a.remember_many([NewMemory("good"), NewMemory("x", confidence=7.0)])
        with pytest.raises(UsageError):
            await a.remember_many([NewMemory("good"), NewMemory("x", type="instant")])
        assert await a.list() == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (NewMemory("x", type="vivid"), UsageError),
        (NewMemory("x", scope="collective"), DegradedError),
        (NewMemory("x", confidence=2.0), UsageError),
        (NewMemory("x" * ((256 << 10) + 1)), UsageError),
    ],
)
async def test_what_cannot_be_remembered_is_refused(
    village: Village, autojump_clock: MockClock, wrong: NewMemory, error: type[Exception]
) -> None:
    async with village.open("a", online=False) as a:
        with pytest.raises(error):
            await a.remember_many([wrong])
        assert await a.list() == []


async def test_an_instant_memory_lives_as_long_as_the_node(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        e = await a.remember("just now", type="instant")
        assert (await a.get(e.id)).content == "just now"
        assert [hit.engram.id for hit in await a.recall("just now")] == [e.id]
        assert (await a.update(e.id, content="a moment ago")).content == "a moment ago"
        for refused in (a.archive, a.restore):
            with pytest.raises(UsageError):
                await refused(e.id)
        await a.remember("lasting")
        await agreement(a, b)
        assert await contents(b) == ["lasting"]
        await a.forget(e.id)
        assert [m.content for m in await a.list()] == ["lasting"]
        await a.remember("again", type="instant")
    async with village.open("a", online=False) as a:
        assert [m.content for m in await a.list()] == ["lasting"]


async def test_a_node_that_does_not_run_keeps_no_instant_memories(
    village: Village, autojump_clock: MockClock
) -> None:
    async with Node.open(
        services=(), running=False, machine=village.machine("a"), premises=village.home("a")
    ) as a:
        with pytest.raises(DegradedError, match="running"):
            await a.remember("just now", type="instant")
        assert not (await a.status()).running


async def test_an_unknown_id_is_not_found(village: Village, autojump_clock: MockClock) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    async with village.open("a", online=False) as a:
        for call in (a.get, a.forget, a.archive, a.restore, a.history):
            with pytest.raises(NotFoundError):
                await call(unknown)
        with pytest.raises(NotFoundError):
            await a.update(unknown, content="x")
        with pytest.raises((UsageError, NotFoundError)):
            await a.get("abc")


async def test_many_writers_at_once_all_get_their_own(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b), trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(a.remember, f"a {number}")
            nursery.start_soon(b.remember, f"b {number}")
    async with village.open("a") as a, village.open("b", peers=["a"]) as b:
        await agreement(a, b)
        assert len(await contents(a)) == 100
