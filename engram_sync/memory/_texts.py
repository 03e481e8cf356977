"""What of an engram is searched, and how many of them are made searchable at once."""

from collections.abc import Iterable

from engram_crdt import Element
from engram_sync.store import EngramRow, Reader, Transaction

from . import _fields as fields
from ._authors import Authors
from ._limits import FLUSH_ROWS
from ._shapes import Texts, plain_texts
from ._state import load_state
from ._values import plain, unique

_DELETED = 2


def texts_of(elements: Iterable[Element]) -> Texts:
    """The searchable texts of live elements: every sibling can be found by its own words."""
    by: dict[str, list[Element]] = {fields.TITLE: [], fields.CONTENT: [], fields.TAGS: []}
    for element in elements:
        if element.collection in by:
            by[element.collection].append(element)
    return Texts(*["\n".join(str(plain(value)) for value in unique(g)) for g in by.values()])


def flush_index(tx: Transaction, authors: Authors, *, limit: int = FLUSH_ROWS) -> int:
    """Index up to ``limit`` engrams that wait for it.

    Returns:
        How many were done; fewer than ``limit`` means that none wait any more.
    """
    scopes = {scope.n: scope for scope in tx.scopes()}
    rows = tx.unindexed_engrams(limit)
    wanted: list[tuple[int, str, str, str]] = []
    for row in rows:
        if row.life == _DELETED:
            tx.unindex(row.n)
            continue
        texts = _texts_of_one(tx, row)
        if texts is None:
            texts = texts_of(load_state(tx, authors, scopes[row.scope], row).elements)
        wanted.append((row.n, texts.title, texts.content, texts.tags))
    tx.index_many(wanted)
    return len(rows)


def _texts_of_one(reader: Reader, row: EngramRow) -> Texts | None:
    if row.view is not None:
        return None
    records = reader.records(row.log, row.seq, row.seq)
    return plain_texts(records[0]) if records else None
