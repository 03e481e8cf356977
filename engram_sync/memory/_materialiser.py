"""From stored records to engram rows, digests, counts and search marks.

Runs inside a writer's job, so what it derives commits together with what it read.  Everything it
writes can be computed again from the records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from engram_crdt import DocumentError, EngramDocument, digest, elements_of_one
from engram_sync.conflicts import bits
from engram_sync.errors import CorruptError
from engram_sync.store import EngramRow, Reader, RunRow, ScopeRow, Transaction
from engram_wire import Record

from ._authors import Authors
from ._changes import change_of
from ._limits import DIRECT_INDEX_RECORDS_MIN, SLICE_RECORDS
from ._open_engram import OpenEngram
from ._rebuild import damaged, rebuilt, standing_of
from ._shapes import plain_digest, plain_texts
from ._state import created_of, encode_view, erased_of
from ._stored import Stored, stored_in
from ._tally import Standing, Tally
from ._texts import texts_of
from ._views import life_number

_MARKED_MAX = 1_000  # With more of something missing, engrams are not told apart: all are remade.
_RUNS_PER_READ = 32  # In bulk four runs make a slice; live ones hold a record each.


class Swept(NamedTuple):
    """What one slice of a sweep did."""

    records: int
    """Records looked at; 0 means that nothing is left to do."""
    changed: tuple[bytes, ...]
    """Ids of the engrams whose rows were added or changed."""


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
        records: list[Stored] = []
        total = 0
        for run in _stretches(runs):
            for log, first, last in self._authors.pieces(tx, *run):
                found = tx.records(log, first, last)
                total += len(found)
                records += stored_in(tx, self._authors, row.id, log, found)
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
        return self._apply(tx, row, stored_in(tx, self._authors, row.id, log, records))

    def standing(
        self, tx: Transaction, scope: int, engrams: Iterable[bytes]
    ) -> dict[bytes, Standing]:
        """What engrams count for now; for ``renamed`` after the names of logs have changed."""
        self._begin(tx, scope)
        found: dict[bytes, Standing] = {}
        for engram in engrams:
            known = tx.engram(scope, engram)
            if known is not None:
                found[engram] = standing_of(tx, self._authors, known)
        return found

    def renamed(
        self, tx: Transaction, scope: int, before: Mapping[bytes, Standing]
    ) -> tuple[bytes, ...]:
        """Follow new names of logs in the rows of engrams.

        A row that only refers to its record has no name in it, so all that changes is its digest:
        whoever forks a long log makes nobody rewrite as many rows.

        Args:
            tx: The transaction of the writer's job.
            scope: Number of the scope.
            before: By engram, what ``standing`` said under the old names.

        Returns:
            Ids of the engrams whose rows were written.
        """
        batch = _Batch(tx, self._begin(tx, scope))
        for engram, was in before.items():
            row = tx.engram(scope, engram)
            if row is not None and row.state is None:
                batch.tally.count(was, -1)
                batch.tally.count(standing_of(tx, self._authors, row), 1)
            elif row is not None:
                self._rebuild_one(batch, engram, row, was)
        return batch.tally.write(tx, batch.scope, direct=True)

    def rebuild(self, tx: Transaction, scope: int, engrams: Iterable[bytes]) -> tuple[bytes, ...]:
        """Make rows of engrams anew from their records: document, view, index, and what is owed.

        Engrams that were not materialised yet are left for the sweep.

        Args:
            tx: The transaction of the writer's job.
            scope: Number of the scope.
            engrams: Ids of the engrams.

        Returns:
            Ids of the engrams whose rows were written.
        """
        batch = _Batch(tx, self._begin(tx, scope))
        for engram in engrams:
            known = tx.engram(scope, engram)
            if known is not None:
                self._rebuild_one(batch, engram, known)
        return batch.tally.write(tx, batch.scope, direct=True)

    # -- parts -------------------------------------------------------------------------------

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
        self, tx: Transaction, scope: ScopeRow, records: Sequence[Stored]
    ) -> tuple[bytes, ...]:
        by_engram: dict[bytes, list[Stored]] = {}
        for stored in records:
            by_engram.setdefault(stored.record.engram, []).append(stored)
        batch = _Batch(tx, scope)
        special = _Special.of(tx, scope.n, records)
        for engram, added in by_engram.items():
            row = tx.engram(scope.n, engram)
            if special.covers(engram, row):
                self._rebuild_one(batch, engram, row)
            elif row is None and len(added) == 1:
                self._add_one(scope, added[0], batch.tally)
            else:
                self._merge(batch, engram, row, added)
        return batch.tally.write(tx, scope, direct=len(records) >= DIRECT_INDEX_RECORDS_MIN)

    def _rebuild_one(
        self, batch: "_Batch", engram: bytes, row: EngramRow | None, before: Standing | None = None
    ) -> None:
        tx, scope, tally = batch.tx, batch.scope, batch.tally
        made = rebuilt(tx, self._authors, scope, engram, row)
        if made is None:
            return
        if row is None:
            tally.added.append(made.row)
            tally.added_texts.append(made.texts)
        else:
            tally.count(before or standing_of(tx, self._authors, row), -1)
            tally.updated.append(made.row)
            tally.updated_texts.append(made.texts)
        tally.count(made.standing, 1)
        tally.owed[engram] = made.owed

    def _add_one(self, scope: ScopeRow, stored: Stored, tally: Tally) -> None:
        """A new engram with one record: its row refers to the record and repeats nothing."""
        log, log_id, record, _ = stored
        texts = plain_texts(record)
        life = conflict = 0
        if texts is not None:
            tally.digest += plain_digest(log_id, record)
            tally.live += 1
        else:
            elements = elements_of_one(record.engram, change_of(log_id, record))
            texts, life, conflict = texts_of(elements), life_number(elements), bits(elements)
            tally.count(Standing(digest(record.engram, elements), life), 1)
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
        self, batch: "_Batch", engram: bytes, row: EngramRow | None, added: Sequence[Stored]
    ) -> None:
        """An engram with several records, through its document."""
        scope, tally = batch.scope, batch.tally
        open_ = self._open(batch.tx, engram, row)
        before = open_.records
        for stored in added:
            open_.apply(stored)
        if open_.records == before:
            return
        shown = open_.shown()
        standing = Standing(open_.document.digest(), life_number(shown.elements))
        merged = EngramRow(
            row.n if row else 0,
            scope.n,
            engram,
            *open_.first,
            open_.records,
            open_.newest,
            standing.life,
            shown.bits(),
            open_.document.dump(),
            encode_view(open_.view(shown)),
            standing.digest.to_bytes(32, "big"),
        )
        if row is None:
            tally.added.append(merged)
            tally.added_texts.append(shown.search_texts())
        else:
            tally.count(Standing(open_.digest_before, row.life), -1)
            tally.updated.append(merged)
            tally.updated_texts.append(shown.search_texts())
        tally.count(standing, 1)

    def _open(self, tx: Transaction, engram: bytes, row: EngramRow | None) -> OpenEngram:
        if row is None:
            return OpenEngram(EngramDocument(engram))
        log_id = self._authors.log_id(tx, row.log)
        try:
            if row.state is not None and row.view is not None and row.digest is not None:
                return OpenEngram(
                    EngramDocument.load(engram, row.state),
                    (row.log, row.seq),
                    row.records,
                    created_of(row.view),
                    row.hlc,
                    int.from_bytes(row.digest, "big"),
                    erased_of(row.view),
                )
            record = tx.records(row.log, row.seq, row.seq)[0]
        except (DocumentError, IndexError) as error:
            raise damaged(engram, error) from error
        open_ = OpenEngram.of(engram, [Stored(row.log, log_id, record)])
        open_.digest_before = open_.document.digest()
        open_.erased = record.payload is None and bool(tx.erased(row.log, [row.seq]))
        return open_


@dataclass(slots=True)
class _Batch:
    """What is being done to one scope."""

    tx: Transaction
    scope: ScopeRow
    tally: Tally = field(default_factory=Tally)


class _Special(NamedTuple):
    """The engrams of a batch that need more than their documents: they are made from records."""

    engrams: frozenset[bytes]
    """Those with new records that came without their payload."""
    marked: frozenset[int] | None
    """Numbers of those of which something is missing; None for too many to list."""

    @classmethod
    def of(cls, tx: Transaction, scope: int, records: Sequence[Stored]) -> Self:
        special = frozenset([s.record.engram for s in records if s.record.payload is None])
        missing = tx.owed_count(scope)
        if missing > _MARKED_MAX:
            return cls(special, None)
        marked = [n for n, _, _ in tx.owed(scope, missing)] if missing else []
        return cls(special, frozenset(marked))

    def covers(self, engram: bytes, row: EngramRow | None) -> bool:
        if engram in self.engrams:
            return True
        return row is not None and (self.marked is None or row.n in self.marked)


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
