"""Claims about epistemic status, beliefs, episodes, skills and counters on real replicas."""

from typing import Any

import pytest

from engram_sync.conflicts import (
    BeliefConflict,
    ConflictType,
    EpisodicConflict,
    LifecycleConflict,
    SkillConflict,
    ValueConflict,
    as_seen_by,
    decode_conflict_untrusted,
    encode_conflict,
    from_plain,
    to_plain,
)
from engram_sync.errors import NotFoundError, PreconditionError, UsageError
from engram_sync.log import Draft
from engram_sync.memory import node_text
from engram_sync.results import Engram
from engram_wire import RecordKind
from engram_wire.cbor import encode

from .desk import Desk, desks

LIKES = {"subject": "ann", "relation": "drinks", "object": "tea"}


async def meet(*all_desks: Desk) -> None:
    for one in all_desks:
        for other in all_desks:
            if one is not other:
                await one.pull(other)


async def agree(one: Desk, other: Desk, e: Engram) -> Engram:
    """Bring two desks together and see that they show the same."""
    await meet(one, other)
    here, there = await one.get(e), await other.get(e)
    assert here == there
    assert await one.conflicts() == await other.conflicts()
    assert await one.counts() == await other.counts()
    return here


async def the_conflict(desk: Desk, kind: str) -> tuple[ConflictType, ...]:
    """The only open conflict from the place of this desk; it survives both encodings."""
    (conflict,) = await desk.conflicts()
    assert conflict.kind == kind
    told = as_seen_by(conflict, node_text(desk.public))
    for one in told:
        assert decode_conflict_untrusted(encode_conflict(one)) == one
        assert from_plain(to_plain(one)) == one
    return told


def skill(*steps: str, name: str = "deploy") -> dict[str, object]:
    return {"name": name, "steps": list(steps)}


# -- epistemic status ------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["observed", "inferred", "consensus", "contested", "retracted"])
async def test_every_status_an_author_can_state_comes_back_and_can_be_asked_for(
    status: str,
) -> None:
    async with desks() as (ann,):
        e = await ann.remember("the build is red", epistemic=status)
        await ann.remember("the build is green")
        assert e.epistemic == status
        assert e.reported is None
        assert await ann.found_contents("build", epistemic=status) == ["the build is red"]
        assert [x.id for x in await ann.newest(epistemic=status)] == [e.id]
        assert [x.content for x in await ann.newest(epistemic="")] == ["the build is green"]
        assert (await ann.update(e, epistemic="")).epistemic == ""


async def test_reported_is_never_written_because_it_depends_on_who_reads() -> None:
    async with desks() as (ann,):
        with pytest.raises(UsageError, match="depends on who reads"):
            await ann.remember("x", epistemic="reported")
        e = await ann.remember("x")
        with pytest.raises(UsageError, match="depends on who reads"):
            await ann.update(e, epistemic="reported")
        with pytest.raises(UsageError, match="no epistemic status"):
            await ann.update(e, epistemic="guessed")
        with pytest.raises(UsageError, match="no epistemic status"):
            await ann.newest(epistemic="guessed")


async def test_what_another_agent_wrote_is_reported_to_this_reader_only() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("the build is red", epistemic="observed")
        await bob.pull(ann)
        bob.distrust(ann)
        shown = await bob.get(e)
        assert shown.epistemic == "observed"
        assert shown.reported is not None
        assert (shown.reported.source, shown.reported.trust) == (node_text(ann.public), 0.5)
        assert [x.id for x in await bob.newest(epistemic="reported")] == [e.id]
        assert (await ann.get(e)).reported is None
        assert await ann.newest(epistemic="reported") == []
        assert await ann.counts() == await bob.counts()


# -- beliefs ---------------------------------------------------------------------------------


async def test_a_memory_holds_several_beliefs_and_each_is_changed_alone() -> None:
    async with desks() as (ann,):
        other = {"subject": "ann", "relation": "lives in", "object": "Oslo"}
        e = await ann.remember("about ann", belief=[LIKES, other])
        e = await ann.update(e, believe={**LIKES, "object": "coffee", "confidence": 0.5})
        held = {(b["relation"], b["object"], b["confidence"]) for b in e.belief}
        assert held == {("drinks", "coffee", 0.5), ("lives in", "Oslo", 1.0)}
        assert await ann.conflicts() == []


async def test_opinions_that_contradict_each_other_are_a_belief_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("about ann", belief=LIKES)
        await meet(ann, bob)
        await ann.update(e, believe={**LIKES, "object": "coffee"})
        await bob.update(e, believe={**LIKES, "object": "milk"})
        shown = await agree(ann, bob, e)
        assert {b["object"] for b in shown.belief} == {"coffee", "milk"}
        assert shown.epistemic == "contested"
        assert [x.id for x in await ann.newest(epistemic="contested")] == [e.id]
        assert await the_conflict(ann, "belief") == (
            BeliefConflict("ann", "drinks", "coffee", "milk", True, True),
        )
        assert await the_conflict(bob, "belief") == (
            BeliefConflict("ann", "drinks", "milk", "coffee", True, True),
        )
        settled = await ann.update(shown, believe={**LIKES, "object": "water"})
        assert [b["object"] for b in settled.belief] == ["water"]
        assert settled.epistemic == ""
        await agree(ann, bob, e)
        assert await bob.conflicts() == []


async def test_affirming_what_somebody_denies_is_a_contradiction_and_two_denials_are_none() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("about ann")
        await meet(ann, bob)
        await ann.update(e, believe={**LIKES, "polarity": False})
        await bob.update(e, believe={**LIKES, "object": "milk", "polarity": False})
        await agree(ann, bob, e)
        assert await ann.conflicts() == []
        f = await ann.remember("about ann again")
        await meet(ann, bob)
        await ann.update(f, believe=LIKES)
        await bob.update(f, believe={**LIKES, "polarity": False})
        await agree(ann, bob, f)
        assert await the_conflict(ann, "belief") == (
            BeliefConflict("ann", "drinks", "tea", "tea", True, False),
        )


async def test_how_sure_two_are_of_the_same_is_no_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("about ann")
        await meet(ann, bob)
        await ann.update(e, believe=LIKES)
        await bob.update(e, believe={**LIKES, "confidence": 0.1})
        shown = await agree(ann, bob, e)
        assert len(shown.belief) == 2
        assert await ann.conflicts() == []


@pytest.mark.parametrize(
    ("beliefs", "words"),
    [
        ([LIKES, LIKES], "two beliefs"),
        ([LIKES, {**LIKES, "object": "x"}], "two beliefs"),
        ({"subject": "a", "relation": "b"}, "needs its object"),
        ({**LIKES, "colour": "red"}, "no part 'colour'"),
        ({**LIKES, "polarity": 1}, "polarity"),
        ({**LIKES, "confidence": 2}, "confidence"),
        (["tea"], "a belief is an object"),
    ],
)
async def test_a_malformed_belief_is_refused_in_words(beliefs: Any, words: str) -> None:
    async with desks() as (ann,):
        with pytest.raises(UsageError, match=words):
            await ann.remember("x", belief=beliefs)


# -- episodes --------------------------------------------------------------------------------


def told(e: Engram) -> list[object]:
    return [event.value for event in e.events]


async def test_events_keep_their_order_and_their_names_when_they_are_amended() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("outage", events=("disk full", "paged", "fixed"))
        e = await ann.update(e, add_events=["written up"])
        names = [event.id for event in e.events]
        await meet(ann, bob)
        e = await bob.update(await bob.get(e), amend_events={names[1]: "paged twice"})
        assert told(e) == ["disk full", "paged twice", "fixed", "written up"]
        assert [event.id for event in e.events] == names
        assert [event.amended for event in e.events] == [False, True, False, False]
        assert e.events[1].label == "bob"
        assert e.events[1].written_at_ms == e.events[0].written_at_ms
        assert (await agree(ann, bob, e)) == e
        assert await ann.conflicts() == []


async def test_two_amendments_of_one_event_are_an_episodic_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("outage", events=("disk full", "paged"))
        await meet(ann, bob)
        name = e.events[0].id
        await ann.update(e, amend_events={name: "disk 99 % full"})
        await bob.update(e, amend_events={name[:10]: "disk broken"})
        shown = await agree(ann, bob, e)
        assert told(shown) == ["disk 99 % full", "paged"]  # The newest one is shown.
        assert {s.value for s in shown.siblings} == {"disk broken", "disk 99 % full"}
        (conflict,) = await ann.conflicts()
        assert (conflict.field, conflict.key) == ("events", (name,))
        assert {s.id for s in conflict.siblings} == {name}
        assert await the_conflict(ann, "episodic") == (
            EpisodicConflict(e.id, ("disk 99 % full",), ("disk broken",)),
        )
        assert await the_conflict(bob, "episodic") == (
            EpisodicConflict(e.id, ("disk broken",), ("disk 99 % full",)),
        )
        settled = await bob.update(shown, amend_events={name: "disk slow"})
        assert told(settled) == ["disk slow", "paged"]
        await agree(ann, bob, e)
        assert await ann.conflicts() == []


async def test_equal_amendments_are_one_account() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("outage", events=("disk full",))
        await meet(ann, bob)
        for desk in (ann, bob):
            await desk.update(e, amend_events={e.events[0].id: "disk 99 % full"})
        assert told(await agree(ann, bob, e)) == ["disk 99 % full"]
        assert await ann.conflicts() == []


async def test_one_source_key_with_different_payloads_is_an_episodic_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("outage")
        await meet(ann, bob)
        same = {"key": "log-1", "text": "boot"}
        await ann.update(e, add_events=[same, {"key": "log-2", "text": "up"}])
        await bob.update(e, add_events=[same, {"key": "log-2", "text": "down"}])
        shown = await agree(ann, bob, e)
        assert told(shown).count(same) == 1
        (conflict,) = await ann.conflicts()
        assert conflict.key == ("key", "log-2")
        (found,) = await the_conflict(ann, "episodic")
        assert isinstance(found, EpisodicConflict)
        assert found.local_events == ({"key": "log-2", "text": "up"},)
        mine = next(v.id for v in shown.events if v.value == {"key": "log-2", "text": "up"})
        await ann.update(shown, remove_events=[mine])
        await agree(ann, bob, e)
        assert await bob.conflicts() == []


@pytest.mark.parametrize(
    "events",
    [
        ([b"12345678", 0, 0, 0, "x"], [b"12345678", 0, 1, 0, "y"]),
        ([b"12345678", 0, 0, 0, {"key": "k"}], [b"abcdefgh", 0, 1, 0, {"key": "k", "n": 1}]),
    ],
)
async def test_one_record_that_contradicts_itself_is_reported_like_two(
    events: tuple[list[object], ...],
) -> None:
    async with desks() as (ann,):
        engram = bytes(15) + b"\x05"
        puts = [("r/content", encode("x"))]
        puts += [("l/events", encode(event)) for event in events]  # type: ignore[arg-type]  # plain
        await ann.write(lambda _tx, _log: [Draft(RecordKind.CREATE, engram, tuple(puts), ())])
        assert [c.kind for c in await ann.conflicts()] == ["episodic"]


async def test_events_that_the_view_does_not_show_cannot_be_amended() -> None:
    async with desks() as (ann,):
        e = await ann.remember("outage", events=("disk full",))
        later = await ann.update(e, add_events=["paged"])
        with pytest.raises(NotFoundError, match="shows no event"):
            await ann.update(e, amend_events={later.events[1].id: "x"})
        with pytest.raises(NotFoundError):
            await ann.update(e, remove_events=[""])
        with pytest.raises(UsageError, match="named twice"):
            name = e.events[0].id
            await ann.update(e, amend_events={name: "x"}, remove_events=[name])
        with pytest.raises(UsageError, match="differ"):
            await ann.update(e, add_events=[{"key": "k", "a": 1}, {"key": "k", "a": 2}])
        with pytest.raises(UsageError, match="source key"):
            await ann.update(e, add_events=[{"key": 7}])


async def test_a_deleted_episode_comes_back_with_the_names_of_its_events() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("outage", events=("disk full", "paged"))
        e = await ann.update(e, amend_events={e.events[0].id: "disk 99 % full"})
        gone = await ann.forget(e)
        await meet(ann, bob)
        for desk in (ann, bob):  # Both at once: nothing is there twice.
            await desk.restore(gone)
        back = await agree(ann, bob, e)
        assert [(v.id, v.value, v.amended) for v in back.events] == [
            (v.id, v.value, v.amended) for v in e.events
        ]
        assert await ann.conflicts() == []


# -- skills ----------------------------------------------------------------------------------


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
        assert await the_conflict(ann, "skill") == (
            SkillConflict(e.id, (skill("test", "push"),), (skill("push", "watch"),)),
        )
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


# -- counters --------------------------------------------------------------------------------


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


# -- conflicts of all kinds ------------------------------------------------------------------


async def test_a_value_conflict_is_told_from_both_sides() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x", metadata={"k": 1})
        await meet(ann, bob)
        await ann.update(e, metadata={"k": 2})
        await bob.update(e, metadata={"k": [3]})
        await agree(ann, bob, e)
        assert await the_conflict(ann, "value") == (ValueConflict(e.id, "metadata.k", 2, [3]),)
        assert await the_conflict(bob, "value") == (ValueConflict(e.id, "metadata.k", [3], 2),)


async def test_an_edit_concurrent_with_a_delete_is_a_lifecycle_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x")
        await meet(ann, bob)
        await ann.forget(e, reason="outdated")
        await bob.update(e, title="t")
        await agree(ann, bob, e)
        assert await the_conflict(ann, "lifecycle") == (
            LifecycleConflict(e.id, ("outdated",), (), (["title", "t"],)),
        )
        assert await the_conflict(bob, "lifecycle") == (
            LifecycleConflict(e.id, ("outdated",), (["title", "t"],), ()),
        )


async def test_a_view_that_only_lacks_something_has_another_version() -> None:
    async with desks() as (ann,):
        e = await ann.remember("x", tags=("a", "b"))
        less = await ann.update(e, remove_tags=["a"])
        assert less.version != e.version
        # Both name the same writes, so either can be built upon.
        assert (await ann.update(e, title="t")).tags == ("b",)
