"""What every store does with payloads that come late, go, or are waited for."""

from engram_sync.store import Erasable, ReceiptRow, Store, Transaction
from engram_wire import payload_hash

from .rows import add_log, add_scope, append, engram_row, id_of, record

KEY = b"k" * 32


def three(tx: Transaction) -> int:
    """A log of three records, of which the second came without its payload."""
    log = add_log(tx, add_scope(tx))
    append(tx, log, *(record(seq, payload=None if seq == 2 else b"p%d" % seq) for seq in (1, 2, 3)))
    return log


def payloads(tx: Transaction, log: int) -> list[bytes | None]:
    return [found.payload for found in tx.records(log, 1, 9)]


async def test_a_late_payload_is_taken_once_and_only_if_it_is_the_one(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = three(tx)
        assert not tx.set_payload(log, 2, b"another")
        assert not tx.set_payload(log, 1, b"p1")
        assert not tx.set_payload(log, 9, b"gone")
        assert payloads(tx, log) == [b"p1", None, b"p3"]
        assert tx.set_payload(log, 2, b"gone")
        assert payloads(tx, log) == [b"p1", b"gone", b"p3"]

    await store.submit(job)


async def test_a_dropped_payload_leaves_its_hash_and_can_come_back(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = three(tx)
        before = tx.records(log, 1, 3)
        assert tx.drop_payloads([(log, 1), (log, 2), (log, 9)]) == 2
        assert payloads(tx, log) == [None, None, b"p3"]
        assert [found.payload_hash for found in tx.records(log, 1, 3)] == [
            found.payload_hash for found in before
        ]
        assert tx.set_payload(log, 1, b"p1")
        assert tx.records(log, 1, 3) == before

    await store.submit(job)


async def test_an_erased_payload_never_comes_back(store: Store) -> None:
    log = await store.submit(three)
    assert await store.submit(lambda tx: tx.erase([(log, 2), (log, 3)])) == 2

    def job(tx: Transaction) -> None:
        assert payloads(tx, log) == [b"p1", None, None]
        assert tx.records(log, 3, 3)[0].payload_hash == payload_hash(b"p3")
        assert tx.erased(log, [1, 2, 3, 4]) == {2, 3}
        assert not tx.set_payload(log, 2, b"gone")
        assert not tx.set_payload(log, 3, b"p3")
        assert tx.erase([(log, 3)]) == 0

    await store.submit(job)


async def test_what_an_erasure_takes_is_told_by_what_is_held_and_was_not_erased(
    store: Store,
) -> None:
    def job(tx: Transaction) -> None:
        log = three(tx)
        tx.erase([(log, 3)])
        places = [(log, seq) for seq in (1, 2, 3, 9)]
        assert list(tx.erasable(places)) == [Erasable(log, 1, 1, 2), Erasable(log, 2, 1, 0)]

    await store.submit(job)


async def test_the_structure_of_a_text_is_weighed_without_reading_it(store: Store) -> None:
    def job(tx: Transaction) -> None:
        scope = add_scope(tx)
        (n,) = tx.put_engrams([engram_row(scope, b"e" * 16, 1)])
        assert tx.text_bytes(n) == 0
        tx.put_text_structure(n, b"structure")
        assert tx.text_bytes(n) == 9

    await store.submit(job)


async def test_who_took_a_clock_is_told_without_what_it_put(store: Store) -> None:
    """A payload has up to 512 KiB, and it would have to be hashed."""

    def job(tx: Transaction) -> None:
        log = three(tx)
        (held,) = tx.records(log, 1, 1)
        assert tx.taker(held.engram, log, 0) == (0, held._replace(payload=None, payload_hash=b""))
        assert tx.engram_at(log, 1) == held.engram
        assert tx.engram_at(log, 9) is None

    await store.submit(job)


async def test_owed_payloads_are_counted_until_they_come_or_nobody_wants_them(
    store: Store,
) -> None:
    def job(tx: Transaction) -> None:
        log = three(tx)
        add_scope(tx, "other")
        rows = [engram_row(1, id_of(name)[:16], 1) for name in "ab"]
        first, second = tx.put_engrams(rows)
        tx.drop_payloads([(log, 1), (log, 3)])
        tx.put_owed(first, [(log, 1), (log, 2)])
        tx.put_owed(first, [(log, 2)])
        tx.put_owed(second, [(log, 3)])
        assert tx.owed(1, 9) == [(first, log, 1), (first, log, 2), (second, log, 3)]
        assert tx.owed(1, 2) == [(first, log, 1), (first, log, 2)]
        assert (tx.owed_count(1), tx.owed_count(2), tx.owed(2, 9)) == (3, 0, [])
        assert tx.set_payload(log, 1, b"p1")
        assert tx.owed(1, 9) == [(first, log, 2), (second, log, 3)]
        tx.erase([(log, 2)])
        tx.put_owed(first, [(log, 2)])
        assert tx.owed(1, 9) == [(second, log, 3)]
        tx.clear_owed(second)
        assert tx.owed_count(1) == 0

    await store.submit(job)


async def test_the_first_of_equal_receipts_stays(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = three(tx)
        add_scope(tx, "other")
        tx.put_receipt(1, log, 2, KEY, 1_000)
        tx.put_receipt(1, log, 2, KEY, 2_000)
        tx.put_receipt(1, log, 1, b"j" * 32, 3_000)
        assert tx.receipts(1, log, 1) == [ReceiptRow(1, log, 1, b"j" * 32, 3_000)]
        assert tx.receipts(1, log, 2) == [ReceiptRow(1, log, 2, KEY, 1_000)]
        assert tx.receipts(2, log, 2) == []

    await store.submit(job)


async def test_an_erasure_is_open_until_all_who_are_asked_have_confirmed_it(store: Store) -> None:
    other, stranger = b"j" * 32, b"s" * 32

    def job(tx: Transaction) -> None:
        log = three(tx)
        assert tx.open_erasures(1, [KEY, other], 9) == ([], 0)
        assert tx.not_confirmed(1, KEY) == []
        for seq in (1, 2, 3):
            tx.put_receipt(1, log, seq, KEY, 1_000 * seq)
            tx.put_receipt(1, log, seq, stranger, 500)
        tx.put_receipt(1, log, 2, other, 9_000)
        assert tx.open_erasures(1, [KEY, other], 9) == ([(500, log, 3), (500, log, 1)], 2)
        assert tx.open_erasures(1, [KEY, other], 1) == ([(500, log, 3)], 2)
        assert tx.open_erasures(1, [KEY, stranger], 9) == ([], 0)
        assert tx.open_erasures(1, [other], 9) == ([(500, log, 3), (500, log, 1)], 2)
        assert tx.not_confirmed(1, other) == [(log, 1), (log, 3)]
        assert tx.not_confirmed(1, KEY) == []
        assert tx.not_confirmed(1, b"n" * 32) == [(log, 1), (log, 2), (log, 3)]
        for seq in (1, 3):
            tx.put_receipt(1, log, seq, other, 9_000)
        assert tx.open_erasures(1, [KEY, other], 9) == ([], 0)
        assert tx.open_erasures(2, [KEY], 9) == ([], 0)

    await store.submit(job)
