"""From stored records to engram rows, digests, counts and search marks.

Runs inside a writer's job, so what it derives commits together with what it read.  Everything it
writes can be computed again from the records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_crdt import digest, elements_of_one
from engram_sync.errors import CorruptError
from engram_sync.memory.state.changes import change_of, is_applied, rules_name
from engram_sync.memory.state.log_directory import LogDirectory
from engram_sync.memory.state.recent import Recent
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import StoredRecord, follows, stored_in, streamed
from engram_sync.model.conflicts import bits
from engram_sync.model.life import life_number
from engram_sync.model.limits import DIRECT_INDEX_RECORDS_MIN, SLICE_WEIGHT
from engram_sync.model.shapes import plain_digest, plain_texts
from engram_sync.store import EngramRow, ScopeRow, Transaction
from engram_wire import Record

from .index import texts_of
from .live import LiveEngram
from .rebuild import expanded, remade, renamed, standing_of, standings_of_one
from .scope_delta import Contribution, ScopeDelta
from .waiting import Checkpoint, needs_waiting, next_portion, waiting_of

_META = "materialiser"
_Standing = tuple[Contribution, Contribution | None]
"""What an engram counts for before its records have other names, and then; None: not known yet."""


class Materialised(NamedTuple):
    """What one slice of a backlog did."""

    records: int
    """Records looked at; 0 means that nothing is left to do."""
    changed: tuple[bytes, ...]
    """Ids of the engrams whose rows were added or changed."""


class Materialiser:
    """Keeps the engram rows of a store equal to what its records say.

    Applying a record twice changes nothing, so a crash or an overlap of a slice with a local
    write needs no thought.

    Args:
        logs: Shared with whoever shows engrams.
    """

    def __init__(self, logs: LogDirectory) -> None:
        self._logs = logs
        self.recent = Recent()
        """What was changed lately; of the writer's thread alone."""
        self._within: dict[int, Checkpoint] = {}
        """By scope, how far its first run that waits is applied, where that was begun."""

    def begin(self, tx: Transaction) -> bool:
        """Drop all that was derived by other rules than today's: it is materialised anew.

        Returns:
            Whether there was something to drop.
        """
        rules = rules_name()
        known = tx.meta(_META)
        if known == rules:
            return False
        tx.put_meta(_META, rules)
        tx.reset()
        self._forget()
        return known is not None

    def materialise_pending(
        self, tx: Transaction, scope: int, *, limit: int = SLICE_WEIGHT
    ) -> Materialised:
        """Apply the next records of a scope in the order in which they arrived.

        Args:
            tx: The transaction of the writer's job.
            scope: Number of the scope.
            limit: ``weight_of`` records after which the slice ends; at least one is taken.
        """
        row = self._begin(tx, scope)
        within = self._within.get(scope, Checkpoint())
        portion = next_portion(Snapshot(tx, self._logs), row, within, limit)
        if not portion.looked:
            return Materialised(0, ())
        self._within[scope] = portion.within
        row = row._replace(materialised=portion.materialised)
        return Materialised(portion.looked, self._apply(tx, row, portion.records))

    def apply_new(
        self,
        tx: Transaction,
        scope: int,
        log: int,
        records: Sequence[Record],
        arrivals: Sequence[int],
        *,
        limit: int | None = None,
    ) -> tuple[bytes, ...]:
        """Apply what has just been stored, past what waits, if it needs none of that.

        Args:
            tx: The transaction that also stored the records.
            scope: Number of the scope.
            log: Number of the log.
            records: The records, in order.
            arrivals: What ``put_run`` returned for their runs, in order.
            limit: How much of what waits to apply where they need some of it; None for all that
                waits of their engrams.

        Returns:
            Ids of the engrams whose rows were added or changed.
        """
        row = self._begin(tx, scope)
        waiting = tx.runs(scope, row.materialised, 1)
        stored = stored_in(Snapshot(tx, self._logs), row.id, log, records)
        if waiting and arrivals and waiting[0].arrival == arrivals[0]:
            # Nothing arrived before these: they need not be looked at again.
            row = row._replace(materialised=arrivals[-1])
        elif not needs_waiting(Snapshot(tx, self._logs), row, stored):
            pass  # They go first, and their own turn finds them applied.
        elif limit is None:
            engrams = dict.fromkeys(one.record.engram for one in stored)
            some = (waiting_of(Snapshot(tx, self._logs), row, engram) for engram in engrams)
            stored = [one for found in some for one in found or ()]
        else:
            return self.materialise_pending(tx, scope, limit=limit).changed
        return self._apply(tx, row, stored)

    def show_waiting(
        self, tx: Transaction, scope: int, engram: bytes, limit: int
    ) -> tuple[bytes, ...] | None:
        """Apply what waits of one engram, past all else that waits; None where it is too much."""
        row = self._begin(tx, scope)
        found = waiting_of(Snapshot(tx, self._logs), row, engram, limit)
        return None if found is None else self._apply(tx, row, found)

    def standing(
        self, tx: Transaction, scope: int, trunk: int, beyond: Iterable[Record], name: bytes
    ) -> dict[bytes, _Standing]:
        """What engrams count for now, and will once their records have the name of a branch.

        Args:
            tx: The transaction of the writer's job.
            scope: Number of the scope.
            trunk: Number of the log that forks.
            beyond: Its records beyond the fork.
            name: Id of the branch.
        """
        found: dict[bytes, _Standing] = {}
        trunk_id = self._logs.log_id(tx, trunk)
        for record in beyond:
            known = None if record.engram in found else tx.engram(scope, record.engram)
            if known is None:
                continue
            if known.digest is None and (known.log, known.seq) == (trunk, record.seq):
                was, then = standings_of_one((trunk_id, name), record)
                found[known.engram] = was._replace(life=known.life), then._replace(life=known.life)
            else:
                found[known.engram] = standing_of(Snapshot(tx, self._logs), known), None
        return found

    def renamed(
        self,
        tx: Transaction,
        scope: int,
        before: Mapping[bytes, _Standing],
        trunk: int,
        moved: int,
    ) -> tuple[bytes, ...]:
        """Follow a log that was divided: what was beyond the fork is called by its branch now.

        Costs what was beyond the fork, in elements that are still live.

        Args:
            tx: The transaction of the writer's job.
            scope: Number of the scope.
            before: What ``standing`` said.
            trunk: Number of the log that ends where it forks.
            moved: Number of the branch.

        Returns:
            Ids of the engrams whose rows were written.
        """
        batch = _Batch(tx, self._begin(tx, scope))
        for engram, (was, known) in before.items():
            then = known
            if then is None:
                row = tx.engram(scope, engram)
                assert row is not None, "its standing was asked for"
                if row.digest is not None:
                    self.recent.drop(row.n)
                    row = renamed(tx, self._logs, batch.scope, row, trunk, moved)
                    batch.tally.updated.append(row)
                then = standing_of(Snapshot(tx, self._logs), row)
            batch.tally.count(was, -1)
            batch.tally.count(then, 1)
        return batch.tally.write(tx, batch.scope, direct=False)

    def rebuild(self, tx: Transaction, scope: int, engrams: Iterable[bytes]) -> tuple[bytes, ...]:
        """Make the rows of engrams anew from the records that count.

        Costs the history of each.

        Args:
            tx: The transaction of the writer's job.
            scope: Number of the scope.
            engrams: Their ids.

        Returns:
            Those whose rows were written.
        """
        batch = _Batch(tx, self._begin(tx, scope))
        for engram in engrams:
            known = tx.engram(scope, engram)
            if known is not None:
                batch.tally.count(standing_of(Snapshot(tx, self._logs), known), -1)
                row = remade(tx, self._logs, batch.scope, known, batch.change)
                self._keep(batch, known, row)
            else:
                every = streamed(Snapshot(tx, self._logs), batch.scope, engram)
                self._merge(batch, None, [each for each in every if is_applied(each.record)])
        return self._unindexed(batch)

    def refill(
        self, tx: Transaction, scope: int, positions: Iterable[tuple[int, int]]
    ) -> tuple[bytes, ...]:
        """Follow payloads that came or went, in what their records put and is still live.

        Args:
            tx: The transaction of the writer's job, which has changed the payloads.
            scope: Number of the scope.
            positions: (log, seq) of their records.

        Returns:
            Ids of the engrams whose rows were written.
        """
        batch = _Batch(tx, self._begin(tx, scope))
        by_engram: dict[bytes, list[tuple[int, Record]]] = {}
        until: dict[int, int | None] = {}
        for log, record in tx.records_at(sorted(positions)):
            if log not in until:
                until[log] = tx.counts_until(log)
            counts = until[log] is None or tx.counts(log, record.seq)
            if counts and is_applied(record):
                by_engram.setdefault(record.engram, []).append((log, record))
        for engram, changed in by_engram.items():
            known = tx.engram(scope, engram)
            applied = [] if known is None else [each for each in changed if _shows(known, *each)]
            if known is not None and applied:
                batch.tally.count(standing_of(Snapshot(tx, self._logs), known), -1)
                self._keep(batch, known, self._refilled(batch, known, applied))
        return self._unindexed(batch)

    # -- parts -------------------------------------------------------------------------------

    def _begin(self, tx: Transaction, scope: int) -> ScopeRow:
        row = tx.scope(scope)
        if row is None:
            raise CorruptError(
                f"the store holds no scope {scope}",
                hint="copy the home aside, then restore it from a backup",
            )
        # The number of a log that is rolled back may be given to another one.
        tx.on_rollback(self._forget)
        return row

    def _forget(self) -> None:
        self._logs.forget()
        self.recent.forget()
        self._within.clear()

    def _apply(
        self, tx: Transaction, scope: ScopeRow, records: Sequence[StoredRecord]
    ) -> tuple[bytes, ...]:
        by_engram: dict[bytes, list[StoredRecord]] = {}
        for stored in records:
            by_engram.setdefault(stored.record.engram, []).append(stored)
        batch = _Batch(tx, scope)
        for engram, added in by_engram.items():
            row = tx.engram(scope.n, engram)
            if row is None and len(added) == 1 and not follows(tx, added[0]):
                self._add_one(batch, added[0])
            else:
                self._merge(batch, row, added)
        return batch.tally.write(tx, scope, direct=len(records) >= DIRECT_INDEX_RECORDS_MIN)

    def _keep(self, batch: "_Batch", known: EngramRow, row: EngramRow | None) -> None:
        """Count the new row of an engram, or forget one that nothing is left of."""
        self.recent.drop(known.n)
        if row is None:
            batch.tx.drop_engram(known.n)
            batch.tally.dropped.append(known.engram)
            return
        batch.tally.count(standing_of(Snapshot(batch.tx, self._logs), row), 1)
        batch.tally.updated.append(row)

    def _unindexed(self, batch: "_Batch") -> tuple[bytes, ...]:
        """Write the rows; no word finds them until ``flush_index``: those of an erased value must
        go now, and to find the others again costs what is live.
        """
        for row in batch.tally.updated:
            batch.tx.unindex(row.n)
        return batch.tally.write(batch.tx, batch.scope, direct=False)

    def _add_one(self, batch: "_Batch", stored: StoredRecord) -> None:
        """A new engram with one record: its row refers to the record and repeats nothing."""
        log, log_id, record, _ = stored
        tally = batch.tally
        texts = plain_texts(record)
        life = conflict = 0
        if texts is not None:
            tally.digest += plain_digest(log_id, record)
            tally.live += 1
        else:
            elements = elements_of_one(record.engram, change_of(log_id, record))
            texts, life, conflict = texts_of(elements), life_number(elements), bits(elements)
            tally.count(Contribution(digest(record.engram, elements), life), 1)
        row = EngramRow(
            0,
            batch.scope.n,
            record.engram,
            log,
            record.seq,
            1,
            record.hlc,
            record.hlc,
            batch.change,
            batch.change,
            life,
            int(conflict),
        )
        tally.added.append(row)
        tally.added_texts.append(texts)
        if record.payload is None and not batch.tx.erased(log, [record.seq]):
            tally.owed[record.engram] = log, record.seq

    def _refilled(
        self, batch: "_Batch", known: EngramRow, changed: Sequence[tuple[int, Record]]
    ) -> EngramRow | None:
        if known.digest is None:
            log, record = changed[0]
            change = change_of(self._logs.log_id(batch.tx, log), record)
            elements = elements_of_one(known.engram, change)
            return known._replace(life=life_number(elements), conflict=int(bits(elements)))
        live = LiveEngram(batch.tx, self._logs, known, batch.change)
        live.refill(changed)
        return live.finish()

    def _merge(self, batch: "_Batch", row: EngramRow | None, added: Sequence[StoredRecord]) -> None:
        """An engram with several records."""
        tx, tally = batch.tx, batch.tally
        if row is not None and row.digest is None:
            added = [s for s in added if (s.log, s.record.seq) != (row.log, row.seq)]
        if not added:
            return
        was = None if row is None else standing_of(Snapshot(tx, self._logs), row)
        live = self._opened(batch, row, added[0])
        if not sum([live.apply(stored) for stored in added]):
            if row is None:
                tx.drop_engram(live.row.n)
                return
            if row.digest is not None:
                return
        made = live.finish()
        if was is not None:
            tally.count(was, -1)
        tally.count(standing_of(Snapshot(tx, self._logs), made), 1)
        tally.updated.append(made)
        if not live.searched and row is not None and row.life == made.life:
            tally.unsearched.add(made.n)

    def _opened(self, batch: "_Batch", row: EngramRow | None, first: StoredRecord) -> LiveEngram:
        tx = batch.tx
        if row is None:
            record = first.record
            place = first.log, record.seq
            blank = EngramRow(
                0,
                batch.scope.n,
                record.engram,
                *place,
                0,
                0,
                0,
                batch.change,
                0,
                0,
                0,
                digest=b"\0",
            )
            n = tx.put_engrams([blank])[0]
            return LiveEngram(tx, self._logs, blank._replace(n=n), batch.change)
        if row.digest is None:
            row = expanded(tx, self._logs, batch.scope, row)
        return LiveEngram(tx, self._logs, row, batch.change, recent=self.recent)


@dataclass(slots=True)
class _Batch:
    """What is being done to one scope."""

    tx: Transaction
    scope: ScopeRow
    tally: ScopeDelta = field(default_factory=ScopeDelta)

    @property
    def change(self) -> int:
        """The number of the change that this is."""
        return self.scope.changes + 1


def _shows(row: EngramRow, log: int, record: Record) -> bool:
    """Whether a row may say something of a record: one that has a single record refers to it."""
    return row.digest is not None or (row.log, row.seq) == (log, record.seq)
