"""A whole replica without a disk: ledger, charters, and lists in place of the store."""

import random
from collections.abc import Sequence
from functools import reduce

from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.log import (
    AuthoredBatch,
    Batch,
    Checkpoint,
    Draft,
    IngestBatch,
    Ledger,
    LogState,
    Past,
    Run,
    SignedPosition,
    Split,
)
from engram_sync.trust import (
    Admit,
    Charter,
    Charters,
    MemberRole,
    admit_draft,
    charter_draft,
    found,
)
from engram_wire import (
    Announcement,
    Frame,
    LogDomain,
    Record,
    RecordKind,
    Superseded,
    cbor,
    clocks_taken,
    decode_frame_untrusted,
    encode_frame,
    extend,
    parse_shape_untrusted,
)

NOW_MS = 1_800_000_000_000


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


class Replica:
    """One node's key, ledger, charters and shelf."""

    def __init__(self, name: str) -> None:
        self.random = random.Random(name)
        self.key, self.secret = crypto_sign_seed_keypair(self.random.randbytes(32))
        self.incarnation = self.random.randbytes(16)
        self.charters = Charters()
        self.ledger = Ledger(self.charters)
        self.shelf = Shelf()
        self.now_ms = NOW_MS
        self.clocks: dict[bytes, int] = {}

    def open(self, scope: bytes, domain: int = LogDomain.DATA) -> LogState:
        self.ledger.add_scope(scope)
        return self.ledger.open_log(scope, domain, self.key, self.incarnation)

    # -- writing -----------------------------------------------------------------------------

    def author(
        self, log: LogState, drafts: Sequence[Draft], auth: Sequence[bytes] | None = None
    ) -> AuthoredBatch:
        self.now_ms += 1
        heads = self.charters.of(log.scope).auth(self.key) if auth is None else auth
        batch = self.ledger.author(
            log,
            drafts,
            now_ms=self.now_ms,
            salts=[self.random.randbytes(16) for _ in drafts],
            secret_key=self.secret,
            auth=heads,
            clocks=self.clocks,
            history=self.shelf,
        )
        self.shelf.put(batch)
        return batch

    def write(self, scope: bytes, *drafts: Draft) -> AuthoredBatch:
        return self.author(self.open(scope), drafts)

    def found(self, kind: str = "collective") -> bytes:
        charter: Charter = found(kind, self.key, nonce=self.random.randbytes(16))
        scope = charter.scope_id()
        self.author(self.open(scope, LogDomain.MEMBERS), [charter_draft(charter, "first")])
        return scope

    def admit(
        self,
        scope: bytes,
        key: bytes,
        role: MemberRole = MemberRole.MEMBER,
        agent: bytes | None = None,
    ) -> AuthoredBatch:
        draft = admit_draft(Admit(key, role, agent or key), "node")
        return self.author(self.open(scope, LogDomain.MEMBERS), [draft])

    # -- frames ------------------------------------------------------------------------------

    def frame(self, log: LogState, first: int = 1, last: int | None = None) -> Frame:
        """Records ``first`` to ``last`` of a log, as they come out of the wire."""
        last = log.seq if last is None else last
        signed = [
            (run.last, run.signature)
            for part in log.path()
            for run in self.shelf.runs.get(part.n, ())
            if first <= run.last <= min(last, log.seq) and log.owner(run.last) is part
        ]
        return self.frame_signed(log, first, signed)

    def frame_signed(self, log: LogState, first: int, signed: Sequence[tuple[int, bytes]]) -> Frame:
        """Records from ``first`` on, with the given signatures; the last one ends the frame."""
        records = [self.record(log, seq) for seq in range(first, signed[-1][0] + 1)]
        return decode_frame_untrusted(encode_frame(1, records, signed))

    def record(self, log: LogState, seq: int) -> Record:
        return self.shelf.records(log.owner(seq).n, seq, seq)[0]

    def head(self, log: LogState, seq: int) -> bytes:
        records = [self.record(log, at) for at in range(1, seq + 1)]
        return reduce(extend, records, log.root)

    def holds(self, log: LogState, head: bytes) -> bool:
        """Whether ``head`` is a position held of the family of somebody's ``log``."""
        family = [x for x in self.ledger.logs(log.scope) if x.root == log.root]
        return head == log.root or any(
            self.head(x, seq) == head for x in family for seq in range(x.base + 1, x.seq + 1)
        )

    def take(self, log: LogState, frame: Frame) -> IngestBatch:
        """Ingest a frame of somebody else's ``log``, in as many steps as it has."""
        self.ledger.add_scope(log.scope)
        taking = self.ledger.taking(announce(log), log.scope, frame)
        while (batch := taking.take_untrusted(self.shelf, lambda: True)) is None:
            pass
        self.shelf.put(batch)
        return batch

    def take_all(self, other: "Replica", scope: bytes) -> None:
        """Everything that ``other`` holds of a scope, run by run, in the order it arrived there."""
        for n, run in other.shelf.arrivals:
            log = other.ledger.log_by_number(n)
            if log.scope == scope:
                self.take(log, other.frame(log, run.first, run.last))

    # -- comparing ---------------------------------------------------------------------------

    def state(self, scope: bytes) -> object:
        """Everything the ledger and the charters know about a scope, comparable."""
        ledger, membership = self.ledger, self.charters.of(scope)
        logs = sorted(
            (
                *(log.id, log.n, log.seq, log.head, log.hlc, *self.past_of(log)),
                *(log.root, log.base, log.parent.n if log.parent else 0, log.sealed, log.live),
                *(log.follows.n if log.follows else 0, log.until),
                sorted(child.n for child in log.children.values()),
            )
            for log in ledger.logs(scope)
        )
        # As a log sees it that is nobody's, so that no tip is left out.
        frontiers = [
            ledger.frontier(ledger.open_log(scope, domain, self.key, bytes(16)), self.shelf)
            for domain in LogDomain
        ]
        return (
            logs,
            ledger.clock(scope),
            ledger.clock_digest(scope),
            sorted(ledger.sealed(scope), key=lambda entry: entry.log),
            frontiers,
            membership.heads,
            membership.members(),
            membership.charter,
        )

    def facts(self, scope: bytes) -> object:
        """What two replicas that hold the same records have to agree on, however they got them."""
        ledger, membership = self.ledger, self.charters.of(scope)
        names = {log.n: log.id for log in ledger.logs(scope)}
        logs = sorted(
            (
                *(log.id, log.seq, log.head, log.hlc, log.root, log.base, log.sealed),
                log.parent.id if log.parent else b"",
                sorted((names[n], seq) for n, seq in self.past_of(log).seen.items()),
                self.past_of(log).auth,
                sorted(child.id for child in log.children.values()),
            )
            for log in ledger.logs(scope)
        )
        forks = [
            (fork.root, fork.author, fork.base, [log.id for log in fork.branches])
            for fork in ledger.forks(scope)
        ]
        probe = [ledger.open_log(scope, domain, self.key, bytes(16)) for domain in LogDomain]
        return (
            logs,
            ledger.clock(scope),
            ledger.sealed_summary(scope),
            ledger.positions(scope),
            ledger.clock_digest(scope),
            forks,
            [ledger.frontier(log, self.shelf) for log in probe],
            membership.heads,
            membership.members(),
        )

    def past_of(self, log: LogState) -> Past:
        return self.ledger._registry.past_of(log, self.shelf)

    def checkpoint(self) -> tuple[Checkpoint, Shelf]:
        return self.ledger.checkpoint(), self.shelf.copy()

    def rollback(self, checkpoint: tuple[Checkpoint, Shelf]) -> None:
        self.ledger.rollback(checkpoint[0])
        self.shelf.restore(checkpoint[1])

    def reopened(self) -> "Replica":
        """The same node after a restart, or a copy of it: rebuilt from its shelf alone."""
        other = Replica.__new__(Replica)
        vars(other).update(vars(self))
        other.charters = Charters()
        other.ledger = Ledger(other.charters)
        other.shelf = self.shelf.copy()
        for scope in self.ledger.scopes():
            other.ledger.add_scope(scope, self.ledger.scope_number(scope))
        for n, log in sorted(other.shelf.logs.items()):
            seq = log.base + len(other.shelf.rows[n])
            other.shelf.logs[n] = other.ledger.add_log(
                n,
                log.id,
                log.scope,
                announce(log),
                seq=seq,
                head=log.head,
                hlc=log.hlc,
                parent=None if log.parent is None else log.parent.n,
                base=log.base,
                sealed=log.sealed,
            )
            if log.live:
                other.ledger.claim(other.shelf.logs[n])
        for n, log in self.shelf.logs.items():
            if log.follows is not None:
                other.ledger.link(n, log.follows.n, log.until)
        other.restore_charters()
        return other

    def restore_charters(self) -> None:
        done: dict[int, int] = {}
        for n, run in self.shelf.arrivals:
            log = self.ledger.log_by_number(n)
            if log.domain != LogDomain.MEMBERS:
                continue
            for seq in range(run.first, run.last + 1):
                part = log.owner(seq)
                if seq > done.get(part.n, part.base):
                    begins = None if part.parent is None else part.parent.head
                    record = [self.record(log, seq)]
                    self.charters.restore(log.scope, log.author, part.id, record, begins=begins)
                    done[part.n] = seq


def announce(log: LogState) -> Announcement:
    return Announcement(1, log.domain, log.author, log.incarnation, log.branch)


def create(engram: bytes, text: str = "x", collection: str = "r/content") -> Draft:
    return Draft(RecordKind.CREATE, engram, ((collection, cbor.encode(text)),))


def update(
    engram: bytes, *superseded: Superseded, collection: str = "r/content", text: str = "y"
) -> Draft:
    return Draft(RecordKind.UPDATE, engram, ((collection, cbor.encode(text)),), superseded)


def engram_id(number: int) -> bytes:
    return number.to_bytes(16, "big")
