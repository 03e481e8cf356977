"""Claims about remember, update, forget, archive and restore."""

import pytest

from engram_sync.api.arguments import NewMemory
from engram_sync.errors import NotFoundError, PreconditionError, UsageError
from engram_sync.memory.state import Snapshot
from tests.memory.desk import desks


async def test_a_memory_comes_back_as_it_was_given() -> None:
    async with desks() as (ann,):
        e = await ann.remember(
            "Deploys go out on Tuesdays",
            title="Deploys",
            category="ops",
            tags=("ops", "deploy"),
            confidence=0.9,
            metadata={"origin": "standup", "weight": 3},
            belief={"subject": "deploy", "relation": "day", "object": "Tuesday"},
            events=("agreed", {"at": 12}),
        )
        assert (e.content, e.title, e.category) == ("Deploys go out on Tuesdays", "Deploys", "ops")
        assert e.tags == ("deploy", "ops")
        assert e.confidence == 0.9
        assert e.metadata == {"origin": "standup", "weight": 3}
        assert e.belief[0]["object"] == "Tuesday"
        assert e.belief[0]["polarity"] is True
        assert [event.value for event in e.events] == ["agreed", {"at": 12}]
        assert (e.type, e.scope, e.life, e.reason) == ("semantic", "agent", "active", "")
        assert e.provenance.label == "ann"
        assert e.siblings == ()


async def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one", title="first", tags=("a", "b"), metadata={"k": 1, "l": 2})
        u = await ann.update(
            e, content="two", add_tags={"c"}, remove_tags={"a"}, metadata={"k": 9, "l": None}
        )
        assert (u.content, u.title, u.tags, u.metadata) == ("two", "first", ("b", "c"), {"k": 9})
        assert u.created_at_ms == e.created_at_ms < u.updated_at_ms
        assert u.version != e.version


async def test_an_update_that_changes_nothing_writes_nothing() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        u = await ann.update(e, remove_tags={"never there"})
        assert u == e


async def test_an_update_supersedes_only_what_its_version_showed() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        await ann.update(e, content="two")
        u = await ann.update(e, content="three")
        assert {s.value for s in u.siblings} == {"two", "three"}
        assert len(await ann.conflicts()) == 1


async def test_a_bare_id_means_the_current_state() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        await ann.update(e, content="two")
        u = await ann.update(e.id, content="three")
        assert (u.content, u.siblings) == ("three", ())


async def test_a_bare_id_is_refused_while_siblings_are_open() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        await ann.update(e, content="two")
        await ann.update(e, content="three")
        for attempt in (ann.update(e.id, content="four"), ann.forget(e.id)):
            with pytest.raises(PreconditionError) as refused:
                await attempt
            assert "conflicts" in refused.value.hint
            assert "--if-version" in refused.value.hint


async def test_a_version_of_the_future_is_refused() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await bob.pull(ann)
        newer = await ann.update(e, content="two")
        with pytest.raises(PreconditionError) as refused:
            await bob.update(e.id, content="three", if_version=newer.version)
        assert "engram-sync sync" in refused.value.hint
        assert (await bob.get(e)).content == "one"


async def test_forgetting_hides_and_restoring_brings_everything_back() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one", title="t", tags=("a",), metadata={"k": 1}, events=("x",))
        gone = await ann.forget(e, reason="outdated")
        assert (gone.life, gone.reason, gone.content, gone.tags) == ("deleted", "outdated", "", ())
        assert await ann.found_contents("one") == []
        assert await ann.newest() == []
        back = await ann.restore(e.id)
        assert (back.life, back.reason) == ("active", "")
        for field in ("content", "title", "tags", "metadata", "events", "type", "confidence"):
            assert getattr(back, field) == getattr(e, field)
        assert await ann.found_contents("one") == ["one"]


async def test_restoring_twice_deleted_brings_back_the_newest_only() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one", tags=("a",))
        await ann.forget(e.id)
        await ann.restore(e.id)
        await ann.update(e.id, content="two", remove_tags={"a"})
        await ann.forget(e.id)
        back = await ann.restore(e.id)
        assert (back.content, back.tags, back.siblings) == ("two", (), ())


async def test_restoring_keeps_the_siblings_that_were_deleted_together() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        await ann.update(e, content="two")
        both = await ann.update(e, content="three")
        await ann.forget(e.id, if_version=both.version)
        back = await ann.restore(e.id)
        assert {s.value for s in back.siblings} == {"two", "three"}


async def test_restoring_more_than_one_record_holds_takes_several() -> None:
    async with desks() as (ann,):
        tags = [f"tag{i:03}" for i in range(100)]
        e = await ann.remember("x" * 256 * 1024, tags=tags[:50])
        e = await ann.update(e, add_tags=tags[50:])
        big = await ann.update(e, content="y" * 256 * 1024)
        await ann.update(e, content="z" * 256 * 1024)
        both = await ann.get(big)
        await ann.forget(e.id, if_version=both.version)
        back = await ann.restore(e.id)
        assert back.tags == tuple(tags)
        assert {s.value[0] for s in back.siblings} == {"y", "z"}


async def test_restoring_what_was_archived_before_it_was_deleted_makes_it_active() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        await ann.archive(e)
        await ann.forget(e.id)
        back = await ann.restore(e.id)
        assert (back.life, back.content, back.siblings) == ("active", "one", ())


async def test_archiving_takes_out_of_recall_and_keeps_everything() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        kept = await ann.archive(e, reason="for later")
        assert (kept.life, kept.reason, kept.content) == ("archived", "for later", "one")
        assert await ann.found_contents("one") == []
        assert await ann.found_contents("one", life="archived") == ["one"]
        assert await ann.found_contents("one", life="all") == ["one"]
        assert (await ann.restore(e.id)).life == "active"
        assert await ann.found_contents("one") == ["one"]


async def test_what_makes_no_sense_now_is_refused_and_says_what_to_do() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        with pytest.raises(PreconditionError, match="neither deleted nor archived"):
            await ann.restore(e.id)
        await ann.archive(e.id)
        with pytest.raises(PreconditionError, match="archived already"):
            await ann.archive(e.id)
        await ann.forget(e.id)
        with pytest.raises(PreconditionError, match="deleted already"):
            await ann.forget(e.id)
        with pytest.raises(PreconditionError) as refused:
            await ann.update(e.id, content="two")
        assert "restore" in refused.value.hint
        with pytest.raises(PreconditionError, match="is deleted"):
            await ann.archive(e.id)


async def test_an_unknown_short_or_ambiguous_reference_is_told_apart() -> None:
    async with desks() as (ann,):
        await ann.remember("one", engram=bytes.fromhex("aaaaaaaa11111111aaaaaaaaaaaaaaaa"))
        await ann.remember("two", engram=bytes.fromhex("aaaaaaaa22222222aaaaaaaaaaaaaaaa"))
        with pytest.raises(NotFoundError, match="there is no memory"):
            await ann.get("bbbbbbbb")
        with pytest.raises(UsageError, match="too short"):
            await ann.get("aaaaaaa")
        with pytest.raises(UsageError, match="not the id"):
            await ann.get("deploys!")
        with pytest.raises(UsageError, match="several ids"):
            await ann.get("aaaaaaaa")
        assert (await ann.get("AAAAAAAA-2222")).content == "two"


BEYOND_A_LIMIT = {
    "no content": NewMemory(""),
    "only space": NewMemory(" \n"),
    "too much content": NewMemory("x" * (256 * 1024 + 1)),
    "too many bytes of content": NewMemory("é" * (128 * 1024 + 1)),
    "half a surrogate pair": NewMemory("\ud800"),
    "a type that is only ever local": NewMemory("x", type="instant"),
    "an unknown type": NewMemory("x", type="made up"),
    "a title of two lines": NewMemory("x", title="two\nlines"),
    "a title that moves the cursor": NewMemory("x", title="\x1b[2J"),
    "a tag that rings": NewMemory("x", tags=("bell\x07",)),
    "an empty tag": NewMemory("x", tags=("",)),
    "a NUL in the category": NewMemory("x", category="\x00"),
    "too long a title": NewMemory("x", title="t" * 1025),
    "a confidence above one": NewMemory("x", confidence=1.5),
    "a confidence that is no number": NewMemory("x", confidence=float("nan")),
    "a nameless metadata entry": NewMemory("x", metadata={"": 1}),
    "metadata of an unknown type": NewMemory("x", metadata={"k": object()}),
    "infinite metadata": NewMemory("x", metadata={"k": float("inf")}),
    "too large an integer": NewMemory("x", metadata={"k": 2**64}),
    "too much metadata": NewMemory("x", metadata={"k": "v" * 20_000}),
    "metadata within metadata": NewMemory("x", metadata={"k": {1: 2}}),
    "a belief without a relation": NewMemory("x", belief={"subject": "s"}),
    "a belief with an unknown part": NewMemory(
        "x", belief={"subject": "s", "relation": "r", "object": "o", "why": 1}
    ),
    "too many tags": NewMemory("x", tags=tuple(f"t{i}" for i in range(70))),
}


@pytest.mark.parametrize("bad", BEYOND_A_LIMIT.values(), ids=BEYOND_A_LIMIT)
async def test_a_memory_beyond_a_limit_is_refused_before_anything_is_written(
    bad: NewMemory,
) -> None:
    from engram_sync.memory import write as writing

    async with desks() as (ann,):
        before = await ann.counts()
        with pytest.raises(UsageError):
            await ann.write(lambda tx, log: writing.created(bytes(16), bad))
        assert await ann.counts() == before


async def test_the_largest_content_is_accepted() -> None:
    async with desks() as (ann,):
        e = await ann.remember("x" * (256 * 1024))
        assert len(e.content) == 256 * 1024


async def test_remembering_the_same_under_the_same_key_is_satisfied() -> None:
    from engram_sync.memory import read as reading
    from engram_sync.memory import write as writing

    async with desks() as (ann,):
        e = await ann.remember("one", tags=("a",))
        await ann.update(e, content="two")

        state = await ann.store.read(lambda r: reading.resolve(Snapshot(r, ann.logs), e.id))
        same, other = NewMemory("one", tags=("a",)), NewMemory("two", tags=("a",))
        await ann.store.read(lambda r: writing.satisfies(Snapshot(r, ann.logs), state, same))
        with pytest.raises(PreconditionError, match="same key"):
            await ann.store.read(lambda r: writing.satisfies(Snapshot(r, ann.logs), state, other))


async def test_history_tells_who_replaced_what() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a",))
        await bob.pull(ann)
        await bob.update(e, content="two")
        await ann.pull(bob)
        first, second = await ann.history(e)
        assert (first.kind, first.label, first.fields["content"]) == ("create", "ann", "one")
        assert first.fields["tags"] == ["a"]
        assert (second.kind, second.label, second.fields) == ("update", "bob", {"content": "two"})
        assert first.superseded_by == (f"{second.log}:{second.seq}",)
        assert (first.live, second.live) == (True, True)
        await ann.forget(e.id, reason="done")
        *earlier, last = await ann.history(e)
        assert (last.kind, last.fields) == ("delete", {"life": "deleted", "reason": "done"})
        assert all(f"{last.log}:{last.seq}" in entry.superseded_by for entry in earlier)
        assert [entry.live for entry in (*earlier, last)] == [False, False, True]
