"""Which runs every store joins, and which it leaves alone."""

from engram_sync.store import MergedRuns, RunRow, Store, Transaction
from engram_wire import RUN_BYTES_MAX, RUN_RECORDS_MAX

from .families import fork, put
from .rows import add_log, add_scope, engram_row, id_of, record

NOW = 10_000


def materialise(tx: Transaction) -> None:
    """Let every run of scope 1 count as materialised."""
    row = tx.scope(1)
    assert row is not None
    tx.update_scope(row._replace(materialised=tx.last_arrival(1)))


def held(tx: Transaction) -> list[tuple[int, int, int, int]]:
    """(arrival, log, first, last) of every run."""
    return [run[0:1] + run[2:5] for run in tx.runs(1, 0, 999)]


def line(tx: Transaction, lasts: list[int], *, at: int = 1_000) -> int:
    """A log whose runs end at ``lasts``, all materialised."""
    log = add_log(tx, add_scope(tx))
    first = 1
    for last in lasts:
        put(tx, log, first, last, "a", at=at)
        first = last + 1
    materialise(tx)
    return log


async def test_neighbouring_runs_of_one_log_become_one(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = line(tx, [1, 2, 5])
        records = tx.records(log, 1, 5)
        assert tx.merge_runs(1, 99, NOW) == MergedRuns(2, None)
        assert tx.runs(1, 0, 9) == [RunRow(3, 1, log, 1, 5, id_of("a5"), b"g" * 64, 1_000)]
        assert tx.records(log, 1, 5) == records
        assert tx.merge_runs(1, 99, NOW) == MergedRuns(0, None)

    await store.submit(job)


async def test_runs_with_another_log_s_between_them_stay(store: Store) -> None:
    def job(tx: Transaction) -> None:
        one = line(tx, [1])
        two = add_log(tx, 1, "two")
        put(tx, two, 1, 1, "b")
        put(tx, one, 2, 2, "a")
        put(tx, one, 3, 3, "a")
        materialise(tx)
        assert tx.merge_runs(1, 99, NOW).removed == 1
        assert held(tx) == [(1, one, 1, 1), (2, two, 1, 1), (4, one, 2, 3)]

    await store.submit(job)


async def test_a_merged_run_is_no_longer_than_a_frame(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = line(tx, [200, RUN_RECORDS_MAX - 1, RUN_RECORDS_MAX, RUN_RECORDS_MAX + 1])
        tx.merge_runs(1, 99, NOW)
        assert held(tx) == [
            (3, log, 1, RUN_RECORDS_MAX),
            (4, log, RUN_RECORDS_MAX + 1, RUN_RECORDS_MAX + 1),
        ]

    await store.submit(job)


async def test_a_merged_run_is_no_heavier_than_a_frame(store: Store) -> None:
    # As in a frame: payload, the fixed part of a body, three absent columns, the shape.
    weight = 29 + 3 + len(record(1).shape)
    half = b"x" * (RUN_BYTES_MAX // 2 - weight)

    def job(tx: Transaction) -> None:
        log = add_log(tx, add_scope(tx))
        for seq, payload in enumerate([half, half, half, half + b"x"], start=1):
            tx.put_records(log, [record(seq, payload=payload)])
            tx.put_run(log, seq, seq, id_of(str(seq)), b"g" * 64)
        materialise(tx)
        tx.merge_runs(1, 99, NOW)
        assert held(tx) == [(2, log, 1, 2), (3, log, 3, 3), (4, log, 4, 4)]

    await store.submit(job)


async def test_what_is_recent_or_not_materialised_or_owed_stays(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = line(tx, [1, 2, 3, 4, 5, 6])
        put(tx, log, 7, 7, "a", at=NOW)
        materialise(tx)
        put(tx, log, 8, 8, "a", at=1_000)
        (n,) = tx.put_engrams([engram_row(1, b"e" * 16, 1)])
        tx.drop_payloads([(log, 5)])
        tx.put_owed(n, [(log, 5)])
        assert tx.merge_runs(1, 99, NOW).removed == 3
        assert [run[2:] for run in held(tx)] == [(1, 4), (5, 5), (6, 6), (7, 7), (8, 8)]
        tx.clear_owed(n)
        assert tx.merge_runs(1, 99, NOW).removed == 2
        assert [run[2:] for run in held(tx)] == [(1, 6), (7, 7), (8, 8)]

    await store.submit(job)


async def test_a_position_that_lost_its_signature_is_found_as_before(store: Store) -> None:
    """Any marked position may be named by a record that has not arrived yet."""

    def job(tx: Transaction) -> None:
        log = line(tx, [2, 4, 6])
        foreign = add_log(tx, add_scope(tx, "other"), "foreign")
        tx.merge_runs(1, 99, NOW)
        tx.put_marks(log, [(5, id_of("inside"))])
        found = [tx.position_of(1, id_of(head)) for head in ("a2", "a4", "a6", "inside")]
        assert found == [(log, 2), (log, 4), (log, 6), (log, 5)]
        assert tx.position_of(2, id_of("a2")) is None
        assert tx.position_of(1, id_of("a3")) is None
        left = fork(tx, log, 3, "left")
        assert tx.position_of(1, id_of("a2")) == (log, 2)
        assert tx.position_of(1, id_of("a4")) == (left, 4)
        assert foreign != log

    await store.submit(job)


async def test_a_run_that_straddles_a_fork_stays(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = line(tx, [2, 4, 5, 6])
        left = fork(tx, log, 3, "left")
        assert tx.merge_runs(1, 99, NOW).removed == 1
        assert held(tx) == [(1, log, 1, 2), (2, left, 3, 4), (4, left, 5, 6)]

    await store.submit(job)


async def test_steps_of_any_size_come_to_the_same_end(store: Store) -> None:
    def job(tx: Transaction) -> None:
        log = line(tx, list(range(1, 30)))
        other = add_log(tx, 1, "other")
        for seq in range(30, 40):
            if seq % 4 == 0:
                put(tx, other, seq // 4, seq // 4, "b")
            put(tx, log, seq, seq, "a")
        materialise(tx)
        ends: set[tuple[tuple[int, int, int, int], ...]] = set()
        for limit in (1, 2, 3, 7, 999):
            try:
                with tx.savepoint():
                    after = tx.merge_runs(1, limit, NOW).arrival
                    while after is not None:
                        after = tx.merge_runs(1, limit, NOW, after_arrival=after).arrival
                    ends.add(tuple(held(tx)))
                    raise KeyError
            except KeyError:
                pass
        (end,) = ends
        assert [run[2:] for run in end if run[1] == log] == [(1, 31), (32, 35), (36, 39)]

    await store.submit(job)
