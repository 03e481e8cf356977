"""Lists in place of a store."""

from engram_sync.ledger import Batch, IngestBatch, LogState, Run, SignedPosition, Split
from engram_wire import Record, clocks_taken, parse_shape_untrusted


class Shelf:
    """What a store would hold of one replica; implements ``History``."""

    def __init__(self) -> None:
        self.logs: dict[int, LogState] = {}
        self.base: dict[int, int] = {}
        """Position after which the rows of a log begin."""
        self.rows: dict[int, list[Record]] = {}
        self.runs: dict[int, list[Run]] = {}
        self.marks: dict[int, list[tuple[int, bytes]]] = {}
        self.pasts: dict[int, list[tuple[int, bytes]]] = {}
        self.arrivals: list[tuple[int, Run]] = []
        self.erased: set[tuple[int, int]] = set()
        self.sealed: dict[int, int] = {}
        self.lookups = 0

    def put(self, batch: Batch) -> None:
        if isinstance(batch, IngestBatch) and batch.split is not None:
            assert batch.records
            self.split(batch.split)
        if not batch.records:
            assert not batch.erased
            assert not batch.sealed
            return
        log = batch.log
        assert batch.new_log == (log.n not in self.rows)
        self.begin(log)
        self.rows[log.n].extend(batch.records)
        self.runs[log.n].extend(batch.runs)
        self.marks[log.n].extend(batch.marks)
        self.pasts[log.n].extend(batch.pasts)
        self.arrivals += [(log.n, run) for run in batch.runs]
        self.erased |= set(batch.erased)
        self.sealed.update(batch.sealed)
        assert [r.seq for r in self.rows[log.n]] == list(range(log.base + 1, batch.seq + 1))

    def begin(self, log: LogState) -> None:
        if log.n not in self.rows:
            assert log.n == len(self.rows) + 1
            self.logs[log.n], self.base[log.n] = log, log.base
            self.rows[log.n], self.runs[log.n] = [], []
            self.marks[log.n], self.pasts[log.n] = [], []

    def split(self, split: Split) -> None:
        """What a store does when a log forks; stored pasts are left as they are."""
        trunk, moved = split.trunk, split.moved
        if moved is None:
            assert split.base == trunk.seq
            return
        self.begin(moved)
        kept = split.base - self.base[trunk.n]
        self.rows[moved.n] = self.rows[trunk.n][kept:]
        del self.rows[trunk.n][kept:]
        runs, pasts, marks = self.runs[trunk.n], self.pasts[trunk.n], self.marks[trunk.n]
        self.marks[moved.n] = [mark for mark in marks if mark[0] > split.base]
        self.marks[trunk.n] = [mark for mark in marks if mark[0] <= split.base]
        self.runs[moved.n] = [run for run in runs if run.last > split.base]
        self.runs[trunk.n] = [run for run in runs if run.last <= split.base]
        self.pasts[moved.n] = [past for past in pasts if past[0] > split.base]
        self.pasts[trunk.n] = [past for past in pasts if past[0] <= split.base]
        self.arrivals = [
            (moved.n if n == trunk.n and run.last > split.base else n, run)
            for n, run in self.arrivals
        ]
        self.erased = {
            (moved.n if n == trunk.n and seq > split.base else n, seq) for n, seq in self.erased
        }

    def copy(self) -> "Shelf":
        other = Shelf()
        other.logs, other.base = dict(self.logs), dict(self.base)
        other.rows = {n: list(rows) for n, rows in self.rows.items()}
        other.runs = {n: list(runs) for n, runs in self.runs.items()}
        other.marks = {n: list(marks) for n, marks in self.marks.items()}
        other.pasts = {n: list(pasts) for n, pasts in self.pasts.items()}
        other.arrivals = list(self.arrivals)
        other.erased, other.sealed = set(self.erased), dict(self.sealed)
        return other

    def restore(self, other: "Shelf") -> None:
        vars(self).update(vars(other.copy()))

    # -- History -----------------------------------------------------------------------------

    def position_of(self, scope: bytes, head: bytes) -> tuple[int, int] | None:
        for n, runs in self.runs.items():
            marked = [(run.last, run.head) for run in runs] + self.marks[n]
            for seq, at in marked:
                if at == head and self.logs[n].scope == scope:
                    return n, seq
        return None

    def signed_before(self, log: int, seq: int) -> SignedPosition | None:
        found = [run for run in self.runs.get(log, ()) if run.last <= seq]
        return SignedPosition(*found[-1][1:]) if found else None

    def records(self, log: int, first: int, last: int) -> list[Record]:
        base = self.base[log]
        assert first > base
        found = self.rows[log][first - 1 - base : last - base]
        assert len(found) == last - first + 1
        return found

    def past(self, log: int, seq: int) -> bytes | None:
        found = [past for at, past in self.pasts.get(log, ()) if at <= seq]
        return found[-1] if found else None

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        self.lookups += 1
        rows = [r for r in self.rows.get(log, ()) if until is None or r.seq <= until]
        return sum(_taken(r) for r in rows if r.engram == engram)

    def taker(self, engram: bytes, log: int, clock: int) -> tuple[int, Record] | None:
        self.lookups += 1
        first = 0
        for record in self.rows.get(log, ()):
            if record.engram == engram:
                if first <= clock < first + _taken(record):
                    return first, record
                first += _taken(record)
        return None

    def engram_at(self, log: int, seq: int) -> bytes | None:
        at = seq - 1 - self.base[log]
        return self.rows[log][at].engram if 0 <= at < len(self.rows[log]) else None

    def records_of(self, scope: bytes, engram: bytes) -> list[tuple[bytes, Record]]:
        self.lookups += 1
        return [
            (self.logs[n].id, record)
            for n, rows in self.rows.items()
            if self.logs[n].scope == scope
            for record in rows
            if record.engram == engram
        ]


def _taken(record: Record) -> int:
    return clocks_taken(parse_shape_untrusted(record.shape), record.superseded)
