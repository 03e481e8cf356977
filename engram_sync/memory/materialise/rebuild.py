"""The rows of an engram from its records, and after its logs were given other names."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter

from engram_crdt import (
    CLOCK_MAX,
    DIGEST_MODULUS,
    Dot,
    Element,
    digest,
    element_hash,
    elements_of_one,
)
from engram_sync.memory.state.changes import change_of, is_applied, puts_of
from engram_sync.memory.state.log_directory import LogDirectory
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import damaged, stored_in, streamed
from engram_sync.model.claims import claims_of, life_from
from engram_sync.model.life import life_number
from engram_sync.model.shapes import plain_digest, plain_texts
from engram_sync.store import ElementRow, EngramRow, PartRow, ScopeRow, Transaction
from engram_wire import Record

from .live import LiveEngram
from .scope_delta import Contribution

_NOTHING = bytes(32)


def standing_of(snapshot: Snapshot, row: EngramRow) -> Contribution:
    """What the row of an engram counts for: as it was written, whatever its record holds by now."""
    if row.digest is not None:
        return Contribution(int.from_bytes(row.digest, "big"), row.life)
    try:
        record = snapshot.reader.records(row.log, row.seq, row.seq)[0]
    except IndexError as error:
        raise damaged(row.engram, error) from error
    (standing,) = standings_of_one((snapshot.log_id(row.log),), record)
    return standing._replace(life=row.life)


def standings_of_one(names: Iterable[bytes], record: Record) -> list[Contribution]:
    """What an engram counts for of which there is one record, by each name of its log."""
    if plain_texts(record) is not None:
        return [Contribution(plain_digest(name, record), 0) for name in names]
    made = [elements_of_one(record.engram, change_of(name, record)) for name in names]
    return [Contribution(digest(record.engram, each), life_number(each)) for each in made]


def _blank(row: EngramRow) -> EngramRow:
    """The row before its first record."""
    return row._replace(
        records=0, hlc=0, created=0, conflict=0, live=0, dead=0, erased=False, digest=_NOTHING
    )


def expanded(tx: Transaction, logs: LogDirectory, scope: ScopeRow, row: EngramRow) -> EngramRow:
    """Give an engram with one record rows of its own, because the next one comes."""
    live = LiveEngram(tx, logs, _blank(row), row.born)
    found = tx.records(row.log, row.seq, row.seq)
    tx.clear_owed(row.n)
    for stored in stored_in(Snapshot(tx, logs), scope.id, row.log, found):
        live.apply(stored)
    return live.finish()


def remade(
    tx: Transaction, logs: LogDirectory, scope: ScopeRow, row: EngramRow, change: int
) -> EngramRow | None:
    """Make the rows of an engram anew from its records.

    Args:
        tx: The transaction.
        logs: Who wrote which log.
        scope: The row of its scope.
        row: Its row so far.
        change: Number of the change of the scope.

    Returns:
        Its row; None when none of its records counts.
    """
    return _remade(tx, logs, scope, row, change, _births(tx, logs, row.n))


def _remade(
    tx: Transaction,
    logs: LogDirectory,
    scope: ScopeRow,
    row: EngramRow,
    change: int,
    known: Mapping[Dot, int],
) -> EngramRow | None:
    tx.clear_engram(row.n)
    logs.texts.drop(row.n)
    live = LiveEngram(tx, logs, _blank(row), change, known)
    for stored in streamed(Snapshot(tx, logs), scope, row.engram):
        if is_applied(stored.record):
            live.apply(stored)
    made = live.finish()
    return made if made.records else None


def _births(tx: Transaction, logs: LogDirectory, n: int) -> dict[Dot, int]:
    """When each live element of an engram appeared."""
    rows = tx.elements(n)
    return {Dot(logs.log_id(tx, each.log), each.clock): each.born for each in rows}


def renamed(
    tx: Transaction, logs: LogDirectory, scope: ScopeRow, row: EngramRow, trunk: int, moved: int
) -> EngramRow:
    """Follow a log that was divided in the rows of an engram with several records."""
    begins = tx.clocks(row.engram, trunk)
    if tx.text(row.n) is not None:
        # Every unit of a text has a name, and so have its places.  The rows have the old ones
        # still, and their records are found by the new ones alone.
        before, after = logs.log_id(tx, trunk), logs.log_id(tx, moved)
        known = {
            Dot(after, dot.clock - begins)
            if dot.log == before and dot.clock >= begins
            else dot: born
            for dot, born in _births(tx, logs, row.n).items()
        }
        made = _remade(tx, logs, scope, row, scope.changes + 1, known)
        assert made is not None, "other names make no record invalid"
        return made
    rows = tx.take_span(row.n, trunk, begins, CLOCK_MAX + 1)
    total = int.from_bytes(row.digest or b"", "big")
    named: list[ElementRow] = []
    name = logs.log_id(tx, moved)
    for seq, some in groupby(sorted(rows, key=attrgetter("seq")), key=attrgetter("seq")):
        record, first = tx.records(moved, seq, seq)[0], tx.first_clock(moved, seq)
        puts = puts_of(record)
        for each in some:
            dot = Dot(name, each.clock - begins)
            value = puts[dot.clock - first][1]
            element = Element(each.collection, dot, record.hlc, value, record.payload_hash, seq)
            hashed = element_hash(row.engram, element.collection, dot, element.payload_hash)
            total += hashed - int.from_bytes(each.digest, "big")
            said = hashed.to_bytes(32, "big"), *claims_of(element)
            named.append(ElementRow(moved, dot.clock, seq, each.collection, each.born, *said))
    tx.put_elements(row.n, named)
    part, fork = tx.part(row.n, trunk), tx.log(moved)
    if part is not None and fork is not None and part.seq > fork.base:
        tx.put_part(row.n, PartRow(moved, part.clock - begins, part.seq))
        tx.put_part(row.n, PartRow(trunk, begins, fork.base))
    return row._replace(
        digest=(total % DIGEST_MODULUS).to_bytes(32, "big"),
        changed=scope.changes + 1,
        # Of equal clocks the names decide.
        life=life_from(tx.heaviest_life(row.n), live=row.live),
    )
