"""From stored records to engram rows, digests, counts and search marks.

Runs inside a writer's job, so what it derives commits together with what it read.  Everything it
writes can be computed again from the records.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_crdt import DocumentError, EngramDocument, digest, elements_of_one
from engram_sync.conflicts import bits
from engram_sync.errors import CorruptError
from engram_sync.store import EngramRow, Reader, RunRow, ScopeRow, Transaction
from engram_wire import Record

from ._authors import Authors
from ._changes import change_of, is_applied
from ._limits import DIRECT_INDEX_RECORDS_MIN, SLICE_RECORDS
from ._shapes import Texts, plain_digest, plain_texts
from ._state import created_of, encode_view
from ._texts import texts_of
from ._views import life_number

_DELETED = 2
_DIGESTS = 1 << 256
_RUNS_PER_READ = 32  # In bulk four runs make a slice; live ones hold a record each.


class Swept(NamedTuple):
    """What one slice of a sweep did."""

    records: int
    """Records looked at; 0 means that nothing is left to do."""
    changed: tuple[bytes, ...]
    """Ids of the engrams whose rows were added or changed."""


class _Stored(NamedTuple):
    """A record and the log it came in."""

    log: int
    log_id: bytes
    record: Record


@dataclass(slots=True)
class _Tally:
    """What a batch changes about its scope, written once at its end."""

    digest: int = 0
    live: int = 0
    deleted: int = 0
    added: list[EngramRow] = field(default_factory=list[EngramRow])
    added_texts: list[Texts] = field(default_factory=list[Texts])
    updated: list[EngramRow] = field(default_factory=list[EngramRow])
    updated_texts: list[Texts] = field(default_factory=list[Texts])

    def count(self, life: int, step: int) -> None:
        if life == _DELETED:
            self.deleted += step
        else:
            self.live += step


class Materialiser:
    """Keeps the engram rows of a store equal to what its records say.

    Applying a record twice changes nothing, so a crash or an overlap between a sweep and a local
    write needs no thought.

    Args:
        authors: Shared with whoever shows engrams.
    """

    def __init__(self, authors: Authors) -> None:
        self._authors = authors

    def sweep(self, tx: Transaction, scope: int, *, limit: int = SLICE_RECORDS) -> Swept:
        """Apply the next runs of a scope in the order in which they arrived.

        Args:
            tx: The transaction of the writer's job.
            scope: Number of the scope.
            limit: Records after which the slice ends; at least one run is taken.
        """
        row = self._begin(tx, scope)
        runs = _next_runs(tx, row, limit)
        if not runs:
            return Swept(0, ())
        records: list[_Stored] = []
        total = 0
        for log, first, last in _stretches(runs):
            log_id = self._authors.log_id(tx, log)
            total += last - first + 1
            records += [_Stored(log, log_id, r) for r in tx.records(log, first, last)]
        changed = self._apply(tx, row._replace(materialised=runs[-1].arrival), records)
        return Swept(total, changed)

    def apply_local(
        self,
        tx: Transaction,
        scope: int,
        log: int,
        records: Sequence[Record],
        arrivals: Sequence[int],
    ) -> tuple[bytes, ...]:
        """Apply what this node has just written, whatever else still waits to be swept.

        Args:
            tx: The transaction that also stored the records.
            scope: Number of the scope.
            log: Number of the log.
            records: The records, in order.
            arrivals: What ``put_run`` returned for their runs, in order.

        Returns:
            Ids of the engrams whose rows were added or changed.
        """
        row = self._begin(tx, scope)
        waiting = tx.runs(scope, row.materialised, 1)
        if waiting and arrivals and waiting[0].arrival == arrivals[0]:
            # Nothing arrived before these: the sweep need not look at them again.
            row = row._replace(materialised=arrivals[-1])
        log_id = self._authors.log_id(tx, log)
        return self._apply(tx, row, [_Stored(log, log_id, record) for record in records])

    def _begin(self, tx: Transaction, scope: int) -> ScopeRow:
        row = tx.scope(scope)
        if row is None:
            raise CorruptError(
                f"the store holds no scope {scope}",
                hint="copy the home aside, then restore it from a backup",
            )
        # The number of a log that is rolled back may be given to another one.
        tx.on_rollback(self._authors.forget)
        return row

    def _apply(
        self, tx: Transaction, scope: ScopeRow, records: Sequence[_Stored]
    ) -> tuple[bytes, ...]:
        by_engram: dict[bytes, list[_Stored]] = {}
        for stored in records:
            if is_applied(stored.record):
                by_engram.setdefault(stored.record.engram, []).append(stored)
        tally = _Tally()
        for engram, batch in by_engram.items():
            row = tx.engram(scope.n, engram)
            if row is None and len(batch) == 1:
                self._add_one(scope, batch[0], tally)
            else:
                self._merge(tx, scope, engram, row, batch, tally)
        self._write(tx, tally, direct=len(records) >= DIRECT_INDEX_RECORDS_MIN)
        tx.update_scope(
            scope._replace(
                digest=(scope.digest + tally.digest) % _DIGESTS,
                live=scope.live + tally.live,
                deleted=scope.deleted + tally.deleted,
            )
        )
        return tuple(row.engram for row in (*tally.added, *tally.updated))

    def _add_one(self, scope: ScopeRow, stored: _Stored, tally: _Tally) -> None:
        """A new engram with one record: its row refers to the record and repeats nothing."""
        log, log_id, record = stored
        texts = plain_texts(record)
        life = conflict = 0
        if texts is not None:
            tally.digest += plain_digest(log_id, record)
        else:
            elements = elements_of_one(record.engram, change_of(log_id, record))
            tally.digest += digest(record.engram, elements)
            texts, life, conflict = texts_of(elements), life_number(elements), bits(elements)
        tally.count(life, 1)
        tally.added.append(
            EngramRow(
                0,
                scope.n,
                record.engram,
                log,
                record.seq,
                1,
                record.hlc,
                life,
                int(conflict),
                None,
                None,
                None,
            )
        )
        tally.added_texts.append(texts)

    def _merge(
        self,
        tx: Transaction,
        scope: ScopeRow,
        engram: bytes,
        row: EngramRow | None,
        batch: Sequence[_Stored],
        tally: _Tally,
    ) -> None:
        """An engram with several records, through its document."""
        open_ = self._open(tx, engram, row)
        before = open_.records
        for stored in batch:
            open_.apply(stored)
        if open_.records == before:
            return
        elements = open_.document.elements()
        value = digest(engram, elements)
        life = life_number(elements)
        merged = EngramRow(
            row.n if row else 0,
            scope.n,
            engram,
            *open_.first,
            open_.records,
            open_.newest,
            life,
            int(bits(elements)),
            open_.document.dump(),
            encode_view(open_.created, open_.document.clock(), elements),
            value.to_bytes(32, "big"),
        )
        if row is None:
            tally.added.append(merged)
            tally.added_texts.append(texts_of(elements))
        else:
            tally.digest -= open_.digest_before
            tally.count(row.life, -1)
            tally.updated.append(merged)
            tally.updated_texts.append(texts_of(elements))
        tally.digest += value
        tally.count(life, 1)

    def _open(self, tx: Transaction, engram: bytes, row: EngramRow | None) -> "_Open":
        if row is None:
            return _Open(EngramDocument(engram))
        log_id = self._authors.log_id(tx, row.log)
        try:
            if row.state is not None and row.view is not None and row.digest is not None:
                return _Open(
                    EngramDocument.load(engram, row.state),
                    (row.log, row.seq),
                    row.records,
                    created_of(row.view),
                    row.hlc,
                    int.from_bytes(row.digest, "big"),
                )
            record = tx.records(row.log, row.seq, row.seq)[0]
        except (DocumentError, IndexError) as error:
            raise CorruptError(
                f"memory {engram.hex()} cannot be read back: {error}",
                hint="copy the home aside, then restore it from a backup",
            ) from error
        open_ = _Open(EngramDocument(engram))
        open_.apply(_Stored(row.log, log_id, record))
        open_.digest_before = digest(engram, open_.document.elements())
        return open_

    @staticmethod
    def _write(tx: Transaction, tally: _Tally, *, direct: bool) -> None:
        numbers = tx.put_engrams(tally.added) if tally.added else range(0)
        if tally.updated:
            tx.update_engrams(tally.updated)
        rows = [
            *zip(numbers, tally.added, tally.added_texts, strict=True),
            *zip([r.n for r in tally.updated], tally.updated, tally.updated_texts, strict=True),
        ]
        if not rows:
            return
        if not direct:
            # One full-text update costs as much as the rest of the commit: flush_index does many.
            tx.mark_many_unindexed([n for n, _, _ in rows])
            return
        for n, row, _ in rows:
            if row.life == _DELETED:
                tx.unindex(n)
        tx.index_many(
            [(n, t.title, t.content, t.tags) for n, row, t in rows if row.life != _DELETED]
        )


@dataclass(slots=True)
class _Open:
    """A document being changed, with what its row will say about it."""

    document: EngramDocument
    first: tuple[int, int] = (0, 0)
    """Log and position of the first record that arrived; (0, 0) before it."""
    records: int = 0
    created: int = 0
    newest: int = 0
    digest_before: int = 0

    def apply(self, stored: _Stored) -> None:
        """Merge one record, unless it was merged before."""
        record = stored.record
        try:
            if not self.document.apply(change_of(stored.log_id, record)):
                return
        except DocumentError:
            # Valid as a record, yet beyond what a document can hold: it changes nothing, here as
            # on every other node.  One author must not stop the scope for all.
            return
        if not self.records:
            self.first = (stored.log, record.seq)
        self.records += 1
        self.created = min(self.created or record.hlc, record.hlc)
        self.newest = max(self.newest, record.hlc)


def _next_runs(reader: Reader, scope: ScopeRow, limit: int) -> list[RunRow]:
    """The next runs to sweep: together at most ``limit`` records, at least one run."""
    taken: list[RunRow] = []
    total, after = 0, scope.materialised
    while page := reader.runs(scope.n, after, _RUNS_PER_READ):
        for run in page:
            total += run.last - run.first + 1
            if taken and total > limit:
                return taken
            taken.append(run)
        after = page[-1].arrival
    return taken


def _stretches(runs: Iterable[RunRow]) -> list[tuple[int, int, int]]:
    """(log, first, last) with neighbouring runs of one log joined, so that one read gets both."""
    joined: list[tuple[int, int, int]] = []
    for run in runs:
        if joined and joined[-1][0] == run.log and joined[-1][2] + 1 == run.first:
            joined[-1] = (run.log, joined[-1][1], run.last)
        else:
            joined.append((run.log, run.first, run.last))
    return joined
