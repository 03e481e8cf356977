"""A whole replica without a disk: ledger, charters, and lists in place of the store."""

import random
from collections.abc import Sequence

from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.log import (
    AuthoredBatch,
    Checkpoint,
    Draft,
    IngestBatch,
    Ledger,
    LogState,
    Run,
    SignedPosition,
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
    decode_frame_untrusted,
    encode_frame,
)

NOW_MS = 1_800_000_000_000


class Shelf:
    """What a store would hold of one replica; implements ``History``."""

    def __init__(self) -> None:
        self.scopes: dict[int, bytes] = {}
        """Scope of each log number."""
        self.rows: dict[int, list[Record]] = {}
        self.runs: dict[int, list[Run]] = {}
        self.pasts: dict[int, list[tuple[int, bytes]]] = {}
        self.arrivals: list[tuple[LogState, Run]] = []
        self.lookups = 0

    def put(self, batch: AuthoredBatch | IngestBatch) -> None:
        if not batch.records:
            return
        log = batch.log
        assert batch.new_log == (log.n not in self.rows)
        self.scopes[log.n] = log.scope
        self.rows.setdefault(log.n, []).extend(batch.records)
        self.runs.setdefault(log.n, []).extend(batch.runs)
        self.pasts.setdefault(log.n, []).extend(batch.pasts)
        self.arrivals += [(log, run) for run in batch.runs]
        assert [r.seq for r in self.rows[log.n]] == list(range(1, batch.seq + 1))

    def copy(self) -> "Shelf":
        other = Shelf()
        other.scopes = dict(self.scopes)
        other.rows = {n: list(rows) for n, rows in self.rows.items()}
        other.runs = {n: list(runs) for n, runs in self.runs.items()}
        other.pasts = {n: list(pasts) for n, pasts in self.pasts.items()}
        other.arrivals = list(self.arrivals)
        return other

    def restore(self, other: "Shelf") -> None:
        vars(self).update(vars(other.copy()))

    # -- History -----------------------------------------------------------------------------

    def position_of(self, scope: bytes, head: bytes) -> tuple[int, int] | None:
        for n, runs in self.runs.items():
            for run in runs:
                if run.head == head and self.scopes[n] == scope:
                    return n, run.last
        return None

    def signed_before(self, log: int, seq: int) -> SignedPosition | None:
        found = [run for run in self.runs.get(log, ()) if run.last <= seq]
        return SignedPosition(*found[-1][1:]) if found else None

    def signed_after(self, log: int, seq: int) -> SignedPosition | None:
        found = [run for run in self.runs.get(log, ()) if run.last >= seq]
        return SignedPosition(*found[0][1:]) if found else None

    def records(self, log: int, first: int, last: int) -> list[Record]:
        return self.rows[log][first - 1 : last]

    def past(self, log: int, seq: int) -> bytes | None:
        found = [past for at, past in self.pasts.get(log, ()) if at <= seq]
        return found[-1] if found else None

    def records_of(self, scope: bytes, engram: bytes) -> list[tuple[bytes, Record]]:
        self.lookups += 1
        logs = {log.n: log.id for log, _ in self.arrivals}
        return [
            (logs[n], record)
            for n, rows in self.rows.items()
            if self.scopes[n] == scope
            for record in rows
            if record.engram == engram
        ]


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
        return self.frame_of(log.n, first, last)

    def frame_of(self, n: int, first: int, last: int) -> Frame:
        signatures = [(r.last, r.signature) for r in self.shelf.runs[n] if first <= r.last <= last]
        data = encode_frame(1, self.shelf.records(n, first, last), signatures)
        return decode_frame_untrusted(data)

    def take(self, log: LogState, frame: Frame) -> IngestBatch:
        """Ingest a frame of somebody else's ``log``."""
        self.ledger.add_scope(log.scope)
        announcement = announce(log)
        batch = self.ledger.ingest_untrusted(announcement, log.scope, frame, history=self.shelf)
        self.shelf.put(batch)
        return batch

    def take_all(self, other: "Replica", scope: bytes) -> None:
        """Everything that ``other`` holds of a scope, run by run, in the order it arrived there."""
        for log, run in other.shelf.arrivals:
            if log.scope == scope:
                self.take(log, other.frame(log, run.first, run.last))

    # -- comparing ---------------------------------------------------------------------------

    def state(self, scope: bytes) -> object:
        """Everything the ledger and the charters know about a scope, comparable."""
        ledger, membership = self.ledger, self.charters.of(scope)
        logs = sorted(
            (log.id, log.n, log.seq, log.head, log.hlc, dict(log.past.seen), log.past.auth)
            for log in ledger.logs(scope)
        )
        # As a log sees it that is nobody's, so that no tip is left out.
        frontiers = [
            ledger.frontier(ledger.open_log(scope, domain, self.key, bytes(16)))
            for domain in LogDomain
        ]
        return (
            logs,
            ledger.clock(scope),
            ledger.clock_digest(scope),
            frontiers,
            membership.heads,
            membership.members(),
            membership.charter,
        )

    def checkpoint(self) -> tuple[Checkpoint, Shelf]:
        return self.ledger.checkpoint(), self.shelf.copy()

    def rollback(self, checkpoint: tuple[Checkpoint, Shelf]) -> None:
        self.ledger.rollback(checkpoint[0])
        self.shelf.restore(checkpoint[1])

    def reopened(self) -> "Replica":
        """The same node after a restart: rebuilt from its shelf alone."""
        other = Replica.__new__(Replica)
        vars(other).update(vars(self))
        other.charters = Charters()
        other.ledger = Ledger(other.charters)
        other.shelf = self.shelf.copy()
        for log, run in other.shelf.arrivals:
            other.ledger.add_scope(log.scope)
            if log.domain == LogDomain.MEMBERS:
                records = other.shelf.records(log.n, run.first, run.last)
                other.charters.restore(log.scope, log.author, log.id, records)
        for log in {log.n: log for log, _ in other.shelf.arrivals}.values():
            other.ledger.add_log(
                log.n,
                log.scope,
                announce(log),
                seq=log.seq,
                head=log.head,
                hlc=log.hlc,
                past=other.shelf.past(log.n, log.seq),
            )
        return other


def announce(log: LogState) -> Announcement:
    return Announcement(ref=1, domain=log.domain, author=log.author, incarnation=log.incarnation)


def create(engram: bytes, text: str = "x", collection: str = "r/content") -> Draft:
    return Draft(RecordKind.CREATE, engram, ((collection, cbor.encode(text)),))


def update(
    engram: bytes, *superseded: Superseded, collection: str = "r/content", text: str = "y"
) -> Draft:
    return Draft(RecordKind.UPDATE, engram, ((collection, cbor.encode(text)),), superseded)


def engram_id(number: int) -> bytes:
    return number.to_bytes(16, "big")
