"""Making the store follow the ledger: records, runs, forks, seals and erasures of one batch."""

from collections.abc import Iterable, Sequence
from itertools import chain

from engram_sync.errors import CorruptError
from engram_sync.host import Clock
from engram_sync.ledger import Batch, IngestBatch, Ledger, LogState, Split, Void
from engram_sync.memory.materialise import Materialiser
from engram_sync.node.home.own_logs import OwnLogs
from engram_sync.node.writing.brought import note_erased
from engram_sync.store import Transaction
from engram_wire import SEQ_MAX, Record, RecordKind

PAGE_RECORDS = 256
"""Records in memory at once while a log is divided: a run, which a frame can carry."""


class Storing:
    """Stores what the ledger hands out.

    Args:
        ledger: All logs.
        materialiser: Makes anew what an erasure or a fork changes about engrams.
        clock: When things arrived.
        own: The logs of this node.
    """

    def __init__(
        self, ledger: Ledger, materialiser: Materialiser, clock: Clock, own: OwnLogs
    ) -> None:
        self._ledger = ledger
        self._materialiser = materialiser
        self._clock = clock
        self._own = own

    def store(self, tx: Transaction, batch: Batch) -> list[int]:
        """Insert one batch; returns the arrivals of its runs."""
        log, records = batch.log, batch.records
        scope = self._ledger.scope_number(log.scope)
        if batch.new_log:
            self._put_log(tx, scope, log)
        if isinstance(batch, IngestBatch):
            records = without_erased(tx, log.n, records)
        now_ms = self._clock.now_ms()
        tx.put_records(log.n, records)
        arrivals = [tx.put_run(log.n, *run, at=now_ms) for run in batch.runs]
        tx.put_marks(log.n, batch.marks)
        for seq, past in batch.pasts:
            tx.put_past(log.n, seq, past)
        tx.set_head(log.n, batch.seq, batch.head, batch.hlc)
        row = tx.scope(scope)
        assert row is not None
        sealed, digest = self._ledger.sealed_summary(log.scope)
        tx.update_scope(
            row._replace(
                records=row.records + len(records),
                sealed=sealed,
                sealed_sum=int.from_bytes(digest, "big"),
            )
        )
        if batch.sealed:
            tx.seal_logs(batch.sealed)
        if isinstance(batch, IngestBatch):
            self._own.note_void(tx, batch)
        touched: set[bytes] = set()
        for void in batch.void:
            touched |= self._void(tx, scope, log, void)
        for number, seq, saying in batch.ratified:
            tx.put_ratified(number, seq, (log.n, saying))
            touched |= {record.engram for record in tx.records(number, seq, seq)}
        if batch.erased:
            self.erase(tx, scope, batch.erased)
        self._confirm(tx, scope, batch, now_ms)
        if touched and isinstance(batch, IngestBatch):
            # Whoever voids records of its own ratifies in the same transaction what counted: it
            # shows what it did, and what appeared when.
            self._materialiser.rebuild(tx, scope, touched)
        return arrivals

    def show(
        self, tx: Transaction, batch: Batch, arrivals: Sequence[int], *, limit: int | None = None
    ) -> tuple[bytes, ...]:
        """Materialise what ``store`` has just stored; see ``Materialiser.apply_new``."""
        number, records = self._ledger.scope_number(batch.log.scope), batch.records
        if isinstance(batch, IngestBatch) and records:
            # As they are stored: what was erased before, or is by one of them, is not shown.
            records = tx.records(batch.log.n, records[0].seq, records[-1].seq)
        return self._materialiser.apply_new(tx, number, batch.log.n, records, arrivals, limit=limit)

    def _put_log(self, tx: Transaction, scope: int, log: LogState) -> None:
        depth, jump = self._ledger.lineage(log)
        number = tx.put_log(
            scope,
            log.id,
            log.domain,
            log.author,
            log.incarnation,
            parent=None if log.parent is None else log.parent.n,
            base=log.base,
            branch=log.branch,
            follows=log.follows or None,
            until=log.until,
            depth=depth,
            jump=jump,
        )
        if number != log.n:
            raise CorruptError(f"log {number} of the store is log {log.n} of the ledger")
        stands = log.stands(SEQ_MAX)
        if stands < SEQ_MAX:
            tx.put_void(scope, log.id, log.author, stands)

    def split(self, tx: Transaction, split: Split) -> None:
        """End a log where it forks, and let what was held beyond be called by its branch.

        The values of those records have other names from then on: whatever the order in which the
        branches came, the state is the same.
        """
        trunk, moved = split.trunk, split.moved
        if moved is None:
            return
        scope = self._ledger.scope_number(trunk.scope)
        pages = range(split.base + 1, moved.seq + 1, PAGE_RECORDS)
        beyond = chain.from_iterable(
            tx.records(trunk.n, first, min(first + PAGE_RECORDS - 1, moved.seq)) for first in pages
        )
        before = self._materialiser.standing(tx, scope, trunk.n, beyond, moved.id)
        self._put_log(tx, scope, moved)
        tx.set_cut(moved.n, tx.cut(trunk.n))
        tx.split_log(trunk.n, split.base, moved.n)
        tx.set_head(trunk.n, split.base, split.head, split.hlc)
        if trunk.void_after is None:
            tx.drop_void(trunk.id, trunk.author)
        self._materialiser.renamed(tx, scope, before, trunk.n, moved.n)

    def _void(self, tx: Transaction, scope: int, by: LogState, void: Void) -> set[bytes]:
        """Let what an author voids count for nothing; returns the engrams that it changed."""
        tx.put_void(scope, void.log, by.author, void.last)
        log = self._ledger.log_by_id(by.scope, void.log)
        if log is None or log.void_after is None:
            return set()  # It may come later.
        engrams: set[bytes] = set()
        for part in log.family():
            if part is not log:
                tx.put_void(scope, part.id, part.author, void.last)
            begin = max(void.last, part.base) + 1
            end = min(void.stood, part.seq) if part is log else part.seq
            for first in range(begin, end + 1, PAGE_RECORDS):
                last = min(first + PAGE_RECORDS - 1, end)
                engrams |= {record.engram for record in tx.records(part.n, first, last)}
        return engrams

    def _confirm(self, tx: Transaction, scope: int, batch: Batch, now_ms: int) -> None:
        """Say that what the records of a batch erase is gone here: it is, before they are shown."""
        for record in batch.records:
            if record.shape[0] == RecordKind.ERASE and record.seq not in batch.idle:
                tx.put_receipt(scope, batch.log.n, record.seq, self._own.key, now_ms)
                note_erased(tx, record.engram)

    def erase(
        self, tx: Transaction, scope: int, positions: Iterable[tuple[int, int]]
    ) -> tuple[bytes, ...]:
        """Purge payloads, here and now, and all that shows them; see ``Materialiser.refill``."""
        positions = sorted(positions)
        tx.erase(positions)
        return self._materialiser.refill(tx, scope, positions)


def without_erased(tx: Transaction, log: int, records: Sequence[Record]) -> Sequence[Record]:
    """Records of one log, in order, as they may be kept: what was erased does not come back."""
    if not records:
        return records
    erased = tx.erased_between(log, records[0].seq, records[-1].seq)
    return [r._replace(payload=None) if r.seq in erased else r for r in records]
