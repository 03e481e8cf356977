"""The row of an engram from its records alone: what must wait is hidden, what is missing is owed.

The document and the digest hold every record, so that nodes agree whatever their clocks say.  What
readers see leaves out records from the future, until their time comes.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engram_crdt import DocumentError, EngramDocument, digest, elements_of_one
from engram_sync.errors import CorruptError
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import Record

from ._authors import Authors
from ._changes import change_of
from ._open_engram import OpenEngram
from ._shapes import Texts, plain_digest, plain_texts
from ._state import encode_view
from ._stored import Stored, stored_of
from ._tally import HIDDEN, Marks, Standing
from ._views import life_number


class Rebuilt(NamedTuple):
    """An engram as its records make it."""

    row: EngramRow
    texts: Texts
    marks: Marks
    standing: Standing


def damaged(engram: bytes, error: Exception) -> CorruptError:
    """What a row or a record that cannot be read back means."""
    return CorruptError(
        f"memory {engram.hex()} cannot be read back: {error}",
        hint="copy the home aside, then restore it from a backup",
    )


def standing_of(reader: Reader, authors: Authors, scope: ScopeRow, row: EngramRow) -> Standing:
    """What the row of an engram was counted for when it was written."""
    try:
        if row.state is not None and row.digest is not None:
            if row.life != HIDDEN and not reader.quarantine_count(scope.n):
                return Standing(int.from_bytes(row.digest, "big"), row.life)
            document = EngramDocument.load(row.engram, row.state)
        else:
            log_id = authors.log_id(reader, row.log)
            return standing_of_one(log_id, reader.records(row.log, row.seq, row.seq)[0])
    except (DocumentError, IndexError) as error:
        raise damaged(row.engram, error) from error
    return _standing(document)


def standing_of_one(log_id: bytes, record: Record) -> Standing:
    """What an engram counts for of which there is one record."""
    if plain_texts(record) is not None:
        return Standing(plain_digest(log_id, record), 0)
    elements = elements_of_one(record.engram, change_of(log_id, record))
    return Standing(digest(record.engram, elements), life_number(elements))


def _standing(document: EngramDocument) -> Standing:
    return Standing(document.digest(), life_number(document.elements()))


def rebuilt(
    reader: Reader,
    authors: Authors,
    scope: ScopeRow,
    engram: bytes,
    row: EngramRow | None,
    latest: int,
) -> Rebuilt | None:
    """An engram from its records; None when none of them can be applied.

    Args:
        reader: The store.
        authors: Who wrote which log.
        scope: The row of its scope.
        engram: Its id.
        row: Its row so far; None when it has none.
        latest: The largest clock that may be shown.
    """
    records = stored_of(reader, authors, scope.id, reader.records_of(scope.n, engram))
    whole = OpenEngram.of(engram, records)
    if not whole.records:
        return None
    future = min((s.record.hlc for s in records if s.record.hlc > latest), default=0)
    open_ = whole
    if future:
        open_ = OpenEngram.of(engram, [s for s in records if s.record.hlc <= latest])
    owed, erased = missing_of(reader, {whole.document, open_.document}, records)
    open_.erased = erased
    shown = open_.shown()
    first = whole.first if row is None else (row.log, row.seq)
    plain = whole.records == 1 and whole.first == first
    standing = _standing(whole.document)
    made = EngramRow(
        row.n if row else 0,
        scope.n,
        engram,
        *first,
        whole.records,
        open_.newest or whole.newest,
        life_number(shown.elements) if open_.records else HIDDEN,
        shown.bits(),
        None if plain else whole.document.dump(),
        None if plain else encode_view(open_.view(shown)),
        None if plain else standing.digest.to_bytes(32, "big"),
    )
    return Rebuilt(made, shown.search_texts(), Marks(owed, future), standing)


def missing_of(
    reader: Reader, documents: Iterable[EngramDocument], records: Sequence[Stored]
) -> tuple[tuple[tuple[int, int], ...], bool]:
    """(log, seq) of the records whose payload is owed, and whether that of any was erased.

    A payload is owed while a value of it is live in one of the documents, which are the engram with
    and without the future: what nothing shows any more need not be fetched.
    """
    missing = [s for s in records if s.record.payload is None]
    if not missing:
        return (), False
    gone = {(s.log, s.record.seq) for s in missing if reader.erased(s.log, [s.record.seq])}
    live: set[tuple[bytes, int]] = set()
    for document in documents:
        live |= {(element.dot.log, element.seq) for element in document.elements()}
        live |= {(span.dot.log, span.seq) for span in document.spans()}
    owed = [
        (s.log, s.record.seq)
        for s in missing
        if (s.log, s.record.seq) not in gone and (s.log_id, s.record.seq) in live
    ]
    return tuple(owed), bool(gone)
