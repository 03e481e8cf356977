"""Remember, recall, update, forget, archive, restore: through a node, across its restarts."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from engram_crdt import StrategyRegistry
from engram_sync.api import Delete, Insert
from engram_sync.api.arguments import NewMemory
from engram_sync.config import Config, StrategiesConfig
from engram_sync.errors import (
    DegradedError,
    DeniedError,
    NotFoundError,
    PreconditionError,
    UsageError,
)
from engram_sync.node import Node
from engram_sync.testing import EPOCH_MS, Cluster, converged, until

from .views import contents


async def test_a_memory_lives_through_all_its_changes_and_a_restart(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("Deploys go out on Tuesdays", title="Deploys", tags={"ops", "team"})
        assert (await a.get(e.id)) == e
        changed = await a.update(e, content="Deploys go out on Wednesdays", remove_tags=["team"])
        assert (changed.content, changed.tags) == ("Deploys go out on Wednesdays", ("ops",))
        gone = await a.forget(changed, reason="no more deploys")
        assert (gone.life, gone.reason) == ("deleted", "no more deploys")
        assert await a.list() == []
        assert await a.recall("deploys") == []
    async with cluster.open("a", online=False) as a:
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
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        seen = await a.remember("one")
        await converged(a, b)
        await b.update(seen.id, content="two")
        await converged(a, b)
        after = await a.update(seen, content="three")
        assert {s.value for s in after.siblings} == {"two", "three"}
        with pytest.raises(PreconditionError):
            await a.update(seen.id, content="four")
        (conflict,) = await a.conflicts()
        await a.update(seen.id, content="both", if_version=conflict.engram_version)
        await converged(a, b)
        assert await a.conflicts() == await b.conflicts() == []
        assert await contents(b) == ["both"]


async def test_a_key_names_one_memory(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a", online=False) as a:
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
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
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
    cluster: Cluster, autojump_clock: MockClock, wrong: NewMemory, error: type[Exception]
) -> None:
    async with cluster.open("a", online=False) as a:
        with pytest.raises(error):
            await a.remember_many([wrong])
        assert await a.list() == []


async def test_an_instant_memory_lives_as_long_as_the_node(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("just now", type="instant")
        assert (await a.get(e.id)).content == "just now"
        assert [hit.engram.id for hit in await a.recall("just now")] == [e.id]
        assert (await a.update(e.id, content="a moment ago")).content == "a moment ago"
        for refused in (a.archive, a.restore):
            with pytest.raises(UsageError):
                await refused(e.id)
        await a.remember("lasting")
        await converged(a, b)
        assert await contents(b) == ["lasting"]
        await a.forget(e.id)
        assert [m.content for m in await a.list()] == ["lasting"]
        await a.remember("again", type="instant")
    async with cluster.open("a", online=False) as a:
        assert [m.content for m in await a.list()] == ["lasting"]


async def test_a_node_that_does_not_run_keeps_no_instant_memories(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with Node.open(
        services=(), running=False, environment=cluster.environment("a"), storage=cluster.home("a")
    ) as a:
        with pytest.raises(DegradedError, match="running"):
            await a.remember("just now", type="instant")
        assert not (await a.status()).running


async def test_an_unknown_id_is_not_found(cluster: Cluster, autojump_clock: MockClock) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    async with cluster.open("a", online=False) as a:
        for call in (a.get, a.forget, a.archive, a.restore, a.history):
            with pytest.raises(NotFoundError):
                await call(unknown)
        with pytest.raises(NotFoundError):
            await a.update(unknown, content="x")
        with pytest.raises((UsageError, NotFoundError)):
            await a.get("abc")


async def test_many_writers_at_once_all_get_their_own(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b), trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(a.remember, f"a {number}")
            nursery.start_soon(b.remember, f"b {number}")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        assert len(await contents(a)) == 100


async def test_an_erased_memory_is_gone_everywhere_and_says_so(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("a secret", title="hush")
        await a.update(e, content="a better secret")
        await converged(a, b)
        gone = await a.forget(e.id, reason="private", erase=True)
        assert (gone.life, gone.content, gone.erased) == ("deleted", "", True)
        await converged(a, b)
        here, there = await a.get(e.id), await b.get(e.id)
        assert replace(here, version="") == replace(there, version="")
        for node in (a, b):
            assert await node.recall("secret") == []
            entries = await node.history(e.id)
            assert [entry.kind for entry in entries] == ["create", "update", "delete", "erase"]
            assert [entry.erased for entry in entries[:3]] == [True, True, False]
            assert set(entries[0].fields.values()) == {None}
            assert (await node.get(e.id)).reason == "private"
        with pytest.raises(PreconditionError):
            await a.restore(e.id)


async def test_an_erasure_waits_for_every_member(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("a secret")
        await converged(a, b)
        await b.go_offline()
        await a.forget(e.id, erase=True)
        (waiting,) = (await a.status()).erasures
        assert (waiting.engram, waiting.records) == (e.id, 1)
        assert (waiting.confirmed, waiting.waiting) == (("a",), ("b",))
        assert (await b.get(e.id)).content == "a secret"
        await b.go_online()
        await until(_nothing_waits(a))
        assert (await b.get(e.id)).erased


def _nothing_waits(node: Node) -> Callable[[], Awaitable[bool]]:
    async def done() -> bool:
        return (await node.status()).erasures == ()

    return done


async def test_only_its_author_or_a_leader_erases(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("written by a")
        await converged(a, b)
        with pytest.raises(DeniedError, match="a wrote parts of memory"):
            await b.forget(e.id, erase=True)
        assert (await b.get(e.id)).life == "active"
        mine = await b.remember("written by b")
        assert (await b.forget(mine.id, erase=True)).erased
        led = await b.remember("also written by b")
        await converged(a, b)
        assert (await a.forget(led.id, erase=True)).erased


async def test_an_edit_that_nobody_saw_survives_an_erasure(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        seen = await a.remember("one")
        await converged(a, b)
        await b.update(seen.id, content="two")
        await converged(a, b)
        after = await a.forget(seen, erase=True)
        assert (after.content, after.erased) == ("two", True)
        await converged(a, b)
        (conflict,) = await b.conflicts()
        assert conflict.kind == "lifecycle"


async def test_what_was_deleted_can_still_be_erased(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        e = await a.remember("a secret")
        await a.forget(e.id)
        assert (await a.forget(e.id, erase=True)).erased
        assert (await a.history(e.id))[0].fields["content"] is None


async def test_a_node_tells_what_it_could_have_known_then(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        clock = cluster.clocks["a"]
        e = await a.remember("first")
        await converged(a, b)
        await trio.sleep(60)
        between = clock.now_ms()
        await trio.sleep(60)
        await b.go_offline()
        await a.update(e.id, content="second")
        await trio.sleep(60)
        away = clock.now_ms()
        await trio.sleep(60)
        await b.go_online()
        await converged(a, b)
        for node in (a, b):
            assert (await node.get(e.id)).content == "second"
            assert (await node.get(e.id, at_ms=between)).content == "first"
            assert len(await node.history(e.id, at_ms=between)) == 1
            with pytest.raises(NotFoundError, match="at that time"):
                await node.get(e.id, at_ms=EPOCH_MS - 1)
        assert (await a.get(e.id, at_ms=away)).content == "second"
        assert (await b.get(e.id, at_ms=away)).content == "first", "b had not heard of it"


async def test_every_kind_of_conflict_is_settled_by_an_update_of_what_was_seen(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        memory = await a.remember(
            "text",
            belief={"subject": "deploys", "relation": "on", "object": "Monday"},
            events=["it began"],
            skill={"name": "deploy", "steps": ["push"]},
            epistemic="observed",
        )
        await converged(a, b)
        (event,), (head,) = memory.events, memory.skill
        for node, word in ((a, "Tuesday"), (b, "Friday")):
            await node.update(
                memory,
                content=word,
                metadata={"day": word},
                epistemic="inferred" if node is a else "retracted",
                amend_events={event.id: f"it began on {word}"},
                refine={"name": "deploy", "text": f"wait for {word}"},
                refine_parents=[head.id],
            )
        await converged(a, b)
        found = {(conflict.kind, conflict.field) for conflict in await a.conflicts()}
        assert found == {
            ("value", "content"),
            ("value", "metadata.day"),
            ("value", "epistemic"),
            ("episodic", "events"),
            ("skill", "skill"),
        }
        conflicts = {conflict.kind: conflict for conflict in await b.conflicts()}
        (version,) = {conflict.engram_version for conflict in conflicts.values()}
        (amended,) = conflicts["episodic"].key
        settled = await b.update(
            memory.id,
            content="soon",
            metadata={"day": "soon"},
            epistemic="contested",
            amend_events={amended: "it began"},
            refine={"text": "wait"},
            if_version=version,
        )
        assert settled.siblings == ()
        await converged(a, b)
        assert await a.conflicts() == await b.conflicts() == []
        assert [one.skill for one in (await a.get(memory.id)).skill] == [
            {"name": "deploy", "text": "wait"}
        ]


async def test_two_people_edit_one_text(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("Deploys go out on Tuesdays 🎉", collaborative=True)
        await converged(a, b)
        await a.update(e, edits=[Insert(0, "All ")])
        await b.update(e, edits=[Delete(18, 4), Insert(18, "Wednes")])
        await converged(a, b)
        for node in (a, b):
            assert (await node.get(e.id)).content == "All Deploys go out on Wednesdays 🎉"
        assert await a.conflicts() == []


async def test_several_nodes_count_at_once(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("tries", counters={"tries": 1})
        await converged(a, b)
        await a.update(e.id, count={"tries": 2})
        await b.update(e.id, count={"tries": 3, "wins": 1})
        await converged(a, b)
        for node in (a, b):
            assert (await node.get(e.id)).counters == {"tries": 6, "wins": 1}


async def test_memories_are_found_by_the_ground_they_stand_on(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        await a.remember("seen", epistemic="observed")
        await a.remember("seen and concluded", epistemic="inferred")
        assert [m.content for m in await a.list(epistemic="observed")] == ["seen"]
        found = await a.recall("seen", epistemic="inferred")
        assert [hit.engram.content for hit in found] == ["seen and concluded"]
        with pytest.raises(UsageError):
            await a.list(epistemic="felt")


async def test_a_node_reads_by_the_strategies_that_its_owner_chose(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("text", title="first")
        await converged(a, b)
        for node, word in ((a, "longer"), (b, "short")):
            await node.update(e, content=word, title=word)
        await converged(a, b)
        assert len(await a.conflicts()) == 2
    registry = StrategyRegistry()
    longest = registry.register("longest", 1, lambda one, two: max(one, two, key=_length))
    chosen = StrategiesConfig(title="lww", by_type={"semantic": {"content": longest}})
    for strategies, fields in ((registry, set[str]()), (None, {"content"})):
        async with Node.open(
            config=Config(strategies=chosen),
            services=(),
            environment=cluster.environment("a"),
            storage=cluster.home("a"),
            strategies=strategies,
        ) as a:
            assert {conflict.field for conflict in await a.conflicts()} == fields
            shown = await a.get(e.id)
            assert len(shown.siblings) == 4, "what is not shown is not lost"
            assert (shown.content == "longer") or strategies is None
            assert bool(shown.notes) == (strategies is None)


def _length(value: bytes) -> tuple[int, bytes]:
    return len(value), value
