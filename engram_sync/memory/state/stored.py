"""StoredRecord records with what is needed to apply them to a document."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from engram_sync.errors import CorruptError
from engram_sync.ledger import Draft
from engram_sync.store import Reader, ScopeRow
from engram_wire import NO_SUPERSEDED, Record

from .changes import is_applied
from .references import References
from .snapshot import Snapshot


class StoredRecord(NamedTuple):
    """A record, the log that it belongs to, and what its references mean."""

    log: int
    log_id: bytes
    record: Record
    naming: References | None = None
    """None while no log of the scope is forked, and where the record refers to nothing."""


def stored_in(
    snapshot: Snapshot, scope: bytes, log: int, records: Iterable[Record]
) -> list[StoredRecord]:
    """The applied ones among records of one log: those of a kind that changes it, that count."""
    return [s for s in _standing(snapshot, scope, log, records) if is_applied(s.record)]


def _standing(
    snapshot: Snapshot, scope: bytes, log: int, records: Iterable[Record]
) -> list[StoredRecord]:
    reader = snapshot.reader
    log_id, naming = snapshot.log_id(log), snapshot.logs.naming(reader, scope, log)
    if reader.counts_until(log) is not None:
        records = [record for record in records if reader.counts(log, record.seq)]
    if naming is None:
        return [StoredRecord(log, log_id, record) for record in records]
    return [
        StoredRecord(
            log, log_id, r, naming(r) if is_applied(r) and r.superseded != NO_SUPERSEDED else None
        )
        for r in records
    ]


def streamed(
    snapshot: Snapshot, scope: ScopeRow, engram: bytes, at_ms: int | None = None
) -> Iterator[StoredRecord]:
    """What a document of one engram is made of, a few records of it in memory at once: also those
    that only take clocks.

    Rows have their clocks from the store; a document counts them, and what comes after a record of
    a kind that is not known here is called after the clocks that it took.

    Args:
        snapshot: What is read.
        scope: The row of the scope.
        engram: Id of the engram.
        at_ms: Only what had arrived here by then; None for all that is held.
    """
    for log, record in snapshot.reader.stream_of(scope.n, engram, at_ms):
        yield from _standing(snapshot, scope.id, log, [record])


def next_clock(reader: Reader, engram: bytes, own_log: bytes) -> int:
    """The clock that the next put to an engram takes in a log, whatever is shown of the engram."""
    log = reader.log_by_id(own_log)
    return 0 if log is None else reader.clocks(engram, log.n)


def clocks_seen(reader: Reader, scope: int, drafts: Iterable[Draft]) -> dict[bytes, int]:
    """The largest clock that is shown here of each engram that the drafts change.

    What is shown is what their author has seen: the clock of a change lies above that of every
    record it can name.
    """
    engrams = {draft.engram for draft in drafts}
    rows = (reader.engram(scope, engram) for engram in engrams)
    return {row.engram: row.hlc for row in rows if row is not None}


def follows(reader: Reader, stored: StoredRecord) -> bool:
    """Whether an earlier record of its log took clocks of its engram, of whatever kind."""
    return reader.first_clock(stored.log, stored.record.seq) > 0


def damaged(engram: bytes, error: Exception) -> CorruptError:
    """The error for an engram whose rows or records cannot be read back."""
    return CorruptError(
        f"memory {engram.hex()} cannot be read back: {error}",
        hint="copy the home aside, then restore it from a backup",
    )
