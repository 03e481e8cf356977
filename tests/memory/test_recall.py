"""Claims about recall and list."""

import pytest

from engram_sync.api.arguments import Filters, NewMemory
from engram_sync.errors import UsageError
from engram_sync.memory import materialise as materialising
from engram_sync.memory import read as reading
from engram_sync.memory.read import planner as _planner
from engram_sync.memory.read.planner import split_terms
from engram_sync.memory.state import Snapshot
from tests.memory.desk import desks


async def test_a_natural_question_finds_what_shares_words_with_it() -> None:
    async with desks() as (ann,):
        await ann.remember("Deploys go out on Tuesdays")
        await ann.remember("The cat sleeps")
        hits = await ann.recall("when do we deploy?")
        assert [hit.engram.content for hit in hits] == ["Deploys go out on Tuesdays"]
        assert 0 < hits[0].score < 1


async def test_titles_and_tags_are_searched_too() -> None:
    async with desks() as (ann,):
        await ann.remember("x", title="Rollback")
        await ann.remember("y", tags=("pager duty",))
        assert await ann.found_contents("rollbacks") == ["x"]
        assert await ann.found_contents("duty") == ["y"]


async def test_operators_and_quotes_of_the_search_engine_mean_nothing() -> None:
    async with desks() as (ann,):
        await ann.remember("near or and not")
        for query in ('"', "NEAR(a b)", 'a" OR b*', "title:x", "^a", "-near", "\0near", "(", "*"):
            await ann.recall(query)
        assert await ann.found_contents('"near') == ["near or and not"]


async def test_a_changed_memory_is_found_by_its_new_words_only() -> None:
    async with desks() as (ann,):
        e = await ann.remember("tuesday")
        assert await ann.found_contents("tuesday") == ["tuesday"]
        await ann.update(e, content="wednesday")
        assert await ann.found_contents("wednesday") == ["wednesday"]
        assert await ann.found_contents("tuesday") == []


@pytest.mark.slow
async def test_equal_scores_go_by_the_newest_then_by_id_whatever_the_limit() -> None:
    async with desks(2) as (ann, bob):
        await ann.remember_many([NewMemory("same words", tags=(f"t{i % 3}",)) for i in range(200)])
        await bob.remember("same words")
        await ann.pull(bob)
        await bob.pull(ann)
        everything = await ann.recall("same", limit=500)
        assert len(everything) == 201
        times = [hit.engram.updated_at_ms for hit in everything]
        assert times == sorted(times, reverse=True)
        for limit in (1, 10, 64, 65, 200):
            assert await ann.recall("same", limit=limit) == everything[:limit]
            there = await bob.recall("same", limit=limit)
            assert [(hit.engram.id, hit.score) for hit in there] == [
                (hit.engram.id, hit.score) for hit in everything[:limit]
            ]
        some = [hit for hit in everything if hit.engram.tags == ("t1",)]
        assert await ann.recall("same", limit=30, tags=("t1",)) == some[:30]


async def test_filters_leave_out_what_does_not_fit() -> None:
    async with desks() as (ann,):
        old = await ann.remember("x one", tags=("a", "b"))
        new = await ann.remember("x two", tags=("a",), type="procedural")
        assert set(await ann.found_contents("x", tags=("a",))) == {"x one", "x two"}
        assert await ann.found_contents("x", tags=("a", "b")) == ["x one"]
        assert await ann.found_contents("x", type="procedural") == ["x two"]
        assert await ann.found_contents("x", since_ms=new.updated_at_ms) == ["x two"]
        assert len(await ann.found_contents("x", scope="agent")) == 2
        assert await ann.found_contents("x", scope="instance") == []
        assert len(await ann.found_contents("x", scope=old.provenance.agent)) == 2
        with pytest.raises(UsageError, match="no scope held here"):
            await ann.recall("x", scope="elsewhere")
        with pytest.raises(UsageError, match="no state"):
            await ann.recall("x", life="undead")
        for limit in (0, 10_001):
            with pytest.raises(UsageError, match="limit"):
                await ann.recall("x", limit=limit)
        with pytest.raises(UsageError, match="characters"):
            await ann.recall("x" * 10_001)


async def test_a_question_without_words_gets_the_newest() -> None:
    async with desks() as (ann,):
        for i in range(3):
            await ann.remember(f"note {i}")
        hits = await ann.recall("?!", limit=2)
        assert [(hit.engram.content, hit.score) for hit in hits] == [("note 2", 0), ("note 1", 0)]


async def test_deleted_memories_are_never_recalled_even_when_asked_for() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        assert await ann.found_contents("one") == ["one"]
        await ann.forget(e)
        for life in ("active", "deleted", "all"):
            assert await ann.found_contents("one", life=life) == []
            assert await ann.found_contents("", life=life) == []
        assert [found.id for found in await ann.newest(life="deleted")] == [e.id]


async def test_a_deleted_memory_is_not_recalled_before_the_index_knows_and_leaves_it() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        assert await ann.found_contents("one") == ["one"]
        await ann.forget(e)
        everything = Filters(life="all")
        hits = await ann.store.read(
            lambda r: reading.recall(Snapshot(r, ann.logs), ann.planner, "one", filters=everything)
        )
        assert hits == []
        assert len(await ann.store.read(lambda r: r.search(["one"], limit=9))) == 1
        await ann.store.submit(lambda tx: materialising.flush_index(tx, ann.logs))
        assert await ann.store.read(lambda r: r.search(["one"], limit=9)) == []


async def test_list_pages_from_the_newest_to_the_oldest() -> None:
    async with desks() as (ann,):
        for i in range(7):
            await ann.remember(f"note {i}", tags=("even",) if i % 2 == 0 else ())
        first = await ann.newest(limit=3)
        second = await ann.newest(limit=3, after=first[-1].id)
        assert [e.content for e in (*first, *second)] == [f"note {i}" for i in range(6, 0, -1)]
        assert [e.content for e in await ann.newest(tags=("even",))] == [
            f"note {i}" for i in (6, 4, 2, 0)
        ]


def test_a_question_is_cut_into_distinct_words() -> None:
    assert split_terms("When WHEN do_we, don't?") == ["when", "do", "we", "don", "t"]
    assert split_terms(" \t?!…") == []
    assert split_terms("Cafe\u0301 Ünï 東京") == ["café", "ünï", "東京"]
    assert len(split_terms(" ".join(f"w{i}" for i in range(500)))) == 64


async def test_common_words_are_left_out_once_there_are_many_memories(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_planner, "MATCHES_EXPECTED_MAX", 10)
    async with desks() as (ann,):
        await ann.remember_many([NewMemory(f"the note about w{i}") for i in range(40)])
        planner = reading.Planner()

        async def plan(*terms: str) -> list[str]:
            return await ann.store.read(lambda r: planner.plan(r, terms))

        assert await plan("the", "w7", "unheard") == ["w7"]
        assert await plan("the") == ["the"]
        assert await plan("unheard") == []
        assert await ann.found_contents("the w7") == ["the note about w7"]


async def test_the_plan_follows_the_stored_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_planner, "MATCHES_EXPECTED_MAX", 10)
    async with desks() as (ann,):
        await ann.remember_many([NewMemory(f"the note about w{i}") for i in range(40)])
        assert await ann.found_contents("unheard") == []
        await ann.remember("unheard of")
        assert await ann.found_contents("unheard the") == ["unheard of"]
