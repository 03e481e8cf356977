"""Texts that are changed in place are what their records say, however they were stored and kept."""

import random

import pytest

from engram_crdt import Change, Dot, EngramTexts, TextEdit, TextInsert
from engram_sync.api import Delete, Engram, Insert
from engram_sync.memory.materialise.live_texts import load_texts, recent_texts
from engram_sync.memory.state import Snapshot
from engram_sync.memory.state.recent_texts import RecentTexts
from engram_sync.model.limits import (
    TEXT_REPLAYED_MIN,
    TEXTS_KEPT_MAX,
    TEXTS_KEPT_WEIGHT_MAX,
)
from engram_sync.store import EngramRow, Reader, Transaction
from tests.memory.desk import Desk, desks

A, G = b"a" * 32, Dot(b"g" * 32, 0)


async def row_of(desk: Desk) -> EngramRow:
    return (await desk.store.read(lambda r: r.engrams(limit=1, life=(0, 1, 2))))[0]


async def stored(desk: Desk) -> tuple[bytes, int, int]:
    """The structure as it was stored last, how many records changed it since, and their work."""
    n = (await row_of(desk)).n

    def look(reader: Reader) -> tuple[bytes, int, int]:
        row, structure = reader.text(n), reader.text_structure(n)
        assert row is not None
        assert structure is not None
        return structure[0], len(structure[1]), row.since

    return await desk.store.read(look)


async def kept(desk: Desk) -> bool:
    """Whether the text is in memory; it then is what is stored."""
    row = await row_of(desk)

    def look(tx: Transaction) -> bool:
        text = tx.text(row.n)
        texts = None if text is None else desk.logs.texts.take(row.n, text.changed)
        if text is None or texts is None:
            return False
        assert texts.dump() == load_texts(Snapshot(tx, desk.logs), row).dump()
        desk.logs.texts.keep(row.n, text.changed, texts)
        return True

    return await desk.store.submit(look)


async def change(desk: Desk, e: Engram, luck: random.Random) -> None:
    """Mostly edit the text, and do all else that can happen to it."""
    text = (await desk.get(e.id)).content
    at = luck.randint(0, len(text))
    match luck.randrange(20):
        case 0:
            await desk.update(e.id, title=f"{luck.random()}")
        case 1:
            await desk.update(e.id, content="another text")
        case 2 | 3 | 4:
            length = luck.randint(0, len(text) - at)
            await desk.update(e.id, edits=[Delete(at, length), Insert(at, "new")])
        case 5:
            desk.logs.texts.forget()
        case _:
            await desk.update(e.id, edits=[Insert(at, luck.choice(["x", "yz", "😀"]))])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_texts_are_what_their_records_say_whether_they_were_kept_or_loaded(seed: int) -> None:
    luck = random.Random(seed)
    async with desks(2) as (ann, bob):
        e = await ann.remember("some text", collaborative=True)
        await bob.pull(ann)
        for number in range(60):
            for desk in (ann, bob):
                if await desk.conflicts():
                    await desk.update(await desk.get(e.id), content="settled", title="settled")
                await change(desk, e, luck)
                await kept(desk)
            if number % 8 == 0:
                await ann.pull(bob)
                await bob.pull(ann)
                assert await ann.counts() == await bob.counts()
                assert await ann.second_opinion() == await bob.second_opinion() == []


@pytest.mark.slow
async def test_the_structure_of_a_text_is_stored_once_in_so_many_edits() -> None:
    async with desks() as (ann,):
        e = await ann.remember("text", collaborative=True)
        structures: set[bytes] = set()
        for _ in range(2 * TEXT_REPLAYED_MIN):
            await ann.update(e.id, edits=[Insert(2, "x")])
            structure, records, work = await stored(ann)
            structures.add(structure)
            assert records <= work <= TEXT_REPLAYED_MIN
        assert len(structures) == 4
        assert await ann.second_opinion() == []


async def test_a_text_that_ends_leaves_nothing_stored_or_kept() -> None:
    async with desks() as (ann,):
        e = await ann.remember("text", collaborative=True)
        await ann.update(e.id, edits=[Insert(2, "x")])
        assert await kept(ann)
        await ann.forget(e.id)
        row = await row_of(ann)
        assert (
            await ann.store.read(lambda r: (r.text(row.n), r.text_structure(row.n))) == (None,) * 2
        )
        assert not await kept(ann)
        assert await ann.second_opinion() == []


async def test_a_text_that_was_changed_in_vain_is_not_kept() -> None:
    class Stop(Exception):
        pass

    async with desks() as (ann,):
        e = await ann.remember("text", collaborative=True)
        await ann.update(e.id, edits=[Insert(2, "x")])
        assert await kept(ann)
        row = await row_of(ann)

        def refused(tx: Transaction) -> None:
            ann.materialiser.materialise_pending(tx, row.scope)
            texts = recent_texts(Snapshot(tx, ann.logs), row)
            insert = TextInsert(None, None, 1, "!")
            edit = TextEdit(texts.bodies[0], (insert,), ())
            texts.apply(Change(A, 1, 1 << 40, (), bytes(32), (), (), edit), 0, lambda _: 9)
            raise Stop

        with pytest.raises(Stop):
            await ann.store.submit(refused)
        assert not await kept(ann)
        assert (await ann.update(e.id, edits=[Insert(0, "a ")])).content == "a texxt"


async def test_an_erased_part_of_a_text_is_neither_kept_nor_stored() -> None:
    async with desks() as (ann,):
        e = await ann.remember("a text", collaborative=True)
        for _ in range(3):
            await ann.update(e.id, edits=[Insert(2, "secret ")])
        assert (await stored(ann))[1] == 3
        assert await kept(ann)
        row = await row_of(ann)
        secrets = [
            (log, record.seq)
            for log, record in await ann.store.read(lambda r: list(r.stream_of(row.scope, e_id(e))))
            if b"secret" in (record.payload or b"")
        ]

        def erase(tx: Transaction) -> None:
            for log, seq in secrets:
                tx.erase([(log, seq)])
            ann.materialiser.refill(tx, row.scope, secrets)
            texts = recent_texts(Snapshot(tx, ann.logs), row)
            assert list(texts.texts().values()) == ["a text"]

        await ann.store.submit(erase)
        assert b"secret" not in (await stored(ann))[0]
        assert (await ann.get(e)).content == "a text"


def e_id(e: Engram) -> bytes:
    return bytes.fromhex(e.id.replace("-", ""))


def texts_with(units: str, pieces: int = 1) -> EngramTexts:
    made = EngramTexts([G])
    for n in range(pieces):
        edit = TextEdit(G, (TextInsert(None, None, len(units), units),), ())
        one = Change(A, n + 1, 1 << 40, (), bytes(32), (), (), edit)
        made.apply(one, n * len(units), lambda _: 1)
    return made


def test_few_texts_are_kept_and_the_last_ones_longest() -> None:
    recent = RecentTexts()
    for n in range(TEXTS_KEPT_MAX + 1):
        recent.keep(n, 1, texts_with("x"))
    assert recent.take(0, 1) is None
    assert recent.take(1, 2) is None, "it is of another change"
    assert recent.take(2, 1) is not None
    assert recent.take(2, 1) is None, "it was taken"
    recent.keep(3, 5, texts_with("y"))
    assert recent.take(3, 1) is None
    recent.drop(4)
    assert recent.take(4, 1) is None
    recent.forget()
    assert recent.take(5, 1) is None


def test_what_is_kept_of_texts_has_a_bound() -> None:
    recent = RecentTexts()
    large = texts_with("x" * 60_000, 30)
    assert large.units_held // 64 < TEXTS_KEPT_WEIGHT_MAX < 2 * large.units_held // 64
    recent.keep(1, 1, large)
    recent.keep(2, 1, large)
    assert recent.take(1, 1) is None
    assert recent.take(2, 1) is large
    recent.keep(3, 1, texts_with("x" * 60_000, 60))
    assert recent.take(3, 1) is None
