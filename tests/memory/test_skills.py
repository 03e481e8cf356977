"""Claims about skills and counters on real replicas."""

from typing import Any
from uuid import UUID

import pytest

from engram_sync.api import Engram
from engram_sync.api.arguments import NewMemory
from engram_sync.errors import NotFoundError, PreconditionError, UsageError
from engram_sync.ledger import Draft
from engram_sync.memory.write import created
from engram_wire import RecordKind, log_id
from engram_wire.cbor import encode

from .desk import SCOPE, Desk, desks
from .meeting import agree, meet, the_conflict, written_by


def skill(*steps: str, name: str = "deploy") -> dict[str, object]:
    return {"name": name, "steps": list(steps)}


async def test_a_skill_has_one_head_while_refinements_know_of_each_other() -> None:
    async with desks() as (ann,):
        e = await ann.remember("how to deploy", type="procedural", skill=skill("push"))
        first = e.skill[0]
        assert (first.parents, first.skill["steps"]) == ((), ["push"])
        e = await ann.update(e, refine={"steps": ["test", "push"], "confidence": 0.5})
        (head,) = e.skill
        assert head.parents == (first.id,)
        assert head.skill == {"name": "deploy", "steps": ["test", "push"], "confidence": 0.5}


async def test_refinements_that_did_not_know_of_each_other_are_a_skill_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("how to deploy", skill=skill("push"))
        await meet(ann, bob)
        await ann.update(e, refine=skill("test", "push"))
        await bob.update(e, refine=skill("push", "watch"))
        shown = await agree(ann, bob, e)
        assert len(shown.skill) == 2
        assert {head.parents for head in shown.skill} == {(e.skill[0].id,)}
        conflict = await the_conflict(ann, "skill")
        assert written_by(ann, conflict) == [skill("test", "push")]
        assert written_by(bob, conflict) == [skill("push", "watch")]
        # One parent named: the other head stays, and so does the conflict.
        kept, replaced = shown.skill
        half = await ann.update(shown, refine=skill("x"), refine_parents=[replaced.id])
        assert {head.id for head in half.skill} == {half.skill[0].id, kept.id}
        whole = await ann.update(half, refine=skill("test", "push", "watch"))
        assert len(whole.skill) == 1
        assert set(whole.skill[0].parents) == {head.id for head in half.skill}
        await agree(ann, bob, e)
        assert await bob.conflicts() == []


async def test_equal_refinements_are_no_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("how to deploy", skill=skill("push"))
        await meet(ann, bob)
        for desk in (ann, bob):
            await desk.update(e, refine=skill("test", "push"))
        await agree(ann, bob, e)
        assert await ann.conflicts() == []


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({}, "needs its name"),
        ({"name": " "}, "needs its name"),
        ({"name": "x"}, "steps or a text"),
        ({"name": "x", "steps": []}, "list of texts"),
        ({"name": "x", "steps": "go"}, "list of texts"),
        ({"name": "x", "steps": ["go", 7]}, "step 2"),
        ({"name": "x", "steps": ["go"] * 1001}, "at most 1000"),
        ({"name": "x", "text": ""}, "is a text"),
        ({"name": "x", "text": "y" * 70_000}, "at most"),
        ({"name": "x", "text": "y", "confidence": 3}, "confidence"),
        ({"name": "x", "text": "y", "confidence": True}, "confidence"),
        ({"name": "x\n", "text": "y"}, "control character"),
        ({"name": "x", "text": "y", "tools": 1}, "no part 'tools'"),
    ],
)
async def test_a_malformed_skill_is_refused_in_words(wish: dict[str, object], words: str) -> None:
    async with desks() as (ann,):
        with pytest.raises(UsageError, match=words):
            await ann.remember("x", skill=wish)


async def test_a_refinement_names_heads_that_its_author_saw() -> None:
    async with desks() as (ann,):
        e = await ann.remember("x", skill=skill("push"))
        later = await ann.update(e, refine=skill("test"))
        with pytest.raises(NotFoundError, match="no head"):
            await ann.update(later, refine=skill("y"), refine_parents=[e.skill[0].id])
        with pytest.raises(UsageError, match="at least one"):
            await ann.update(later, refine=skill("y"), refine_parents=[])
        with pytest.raises(UsageError, match="without a refinement"):
            await ann.update(later, title="t", refine_parents=[later.skill[0].id])


async def test_what_several_count_at_once_adds_up() -> None:
    async with desks(3) as (ann, bob, cat):
        e = await ann.remember("x", counters={"used": 2})
        await meet(ann, bob, cat)
        for desk, by in ((ann, 1), (bob, 10), (cat, 100)):
            await desk.update(e, count={"used": by})
            await desk.update(e, count={"used": by, "failed": 1})
        await meet(ann, bob, cat)
        shown = await agree(ann, bob, e)
        assert shown.counters == {"failed": 3, "used": 2 + 222}
        assert await ann.conflicts() == []
        assert (await cat.get(e)).counters == shown.counters


async def test_counting_over_an_old_view_loses_nothing() -> None:
    async with desks() as (ann,):
        old = await ann.remember("x", counters={"used": 5})
        await ann.update(old, count={"used": 1})
        assert (await ann.update(old, count={"used": 1})).counters == {"used": 7}
        assert (await ann.update(old, count={"used": -3})).counters == {"used": 4}


async def test_two_restores_at_once_count_once_and_counting_goes_on() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x", counters={"used": 5})
        await meet(ann, bob)
        await bob.update(e, count={"used": 10})
        await meet(ann, bob)
        gone = await ann.forget(await ann.get(e))
        await meet(ann, bob)
        for desk in (ann, bob):
            await desk.restore(gone)
        assert (await agree(ann, bob, e)).counters == {"used": 15}
        await ann.update(await ann.get(e), count={"used": 1})
        await bob.update(await bob.get(e), count={"used": 2})
        assert (await agree(ann, bob, e)).counters == {"used": 18}


async def test_settling_a_lifecycle_conflict_by_counting_goes_on_from_the_count() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x", counters={"used": 5})
        await meet(ann, bob)
        await ann.forget(e)
        await bob.update(e, title="t")
        await meet(ann, bob)
        seen = await ann.get(e)
        assert (await ann.update(seen, count={"used": 1})).counters == {"used": 6}
        assert (await agree(ann, bob, e)).counters == {"used": 6}


async def claim(desk: Desk, e: Engram, origin: Desk, up: int, down: int) -> None:
    """Let a hostile program say what another desk's log has counted."""
    log = log_id(0, SCOPE, origin.public, b"i" * 16)
    put = "c/used", encode([log[:8], up, down])
    await desk.write(lambda _tx, _log: [Draft(RecordKind.UPDATE, UUID(e.id).bytes, (put,))])


async def test_what_others_say_a_log_has_counted_is_nothing_beside_what_it_says() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x", counters={"used": 3})
        await meet(ann, bob)
        for up, down in ((2**53, 0), (0, 2**53), (2**53, 2**53)):
            await claim(bob, e, ann, up, down)
            assert (await agree(ann, bob, e)).counters == {"used": 3}
        assert (await ann.update(await ann.get(e), count={"used": 1})).counters == {"used": 4}
        assert (await ann.update(await ann.get(e), count={"used": -2})).counters == {"used": 2}
        assert (await agree(ann, bob, e)).counters == {"used": 2}


@pytest.mark.parametrize("up", [2**52 - 1, 2**52, 2**53])
async def test_no_claim_keeps_a_log_from_counting_that_has_not_counted_yet(up: int) -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x")
        await meet(ann, bob)
        for _ in range(3):
            await claim(bob, e, ann, up, up)
            await meet(ann, bob)
            await ann.update(await ann.get(e), count={"used": 2**40})
            await ann.update(await ann.get(e), count={"used": -1})
        assert (await agree(ann, bob, e)).counters == {"used": 3 * (2**40 - 1)}


async def test_where_a_memory_of_a_source_starts_to_count_leaves_room_to_count() -> None:
    new = NewMemory("x", key="k", counters={"used": 2**52 + 1})
    with pytest.raises(UsageError, match="start"):
        created(bytes(16), new)


@pytest.mark.parametrize("counters", [{"Used": 1}, {"": 1}, {"a b": 1}, {"é": 1}, {"a" * 63: 1}])
async def test_a_name_no_counter_can_have_is_refused(counters: dict[str, int]) -> None:
    async with desks() as (ann,):
        with pytest.raises(UsageError, match="no name of a counter"):
            await ann.remember("x", counters=counters)


@pytest.mark.parametrize("by", [1.5, True, "1", 2**60])
async def test_counting_by_no_whole_number_is_refused(by: Any) -> None:
    async with desks() as (ann,):
        e = await ann.remember("x")
        with pytest.raises(UsageError, match="whole numbers"):
            await ann.update(e, count={"used": by})


async def test_a_counter_ends_where_programs_could_not_count_on() -> None:
    async with desks() as (ann,):
        e = await ann.remember("x", counters={"used": 2**53})
        with pytest.raises(PreconditionError, match="beyond"):
            await ann.update(e, count={"used": 1})
