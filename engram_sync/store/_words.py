"""Whether the index of words has what it should: it keeps no texts that could be compared."""

from collections.abc import Iterator, Sequence
from typing import cast

import apsw

from ._statements import Statements

COLUMNS = ("title", "content", "tags")
WORDS_MAX = 64
"""Of each column, so many words are looked for."""


def has_words(sql: Statements, n: int, texts: Sequence[str]) -> bool:
    """Whether the entry of engram ``n`` is of these texts; also where it waits to be indexed."""
    if sql.one("SELECT 1 FROM unindexed WHERE n = ?", (n,)) is not None:
        return True
    tokenise = sql.connection.fts5_tokenizer("porter", ["unicode61"])
    counts: list[int] = []
    wanted: list[str] = []
    for column, text in zip(COLUMNS, texts, strict=True):
        data = text.encode()
        found = cast(
            "list[tuple[int, int, str]]",
            tokenise(data, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_colocated=False),
        )
        counts.append(len(found))
        # By its stem, which is what is indexed; the stem of a stem may be another one.
        words = {stem: data[start:end].decode() for start, end, stem in found}
        wanted += [f'{column} : "{word}"' for word in [*words.values()][:WORDS_MAX]]
    kept = sql.one("SELECT sz FROM fts_docsize WHERE id = ?", (n,))
    if kept is None or list(_numbers(kept[0])) != counts:
        return False
    match = " AND ".join(wanted)
    query = "SELECT 1 FROM fts WHERE fts MATCH ? AND rowid = ?"
    return not match or sql.one(query, (match, n)) is not None


def _numbers(data: bytes) -> Iterator[int]:
    """What SQLite has written as varints, of which none takes nine bytes here."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            yield value
            value = 0
