"""Claims about reading by strategies: what is shown changes, what is held never does."""

import pytest

from engram_crdt import StrategyRegistry
from engram_sync.api import Engram, Insert
from engram_sync.config import StrategiesConfig
from engram_sync.errors import PreconditionError
from engram_sync.memory.state import Strategies

from .desk import Desk, desks
from .meeting import meet, unversioned

HOUR_MS = 3_600_000


def reading(registry: StrategyRegistry | None = None, **general: str) -> Strategies:
    return Strategies(
        StrategiesConfig(by_type={"semantic": general}), registry or StrategyRegistry()
    )


async def edited_at_once(
    ann: Desk, bob: Desk, *, kind: str = "semantic", category: str = ""
) -> Engram:
    """A memory whose title ann and bob have set at once, ann to A and bob to B."""
    e = await ann.remember("x", type=kind, category=category)
    await meet(ann, bob)
    await ann.update(e, title="A")
    await bob.update(e, title="B")
    await meet(ann, bob)
    return e


def longest(one: bytes, other: bytes) -> bytes:
    return max(one, other, key=lambda value: (len(value), value))


def registered() -> StrategyRegistry:
    registry = StrategyRegistry()
    registry.register("longest", 1, longest)
    return registry


async def test_by_default_what_was_written_at_once_stands_side_by_side() -> None:
    async with desks(2) as (ann, bob):
        e = await edited_at_once(ann, bob)
        shown = await ann.get(e)
        assert {s.value for s in shown.siblings} == {"A", "B"}
        assert [c.field for c in await ann.conflicts()] == ["title"]
        with pytest.raises(PreconditionError, match="concurrent edits"):
            await ann.update(e.id, title="C")


async def test_a_field_read_by_last_write_is_no_conflict_and_the_loser_is_still_told() -> None:
    async with desks(2) as (ann, bob):
        e = await edited_at_once(ann, bob)
        before = await ann.counts()
        for desk in (ann, bob):
            desk.strategies = reading(title="lww")
        shown = await ann.get(e)
        assert unversioned(shown) == unversioned(await bob.get(e))
        assert shown.title == "A"  # ann wrote last by the clock.
        assert {s.value for s in shown.siblings} == {"A", "B"}
        assert await ann.conflicts() == []
        assert await ann.counts() == before
        await ann.update(e.id, title="C")  # Settled, so a bare id will do.
        await meet(ann, bob)
        assert ((await bob.get(e)).title, (await bob.get(e)).siblings) == ("C", ())


@pytest.mark.parametrize("source", ["lww", "lww-wall", "lww-lamport"])
@pytest.mark.parametrize("skew_ms", [-HOUR_MS, HOUR_MS])
async def test_no_clock_that_is_an_hour_off_beats_who_saw_what(source: str, skew_ms: int) -> None:
    async with desks(2) as (ann, bob):
        for desk in (ann, bob):
            desk.strategies = reading(title=source)
        e = await ann.remember("x")
        await meet(ann, bob)
        bob.now_ms += skew_ms
        await bob.update(e, title="B")
        ann.now_ms += 2 * HOUR_MS  # What was from the future is not any more.
        await meet(ann, bob)
        await ann.update(await ann.get(e), title="A")
        await meet(ann, bob)
        for desk in (ann, bob):
            shown = await desk.get(e)
            assert (shown.title, shown.siblings) == ("A", ())


@pytest.mark.parametrize(
    ("source", "skew_ms", "title"),
    [
        ("lww", HOUR_MS, "B"),
        ("lww", -HOUR_MS, "A"),
        ("lww-wall", HOUR_MS, "B"),
        ("lww-wall", -HOUR_MS, "A"),
        # bob wrote three times and ann once: that counts, whatever their clocks say.
        ("lww-lamport", HOUR_MS, "B"),
        ("lww-lamport", -HOUR_MS, "B"),
    ],
)
async def test_the_source_of_time_decides_between_what_nobody_had_seen(
    source: str, skew_ms: int, title: str
) -> None:
    async with desks(2) as (ann, bob):
        for desk in (ann, bob):
            desk.strategies = reading(title=source)
        e = await ann.remember("x")
        await meet(ann, bob)
        ann.now_ms += 2 * HOUR_MS
        bob.now_ms = ann.now_ms + skew_ms
        for text in ("b", "bb", "B"):
            await bob.update(await bob.get(e), title=text)
        await ann.update(e, title="A")
        await meet(ann, bob)
        assert [(await desk.get(e)).title for desk in (ann, bob)] == [title, title]


@pytest.mark.parametrize("busy", ["ann", "bob"])
async def test_who_had_written_more_is_later_by_lamport_numbers(busy: str) -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x")
        await meet(ann, bob)
        bob.now_ms = ann.now_ms
        for desk in (ann, bob):
            desk.strategies = reading(title="lww-lamport")
            for text in ("1", "2", desk.name) if desk.name == busy else (desk.name,):
                await desk.update(await desk.get(e), title=text)
        await meet(ann, bob)
        assert [(await desk.get(e)).title for desk in (ann, bob)] == [busy, busy]


async def test_equal_clocks_fall_to_one_value_everywhere() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x")
        await meet(ann, bob)
        bob.now_ms = ann.now_ms
        await ann.update(e, title="A")
        await bob.update(e, title="B")
        await meet(ann, bob)
        for source in ("lww", "lww-wall", "lww-lamport"):
            for desk in (ann, bob):
                desk.strategies = reading(title=source)
            assert (await ann.get(e)).title == (await bob.get(e)).title


async def test_a_strategy_holds_for_the_type_and_the_category_it_was_chosen_for() -> None:
    config = StrategiesConfig(
        by_type={"episodic": {"title": "lww"}},
        by_category={"minutes": {"title": "mvr"}, "log": {"title": "lww"}},
    )
    async with desks(2) as (ann, bob):
        made = [
            await edited_at_once(ann, bob, kind=kind, category=category)
            for kind, category in (
                ("episodic", ""),
                ("episodic", "minutes"),
                ("semantic", ""),
                ("semantic", "log"),
            )
        ]
        ann.strategies = Strategies(config)
        open_now = {c.engram for c in await ann.conflicts()}
        assert open_now == {made[1].id, made[2].id}


async def test_a_custom_merge_makes_one_value_of_all_siblings() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x", metadata={"k": "v"})
        await meet(ann, bob)
        await ann.update(e, title="short", metadata={"k": "a long one"})
        await bob.update(e, title="a long one", metadata={"k": "short"})
        await meet(ann, bob)
        ann.strategies = reading(registered(), title="longest@1", metadata="longest@1")
        shown = await ann.get(e)
        assert (shown.title, shown.metadata, shown.notes) == ("a long one", {"k": "a long one"}, ())
        assert await ann.conflicts() == []
        assert len(shown.siblings) == 4


async def test_without_that_version_of_the_merge_all_siblings_are_shown_and_a_note_says_so() -> (
    None
):
    async with desks(2) as (ann, bob):
        e = await edited_at_once(ann, bob)
        ann.strategies = reading(registered(), title="longest@1")
        bob.strategies = reading(registered(), title="longest@2")
        shown = await bob.get(e)
        assert [c.field for c in await bob.conflicts()] == ["title"]
        (note,) = shown.notes
        assert "longest@2 is not registered here" in note
        # Reading differently, they hold the same.
        assert shown.siblings == (await ann.get(e)).siblings
        assert await ann.counts() == await bob.counts()


async def test_a_merge_that_fails_leaves_the_values_side_by_side() -> None:
    def broken(one: bytes, other: bytes) -> bytes:
        raise RuntimeError("no")

    def garbage(one: bytes, other: bytes) -> bytes:
        return b"\xff\xff"

    async with desks(2) as (ann, bob):
        e = await edited_at_once(ann, bob)
        for merge, words in ((broken, "failed (RuntimeError)"), (garbage, "no value")):
            registry = StrategyRegistry()
            registry.register("mine", 1, merge, check=False)
            ann.strategies = reading(registry, title="mine@1")
            shown = await ann.get(e)
            assert shown.title == "A"
            assert words in shown.notes[0]
            assert [c.field for c in await ann.conflicts()] == ["title"]


async def test_texts_that_replaced_one_another_are_read_by_the_strategy_of_content() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", collaborative=True)
        await meet(ann, bob)
        await ann.update(e, content="two")
        await bob.update(e, content="a longer one")
        await meet(ann, bob)
        ann.strategies = reading(content="lww")
        assert (await ann.get(e)).content == "two"
        assert await ann.conflicts() == []
        ann.strategies = reading(registered(), content="longest@1")
        assert (await ann.get(e)).content == "a longer one"
        bob.strategies = ann.strategies
        settled = await bob.update(e.id, content="three")
        assert (await bob.update(settled, edits=[Insert(5, "!")])).content == "three!"


async def test_the_newest_refinement_can_be_the_one_that_counts() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("x", skill={"name": "deploy", "text": "push"})
        await meet(ann, bob)
        await ann.update(e, refine={"text": "test, push"})
        await bob.update(e, refine={"text": "push, watch"})
        await meet(ann, bob)
        assert len((await ann.get(e)).skill) == 2
        ann.strategies = reading(skill="lww")
        assert [head.skill["text"] for head in (await ann.get(e)).skill] == ["test, push"]
        assert await ann.conflicts() == []
        assert len(await bob.conflicts()) == 1
