"""The row of an engram from its records alone: what is missing is owed."""

from collections.abc import Sequence
from typing import NamedTuple

from engram_crdt import EngramDocument, digest, elements_of_one
from engram_sync.errors import CorruptError
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import Record

from ._authors import Authors
from ._changes import change_of
from ._open_engram import OpenEngram
from ._shapes import Texts, plain_digest, plain_texts
from ._state import encode_view
from ._stored import Stored, stored_of
from ._tally import Owed, Standing
from ._views import life_number


class Rebuilt(NamedTuple):
    """An engram as its records make it."""

    row: EngramRow
    texts: Texts
    owed: Owed
    standing: Standing


def damaged(engram: bytes, error: Exception) -> CorruptError:
    """What a row or a record that cannot be read back means."""
    return CorruptError(
        f"memory {engram.hex()} cannot be read back: {error}",
        hint="copy the home aside, then restore it from a backup",
    )


def standing_of(reader: Reader, authors: Authors, row: EngramRow) -> Standing:
    """What the row of an engram was counted for when it was written."""
    try:
        if row.state is not None and row.digest is not None:
            return Standing(int.from_bytes(row.digest, "big"), row.life)
        log_id = authors.log_id(reader, row.log)
        return standing_of_one(log_id, reader.records(row.log, row.seq, row.seq)[0])
    except IndexError as error:
        raise damaged(row.engram, error) from error


def standing_of_one(log_id: bytes, record: Record) -> Standing:
    """What an engram counts for of which there is one record."""
    if plain_texts(record) is not None:
        return Standing(plain_digest(log_id, record), 0)
    elements = elements_of_one(record.engram, change_of(log_id, record))
    return Standing(digest(record.engram, elements), life_number(elements))


def rebuilt(
    reader: Reader,
    authors: Authors,
    scope: ScopeRow,
    engram: bytes,
    row: EngramRow | None,
) -> Rebuilt | None:
    """An engram from its records; None when none of them can be applied.

    Args:
        reader: The store.
        authors: Who wrote which log.
        scope: The row of its scope.
        engram: Its id.
        row: Its row so far; None when it has none.
    """
    records = stored_of(reader, authors, scope.id, reader.records_of(scope.n, engram))
    open_ = OpenEngram.of(engram, records)
    if not open_.records:
        return None
    owed, open_.erased = missing_of(reader, open_.document, records)
    shown = open_.shown()
    first = open_.first if row is None else (row.log, row.seq)
    plain = open_.records == 1 and open_.first == first
    standing = Standing(open_.document.digest(), life_number(shown.elements))
    made = EngramRow(
        row.n if row else 0,
        scope.n,
        engram,
        *first,
        open_.records,
        open_.newest,
        standing.life,
        shown.bits(),
        None if plain else open_.document.dump(),
        None if plain else encode_view(open_.view(shown)),
        None if plain else standing.digest.to_bytes(32, "big"),
    )
    return Rebuilt(made, shown.search_texts(), owed, standing)


def missing_of(
    reader: Reader, document: EngramDocument, records: Sequence[Stored]
) -> tuple[Owed, bool]:
    """(log, seq) of the records whose payload is owed, and whether that of any was erased.

    A payload is owed while a value of it is live: what nothing shows any more need not be fetched.
    """
    missing = [s for s in records if s.record.payload is None]
    if not missing:
        return (), False
    gone = {(s.log, s.record.seq) for s in missing if reader.erased(s.log, [s.record.seq])}
    live = {(element.dot.log, element.seq) for element in document.elements()}
    live |= {(span.dot.log, span.seq) for span in document.spans()}
    owed = [
        (s.log, s.record.seq)
        for s in missing
        if (s.log, s.record.seq) not in gone and (s.log_id, s.record.seq) in live
    ]
    return tuple(owed), bool(gone)
