"""How far logs count, on both kinds of store."""

from engram_sync.store import Store, Transaction

from .rows import add_log, add_scope


async def test_a_log_counts_as_far_as_nothing_is_void_or_cut_off(store: Store) -> None:
    def put(tx: Transaction) -> None:
        scope = add_scope(tx)
        log = add_log(tx, scope, "a")
        found = tx.log(log)
        assert found is not None
        assert (tx.cut(log), tx.counts_until(log)) == (None, None)
        tx.set_cut(log, 7)
        assert (tx.cut(log), tx.counts_until(log)) == (7, 7)
        tx.put_void(scope, found.id, found.author, 5)
        assert (tx.cut(log), tx.counts_until(log)) == (7, 5)
        tx.set_cut(log, 0)
        assert (tx.cut(log), tx.counts_until(log)) == (0, 0)
        tx.set_cut(log, None)
        assert (tx.cut(log), tx.counts_until(log)) == (None, 5)

    await store.submit(put)


async def test_records_beyond_a_cut_off_are_counted_by_scope(store: Store) -> None:
    def put(tx: Transaction) -> None:
        scope, other = add_scope(tx), add_scope(tx, "other")
        log, full = add_log(tx, scope, "a"), add_log(tx, scope, "b")
        for one in (log, full):
            tx.set_head(one, 9, b"h" * 32, 1)
        assert tx.beyond_cuts(scope) == 0
        tx.set_cut(log, 7)
        tx.set_cut(full, 12)
        assert (tx.beyond_cuts(scope), tx.beyond_cuts(other)) == (2, 0)
        tx.set_cut(full, 0)
        assert tx.beyond_cuts(scope) == 2 + 9

    await store.submit(put)
