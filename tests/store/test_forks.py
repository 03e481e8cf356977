"""What every store does with the branches of a log."""

import sys

import pytest

from engram_sync.store import Store, Transaction

from .families import ENGRAM, add_branch, fork, forked, put, text_of, told, told_of
from .rows import add_log, add_scope, engram_row, id_of


async def test_what_lies_beyond_a_fork_moves_to_the_branch(store: Store) -> None:
    trunk, left, _ = await store.submit(forked)
    rows = {row.n: row for row in await store.read(lambda reader: reader.logs())}
    assert (rows[trunk].seq, rows[trunk].head, rows[trunk].hlc) == (5, id_of("base 5"), 7)
    assert (rows[trunk].parent, rows[trunk].base, rows[trunk].branch) == (None, 0, None)
    assert (rows[left].seq, rows[left].head, rows[left].hlc) == (8, id_of("b8"), (1 << 40) + 8)
    assert (rows[left].parent, rows[left].base) == (trunk, 5)
    assert rows[left].branch == id_of("first of left")
    runs = await store.read(lambda reader: reader.runs(1, 0, 9))
    assert [(run.log, run.first, run.last) for run in runs] == [
        (trunk, 1, 3),
        (left, 4, 6),
        (left, 7, 8),
        (3, 5, 7),
    ]


async def test_the_path_of_a_branch_is_read_through_its_parents(store: Store) -> None:
    trunk, left, right = await store.submit(forked)

    def read(tx: Transaction) -> None:
        assert told(tx, left, 1, 9) == ["a1", "a2", "a3", "b4", "b5", "b6", "b7", "b8"]
        assert told(tx, right, 4, 6) == ["b4", "b5", "c6"]
        assert told(tx, right, 0, 2) == ["a1", "a2"]
        assert told(tx, right, 6, 7) == ["c6", "c7"]
        assert told(tx, trunk, 4, 9) == ["b4", "b5"]
        assert told(tx, right, 9, 12) == []

    await store.submit(read)


async def test_a_fork_below_a_fork_puts_a_trunk_between(store: Store) -> None:
    def job(tx: Transaction) -> None:
        trunk, left, right = forked(tx)
        middle = fork(tx, trunk, 3, "middle")
        other = add_branch(tx, 1, "other", trunk, 3)
        put(tx, other, 3, 4, "d", held=3)
        parents = {row.n: (row.parent, row.base, row.seq) for row in tx.logs()}
        assert parents == {
            trunk: (None, 0, 3),
            middle: (trunk, 3, 5),
            left: (middle, 5, 8),
            right: (middle, 5, 7),
            other: (trunk, 3, 4),
        }
        assert told(tx, left, 2, 7) == ["a2", "a3", "b4", "b5", "b6", "b7"]
        assert told(tx, right, 3, 7) == ["a3", "b4", "b5", "c6", "c7"]
        assert told(tx, other, 1, 9) == ["a1", "a2", "a3", "d4"]
        # The end of the middle came with a run that now belongs to a branch of it.
        assert told_of(tx) == [
            (trunk, "a1"),
            (trunk, "a2"),
            (trunk, "a3"),
            (middle, "b4"),
            (middle, "b5"),
            (left, "b6"),
            (left, "b7"),
            (left, "b8"),
            (right, "c6"),
            (right, "c7"),
            (other, "d4"),
        ]

    await store.submit(job)


async def test_a_fork_inside_the_first_run_of_a_branch_keeps_the_order(store: Store) -> None:
    def job(tx: Transaction) -> None:
        trunk = add_log(tx, add_scope(tx))
        foreign = add_log(tx, 1, "foreign")
        put(tx, trunk, 1, 6, "a")
        put(tx, foreign, 1, 1, "f")
        low = fork(tx, trunk, 2, "low")
        high = fork(tx, low, 4, "high")
        assert told_of(tx) == [
            (trunk, "a1"),
            (trunk, "a2"),
            (low, "a3"),
            (low, "a4"),
            (high, "a5"),
            (high, "a6"),
            (foreign, "f1"),
        ]
        assert told(tx, high, 1, 6) == ["a1", "a2", "a3", "a4", "a5", "a6"]

    await store.submit(job)


async def test_records_of_this_very_transaction_are_the_newest_in_a_forked_scope_too(
    store: Store,
) -> None:
    await store.submit(forked)

    def job(tx: Transaction) -> None:
        fresh = add_log(tx, 1, "fresh")
        put(tx, fresh, 1, 1, "x")
        tx.put_records(fresh, [found._replace(seq=2) for found in tx.records(fresh, 1, 1)])
        assert [log for log, _ in list(tx.stream_of(1, b"e" * 16))][-2:] == [fresh, fresh]

    await store.submit(job)


async def test_a_fork_at_the_first_record_leaves_a_trunk_of_nothing(store: Store) -> None:
    def job(tx: Transaction) -> None:
        trunk = add_log(tx, add_scope(tx))
        put(tx, trunk, 1, 2, "a")
        left = fork(tx, trunk, 0, "left")
        right = add_branch(tx, 1, "right", trunk, 0)
        row = tx.log(right)
        assert row is not None
        assert (row.seq, row.base) == (0, 0)
        put(tx, right, 1, 1, "b")
        assert (told(tx, left, 1, 2), told(tx, right, 1, 2)) == (["a1", "a2"], ["b1"])
        assert told(tx, trunk, 1, 2) == []

    await store.submit(job)


async def test_everything_that_names_a_moved_record_names_it_in_the_branch(store: Store) -> None:
    def job(tx: Transaction) -> None:
        trunk = add_log(tx, add_scope(tx))
        put(tx, trunk, 1, 6, "a")
        row = engram_row(1, b"e" * 16, 1)._replace(log=trunk)
        before, beyond = tx.put_engrams([row, row._replace(engram=b"f" * 16, seq=5)])
        for seq in (2, 5):
            tx.put_past(trunk, seq, bytes([seq]))
            tx.erase([(trunk, seq)])
            tx.put_owed(before, [(trunk, seq + 1)])
            tx.put_receipt(1, trunk, seq, b"k" * 32, seq)
        tx.seal_logs([(trunk, 6)])
        left = fork(tx, trunk, 3, "left")
        rows = [tx.engram_by_n(n) for n in (before, beyond)]
        assert [found and (found.log, found.seq) for found in rows] == [(trunk, 1), (left, 5)]
        assert (tx.past(trunk, 9), tx.past(left, 4), tx.past(left, 6)) == (b"\x02", None, b"\x05")
        assert tx.erased(trunk, range(9)) == {2}
        assert tx.erased(left, range(9)) == {5}
        assert tx.owed(1, 9) == [(before, trunk, 3), (before, left, 6)]
        assert tx.not_confirmed(1, bytes(32)) == [(trunk, 2), (left, 5)]
        assert [found.sealed for found in tx.logs()] == [0, 6]

    await store.submit(job)


async def test_a_seal_before_a_fork_stays_with_the_trunk(store: Store) -> None:
    def job(tx: Transaction) -> None:
        trunk = add_log(tx, add_scope(tx))
        put(tx, trunk, 1, 6, "a")
        tx.seal_logs([(trunk, 3)])
        fork(tx, trunk, 3, "left")
        assert [found.sealed for found in tx.logs()] == [3, 0]
        tx.seal_logs([(trunk, 0)])
        assert [found.sealed for found in tx.logs()] == [0, 0]

    await store.submit(job)


@pytest.mark.slow
async def test_forks_inside_forks_may_lie_deeper_than_a_program_can_call(store: Store) -> None:
    """Each costs its author one signature, and no author may end a node."""
    depth = sys.getrecursionlimit() + 100

    def job(tx: Transaction) -> None:
        log = add_log(tx, add_scope(tx))
        put(tx, log, 1, 2, "a")
        for base in range(1, depth):
            fork(tx, log, base, f"left {base}")
            log = add_branch(tx, 1, f"right {base}", log, base)
            put(tx, log, base + 1, base + 2, "b")
        found = tx.records(log, 1, depth + 1)
        assert [record.seq for record in found] == list(range(1, depth + 2))
        assert len(list(tx.stream_of(1, ENGRAM))) == 2 * depth
        assert len(list(tx.stream_of(1, ENGRAM, 1 << 50))) == 2 * depth

    await store.submit(job)


async def test_an_undone_split_leaves_one_log(store: Store) -> None:
    def job(tx: Transaction) -> None:
        put(tx, add_log(tx, add_scope(tx)), 1, 4, "a")
        try:
            with tx.savepoint():
                fork(tx, 1, 2, "left")
                raise KeyError
        except KeyError:
            pass
        assert [row.seq for row in tx.logs()] == [4]
        assert told(tx, 1, 1, 4) == ["a1", "a2", "a3", "a4"]

    await store.submit(job)


async def test_a_record_had_arrived_when_its_run_had(store: Store) -> None:
    def job(tx: Transaction) -> None:
        scope = add_scope(tx)
        trunk, other = add_log(tx, scope), add_log(tx, scope, "other")
        put(tx, trunk, 1, 3, "a", at=1_000)
        put(tx, other, 1, 1, "o", at=2_000)
        put(tx, trunk, 4, 5, "a", at=3_000)

        def at(ms: int) -> list[str]:
            return [text_of(found) for _, found in list(tx.stream_of(1, b"e" * 16, ms))]

        def check() -> None:
            assert at(999) == []
            assert at(1_000) == ["a1", "a2", "a3"]
            assert at(2_999) == ["a1", "a2", "a3", "o1"]
            assert at(3_000) == ["a1", "a2", "a3", "o1", "a4", "a5"]

        check()
        fork(tx, trunk, 2, "left")
        check()

    await store.submit(job)


async def test_where_the_time_of_arrival_is_unknown_the_record_s_own_clock_counts(
    store: Store,
) -> None:
    def job(tx: Transaction) -> None:
        put(tx, add_log(tx, add_scope(tx)), 1, 2, "a")
        own = (1 << 40) >> 16
        assert list(tx.stream_of(1, b"e" * 16, own - 1)) == []
        assert len(list(tx.stream_of(1, b"e" * 16, own))) == 2

    await store.submit(job)
