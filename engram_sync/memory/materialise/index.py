"""What of an engram is searched, and how many of them are made searchable at once."""

from collections.abc import Iterable, Mapping

from engram_crdt import Dot, Element
from engram_sync.memory.state.engram_state import load_state
from engram_sync.memory.state.log_directory import LogDirectory
from engram_sync.memory.state.recent import Recent
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.model import fields as fields
from engram_sync.model.limits import FLUSH_ROWS
from engram_sync.model.shapes import SearchedTexts, plain_texts
from engram_sync.model.values import distinct, plain, unique
from engram_sync.store import EngramRow, Reader, ScopeRow, Transaction

DELETED = 2


def texts_of(elements: Iterable[Element], bodies: Mapping[Dot, str] | None = None) -> SearchedTexts:
    """The searchable texts of live elements: every sibling can be found by its own words.

    Args:
        elements: The live elements.
        bodies: The collaborative texts, which count as content.
    """
    by: dict[str, list[Element]] = {fields.TITLE: [], fields.CONTENT: [], fields.TAGS: []}
    for element in elements:
        if element.collection in by:
            by[element.collection].append(element)
    title, content = (
        [str(plain(v)) for v in unique(by[n])] for n in (fields.TITLE, fields.CONTENT)
    )
    tags = [str(plain(v)) for v in distinct(by[fields.TAGS])]
    content += (bodies or {}).values()
    return SearchedTexts("\n".join(title), "\n".join(content), "\n".join(tags))


def flush_index(
    tx: Transaction, logs: LogDirectory, recent: Recent | None = None, *, limit: int = FLUSH_ROWS
) -> int:
    """Index up to ``limit`` engrams that wait for it, by what is live of them now and nothing else;
    ``recent`` is what the writer knows.

    Returns:
        How many were done; fewer than ``limit`` means that none wait any more.
    """
    rows = tx.unindexed_engrams(limit)
    scopes = {scope.n: scope for scope in tx.scopes()}
    wanted: list[tuple[int, str, str, str]] = []
    for row in rows:
        if row.life >= DELETED:
            tx.unindex(row.n)
            continue
        title, content, tags = searched(Snapshot(tx, logs), scopes[row.scope], row, recent)
        wanted.append((row.n, title, content, tags))
    tx.index_many(wanted)
    return len(rows)


def searched(
    snapshot: Snapshot,
    scope: ScopeRow,
    row: EngramRow,
    recent: Recent | None = None,
) -> SearchedTexts:
    """The texts by which an engram that is not deleted is found."""
    texts = _texts_of_one(snapshot.reader, row)
    if texts is None:
        state = load_state(snapshot, scope, row, recent)
        texts = texts_of(state.elements, state.texts)
    return texts


def _texts_of_one(reader: Reader, row: EngramRow) -> SearchedTexts | None:
    if row.digest is not None:
        return None
    records = reader.records(row.log, row.seq, row.seq)
    return plain_texts(records[0]) if records else None
