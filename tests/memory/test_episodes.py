"""Claims about episodes on real replicas."""

import pytest

from engram_sync.api import Engram
from engram_sync.errors import NotFoundError, UsageError
from engram_sync.ledger import Draft
from engram_wire import RecordKind
from engram_wire.cbor import encode

from .desk import desks
from .meeting import agree, meet, the_conflict, unversioned, written_by


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
        assert unversioned(await agree(ann, bob, e)) == unversioned(e)
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
        assert conflict.kind == "episodic"
        assert written_by(ann, conflict) == ["disk 99 % full"]
        assert written_by(bob, conflict) == ["disk broken"]
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
        conflict = await the_conflict(ann, "episodic")
        assert conflict.key == ("key", "log-2")
        assert written_by(ann, conflict) == [{"key": "log-2", "text": "up"}]
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
