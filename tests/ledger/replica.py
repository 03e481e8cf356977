"""A whole replica without a disk: ledger, charters, and a shelf in place of the store."""

import random
from collections.abc import Sequence
from functools import reduce

from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.ledger import (
    AuthoredBatch,
    Draft,
    IngestBatch,
    Ledger,
    LogState,
    Past,
    UndoPoint,
)
from engram_sync.membership import (
    Admission,
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
    decode_frame_untrusted,
    encode_frame,
    extend,
)
from tests.ledger.shelf import Shelf

NOW_MS = 1_800_000_000_000


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
        draft = admit_draft(Admission(key, role, agent or key), "node")
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
                *(log.follows, log.until),
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
        return self.ledger._registry.pasts.of(log, self.shelf)

    def checkpoint(self) -> tuple[UndoPoint, Shelf]:
        return self.ledger.checkpoint(), self.shelf.copy()

    def rollback(self, checkpoint: tuple[UndoPoint, Shelf]) -> None:
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
                follows=self.shelf.logs[n].follows,
                until=self.shelf.logs[n].until,
            )
            if log.live:
                other.ledger.claim(other.shelf.logs[n])
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
