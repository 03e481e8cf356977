"""The one write path: every record, ours or a peer's, goes through here into the store.

Runs inside the store's writer jobs: synchronous, one thread, one transaction at a time.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_sync.errors import CorruptError
from engram_sync.host import Clock, Entropy
from engram_sync.log import (
    AuthoredBatch,
    Draft,
    ForkDetected,
    IngestBatch,
    Ledger,
    LogState,
    Witness,
    continues,
)
from engram_sync.memory import Authors, Materialiser
from engram_sync.node._home import NodeKey
from engram_sync.node._limits import SWEEP_INLINE_RECORDS, SWEEP_RECORDS
from engram_sync.node._pages import MEMBERSHIP_RUNS_MAX
from engram_sync.node._rules import StoredHistory
from engram_sync.replication import ScopeView
from engram_sync.results import Scope
from engram_sync.store import LogRow, Reader, ScopeRow, Transaction
from engram_sync.trust import Charters, Member, MemberRole, may_read
from engram_wire import (
    Announcement,
    Frame,
    LogDomain,
    ProtocolError,
    Rejection,
    WireError,
    decode_frame_untrusted,
)

SALT_BYTES = 16
INCARNATION_BYTES = 16


class Arrival(NamedTuple):
    """A frame as a peer sent it: well-formed, and nothing of it proven yet."""

    scope: bytes
    announcement: Announcement
    """The log that it is of."""
    frame: Frame


def arrival_untrusted(
    scope: bytes, announcements: Mapping[int, Announcement], data: bytes
) -> Arrival:
    """Decode a frame and find its log among those that were announced.

    Raises:
        WireError: It is malformed, of no announced log, or keeps payloads back.
    """
    frame = decode_frame_untrusted(data)
    announcement = announcements.get(frame.ref)
    if announcement is None:
        raise ProtocolError(f"a frame of log {frame.ref}, which was not announced")
    if any(record.payload is None for record in frame.records):
        # This version drops no payload and could not ask for one later: without this, whoever
        # passes a record on could hide what it says, and both sides would still agree.
        raise ProtocolError(f"a frame of log {frame.ref} keeps payloads back")
    return Arrival(scope, announcement, frame)


class Taken(NamedTuple):
    """What became of one frame."""

    ref: int
    """The sender's number of the frame's log."""
    log: bytes
    seq: int
    """The frame's last position; the last valid one when the log is refused."""
    new_records: int
    rejected: tuple[Rejection, ...] = ()


@dataclass(slots=True)
class Intake:
    """What became of a batch of frames."""

    taken: list[Taken] = field(default_factory=list[Taken])
    """One per frame, in order, up to the error."""
    forks: list[ForkDetected] = field(default_factory=list[ForkDetected])
    """Logs that turned out to have two histories; each counts as a frame taken too."""
    error: WireError | None = None
    """Why the frame after those was refused; frames after it were not looked at."""


class _Members(NamedTuple):
    """The members of a scope at its newest heads, computed once per change."""

    heads: tuple[bytes, ...]
    members: tuple[Member, ...]
    labels: dict[bytes, str]
    readers: frozenset[bytes]


class WritePath:
    """Ledger, charters and materialiser of one node, kept in step with its store.

    Args:
        key: The node's key.
        clock: Wall time for new records.
        entropy: Salts and incarnations.
    """

    def __init__(self, key: NodeKey, clock: Clock, entropy: Entropy) -> None:
        self._key = key
        self._clock = clock
        self._entropy = entropy
        self.charters = Charters()
        self.ledger = Ledger(self.charters)
        self.authors = Authors(label=self.label)
        self._members: dict[bytes, _Members] = {}
        self._materialiser = Materialiser(self.authors)
        self._own: dict[tuple[bytes, int], LogState] = {}
        self._touched: set[bytes] = set()
        self.watchers: list[set[bytes]] = []
        """Sets that collect the ids of engrams that received records changed."""
        self._generation = 0

    # -- opening and closing -----------------------------------------------------------------

    def load(self, reader: Reader, witnesses: dict[bytes, Witness], boot_id: str) -> None:
        """Rebuild everything in memory from the store.

        Own logs whose continuity the witnesses prove are continued; the others end here, and the
        next write begins a new incarnation.
        """
        scopes = {row.n: row for row in reader.scopes()}
        for scope in scopes.values():
            self.ledger.add_scope(scope.id, scope.n)
        rows = reader.logs()
        self.authors.learn(rows)
        for row in rows:
            log = self._load_log(reader, scopes[row.scope], row)
            if row.author == self._key.public and continues(witnesses.get(row.id), log, boot_id):
                self._own[log.scope, log.domain] = log
        for scope in scopes.values():
            self._load_charter(reader, scope, [row for row in rows if row.scope == scope.n])

    def _load_log(self, reader: Reader, scope: ScopeRow, row: LogRow) -> LogState:
        announcement = Announcement(0, row.domain, row.author, row.incarnation)
        return self.ledger.add_log(
            row.n,
            scope.id,
            announcement,
            seq=row.seq,
            head=row.head,
            hlc=row.hlc,
            past=reader.past(row.n, row.seq),
        )

    def _load_charter(self, reader: Reader, scope: ScopeRow, logs: Sequence[LogRow]) -> None:
        """Apply the stored membership records again, in the order in which they arrived."""
        members = {row.n: row for row in logs if row.domain == LogDomain.MEMBERS}
        runs = [run for n in members for run in reader.runs_of(n, 0, MEMBERSHIP_RUNS_MAX)]
        for run in sorted(runs):
            row = members[run.log]
            records = reader.records(run.log, run.first, run.last)
            self.charters.restore(scope.id, row.author, row.id, records)

    def witnesses(self, boot_id: str) -> list[Witness]:
        """What the next opening must find to continue the own logs."""
        return [Witness(log.id, log.seq, log.head, boot_id) for log in self._own.values()]

    # -- transactions ------------------------------------------------------------------------

    @contextmanager
    def within(self, tx: Transaction) -> Generator[list[ScopeView]]:
        """Run a job's writes; fills the list with the views of every scope it touched."""
        views: list[ScopeView] = []
        checkpoint = self.ledger.checkpoint()
        own, members = dict(self._own), dict(self._members)

        def undo() -> None:
            self.ledger.rollback(checkpoint)
            self.authors.forget()
            self._own, self._members = own, members

        tx.on_rollback(undo)
        self._touched.clear()
        yield views
        views += [self.view(tx, scope) for scope in sorted(self._touched)]

    def view(self, reader: Reader, scope: bytes) -> ScopeView:
        """The scope as it is stored now."""
        number = self.ledger.scope_number(scope)
        row = reader.scope(number)
        if row is None:
            raise CorruptError(f"the store holds no scope {number}")
        arrival = reader.last_arrival(number)
        members = self._members_of(scope)
        self._generation += 1
        return ScopeView(
            scope=scope,
            number=number,
            arrival=arrival,
            clock=self.ledger.clock(scope),
            clock_digest=self.ledger.clock_digest(scope),
            state_digest=(row.digest.to_bytes(32, "big") if row.materialised >= arrival else None),
            engrams=row.live,
            readers=members.readers if row.kind != Scope.INSTANCE else frozenset(),
            generation=self._generation,
        )

    # -- members -----------------------------------------------------------------------------

    def label(self, scope: bytes, key: bytes) -> str:
        """What the charter of ``scope`` calls ``key``; empty when it says nothing.

        Readers in other threads ask too, while a membership record is half applied here.  So this
        only looks at what the newest view of the scope was made of.
        """
        known = self._members.get(scope)
        return known.labels.get(key, "") if known is not None else ""

    def members(self, scope: bytes) -> tuple[Member, ...]:
        """The members of ``scope`` as of the newest view; safe to ask from any thread.

        The charters themselves belong to the writer's thread.
        """
        known = self._members.get(scope)
        return () if known is None else known.members

    def role(self, scope: bytes, key: bytes) -> MemberRole | None:
        """The role of ``key`` as of the newest view; None for a stranger."""
        return next((m.role for m in self.members(scope) if m.key == key), None)

    def _members_of(self, scope: bytes) -> "_Members":
        membership = self.charters.of(scope)
        known = self._members.get(scope)
        if known is None or known.heads != membership.heads:
            members = membership.members()
            known = self._members[scope] = _Members(
                heads=membership.heads,
                members=tuple(members),
                labels={m.key: m.label for m in members},
                readers=frozenset(m.key for m in members if may_read(membership, m.key)),
            )
        return known

    def _auth(self, scope: bytes) -> tuple[bytes, ...]:
        return self.charters.of(scope).auth(self._key.public)

    # -- own records -------------------------------------------------------------------------

    def own_log(self, scope: bytes, domain: int = LogDomain.DATA) -> LogState:
        """The log that the next own record of ``scope`` goes to; a new incarnation if need be."""
        log = self._own.get((scope, domain))
        if log is None:
            incarnation = self._entropy(INCARNATION_BYTES)
            log = self.ledger.open_log(scope, domain, self._key.public, incarnation)
            self._own[scope, domain] = log
        return log

    def write(
        self,
        tx: Transaction,
        scope: bytes,
        drafts: Sequence[Draft],
        domain: int = LogDomain.DATA,
    ) -> AuthoredBatch:
        """Author, sign, store and materialise own records.

        Raises:
            LocalError: A draft breaks a limit or a rule; nothing was changed.
        """
        salt = self._entropy(SALT_BYTES * len(drafts))
        batch = self.ledger.author(
            self.own_log(scope, domain),
            drafts,
            now_ms=self._clock.now_ms(),
            salts=[salt[i : i + SALT_BYTES] for i in range(0, len(salt), SALT_BYTES)],
            secret_key=self._key.secret,
            auth=self._auth(scope) if domain == LogDomain.DATA else (),
            history=StoredHistory(tx, self.ledger),
        )
        arrivals = self._store(tx, batch)
        self._materialiser.apply_local(
            tx, self.ledger.scope_number(scope), batch.log.n, batch.records, arrivals
        )
        return batch

    # -- received records --------------------------------------------------------------------

    def ingest(self, tx: Transaction, arrivals: Sequence[Arrival]) -> Intake:
        """Verify and store frames in order, up to the first that breaks the protocol.

        What was valid before the error is kept: it is signed, and its author did nothing wrong.
        """
        intake = Intake()
        for arrival in arrivals:
            try:
                intake.taken.append(self._take(tx, arrival))
            except ForkDetected as fork:
                intake.forks.append(fork)
                intake.taken.append(
                    Taken(arrival.frame.ref, fork.log, fork.seq - 1, 0, (fork.rejection,))
                )
                continue
            except WireError as error:
                intake.error = error
                break
        if sum(taken.new_records for taken in intake.taken) <= SWEEP_INLINE_RECORDS:
            for scope in {arrival.scope for arrival in arrivals}:
                self.sweep(tx, scope, limit=2 * SWEEP_INLINE_RECORDS)
        return intake

    def _take(self, tx: Transaction, arrival: Arrival) -> Taken:
        scope, announcement, frame = arrival
        history = StoredHistory(tx, self.ledger)
        batch = self.ledger.ingest_untrusted(announcement, scope, frame, history=history)
        if batch.records:
            self._store(tx, batch)
        if batch.rejection is not None:
            held, why = batch.log.seq, (batch.rejection,)
            return Taken(frame.ref, batch.log.id, held, len(batch.records), why)
        # What the frame shows, not how far the log is held here: the sender may hold less.
        last = frame.first + len(frame.records) - 1
        return Taken(frame.ref, batch.log.id, last, len(batch.records))

    def _store(self, tx: Transaction, batch: AuthoredBatch | IngestBatch) -> list[int]:
        log = batch.log
        scope = self.ledger.scope_number(log.scope)
        self._touched.add(log.scope)
        if batch.new_log:
            number = tx.put_log(scope, log.id, log.domain, log.author, log.incarnation)
            if number != log.n:
                raise CorruptError(f"log {number} of the store is log {log.n} of the ledger")
        tx.put_records(log.n, batch.records)
        arrivals = [tx.put_run(log.n, *run) for run in batch.runs]
        for seq, past in batch.pasts:
            tx.put_past(log.n, seq, past)
        tx.set_head(log.n, batch.seq, batch.head, batch.hlc)
        row = tx.scope(scope)
        assert row is not None
        tx.update_scope(row._replace(records=row.records + len(batch.records)))
        return arrivals

    # -- derived state -----------------------------------------------------------------------

    def sweep(self, tx: Transaction, scope: bytes, *, limit: int) -> int:
        """Materialise the next stored records of ``scope``; returns how many were looked at."""
        swept = self._materialiser.sweep(tx, self.ledger.scope_number(scope), limit=limit)
        if swept.records:
            self._touched.add(scope)
        for watcher in self.watchers:
            watcher.update(swept.changed)
        return swept.records

    def catch_up(self, tx: Transaction, scope: bytes) -> bool:
        """Materialise everything stored of ``scope``; returns whether anything was waiting."""
        waited = False
        while self.sweep(tx, scope, limit=SWEEP_RECORDS):
            waited = True
        return waited
