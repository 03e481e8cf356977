"""Whether the index of words has what it should, on both kinds of store."""

import pytest

from engram_sync.store import Store, Transaction

TEXTS = ("Deploys", 'We deploy on Tuesdays, İstanbul and «naïve» "quotes" OR not', "ops it's x:y")


@pytest.mark.parametrize(
    "other",
    [
        ("Deploys", TEXTS[1].replace("Tuesdays", "Thursdays"), TEXTS[2]),
        ("", *TEXTS[1:]),
        (*TEXTS[:2], "ops it's x:y more"),
        (TEXTS[1], TEXTS[0], TEXTS[2]),
        ("", "", ""),
    ],
)
async def test_an_entry_of_other_words_is_told_from_one_of_these(
    store: Store, other: tuple[str, str, str]
) -> None:
    def put(tx: Transaction) -> None:
        assert not tx.indexed_as(1, TEXTS), "it has no entry"
        tx.index_many([(1, *TEXTS), (2, *other), (3, "", "", "")])
        assert tx.indexed_as(1, TEXTS)
        assert tx.indexed_as(2, other)
        assert tx.indexed_as(3, ("", "", ""))
        assert not tx.indexed_as(1, other)
        assert not tx.indexed_as(2, TEXTS)
        tx.mark_unindexed(2)
        assert tx.indexed_as(2, TEXTS), "it waits"

    await store.submit(put)


async def test_of_a_long_text_all_words_are_counted(store: Store) -> None:
    words = [f"word{number}" for number in range(1_000)]

    def put(tx: Transaction) -> None:
        tx.index_many([(1, "", " ".join(words), "")])
        assert tx.indexed_as(1, ("", " ".join(words), ""))
        assert not tx.indexed_as(1, ("", " ".join(words[:-1]), ""))
        assert not tx.indexed_as(1, ("", " ".join(["other", *words[1:]]), ""))

    await store.submit(put)
