"""Claims about deleting, restoring and storing again."""

from functools import partial
from typing import Any

import pytest

from engram_sync.api import Engram, Insert
from engram_sync.api.arguments import NewMemory
from engram_sync.errors import NotFoundError, PreconditionError
from engram_sync.ledger import Draft
from engram_sync.memory import read as reading
from engram_sync.memory import write as writing
from engram_sync.memory.state import Snapshot
from engram_sync.model import ids
from engram_sync.store import Transaction
from engram_wire import RecordKind

from .desk import Desk, desks
from .meeting import meet, unversioned

ENGRAM = bytes(15) + b"\x07"
KEYED = NewMemory(
    "minutes",
    key="2026/11.md#minutes",
    events=("met", {"key": "m-1", "text": "agreed"}),
    skill={"name": "meet", "text": "talk"},
    counters={"read": 3},
    belief={"subject": "ann", "relation": "chairs", "object": "it"},
)


async def import_keyed(desk: Desk, what: NewMemory = KEYED) -> Engram:
    """Store a memory that has a source key, as an importer does."""

    async def known() -> bool:
        try:
            await desk.get(ids.engram_text(ENGRAM))
        except NotFoundError:
            return False
        return True

    if await known():
        text = ids.engram_text(ENGRAM)
        await desk.store.read(
            lambda r: writing.satisfies(
                Snapshot(r, desk.logs), reading.resolve(Snapshot(r, desk.logs), text), what
            )
        )
    else:
        await desk.write(lambda _tx, _log: writing.created(ENGRAM, what))
    return await desk.get(ids.engram_text(ENGRAM))


async def test_the_same_text_can_be_stored_again_after_a_delete() -> None:
    async with desks() as (ann,):
        e = await ann.remember("deploys on Tuesdays")
        await ann.forget(e, reason="wrong")
        again = await ann.remember("deploys on Tuesdays")
        assert again.id != e.id
        assert await ann.found_contents("deploys") == ["deploys on Tuesdays"]
        assert (await ann.get(e)).life == "deleted"


def _just(draft: Draft, _tx: Transaction, _log: bytes) -> list[Draft]:
    return [draft]


@pytest.mark.parametrize(
    "kinds",
    [
        (RecordKind.CREATE,),
        (RecordKind.UPDATE,),
        (RecordKind.CREATE, RecordKind.UPDATE),
    ],
)
async def test_of_whatever_nothing_is_live_is_deleted(kinds: tuple[RecordKind, ...]) -> None:
    async with desks() as (ann,):
        await ann.remember("else")
        for draft in [Draft(kind, ENGRAM) for kind in kinds]:
            await ann.write(partial(_just, draft))
        assert (await ann.get(ids.engram_text(ENGRAM))).life == "deleted"
        assert [e.content for e in await ann.newest()] == ["else"]
        assert (await ann.counts())[1:] == (1, 1)
        assert await ann.second_opinion() == []


async def test_importing_again_what_was_deleted_does_not_bring_it_back() -> None:
    async with desks() as (ann,):
        e = await import_keyed(ann)
        gone = await ann.forget(e)
        assert await import_keyed(ann) == gone
        assert (await ann.restore(gone)).content == "minutes"


async def test_a_source_key_means_one_memory_with_one_beginning() -> None:
    async with desks() as (ann,):
        await import_keyed(ann)
        for other in (
            NewMemory("minutes", key=KEYED.key),
            NewMemory("minutes", key=KEYED.key, collaborative=True),
        ):
            with pytest.raises(PreconditionError, match="under the same key"):
                await import_keyed(ann, other)


async def test_a_collaborative_text_satisfies_a_key_only_with_the_text_it_began_with() -> None:
    async with desks() as (ann,):
        one = NewMemory("one", key="k", collaborative=True)
        e = await import_keyed(ann, one)
        await ann.update(e, edits=[Insert(3, " more")])
        assert (await import_keyed(ann, one)).content == "one more"
        with pytest.raises(PreconditionError):
            await import_keyed(ann, NewMemory("two", key="k", collaborative=True))


async def test_two_imports_at_once_tell_and_count_everything_once() -> None:
    async with desks(2) as (ann, bob):
        await import_keyed(ann)
        e = await import_keyed(bob)
        await meet(ann, bob)
        shown = await ann.get(e)
        assert unversioned(shown) == unversioned(await bob.get(e))
        assert [event.value for event in shown.events] == list(KEYED.events)
        assert shown.counters == {"read": 3}
        assert (len(shown.skill), len(shown.belief)) == (1, 1)
        assert await ann.conflicts() == []


async def test_restoring_what_was_deleted_twice_brings_back_all_of_it() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a",), events=("x",))
        await meet(ann, bob)
        await ann.forget(e, reason="old")
        await bob.update(e, title="t")
        await meet(ann, bob)
        seen = await ann.get(e)
        gone = await ann.forget(seen, reason="still old")
        assert (gone.life, gone.content, gone.title) == ("deleted", "", "")
        back = await ann.restore(gone)
        assert (back.life, back.content, back.title, back.tags) == ("active", "one", "t", ("a",))
        assert len(back.events) == 1
        await meet(ann, bob)
        assert unversioned(await bob.get(e)) == unversioned(back)
        assert await bob.conflicts() == []


async def test_a_restore_between_two_deletes_is_not_undone_with_the_second() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one", tags=("a", "b"))
        back = await ann.restore(await ann.forget(e))
        changed = await ann.update(back, remove_tags=["a"], content="two")
        again = await ann.restore(await ann.forget(changed))
        assert (again.content, again.tags) == ("two", ("b",))


async def test_writing_to_what_one_saw_deleted_asks_for_a_restore_whatever_is_written() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one", collaborative=True, events=("x",))
        gone = await ann.forget(e)
        wishes: tuple[dict[str, Any], ...] = (
            {"content": "two"},
            {"edits": [Insert(0, "x")]},
            {"count": {"used": 1}},
            {"add_events": ["y"]},
            {"refine": {"name": "n", "text": "t"}},
            {"epistemic": "observed"},
        )
        for wish in wishes:
            with pytest.raises(PreconditionError, match="is deleted") as refused:
                await ann.update(gone, **wish)
            assert "engram-sync restore" in refused.value.hint
