"""Records from the future: counted and passed on by all, shown by nobody before their time."""

import pytest
import trio
from trio.testing import MockClock

from engram_sync.errors import NotFoundError
from engram_sync.node import Node
from engram_sync.results import Delete, Insert

from .village import MemoryPremises, Village, agent_scope, agree, agreement, contents, until

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def reboot(village: Village, name: str) -> None:
    home = village.home(name)
    assert isinstance(home, MemoryPremises)
    home.boot_id += " again"


async def quarantined(node: Node) -> int:
    return (await agent_scope(node)).quarantined


async def test_what_is_from_the_future_is_counted_and_passed_on_but_not_shown_before_its_time(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        await a.remember("common")
        await agreement(a, b)
        village.clocks["b"].offset_ms = 10 * MINUTE_MS
        early = await b.remember("written ten minutes ahead")
        await agreement(a, b)
        assert (await agent_scope(a)).engrams == (await agent_scope(b)).engrams == 2
        assert await contents(a) == ["common"]
        assert not await a.recall("ten minutes ahead")
        assert await quarantined(a) == 1
        with pytest.raises(NotFoundError):
            await a.get(early.id)
        await trio.sleep(8 * 60)  # One more minute of skew is allowed.
        assert await contents(a) == ["common"]

        async def shown() -> bool:
            return await contents(a) == ["common", "written ten minutes ahead"]

        await until(shown)
        assert await quarantined(a) == 0
        assert await a.recall("ten minutes ahead")
        assert await agree(a, b)


async def test_an_update_replaces_what_it_shows_whatever_waits_in_the_future(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        e = await a.remember("first")
        await agreement(a, b)
        village.clocks["b"].offset_ms = 10 * MINUTE_MS
        await b.update(e.id, content="said ahead of time")
        await agreement(a, b)
        assert (await a.get(e.id)).content == "first"
        assert not await a.conflicts()
        await a.update(e.id, content="second")
        seen = await a.get(e.id)
        assert (seen.content, seen.siblings) == ("second", ())
        await agreement(a, b)
        await trio.sleep(11 * 60)
        assert {s.value for s in (await a.get(e.id)).siblings} == {"second", "said ahead of time"}
        assert len(await a.conflicts()) == 1
        await agreement(a, b)


async def test_what_waits_is_shown_by_a_node_that_opens_after_its_time(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        village.clocks["b"].offset_ms = HOUR_MS
        await b.remember("an hour ahead")
        await agreement(a, b)
        assert await contents(a) == []
    village.clocks["a"].offset_ms = 2 * HOUR_MS
    async with village.open("a", online=False) as a:
        assert await contents(a) == ["an hour ahead"]


async def test_a_node_whose_clock_goes_back_begins_a_new_incarnation_and_says_it_again(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        e = await a.remember("from before", tags=("kept",))
        await agreement(a, b)
        village.clocks["a"].offset_ms = DAY_MS
        await a.update(e.id, content="said a day ahead")
        gone = await a.remember("deleted a day ahead")
        await a.forget(gone)
        await a.remember("a day ahead")
        await agreement(a, b)
        assert await contents(b) == ["from before"]
    village.clocks["a"].offset_ms = 0
    async with village.open("a") as a, village.open("b", peers=["a"]) as b:
        await agreement(a, b)
        wanted = ["a day ahead", "said a day ahead"]
        assert await contents(a) == await contents(b) == wanted
        assert (await b.get(e.id)).tags == ("kept",)
        assert not await b.conflicts()
        await a.update(e.id, content="and life goes on")
        await agreement(a, b)
        assert (await b.get(e.id)).content == "and life goes on"


async def test_it_is_said_again_once(village: Village, autojump_clock: MockClock) -> None:
    async with village.open("a", online=False) as a:
        village.clocks["a"].offset_ms = DAY_MS
        await a.remember("a day ahead")
    village.clocks["a"].offset_ms = 0
    records = 0
    for _ in range(3):
        reboot(village, "a")
        async with village.open("a", online=False) as a:
            assert await contents(a) == ["a day ahead"]
            now = (await agent_scope(a)).records
            assert records in (0, now)
            records = now


async def test_when_the_time_comes_what_was_said_again_is_no_conflict(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.open("a", online=False) as a:
        village.clocks["a"].offset_ms = DAY_MS
        e = await a.remember("a day ahead", tags=("x",), metadata={"k": 1})
        await a.update(e, title="titled")
    village.clocks["a"].offset_ms = 0
    async with village.open("a", online=False) as a:
        before = await a.get(e.id)
        assert (before.content, before.title, before.tags) == ("a day ahead", "titled", ("x",))
    village.clocks["a"].offset_ms = 2 * DAY_MS
    async with village.open("a", online=False) as a:
        after = await a.get(e.id)
        assert (after.content, after.title, after.tags) == ("a day ahead", "titled", ("x",))
        assert not after.siblings
        assert not await a.conflicts()


async def test_a_clock_that_goes_back_while_the_node_runs_costs_no_write(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        village.clocks["a"].offset_ms = DAY_MS
        e = await a.remember("ahead")
        village.clocks["a"].offset_ms = 0
        await a.remember("after the clock was set")
        await agreement(a, b)
        assert "after the clock was set" in await contents(b)

        async def said_again() -> bool:
            return await contents(b) == await contents(a) == ["after the clock was set", "ahead"]

        await until(said_again)
        await a.update(e.id, content="changed")
        await agreement(a, b)
        assert (await b.get(e.id)).content == "changed"


async def test_an_edit_counts_positions_in_the_text_that_is_shown_and_not_in_the_future_one(
    village: Village, autojump_clock: MockClock
) -> None:
    """A removal takes no clock, so only what stands tells it from none."""
    async with village.pair() as (a, b):
        e = await a.remember("one two three", collaborative=True)
        await agreement(a, b)
        village.clocks["b"].offset_ms = 10 * MINUTE_MS
        await b.update(e.id, edits=[Delete(0, 8)])
        await agreement(a, b)
        assert (await a.get(e.id)).content == "one two three"
        await a.update(e.id, edits=[Insert(13, " four")])
        assert (await a.get(e.id)).content == "one two three four"
        await a.update(e.id, edits=[Insert(3, ",")])
        assert (await a.get(e.id)).content == "one, two three four"
        village.clocks["a"].offset_ms = 10 * MINUTE_MS
        await agreement(a, b)

        async def released() -> bool:
            return (await a.get(e.id)).content == ",three four"

        await until(released)


async def test_a_restore_brings_back_what_was_shown_whatever_waits_in_the_future(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        e = await a.remember("shown", tags=["x"], title="T", metadata={"k": 1})
        text = await a.remember("a text", collaborative=True)
        await agreement(a, b)
        village.clocks["b"].offset_ms = 10 * MINUTE_MS
        await b.update(e.id, content="said ahead", title="U", remove_tags=["x"], metadata={"k": 2})
        await b.update(text.id, content="another text, ahead")
        await agreement(a, b)
        await a.forget(e.id)
        await a.forget(text.id)
        await a.restore(e.id)
        await a.restore(text.id)
        back = await a.get(e.id)
        assert (back.content, back.title, back.tags, back.metadata) == (
            "shown",
            "T",
            ("x",),
            {"k": 1},
        )
        assert (await a.get(text.id)).content == "a text"


async def test_what_is_remembered_under_a_key_is_there_though_the_same_waits_in_the_future(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        village.clocks["b"].offset_ms = DAY_MS
        await b.remember("imported", key="line 1", tags=["x"])
        await agreement(a, b)
        e = await a.remember("imported", key="line 1", tags=["x"])
        assert e.content == "imported"
        assert await contents(a) == ["imported"]
        assert (await a.remember("imported", key="line 1", tags=["x"])).id == e.id
        records = (await agent_scope(a)).records
        await a.remember("imported", key="line 1", tags=["x"])
        assert (await agent_scope(a)).records == records
        village.clocks["a"].offset_ms = 2 * DAY_MS
        await until(lambda: released(a))
        assert await contents(a) == ["imported"]
        assert not await a.conflicts()


async def released(node: Node) -> bool:
    return not await quarantined(node)
