"""Claims about rows, digests, counts and the index: all follow from the records."""

import pytest

from engram_crdt import digest, elements_of_one
from engram_sync.api.arguments import NewMemory
from engram_sync.errors import CorruptError
from engram_sync.memory import materialise as materialising
from engram_sync.memory import write as writing
from engram_sync.memory.materialise.index import texts_of
from engram_sync.memory.state.changes import change_of
from engram_sync.model.fields import read_payload
from engram_sync.model.shapes import plain_digest, plain_texts
from engram_sync.store import ElementRow, EngramRow, Reader, Transaction
from engram_wire import (
    Record,
    encode_payload,
    payload_hash,
    shape_of,
)
from engram_wire.cbor import encode
from tests.memory.desk import SCOPE, Desk, desks

LOG = b"L" * 32


def record(collections: list[str], values: list[bytes], *, kind: int = 0) -> Record:
    payload = encode_payload(bytes(16), values)
    return Record(
        1, b"e" * 16, 1 << 40, shape_of(kind, collections), b"\x80", payload,
        payload_hash(payload), b"\x80", b"\xf6",
    )  # fmt: skip


def of(new: NewMemory) -> Record:
    (draft,) = writing.created(b"e" * 16, new)
    return record([c for c, _ in draft.puts], [v for _, v in draft.puts])


async def rows(desk: Desk) -> list[EngramRow]:
    return await desk.store.read(lambda r: r.engrams(limit=1000, life=(0, 1, 2)))


PLAIN = [
    NewMemory("x"),
    NewMemory("x", title="t", category="c", tags=("b", "a"), metadata={"k": 1, "l": [1, {"a": 2}]}),
    NewMemory("x", belief={"subject": "s", "relation": "r", "object": "o"}, events=(1, "two")),
]


@pytest.mark.parametrize("new", PLAIN, ids=["least", "most", "rest"])
def test_the_short_way_of_a_single_record_equals_its_document(new: NewMemory) -> None:
    one = of(new)
    elements = elements_of_one(one.engram, change_of(LOG, one))
    assert plain_digest(LOG, one) == digest(one.engram, elements)
    texts = plain_texts(one)
    assert texts is not None
    slow = texts_of(elements)
    assert (texts.title, texts.content) == (slow.title, slow.content)
    assert sorted(texts.tags.split()) == sorted(slow.tags.split())


async def test_a_memory_with_one_record_is_stored_once() -> None:
    async with desks(2) as (ann, bob):
        await ann.remember("one")
        await bob.pull(ann)
        for desk in (ann, bob):
            (row,) = await rows(desk)
            assert (row.records, row.digest) == (1, None)
            assert await desk.store.read(lambda r: r.parts(1)) == []


async def test_what_was_slices_equals_what_was_written() -> None:
    async with desks(3) as (ann, bob, cat):
        e = await ann.remember("one", tags=("a",))
        await ann.remember("two")
        await ann.update(e, content="three")
        gone = await ann.remember("four")
        await ann.forget(gone)
        await bob.pull(ann)
        await cat.pull(ann, materialise_pending=False)
        assert await cat.materialise_pending(limit=1) > 3
        assert await ann.counts() == await bob.counts() == await cat.counts()
        assert (await ann.counts())[1:] == (2, 1)
        mine = [row._replace(n=0, born=0, changed=0) for row in await rows(ann)]
        assert [row._replace(n=0, born=0, changed=0) for row in await rows(bob)] == mine
        assert [row._replace(n=0, born=0, changed=0) for row in await rows(cat)] == mine


async def test_local_writes_need_no_sweep_and_a_sweep_over_them_changes_nothing() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        await ann.update(e, content="two")
        scope = await ann.store.read(lambda r: r.scopes()[0])
        assert scope.materialised == await ann.store.read(lambda r: r.last_arrival(scope.n))
        before = await rows(ann), await ann.counts()
        await ann.store.submit(lambda tx: tx.update_scope(scope._replace(materialised=0)))
        await ann.materialise_pending()
        assert (await rows(ann), await ann.counts()) == before


async def test_a_local_write_does_not_skip_what_still_waits_to_be_slices() -> None:
    async with desks(2) as (ann, bob):
        theirs = await bob.remember("theirs")
        await ann.pull(bob, materialise_pending=False)
        await ann.remember("mine")
        assert not await ann.holds(theirs)
        await ann.materialise_pending()
        assert (await ann.get(theirs)).content == "theirs"
        assert (await ann.counts())[1] == 2


@pytest.mark.parametrize("slices", [0, 1, 2])
async def test_a_local_write_is_not_applied_before_earlier_ones_of_its_log(slices: int) -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one", tags=("a",))
        await ann.update(e, remove_tags=("a",))  # It takes no clocks.
        await ann.store.submit(lambda tx: tx.reset())
        n = ann.ledger.scope_number(SCOPE)
        for _ in range(slices):
            await ann.store.submit(lambda tx: ann.materialiser.materialise_pending(tx, n, limit=1))
        await ann.remember("again", engram=bytes.fromhex(e.id.replace("-", "")))
        await ann.materialise_pending()
        assert await ann.second_opinion() == []
        await bob.pull(ann)
        assert await ann.counts() == await bob.counts()


async def test_a_payload_that_comes_before_its_record_is_slices_changes_nothing_yet() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await bob.pull(ann)
        await bob.archive(e)
        await ann.pull(bob, materialise_pending=False, payloads=False)

        def bring(tx: Transaction) -> None:
            (mine,) = tx.engrams(limit=9, life=(0, 1, 2))
            log, sent = list(tx.stream_of(mine.scope, mine.engram))[-1]
            assert tx.set_payload(log, sent.seq, payload)
            ann.materialiser.refill(tx, mine.scope, [(log, sent.seq)])

        _, (_, theirs) = await bob.store.read(
            lambda r: list(r.stream_of(1, bytes.fromhex(e.id.replace("-", ""))))
        )
        payload = theirs.payload or b""
        await ann.store.submit(bring)
        assert (await ann.get(e)).life == "active"
        await ann.materialise_pending()
        assert (await ann.get(e)).life == "archived"
        assert await ann.second_opinion() == []


async def test_a_write_that_is_rolled_back_leaves_no_trace() -> None:
    async with desks(2) as (ann, bob):
        await bob.remember("one")

        def fail(tx: Transaction) -> None:
            bob.materialiser.materialise_pending(tx, bob.ledger.scope_number(SCOPE))
            raise RuntimeError("stop")

        await ann.pull(bob, materialise_pending=False)
        with pytest.raises(RuntimeError, match="stop"):
            await ann.store.submit(fail)
        assert await rows(ann) == []
        await ann.materialise_pending()
        assert await ann.counts() == await bob.counts()


@pytest.mark.parametrize(
    ("collection", "value"),
    [
        ("r/content", encode(1)),
        ("r/content", encode("x" * (256 * 1024 + 1))),
        ("r/title", encode("t" * 1025)),
        ("r/life", encode(["gone", ""])),
        ("r/life", encode(["deleted"])),
        ("s/tags", encode(["a"])),
        ("m/meta", encode(["k"])),
        ("m/meta", encode([1, 2])),
        ("o/confidence", encode(1)),
        ("o/confidence", encode(1.5)),
        ("b/belief", encode(["s", "r", "o", 1, 1.0])),
        ("l/events", encode("x" * 20_000)),
    ],
)
def test_a_value_that_breaks_its_schema_counts_as_not_held(collection: str, value: bytes) -> None:
    change = change_of(LOG, record(["r/title", collection], [encode("fine"), value]))
    assert [held for _, held in change.puts] == [None, None]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        encode([]),
        encode([bytes(16)]),
        encode([bytes(15), ["x"]]),
        encode([bytes(16), ["x", "y"]]),
        encode([bytes(16), {"x": "y"}]),
        b"\x82\x50" + bytes(16) + b"\x81\x78\x01x",
        b"\x82\x50" + bytes(16) + b"\x81\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00",
        b"\x82\x50" + bytes(16) + b"\x81\xc0\x61x",
        b"\x82\x50" + bytes(16) + b"\x81\x61x\x00",
    ],
)
def test_a_payload_that_does_not_parse_counts_as_not_held(payload: bytes) -> None:
    assert read_payload(payload, ("r/title",)) is None


@pytest.mark.parametrize("value", [encode(1), encode([1, {"a": 2}]), encode(None), encode(1.5)])
def test_a_value_of_a_collection_from_the_future_is_kept(value: bytes) -> None:
    change = change_of(LOG, record(["r/mood"], [value]))
    assert change.puts == (("r/mood", value),)


async def test_records_of_unknown_kinds_change_nothing() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")

        before = await ann.counts()
        scope = await ann.store.read(lambda r: r.scopes()[0])
        strange = record(["r/content"], [encode("x")], kind=12)._replace(
            engram=bytes.fromhex(e.id.replace("-", ""))
        )
        n = await ann.store.read(lambda r: r.logs()[-1].n)
        await ann.store.submit(lambda tx: ann.materialiser.apply_new(tx, scope.n, n, [strange], []))
        assert await ann.counts() == before
        assert (await ann.get(e)).content == "one"


async def test_a_damaged_row_is_reported_as_corrupt() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        await ann.update(e, content="two")
        (row,) = await rows(ann)
        await ann.store.submit(lambda tx: tx.take_span(row.n, row.log, 0, 99))
        strange = ElementRow(
            row.log, 7, 99, "r/content", 1, bytes(32), None, None, None, None, None
        )
        await ann.store.submit(lambda tx: tx.put_elements(row.n, [strange]))
        with pytest.raises(CorruptError, match="cannot be read back"):
            await ann.get(e)


async def test_single_writes_wait_for_the_index_and_bulk_does_not() -> None:
    def waiting(reader: Reader) -> int:
        return reader.unindexed()

    async with desks(2) as (ann, bob):
        await ann.remember("one")
        assert await ann.store.read(waiting) == 1
        await ann.remember_many([NewMemory(f"note {i}") for i in range(40)])
        assert await ann.store.read(waiting) == 1
        await bob.pull(ann)
        assert await bob.store.read(waiting) == 0
        assert await ann.store.submit(lambda tx: materialising.flush_index(tx, ann.logs)) == 1
        assert await ann.store.submit(lambda tx: materialising.flush_index(tx, ann.logs)) == 0
        assert await ann.found_contents("one") == await bob.found_contents("one") == ["one"]


async def test_a_record_no_document_can_hold_changes_nothing_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        (row,) = await rows(ann)
        taken = await ann.store.read(lambda r: r.clocks(row.engram, row.log))
        before = await ann.counts()
        for content in ("odd", "even"):
            with monkeypatch.context() as patch:
                patch.setattr("engram_sync.memory.materialise.live.CLOCK_MAX", taken)
                assert (await ann.update(e, content=content)).content == "one"
            assert (await ann.counts())[0] == before[0]
        assert (await ann.update(e, content="two")).content == "two"


async def test_what_needs_nothing_that_waits_goes_past_it_and_changes_no_outcome() -> None:
    async with desks(3) as (ann, bob, cat):
        old = await bob.remember("old")
        await cat.pull(bob)
        await ann.remember_many([NewMemory(f"flood {i}") for i in range(40)])
        theirs = await ann.remember("of ann")
        await cat.pull(ann, materialise_pending=False)
        await bob.pull(ann)
        await bob.update(old, content="new")
        await bob.update(theirs.id, title="of bob")
        await cat.pull(bob, materialise_pending=False, ahead=True)
        assert (await cat.get(old.id)).content == "new"
        shown = await cat.get(theirs.id)
        assert (shown.title, shown.content) == ("of bob", "")

        await bob.update(theirs.id, content="needs what waits")
        after = await bob.remember("another memory, behind it in its log")
        await cat.pull(bob, materialise_pending=False, ahead=True)
        assert (await cat.get(theirs.id)).content == ""
        assert await cat.holds(after)

        await cat.materialise_pending()
        assert await cat.counts() == await bob.counts()
        assert (await cat.get(theirs.id)).content == "needs what waits"
        assert await cat.second_opinion() == []


async def test_one_record_that_contradicts_itself_is_a_conflict() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        (row,) = await rows(ann)
        entries = [encode(["k", 1]), encode(["k", 2])]
        odd = record(["m/meta", "m/meta"], entries)._replace(seq=row.seq + 1, engram=b"o" * 16)
        await ann.store.submit(
            lambda tx: ann.materialiser.apply_new(tx, row.scope, row.log, [odd], [])
        )
        found = await ann.store.read(lambda r: r.engram(row.scope, b"o" * 16))
        assert found is not None
        assert (found.records, found.conflict) == (1, 1)
        assert (await ann.get(e)).content == "one"


async def test_the_number_of_a_log_that_was_rolled_back_means_the_next_one() -> None:
    async with desks() as (ann,):
        scope = ann.ledger.scope_number(SCOPE)

        def put(tx: Transaction, log: bytes, *, fail: bool) -> int:
            n = tx.put_log(scope, log, 0, bytes(32), bytes(16))
            ann.materialiser.apply_new(tx, scope, n, [], [])
            if fail:
                raise RuntimeError("stop")
            return n

        with pytest.raises(RuntimeError, match="stop"):
            await ann.store.submit(lambda tx: put(tx, b"x" * 32, fail=True))
        n = await ann.store.submit(lambda tx: put(tx, b"y" * 32, fail=False))
        assert await ann.store.read(lambda r: ann.logs.log_id(r, n)) == b"y" * 32
