"""What every store promises; each test runs against every implementation."""

import string

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.errors import DegradedError, PreconditionError
from engram_sync.store import EngramRow, LogRow, MemoryStore, PeerRow, Reader, Store, Transaction
from engram_sync.testing import InlineExecutor
from engram_wire import Record

from .rows import AUTHOR, SHAPE, add_log, add_scope, append, engram_row, id_of, metas, record


async def test_a_committed_value_is_read_back_until_it_is_deleted(store: Store) -> None:
    await store.submit(lambda tx: tx.put_meta("key", b"first"))
    await store.submit(lambda tx: tx.put_meta("key", b"second"))
    assert await store.read(lambda reader: reader.meta("key")) == b"second"
    await store.submit(lambda tx: tx.delete_meta("key"))
    assert await store.read(lambda reader: reader.meta("key")) is None


async def test_a_scope_is_kept_with_its_sums(store: Store) -> None:
    n = await store.submit(
        lambda tx: tx.put_scope(id_of("scope"), "agent", b"secret", current=True)
    )
    (row,) = await store.read(lambda reader: reader.scopes())
    assert row[:5] == (n, id_of("scope"), "agent", b"secret", True)
    assert (row.materialised, row.digest, row.live, row.deleted, row.records) == (0, 0, 0, 0, 0)
    changed = row._replace(
        current=False,
        materialised=3,
        digest=2**256 - 1,
        live=4,
        deleted=5,
        records=6,
        secret=b"",
        changes=7,
    )
    await store.submit(lambda tx: tx.update_scope(changed))
    assert await store.read(lambda reader: reader.scope(n)) == changed
    assert await store.read(lambda reader: reader.scope(n + 1)) is None


async def test_two_scopes_cannot_have_one_id(store: Store) -> None:
    await store.submit(lambda tx: add_scope(tx, "a"))
    with pytest.raises(PreconditionError):
        await store.submit(lambda tx: add_scope(tx, "a"))


async def test_a_log_begins_at_its_id_and_moves_with_its_head(store: Store) -> None:
    scope = await store.submit(add_scope)
    log = await store.submit(lambda tx: tx.put_log(scope, id_of("log"), 1, AUTHOR, b"i" * 16))
    (row,) = await store.read(lambda reader: reader.logs())
    assert row == LogRow(log, id_of("log"), scope, 1, AUTHOR, b"i" * 16, 0, id_of("log"), 0)
    await store.submit(lambda tx: tx.set_head(log, 7, id_of("head"), 1 << 40))
    (row,) = await store.read(lambda reader: reader.logs())
    assert (row.seq, row.head, row.hlc) == (7, id_of("head"), 1 << 40)


def _chain() -> list[Record]:
    """One record of every form a column can take."""
    return [
        record(1, auth=b"\x81\x58\x20" + b"m" * 32),
        record(2, superseded=b"\x83\x00\x00\x00", deps=b"\x81\x58\x20" + b"d" * 32),
        record(3, payload=None),
        record(4, shape=b"\x02\x80", payload=b""),
        record(5, engram=b"f" * 16),
    ]


async def test_records_come_back_exactly_as_they_were_put(store: Store) -> None:
    chain = _chain()

    def put(tx: Transaction) -> int:
        log = add_log(tx, add_scope(tx))
        append(tx, log, *chain)
        assert tx.records(log, 1, 5) == chain
        return log

    log = await store.submit(put)
    assert await store.read(lambda reader: reader.records(log, 1, 5)) == chain
    assert await store.read(lambda reader: reader.records(log, 2, 3)) == chain[1:3]
    assert await store.read(lambda reader: reader.records(log, 5, 99)) == chain[4:]
    assert await store.read(lambda reader: reader.records(log + 1, 1, 5)) == []


async def test_a_record_cannot_be_put_twice(store: Store) -> None:
    log = await store.submit(lambda tx: add_log(tx, add_scope(tx)))
    await store.submit(lambda tx: append(tx, log, record(1)))
    with pytest.raises(PreconditionError):
        await store.submit(lambda tx: tx.put_records(log, [record(1, payload=b"other")]))
    (kept,) = await store.read(lambda reader: reader.records(log, 1, 1))
    assert kept.payload == b"payload"


async def test_runs_are_found_by_arrival_by_head_and_by_end(store: Store) -> None:
    def put(tx: Transaction) -> tuple[int, int, int]:
        scope, other = add_scope(tx, "one"), add_scope(tx, "two")
        log, foreign = add_log(tx, scope, "log"), add_log(tx, other, "foreign")
        assert append(tx, log, record(1), record(2)) == 1
        assert append(tx, foreign, record(1)) == 1
        assert append(tx, log, record(3)) == 2
        return scope, log, foreign

    scope, log, foreign = await store.submit(put)

    def check(reader: Reader) -> None:
        first, second = reader.runs(scope, 0, 10)
        assert (first.arrival, first.scope, first.log, first.first, first.last) == (
            1,
            scope,
            log,
            1,
            2,
        )
        assert (first.head, first.signature) == (id_of(f"{log}:2"), b"g" * 64)
        assert reader.runs(scope, 0, 1) == [first]
        assert reader.runs(scope, 1, 10) == [second]
        assert reader.runs(scope, 2, 10) == []
        assert reader.last_arrival(scope) == 2
        assert reader.last_arrival(99) == 0
        assert reader.position_of(scope, first.head) == (log, 2)
        assert reader.position_of(scope, id_of(f"{foreign}:1")) is None
        assert reader.position_of(scope, first.head[:8] + bytes(24)) is None
        assert [reader.run_before(log, seq) for seq in (1, 2, 9)] == [None, first, second]
        assert reader.runs_of(log, 0, 10) == [first, second]
        assert reader.runs_of(log, 1, 1) == [first]
        assert reader.runs_of(log, 2, 10) == [second]
        assert [run.log for run in reader.runs_of(foreign, 0, 10)] == [foreign]

    await store.read(check)


async def test_the_records_of_an_engram_come_in_order_of_arrival(store: Store) -> None:
    engram = b"e" * 16

    def put(tx: Transaction) -> tuple[int, int, int]:
        scope, other = add_scope(tx, "one"), add_scope(tx, "two")
        early, late = add_log(tx, scope, "early"), add_log(tx, scope, "late")
        append(tx, late, record(1, engram), record(2, b"x" * 16), record(3, engram))
        append(tx, early, record(1, engram))
        append(tx, late, record(4, engram))
        append(tx, add_log(tx, other, "other"), record(1, engram))
        tx.put_records(early, [record(2, engram)])
        order = [(log, found.seq) for log, found in list(tx.stream_of(scope, engram))]
        assert order == [(late, 1), (late, 3), (early, 1), (late, 4), (early, 2)]
        return scope, early, late

    await store.submit(put)


async def test_the_newest_snapshot_at_or_before_a_position_is_found(store: Store) -> None:
    def put(tx: Transaction) -> int:
        scope = add_scope(tx)
        log, other = add_log(tx, scope, "a"), add_log(tx, scope, "b")
        tx.put_past(log, 2, b"two")
        tx.put_past(log, 5, b"five")
        tx.put_past(other, 1, b"other")
        return log

    log = await store.submit(put)
    seen = await store.read(lambda reader: [reader.past(log, seq) for seq in (1, 2, 4, 5, 9)])
    assert seen == [None, b"two", b"two", b"five", b"five"]
    assert await store.read(lambda reader: reader.past(log + 1, 0)) is None


async def test_engrams_are_numbered_updated_and_found(store: Store) -> None:
    def put(tx: Transaction) -> int:
        scope = add_scope(tx)
        rows = [engram_row(scope, bytes([k]) * 16, k) for k in (1, 2)]
        assert list(tx.put_engrams(rows)) == [1, 2]
        assert list(tx.put_engrams([engram_row(scope, b"\x03" * 16, 3)])) == [3]
        assert list(tx.put_engrams([])) == []
        return scope

    scope = await store.submit(put)
    row = await store.read(lambda reader: reader.engram(scope, b"\x02" * 16))
    assert row is not None
    place = row.n, scope, row.engram, row.log, row.seq
    changed = EngramRow(*place, 2, 9, 7, 4, 5, 1, 3, 12, 2, True, b"d" * 32)
    await store.submit(lambda tx: tx.update_engrams([changed]))
    assert await store.read(lambda reader: reader.engram_by_n(row.n)) == changed
    assert await store.read(lambda reader: reader.engram_by_n(99)) is None
    assert await store.read(lambda reader: reader.engram(scope, b"\x09" * 16)) is None


async def test_listing_is_newest_first_and_pages_without_gap_or_repetition(store: Store) -> None:
    def put(tx: Transaction) -> list[int]:
        scopes = [add_scope(tx, "one"), add_scope(tx, "two")]
        # Pairs of equal clocks, within a scope and across scopes.
        tx.put_engrams(
            [
                engram_row(scopes[k % 2], bytes([k]) * 16, k // 4, life=int(k % 5 == 0))
                for k in range(40)
            ]
        )
        return scopes

    scopes = await store.submit(put)

    def pages(reader: Reader, scope: int | None, life: tuple[int, ...]) -> list[EngramRow]:
        found: list[EngramRow] = []
        while page := reader.engrams(scope, after=found[-1] if found else None, limit=3, life=life):
            found += page
        return found

    def check(reader: Reader) -> None:
        everything = pages(reader, None, (0, 1))
        assert [(row.hlc, row.n) for row in everything] == [(k // 4, k + 1) for k in range(40)][
            ::-1
        ]
        assert pages(reader, None, (0,)) == [row for row in everything if row.life == 0]
        in_second = [row for row in everything if row.scope == scopes[1]]
        assert pages(reader, scopes[1], (1, 0)) == in_second
        recent = reader.engrams(limit=99, since_hlc=9)
        assert recent == [row for row in everything if row.hlc >= 9 and row.life == 0]

    await store.read(check)


async def test_only_engrams_with_an_open_conflict_are_conflicted(store: Store) -> None:
    def put(tx: Transaction) -> tuple[int, int]:
        one, two = add_scope(tx, "one"), add_scope(tx, "two")
        tx.put_engrams([engram_row(one, bytes([k]) * 16, k, conflict=k % 2) for k in range(4)])
        tx.put_engrams([engram_row(two, b"z" * 16, 9, conflict=4)])
        return one, two

    one, two = await store.submit(put)
    everywhere = await store.read(lambda reader: reader.conflicted())
    assert [(row.scope, row.hlc) for row in everywhere] == [(one, 3), (one, 1), (two, 9)]
    assert len(await store.read(lambda reader: reader.conflicted(two))) == 1
    assert await store.read(lambda reader: reader.conflicted_count(two)) == 1


async def test_a_peer_is_remembered_and_replaced(store: Store) -> None:
    peer = PeerRow(b"k" * 32, "laptop", "10.0.0.1:7463", "mdns", None, 3, "refused")
    await store.submit(lambda tx: tx.put_peer(peer))
    assert await store.read(lambda reader: reader.peers()) == [peer]
    peer = peer._replace(last_success_ms=5, failures=0, error="")
    await store.submit(lambda tx: tx.put_peer(peer))
    assert await store.read(lambda reader: reader.peer(peer.key)) == peer


async def test_a_raising_job_leaves_nothing_behind(store: Store) -> None:
    def fail(tx: Transaction) -> None:
        log = add_log(tx, add_scope(tx))
        append(tx, log, record(1, shape=b"\x01\x81\x67r/title"))
        tx.put_meta("key", b"value")
        raise ValueError("the job's own error")

    with pytest.raises(ValueError, match="the job's own error"):
        await store.submit(fail)
    assert await store.read(lambda reader: reader.scopes()) == []
    assert await store.read(lambda reader: reader.meta("key")) is None


async def test_a_shape_met_in_a_rolled_back_job_is_stored_when_it_comes_again(
    store: Store,
) -> None:
    log = await store.submit(lambda tx: add_log(tx, add_scope(tx)))
    shapes = [bytes([1]) + b"\x81\x63r/" + letter.encode() for letter in string.ascii_lowercase]

    def fail(tx: Transaction) -> None:
        append(tx, log, *[record(k, shape=shape) for k, shape in enumerate(shapes, 1)])
        raise ValueError("rolled back")

    with pytest.raises(ValueError, match="rolled back"):
        await store.submit(fail)
    # Another shape takes the number that the first one had for a moment.
    chain = [record(k, shape=shape) for k, shape in enumerate([SHAPE, *shapes[::-1]], 1)]
    await store.submit(lambda tx: append(tx, log, *chain))
    assert await store.read(lambda reader: reader.records(log, 1, 99)) == chain


async def test_a_savepoint_undoes_its_own_block_only(store: Store) -> None:
    undone: list[str] = []

    def block(tx: Transaction, name: str, *, fail: bool) -> None:
        with tx.savepoint():
            tx.put_meta(name, b"value")
            tx.on_rollback(lambda: undone.append(name))
            tx.on_rollback(lambda: undone.append(name + " later"))
            if fail:
                raise ValueError(name)

    def job(tx: Transaction) -> None:
        block(tx, "kept", fail=False)
        with tx.savepoint():
            tx.put_meta("outer", b"value")
            with pytest.raises(ValueError, match="inner"):
                block(tx, "inner", fail=True)
            assert undone == ["inner later", "inner"]
        tx.put_meta("after", b"value")

    await store.submit(job)
    keys = ["kept", "outer", "inner", "after"]
    values = await store.read(lambda reader: metas(reader, keys))
    assert values == [b"value", b"value", None, b"value"]
    assert undone == ["inner later", "inner"]


async def test_rollback_callbacks_run_in_reverse_and_only_for_what_was_undone(
    store: Store,
) -> None:
    undone: list[int] = []

    def job(tx: Transaction) -> None:
        tx.on_rollback(lambda: undone.append(1))
        with pytest.raises(ValueError, match="inner"), tx.savepoint():
            tx.on_rollback(lambda: undone.append(2))
            raise ValueError("inner")
        tx.on_rollback(lambda: undone.append(3))
        raise ValueError("outer")

    with pytest.raises(ValueError, match="outer"):
        await store.submit(job)
    assert undone == [2, 3, 1]


async def test_a_job_cannot_use_its_transaction_after_it_has_ended(store: Store) -> None:
    kept: list[Transaction] = []
    await store.submit(kept.append)
    with pytest.raises(DegradedError):
        kept[0].put_meta("key", b"value")
    readers: list[Reader] = []
    await store.read(readers.append)
    with pytest.raises(DegradedError):
        readers[0].meta("key")


async def test_every_use_after_close_is_a_typed_error(store: Store) -> None:
    await store.aclose()
    with pytest.raises(DegradedError):
        await store.submit(lambda tx: tx.put_meta("key", b"value"))
    with pytest.raises(DegradedError):
        await store.read(lambda reader: reader.meta("key"))
    assert await store.aclose() == 0


@pytest.mark.slow
@given(
    payloads=st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=6),
    superseded=st.binary(max_size=8),
    deps=st.binary(max_size=8),
    auth=st.binary(max_size=8),
    hlc=st.integers(2**32, 2**63 - 1),
)
def test_any_bytes_in_a_record_survive(
    payloads: list[bytes | None], superseded: bytes, deps: bytes, auth: bytes, hlc: int
) -> None:
    async def story() -> None:
        store = await MemoryStore.open("any-bytes", InlineExecutor())
        MemoryStore.discard("any-bytes")
        async with trio.open_nursery() as nursery:
            await nursery.start(store.serve)
            chain = [
                record(k, payload=p, superseded=superseded, deps=deps, auth=auth, hlc=hlc)
                for k, p in enumerate(payloads, 1)
            ]
            log = await store.submit(lambda tx: add_log(tx, add_scope(tx)))
            await store.submit(lambda tx: append(tx, log, *chain))
            assert await store.read(lambda reader: reader.records(log, 1, 9)) == chain
            await store.aclose()

    trio.run(story)
