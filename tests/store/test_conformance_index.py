"""What every store promises about finding words and ids; each test runs against all of them."""

import pytest

from engram_sync.store import Reader, Store, Transaction

from .rows import add_scope, engram_row

TEXTS = {
    1: ("Deploys", "Deploys go out on Tuesdays", "ops release"),
    2: ("", "we deployed twice", "ops"),
    3: ("", "coffee is in the kitchen", ""),
}


def _index(tx: Transaction) -> tuple[int, int]:
    one, two = add_scope(tx, "one"), add_scope(tx, "two")
    tx.put_engrams([engram_row(one, b"1" * 16, 10), engram_row(two, b"2" * 16, 20)])
    tx.put_engrams([engram_row(one, b"3" * 16, 30)])
    tx.mark_many_unindexed([1, 2, 3])
    tx.index_many([(n, *TEXTS[n]) for n in (1, 2)])
    tx.index(3, *TEXTS[3])
    return one, two


async def test_words_find_engrams_in_any_form_best_first(store: Store) -> None:
    one, two = await store.submit(_index)

    def found(reader: Reader, *terms: str) -> list[int]:
        hits = reader.search(terms, limit=10)
        assert [score for _, score in hits] == sorted(score for _, score in hits)
        return [n for n, _ in hits]

    def check(reader: Reader) -> None:
        assert found(reader, "deploying", "tuesday") == [1, 2]
        assert found(reader, "kitchen", "absent") == [3]
        assert found(reader, "KITCHEN") == [3]
        assert found(reader) == []
        assert reader.search(["ops"], limit=1)[0][0] in {1, 2}
        assert [n for n, _ in reader.search(["ops"], limit=9, scopes=[two])] == [2]
        assert [n for n, _ in reader.search(["ops"], limit=9, scopes=[])] == []
        assert [n for n, _ in reader.search(["ops"], limit=9, since_hlc=11)] == [2]
        assert [n for n, _ in reader.search(["ops"], limit=9, scopes=[one], since_hlc=9)] == [1]

    await store.read(check)


@pytest.mark.parametrize("term", ['"', "a OR b", "NEAR(", "*", "title:", "\0", "^x", "-", "", "'"])
async def test_nothing_in_a_search_term_is_an_operator(store: Store, term: str) -> None:
    await store.submit(_index)
    assert await store.read(lambda reader: reader.search([term], limit=9)) == []
    hits = await store.read(lambda reader: reader.search([term, "kitchen"], limit=9))
    assert [n for n, _ in hits] == [3]


async def test_document_frequency_counts_what_a_search_would_find(store: Store) -> None:
    await store.submit(_index)
    terms = ["ops", "deploy", "Kitchen", "absent", "go out", "kitchen-ops", "", "!"]
    seen = await store.read(lambda reader: [reader.document_frequency(term) for term in terms])
    assert seen == [2, 2, 1, 0, 1, 1, 0, 0]


async def test_an_engram_is_found_by_its_newest_words_only(store: Store) -> None:
    await store.submit(_index)
    await store.submit(lambda tx: tx.index(3, "", "tea is in the pantry", ""))

    def hits(reader: Reader, term: str) -> list[int]:
        return [n for n, _ in reader.search([term], limit=9)]

    assert await store.read(lambda reader: hits(reader, "kitchen")) == []
    assert await store.read(lambda reader: hits(reader, "pantry")) == [3]
    await store.submit(lambda tx: tx.unindex(3))
    await store.submit(lambda tx: tx.unindex(3))
    assert await store.read(lambda reader: hits(reader, "pantry")) == []


async def test_marked_engrams_wait_until_they_are_indexed_or_unindexed(store: Store) -> None:
    def mark(tx: Transaction) -> None:
        scope = add_scope(tx)
        tx.put_engrams([engram_row(scope, bytes([k]) * 16, k) for k in range(4)])
        tx.mark_many_unindexed([1, 2, 3])
        tx.mark_unindexed(3)

    await store.submit(mark)
    assert await store.read(lambda reader: reader.unindexed()) == 3
    waiting = await store.read(lambda reader: reader.unindexed_engrams(2))
    assert [row.n for row in waiting] == [1, 2]
    await store.submit(lambda tx: tx.index(1, "", "text", ""))
    await store.submit(lambda tx: tx.unindex(2))
    assert [row.n for row in await store.read(lambda reader: reader.unindexed_engrams(9))] == [3]


async def test_an_engram_is_found_by_an_unambiguous_prefix_of_its_id(store: Store) -> None:
    ids = [bytes.fromhex(text.ljust(32, "0")) for text in ("abcdef01", "abcdef02", "abd")]

    def put(tx: Transaction) -> tuple[int, int]:
        one, two = add_scope(tx, "one"), add_scope(tx, "two")
        tx.put_engrams([engram_row(one, ids[0], 1), engram_row(two, ids[1], 1)])
        tx.put_engrams([engram_row(two, ids[2], 1)])
        return one, two

    one, _ = await store.submit(put)

    def find(reader: Reader, prefix: str, scope: int | None = None) -> list[bytes]:
        return [row.engram for row in reader.find(prefix, scope=scope)]

    assert await store.read(lambda reader: find(reader, "abcdef01")) == [ids[0]]
    assert await store.read(lambda reader: find(reader, "abcdef0")) == ids[:2]
    assert await store.read(lambda reader: find(reader, "abcdef0", one)) == [ids[0]]
    assert await store.read(lambda reader: find(reader, "ab")) == ids[:2]
    assert await store.read(lambda reader: find(reader, ids[2].hex())) == [ids[2]]
    assert await store.read(lambda reader: find(reader, "ff")) == []
