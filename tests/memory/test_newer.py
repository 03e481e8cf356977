"""Claims about what a newer version wrote: this one does not understand it and loses nothing."""

from functools import partial

from engram_sync.api import Engram
from engram_sync.ledger import Draft
from engram_sync.memory import read as reading
from engram_sync.memory import write as writing
from engram_sync.memory.state import Snapshot
from engram_sync.model import ids
from engram_sync.store import Reader
from engram_wire import RecordKind
from engram_wire.cbor import Encodable, encode

from .desk import SCOPE, Desk, desks
from .meeting import unversioned

ENGRAM = bytes(15) + b"\x01"
BELIEF: Encodable = ["ann", "drinks", "tea", True, 0.5, {"since": 2031}]
SKILL: Encodable = [b"12345678", [], {"name": "deploy", "text": "push", "tools": ["git"]}]
NEWER = (
    ("b/belief", encode(BELIEF)),
    ("k/recipe", encode([b"12345678", {"oven": True}])),
    ("k/skill", encode(SKILL)),
    ("m/labels", encode(["k", ["deep", {"x": 1.5}]])),
    ("q/odd", encode({"a": [1, None]})),
    ("r/mood", encode("calm")),
    ("s/links", encode(["x", 1])),
)


async def newer(desk: Desk) -> Engram:
    """A memory as a newer version might write it."""
    puts = (("r/content", encode("x")), ("r/type", encode("semantic")), *NEWER)
    draft = Draft(RecordKind.CREATE, ENGRAM, puts, ())
    await desk.write(lambda _tx, _log: [draft])
    return await desk.get(ids.engram_text(ENGRAM))


def held(reader: Reader, engram: bytes, *, desk: Desk) -> list[tuple[str, bytes | None]]:
    scope = next(row for row in reader.scopes() if row.id == SCOPE)
    state = reading.find_exact(Snapshot(reader, desk.logs), scope, engram)
    assert state is not None
    names = dict(NEWER)
    return sorted((e.collection, e.value) for e in state.elements if e.collection in names)


async def still_there(desk: Desk, engram: bytes = ENGRAM) -> bool:
    return await desk.store.read(partial(held, engram=engram, desk=desk)) == sorted(NEWER)


async def test_what_this_version_does_not_know_survives_every_write_to_the_memory() -> None:
    async with desks(2) as (ann, bob):
        e = await newer(ann)
        await bob.pull(ann)
        assert await still_there(bob)
        e = await bob.update(
            await bob.get(e),
            content="y",
            title="t",
            add_tags=["a"],
            metadata={"k": 1},
            add_events=["z"],
            count={"used": 1},
        )
        assert await still_there(bob)
        await bob.archive(e)
        await bob.restore(e.id)
        assert await still_there(bob)
        await bob.forget(e.id)
        assert not await still_there(bob)
        await bob.restore(e.id)
        assert await still_there(bob)
        await ann.pull(bob)
        assert await still_there(ann)
        assert unversioned(await ann.get(e)) == unversioned(await bob.get(e))


async def test_it_is_copied_into_another_agent_with_the_rest() -> None:
    async with desks() as (ann,):
        e = await newer(ann)
        other = bytes(15) + b"\x02"

        def copy(reader: Reader) -> list[Draft]:
            state = reading.resolve(Snapshot(reader, ann.logs), e.id)
            return writing.copied(other, state)

        await ann.write(lambda tx, _log: copy(tx))
        assert await still_there(ann, other)


async def test_what_it_adds_to_known_parts_is_left_out_of_sight_and_kept() -> None:
    async with desks() as (ann,):
        e = await newer(ann)
        assert [(b["object"], b["confidence"]) for b in e.belief] == [("tea", 0.5)]
        assert e.skill[0].skill["tools"] == ["git"]
        entries = await ann.history(e)
        assert entries[0].fields["mood"] == "calm"
