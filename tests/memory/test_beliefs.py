"""Claims about epistemic status, beliefs and conflicts of single values on real replicas."""

from typing import Any, cast

import pytest

from engram_sync.api import Conflict
from engram_sync.errors import UsageError
from engram_sync.model.ids import node_text

from .desk import Desk, desks
from .meeting import agree, meet, the_conflict, written_by

LIKES = {"subject": "ann", "relation": "drinks", "object": "tea"}


def opinions(desk: Desk, conflict: Conflict) -> list[tuple[object, object]]:
    """Object and polarity of each belief in conflict that this desk wrote."""
    beliefs = [cast(dict[str, object], data) for data in written_by(desk, conflict)]
    return [(belief["object"], belief["polarity"]) for belief in beliefs]


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
        conflict = await the_conflict(ann, "belief")
        assert conflict.key == ("ann", "drinks")
        assert opinions(ann, conflict) == [("coffee", True)]
        assert opinions(bob, conflict) == [("milk", True)]
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
        conflict = await the_conflict(ann, "belief")
        assert opinions(ann, conflict) == [("tea", True)]
        assert opinions(bob, conflict) == [("tea", False)]


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


async def test_a_value_conflict_tells_who_wrote_what() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x", metadata={"k": 1})
        await meet(ann, bob)
        await ann.update(e, metadata={"k": 2})
        await bob.update(e, metadata={"k": [3]})
        await agree(ann, bob, e)
        conflict = await the_conflict(ann, "value")
        assert (conflict.engram, conflict.field) == (e.id, "metadata.k")
        assert (written_by(ann, conflict), written_by(bob, conflict)) == ([2], [[3]])


async def test_an_edit_concurrent_with_a_delete_is_a_lifecycle_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x")
        await meet(ann, bob)
        await ann.forget(e, reason="outdated")
        await bob.update(e, title="t")
        await agree(ann, bob, e)
        conflict = await the_conflict(ann, "lifecycle")
        assert {(s.field, s.value, s.node) for s in conflict.siblings} == {
            ("life", "deleted: outdated", node_text(ann.public)),
            ("title", "t", node_text(bob.public)),
        }


async def test_a_view_that_only_lacks_something_has_another_version() -> None:
    async with desks() as (ann,):
        e = await ann.remember("x", tags=("a", "b"))
        less = await ann.update(e, remove_tags=["a"])
        assert less.version != e.version
        # Both name the same writes, so either can be built upon.
        assert (await ann.update(e, title="t")).tags == ("b",)
