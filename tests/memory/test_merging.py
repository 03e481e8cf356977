"""Claims about concurrent writes: nothing is lost, everybody agrees, conflicts are visible."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from engram_sync.api import Delete, Engram, Insert
from engram_sync.errors import EngramError, PreconditionError

from .desk import Desk, desks
from .meeting import meet, told, unversioned


async def test_concurrent_edits_are_siblings_and_one_conflict_on_both_sides() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await meet(ann, bob)
        await ann.update(e, content="from ann")
        await bob.update(e, content="from bob")
        await meet(ann, bob)
        assert told(await ann.conflicts()) == told(await bob.conflicts())
        (conflict,) = await ann.conflicts()
        assert (conflict.kind, conflict.field, conflict.engram) == ("value", "content", e.id)
        assert {(s.value, s.label) for s in conflict.siblings} == {
            ("from ann", "ann"),
            ("from bob", "bob"),
        }
        shown = await ann.get(e)
        assert unversioned(shown) == unversioned(await bob.get(e))
        assert {s.value for s in shown.siblings} == {"from ann", "from bob"}
        assert await ann.found_contents("ann") == await ann.found_contents("bob")


async def test_updating_the_version_of_a_conflict_resolves_it_everywhere() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await meet(ann, bob)
        await ann.update(e, content="from ann")
        await bob.update(e, content="from bob")
        await meet(ann, bob)
        (conflict,) = await bob.conflicts()
        await bob.update(e.id, content="agreed", if_version=conflict.engram_version)
        await meet(ann, bob)
        assert told(await ann.conflicts()) == told(await bob.conflicts()) == []
        assert (await ann.get(e)).content == "agreed"


async def test_a_third_sibling_is_a_new_version_of_the_same_conflict() -> None:
    async with desks(3) as (ann, bob, cat):
        e = await ann.remember("one")
        await meet(ann, bob, cat)
        for desk in (ann, bob, cat):
            await desk.update(e, content=f"from {desk.name}")
        await meet(ann, bob)
        (two,) = await ann.conflicts()
        await meet(ann, bob, cat)
        (three,) = await ann.conflicts()
        assert two.id == three.id
        assert two.version != three.version
        assert len(three.siblings) == 3
        assert told(await cat.conflicts()) == told([three])


async def test_equal_concurrent_edits_are_no_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await meet(ann, bob)
        await ann.update(e, content="same")
        await bob.update(e, content="same")
        await meet(ann, bob)
        assert await ann.conflicts() == []
        assert (await ann.update(e.id, content="next")).siblings == ()


async def test_edits_of_different_fields_merge() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a", "b"), metadata={"k": 1})
        await meet(ann, bob)
        await ann.update(e, content="two", remove_tags={"a"}, metadata={"x": 1})
        await bob.update(e, title="t", add_tags={"c"}, metadata={"y": 2})
        await meet(ann, bob)
        merged = await ann.get(e)
        assert unversioned(merged) == unversioned(await bob.get(e))
        assert (merged.content, merged.title, merged.tags) == ("two", "t", ("b", "c"))
        assert merged.metadata == {"k": 1, "x": 1, "y": 2}
        assert await ann.conflicts() == []


async def test_a_tag_added_beside_its_removal_stays() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a",))
        await meet(ann, bob)
        await ann.update(e, remove_tags={"a"})
        await bob.update(e, add_tags={"a"})
        await meet(ann, bob)
        assert (await ann.get(e)).tags == ("a",)


async def test_unequal_metadata_of_one_key_is_a_conflict_of_that_key() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", metadata={"k": 1, "other": 1})
        await meet(ann, bob)
        await ann.update(e, metadata={"k": 2})
        await bob.update(e, metadata={"k": 3})
        await meet(ann, bob)
        (conflict,) = await ann.conflicts()
        assert conflict.field == "metadata.k"
        assert {s.value for s in conflict.siblings} == {"2", "3"}


async def test_unequal_confidences_are_listed_and_block_nothing() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await meet(ann, bob)
        await ann.update(e, confidence=0.2)
        await bob.update(e, confidence=0.8)
        await meet(ann, bob)
        shown = await ann.get(e)
        assert {s.value for s in shown.siblings} == {"0.2", "0.8"}
        assert await ann.conflicts() == []
        assert (await ann.update(e.id, confidence=0.5)).siblings == ()


async def test_an_edit_concurrent_with_a_delete_is_reported_and_stays_hidden() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a",))
        await meet(ann, bob)
        await ann.forget(e, reason="old")
        await bob.update(e, content="two")
        await meet(ann, bob)
        (conflict,) = await ann.conflicts()
        assert (conflict.kind, conflict.field) == ("lifecycle", "life")
        assert told(await bob.conflicts()) == told([conflict])
        assert (await bob.get(e)).life == "deleted"
        assert await bob.found_contents("two") == []
        assert await bob.store.read(lambda r: r.search(["two"], limit=9)) == []
        with pytest.raises(PreconditionError):
            await bob.update(e.id, content="three")


async def test_restoring_after_a_concurrent_edit_keeps_the_edit_and_restates_the_rest() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a",), title="t")
        await meet(ann, bob)
        await ann.forget(e)
        await bob.update(e, content="two")
        await meet(ann, bob)
        back = await ann.restore(e.id)
        assert (back.content, back.tags, back.title, back.life) == ("two", ("a",), "t", "active")
        assert back.siblings == ()
        await meet(ann, bob)
        assert await bob.conflicts() == []
        assert unversioned(await bob.get(e)) == unversioned(back)


async def test_deleted_wins_over_a_later_archive_that_had_not_seen_it() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await meet(ann, bob)
        await ann.forget(e)
        bob.now_ms += 60_000
        await bob.archive(e.id)
        await meet(ann, bob)
        assert (await ann.get(e)).life == (await bob.get(e)).life == "deleted"
        assert [c.kind for c in await ann.conflicts()] == ["lifecycle"]
        assert (await ann.restore(e.id)).life == "active"


async def test_restoring_does_not_restate_what_a_concurrent_edit_put_again() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a", "b"))
        await meet(ann, bob)
        await ann.forget(await ann.update(e, add_tags={"c"}))
        await bob.update(e, add_tags={"a", "c"})
        await meet(ann, bob)
        assert (await ann.restore(e.id)).tags == ("a", "b", "c")
        assert (await ann.history(e))[-1].fields["tags"] == ["b"]


async def test_updating_the_version_of_a_lifecycle_conflict_keeps_the_memory() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a", "b"), title="t")
        await meet(ann, bob)
        await ann.forget(e)
        await bob.update(e, confidence=0.4)
        await meet(ann, bob)
        (conflict,) = await bob.conflicts()
        kept = await bob.update(
            e.id, content="three", remove_tags={"b"}, if_version=conflict.engram_version
        )
        assert (kept.content, kept.tags, kept.title, kept.life, kept.confidence) == (
            "three",
            ("a",),
            "t",
            "active",
            0.4,
        )
        assert kept.siblings == ()
        await meet(ann, bob)
        assert await ann.conflicts() == []


async def test_forgetting_the_version_of_a_lifecycle_conflict_deletes_the_edit_too() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await meet(ann, bob)
        await ann.forget(e)
        await bob.update(e, content="two")
        await meet(ann, bob)
        (conflict,) = await ann.conflicts()
        await ann.forget(e.id, if_version=conflict.engram_version)
        await meet(ann, bob)
        assert await bob.conflicts() == []
        assert (await bob.get(e)).life == "deleted"
        assert (await bob.restore(e.id)).content == "two"


async def test_a_delete_the_restorer_had_not_seen_cannot_take_the_memory_away() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await meet(ann, bob)
        seen = await ann.forget(e)
        await bob.forget(e)
        await ann.pull(bob)
        await ann.restore(e.id, if_version=seen.version)
        assert (await ann.conflicts())[0].kind == "lifecycle"
        back = await ann.restore(e.id)
        assert (back.content, back.life, back.siblings) == ("one", "active", ())
        assert await ann.conflicts() == []


async def test_two_restores_at_once_leave_one_memory_without_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a",), events=("x",), metadata={"k": 1})
        await ann.forget(e)
        await meet(ann, bob)
        await ann.restore(e.id)
        await bob.restore(e.id)
        await meet(ann, bob)
        back = await ann.get(e)
        assert unversioned(back) == unversioned(await bob.get(e))
        assert (back.content, back.tags) == ("one", ("a",))
        assert [(v.id, v.value, v.amended) for v in back.events] == [
            (v.id, "x", False) for v in e.events
        ]
        assert (back.metadata, back.siblings) == ({"k": 1}, ())
        assert await ann.conflicts() == []


async def test_an_old_peer_does_not_bring_a_deleted_memory_back() -> None:
    async with desks(3) as (ann, bob, cat):
        e = await ann.remember("one")
        await meet(ann, bob, cat)
        await ann.forget(e)
        await bob.pull(ann)
        await bob.pull(cat)
        assert (await bob.get(e)).life == "deleted"
        assert await bob.conflicts() == []


async def test_two_creates_of_one_id_are_siblings() -> None:
    async with desks(2) as (ann, bob):
        name = b"k" * 16
        await ann.remember("from ann", engram=name)
        bob.now_ms += 60_000
        await bob.remember("from bob", engram=name)
        await meet(ann, bob)
        (conflict,) = await ann.conflicts()
        assert {s.value for s in conflict.siblings} == {"from ann", "from bob"}
        assert await ann.counts() == await bob.counts()
        assert unversioned(await ann.get(conflict.engram)) == unversioned(
            await bob.get(conflict.engram)
        )


async def test_values_that_are_owed_are_shown_as_such_and_change_no_digest() -> None:
    async with desks(3) as (ann, bob, cat):
        e = await ann.remember("one", title="t", tags=("a",), metadata={"k": 1})
        single = await ann.remember("alone")
        await bob.pull(ann, payloads=False)
        await bob.update(e.id, content="two")
        await ann.pull(bob)
        assert await ann.counts() == await bob.counts()
        shown = await bob.get(e)
        assert (shown.content, shown.title, shown.tags) == ("two", "(not held here)", ())
        assert (await bob.get(single)).content == "(not held here)"
        first = (await bob.history(e))[0]
        assert first.fields["title"] is first.fields["tags"] is None
        await bob.forget(e.id)
        with pytest.raises(PreconditionError) as refused:
            await bob.restore(e.id)
        assert "engram-sync sync" in refused.value.hint
        await cat.pull(bob, payloads=False)
        assert (await cat.counts()) == await bob.counts()


async def test_concurrent_values_that_are_owed_are_a_conflict_until_they_are_known() -> None:
    async with desks(3) as (ann, bob, cat):
        e = await ann.remember("one")
        await meet(ann, bob)
        await ann.update(e, content="from ann")
        await bob.update(e, content="from bob")
        await ann.pull(bob)
        await cat.pull(ann, payloads=False)
        (conflict,) = await cat.conflicts()
        assert {s.value for s in conflict.siblings} == {"(not held here)"}
        (known,) = await ann.conflicts()
        assert (conflict.id, conflict.version) == (known.id, known.version)


def edits_of_parts(
    desk: Desk, e: Engram, seen: str | None, rng: random.Random
) -> list[Callable[[], Awaitable[Engram]]]:
    """Everything that can be done to beliefs, events, skills, counters and texts."""
    names = [event.id for event in e.events] or ["none"]
    at = rng.randrange(len(e.content) + 1)
    belief = {"subject": "s", "relation": rng.choice("rq"), "object": rng.choice("op")}
    wishes: list[dict[str, Any]] = [
        {"believe": belief | {"polarity": rng.random() < 0.7}},
        {"epistemic": rng.choice(["observed", "retracted", ""])},
        {"add_events": [rng.choice(["x", {"key": "k", "n": rng.randrange(3)}])]},
        {"amend_events": {rng.choice(names): f"a{rng.random()}"}},
        {"remove_events": [rng.choice(names)]},
        {"refine": {"name": "n", "text": f"t{rng.randrange(3)}"}},
        {"count": {rng.choice("ab"): rng.choice([1, 2, -1])}},
        {"edits": [Insert(at, rng.choice(["é", "😀", "more "]))]},
        {"edits": [Delete(at, min(2, len(e.content) - at))]},
    ]
    return [partial(desk.update, e.id, if_version=seen, **wish) for wish in wishes]


async def act(desk: Desk, engrams: list[Engram], rng: random.Random) -> None:
    e = await desk.get(rng.choice(engrams))
    seen = rng.choice([e.version, None])
    actions = [
        lambda: desk.update(e.id, content=f"c{rng.random()}", if_version=seen),
        lambda: desk.update(e.id, add_tags={rng.choice("abc")}, if_version=seen),
        lambda: desk.update(e.id, remove_tags={rng.choice("abc")}, if_version=seen),
        lambda: desk.update(e.id, metadata={rng.choice("kl"): rng.choice([1, None])}),
        lambda: desk.forget(e.id, if_version=seen),
        lambda: desk.restore(e.id),
        lambda: desk.archive(e.id),
        *edits_of_parts(desk, e, seen, rng),
    ]
    with suppress(EngramError):  # Refusing is allowed; agreeing afterwards is the claim.
        await rng.choice(actions)()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
async def test_replicas_that_hold_the_same_records_agree_on_everything(seed: int) -> None:
    rng = random.Random(seed)
    async with desks(3) as table:
        engrams: list[Engram] = []
        for desk in table:
            engrams += [
                await desk.remember(f"{desk.name} {i}", tags=("a",), collaborative=i == 1)
                for i in range(2)
            ]
        await meet(*table)
        for _ in range(60):
            desk = rng.choice(table)
            await act(desk, engrams, rng)
            if rng.random() < 0.3:
                await desk.pull(rng.choice(table), materialise_pending=rng.random() < 0.7)
            if rng.random() < 0.2:
                await desk.materialise_pending(limit=1)
        await meet(*table)
        await meet(*table)
        for desk in table:
            assert await desk.second_opinion() == []
        for desk in table[1:]:
            assert await desk.counts() == await table[0].counts()
            assert told(await desk.conflicts()) == told(await table[0].conflicts())
            for e in engrams:
                assert unversioned(await desk.get(e)) == unversioned(await table[0].get(e))
                assert await desk.history(e) == await table[0].history(e)
