"""What is not shown of the logs of those who may not write any more.

How far each of their logs counts follows from the membership records and from what is held of the
log, so it is computed anew when either has changed, and is the same whatever came first.
"""

from collections.abc import Callable, Iterable

from engram_sync.ledger import Batch, Ledger, LogState
from engram_sync.membership import Charters, Cutoff, Vector
from engram_sync.memory.materialise import Materialiser
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.store import Transaction
from engram_wire import SEQ_MAX, LogDomain, Record, RecordKind

PAGE_RECORDS = 256
"""Records in memory at once."""


def stands(ledger: Ledger, charters: Charters, scope: bytes, key: bytes) -> list[Cutoff]:
    """Cut-offs that let all count that is held of the logs of ``key``, and not more.

    What is cut off already stays so: of a log that a statement names, nothing is said again.
    """
    cuts = charters.of(scope).cuts
    return [
        Cutoff(log.root, log.seq, log.head)
        for log in ledger.all_logs(scope)
        if log.domain == LogDomain.DATA
        and log.author == key
        and log.seq > log.base
        and not log.children
        and not cuts.names(log.root)
    ]


class CutLogs:
    """Keeps the store's column of cut-offs, and what is made of the records, as statements say.

    Args:
        ledger: All logs.
        charters: Who was put out of each scope.
        materialiser: Makes anew what a cut-off changes.
        end: Ends an own log.
        purge: Told when something was erased.
    """

    def __init__(
        self,
        ledger: Ledger,
        charters: Charters,
        materialiser: Materialiser,
        end: Callable[[LogState], None],
        purge: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._charters = charters
        self._materialiser = materialiser
        self._end = end
        self._purge = purge
        self._followed: dict[bytes, int] = {}
        """By scope, the version of its cut-offs that the store has."""

    def load(self, scopes: Iterable[bytes]) -> None:
        """The store has followed all that it holds."""
        self._followed = {scope: self._charters.of(scope).cuts.version for scope in scopes}

    def follow(self, tx: Transaction, batch: Batch) -> tuple[bytes, ...]:
        """Follow what was just stored.

        Returns:
            Ids of the engrams that show something else now.
        """
        scope, cuts = batch.log.scope, self._charters.of(batch.log.scope).cuts
        if batch.log.domain == LogDomain.DATA:
            if not cuts.concern(batch.log.author):
                return ()
            # What has just come is applied later, but for what it says of other records.
            logs, fresh = list(batch.log.path()[0].family()), batch.records[0].seq
        elif self._followed.get(scope, 0) != cuts.version:
            self._followed[scope] = cuts.version
            logs, fresh = self._of(scope), 0
        else:
            return ()
        engrams: set[bytes] = set()
        for log in logs:
            until = fresh - 1 if fresh and log is batch.log else log.seq
            engrams |= self._apply(tx, log, until)
        return self._materialiser.rebuild(tx, self._ledger.scope_number(scope), engrams)

    def _of(self, scope: bytes) -> list[LogState]:
        cuts = self._charters.of(scope).cuts
        return [
            log
            for log in self._ledger.all_logs(scope)
            if log.domain == LogDomain.DATA and cuts.concern(log.author)
        ]

    def _apply(self, tx: Transaction, log: LogState, until: int) -> set[bytes]:
        """Let a log count as far as it does; returns the engrams of what is another part now."""
        limit, known = self.limit(tx, log), tx.cut(log.n)
        if log.live and not self._begun_since(tx, log):
            self._end(log)
        before = SEQ_MAX if known is None else known
        if limit == before:
            return set()
        tx.set_cut(log.n, None if limit == SEQ_MAX else limit)
        engrams: set[bytes] = set()
        erasures: list[Record] = []
        begin, end = max(min(limit, before), log.base) + 1, min(max(limit, before), log.seq)
        for first in range(begin, end + 1, PAGE_RECORDS):
            last = min(first + PAGE_RECORDS - 1, end)
            records = tx.records(log.n, first, last)
            engrams |= {
                record.engram
                for record in records
                if record.seq <= until or record.shape[0] == RecordKind.RATIFY
            }
            erasures += [r for r in records if r.shape[0] == RecordKind.ERASE and r.seq <= until]
        self._erase_again(tx, log, erasures)
        return engrams

    def _erase_again(self, tx: Transaction, log: LogState, erasures: Iterable[Record]) -> None:
        """Follow what erasures of a log erase now: all that they name, or what its author wrote.

        What is spared from now on was dropped here.  Somebody may hold it still, who knew before.
        """
        history, ledger = StoredHistory(tx, self._ledger), self._ledger
        named: dict[bytes, set[tuple[int, int]]] = {}
        for record in erasures:
            erased, spared = ledger.erasure(log, record, history)
            if erased:
                tx.erase(erased)
                self._purge()
            if spared:
                named.setdefault(record.engram, set()).update(spared)
        # Each erasure of a memory is looked at once more, however many of them spare something.
        for engram, positions in named.items():
            left = set(positions)
            for n, other in tx.stream_of(ledger.scope_number(log.scope), engram):
                if other.shape[0] == RecordKind.ERASE:
                    left -= ledger.erasure(ledger.log_by_number(n), other, history).erased
            tx.spare(left)

    def wrong(self, tx: Transaction) -> list[str]:
        """What the store keeps otherwise than it follows, a sentence each."""
        said: dict[int, int] = {}
        for scope in self._ledger.scopes():
            limits = {log.n: self.limit(tx, log) for log in self._of(scope)}
            said |= {n: limit for n, limit in limits.items() if limit < SEQ_MAX}
        kept = tx.cuts()
        different = {n for n in said.keys() | kept.keys() if said.get(n) != kept.get(n)}
        return [f"what is cut off of log {n} is kept otherwise" for n in sorted(different)]

    def limit(self, tx: Transaction, log: LogState) -> int:
        """The last position of a log that counts; ``SEQ_MAX`` for all of it."""
        return self._ledger.counts_until(log, StoredHistory(tx, self._ledger))

    def _begins(self, tx: Transaction, log: LogState) -> Vector:
        """The membership that the first record of a log's family relies on."""
        heads = self._ledger.begins(log, StoredHistory(tx, self._ledger))
        return self._charters.of(log.scope).seen(heads)

    def _begun_since(self, tx: Transaction, log: LogState) -> bool:
        """Whether a log was begun after all that was taken from its author."""
        cuts = self._charters.of(log.scope).cuts
        return log.seq > 0 and cuts.since(log.author, self._begins(tx, log))
