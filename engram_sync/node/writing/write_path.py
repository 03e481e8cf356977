"""The one write path: every record, ours or a peer's, goes through here into the store.

Runs inside the store's writer jobs: synchronous, one thread, one transaction at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import blake2b
from itertools import chain
from typing import TypeVar

from engram_sync.api import Scope
from engram_sync.errors import CorruptError, DegradedError
from engram_sync.host import Clock, Entropy
from engram_sync.ledger import (
    AuthoredBatch,
    Batch,
    Draft,
    Ledger,
    LogState,
    Witness,
    continues,
)
from engram_sync.membership import Charters
from engram_sync.memory.materialise import Materialiser, weight_of
from engram_sync.memory.state import RULES, clocks_seen
from engram_sync.node.home.files import NodeKey
from engram_sync.node.home.loading import StoredLogs, load
from engram_sync.node.home.newer import Newer
from engram_sync.node.home.own_logs import OwnLogs
from engram_sync.node.home.people import People
from engram_sync.node.limits import (
    APPLY_S,
    INGEST_SLICE_S,
    MATERIALISE_INLINE_WEIGHT,
    MATERIALISE_WEIGHT,
)
from engram_sync.node.writing.arrivals import Arrival as Arrival
from engram_sync.node.writing.arrivals import Begun
from engram_sync.node.writing.arrivals import FrameOutcome as FrameOutcome
from engram_sync.node.writing.arrivals import IngestOutcome as IngestOutcome
from engram_sync.node.writing.arrivals import arrival_untrusted as arrival_untrusted
from engram_sync.node.writing.cut_logs import CutLogs
from engram_sync.node.writing.erasing_held import ErasingHeld
from engram_sync.node.writing.log_directories import LogDirectories
from engram_sync.node.writing.outcome import JobNotes, JobOutcome
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.node.writing.storing import Storing
from engram_sync.store import Reader, Transaction
from engram_sync.sync import ScopeView
from engram_wire import LogDomain, WireError

T = TypeVar("T")

SALT_BYTES = 16
_VERSIONS = "versions"
"""In meta: what the versions that this node gives out are salted with."""


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
        self.newer = Newer(self.charters)
        people = self._people = People(self.charters)
        self.label, self.role, self.let_go = people.label, people.role, people.let_go
        self.members, self.authorities = people.members, people.authorities
        directories = LogDirectories(self.ledger, self.label, self._trust)
        self.logs, self.logs_at = directories.writer, directories.at
        self.materialiser = Materialiser(self.logs)
        self.own = OwnLogs(self.ledger, key.public, entropy)
        self._storing = Storing(self.ledger, self.materialiser, clock, self.own)
        self.cuts = CutLogs(
            self.ledger, self.charters, self.materialiser, self.own.end, self._purge_soon
        )
        self._proven = True
        """Whether this is certainly the only continuation of what the store held before."""
        self._notes = JobNotes()
        self._forked: dict[bytes, frozenset[bytes]] = {}
        """By scope, as of its newest view: whoever continued a log in two ways."""
        self._generation = 0
        self._closing = False

    # -- opening and closing -----------------------------------------------------------------

    @property
    def key(self) -> bytes:
        """This node's public key."""
        return self._key.public

    def load(self, reader: Reader, witnesses: dict[bytes, Witness], boot_id: str) -> None:
        """Rebuild everything in memory from the store.

        Own logs whose continuity the witnesses prove are continued; the others end here, and the
        next write begins a new incarnation.
        """
        scopes = load(reader, self.ledger, self.charters, self.logs)
        for log in chain.from_iterable(map(self.ledger.logs, scopes)):
            if log.author == self._key.public and log.stands(log.seq) == log.seq > log.sealed:
                proven = continues(witnesses.get(log.id), log, boot_id)
                self._proven = self._proven and proven
                if proven:
                    self.own.resume(log)
        self.newer.load(reader, scopes)
        self.cuts.load(scopes)

    def read_sealed(self, scopes: Iterable[bytes]) -> None:
        """Have the positions of the sealed logs of these scopes in their views from now on."""
        for scope in scopes:
            self.ledger.read_sealed(scope)
            self._notes.touched.add(scope)

    def begin(self, tx: Transaction) -> None:
        """Follow the rules of this program, and say which versions it still understands: those
        given out before, where nothing was rolled back, copied or derived anew since.
        """
        salt = tx.meta(_VERSIONS)
        if self.materialiser.begin(tx) or not self._proven or salt is None:
            salt = self._entropy(SALT_BYTES)
            tx.put_meta(_VERSIONS, salt)
        self.logs.version_key = blake2b(
            self._key.secret, salt=salt, person=b"engram versions"
        ).digest()

    def witnesses(self, boot_id: str) -> list[Witness]:
        """What the next opening must find to continue the own logs."""
        return [Witness(log.id, log.seq, log.head, boot_id) for log in self.own.live()]

    def close(self) -> None:
        """Write no own records any more: the witness has said how far the own logs go."""
        self._closing = True

    # -- transactions ------------------------------------------------------------------------

    def run(self, tx: Transaction, job: Callable[[Transaction], T]) -> tuple[T, JobOutcome]:
        """Run a job that may write.

        If its transaction is rolled back, now or later, nothing of it stays in memory either.

        Returns:
            What the job returned, and what it changed beside the store.
        """
        checkpoint, forked = self.ledger.checkpoint(), dict(self._forked)
        own, people, newer = self.own.save(), self._people.save(), self.newer.save()

        def undo() -> None:
            self.ledger.rollback(checkpoint)
            self.logs.forget()
            self.own.restore(own)
            self._people.restore(people)
            self.newer.restore(newer)
            self._forked = forked

        tx.on_rollback(undo)
        self.ledger.read_from(StoredLogs(tx, self.ledger))
        notes = self._notes = JobNotes()
        result = job(tx)
        views = [self.view(tx, scope) for scope in sorted(notes.touched)]
        return result, notes.outcome(views, waits=self.ledger.waits)

    def report(self, name: str, text: str) -> None:
        """Let somebody know of this, once the job that runs is durable: words for ``status``."""
        self._notes.reports[name] = text

    def view(self, reader: Reader, scope: bytes) -> ScopeView:
        """The scope as it is stored now."""
        number = self.ledger.scope_number(scope)
        row = reader.scope(number)
        if row is None:
            raise CorruptError(f"the store holds no scope {number}")
        arrival = reader.last_arrival(number)
        readers, needs = self._people.refresh(scope), self.newer.of(scope)
        self._generation += 1
        forks = tuple(self.ledger.forks(scope))
        self._forked[scope] = frozenset(fork.author for fork in forks)
        return ScopeView(
            scope=scope,
            number=number,
            arrival=arrival,
            clock=self.ledger.clock(scope),
            clock_digest=self.ledger.clock_digest(scope),
            state_digest=(row.digest.to_bytes(32, "big") if row.materialised >= arrival else None),
            engrams=row.live,
            readers=frozenset() if needs or row.kind == Scope.INSTANCE else readers,
            needs=needs or "",
            rules=RULES,
            generation=self._generation,
            sealed=self.ledger.sealed_summary(scope),
            seals=self.ledger.sealed(scope),
            owed=reader.owed_count(number),
            forks=forks,
            epoch=sum(len(fork.branches) for fork in forks),
            trunks={t.id: t.seq for f in forks for t in [f.branches[0].parent] if t},
            own=frozenset(log.id for log in self.own.live() if log.scope == scope and log.n),
        )

    def _trust(self, scope: bytes, key: bytes) -> float:
        """Whoever told two stories about one log is believed nothing."""
        return 0.0 if key in self._forked.get(scope, ()) else 1.0

    # -- own records -------------------------------------------------------------------------

    def own_log(self, scope: bytes, domain: int = LogDomain.DATA) -> LogState:
        """The log that the next own record of ``scope`` goes to; a new incarnation if need be.

        Drafts are made for this log and no other: they call it their own.
        """
        return self.own.current(scope, domain)

    def end_own(self, scope: bytes, log: bytes) -> None:
        """Never continue an own log: a peer knows more of it than is held here."""
        state = self.ledger.log_by_id(scope, log)
        if state is not None and self.own.is_live(state):
            self._end(state)

    def _end(self, log: LogState) -> None:
        self.own.end(log)
        self._notes.touched.add(log.scope)
        self.report(
            "copy",
            "another copy of this node writes, or this one was rolled back: log"
            f" {log.id.hex()[:16]} is not continued, and a new one takes its place; nothing is"
            " lost",
        )

    def write(
        self,
        tx: Transaction,
        scope: bytes,
        drafts: Sequence[Draft],
        domain: int = LogDomain.DATA,
    ) -> AuthoredBatch:
        """Author, sign, store and show own records; a new incarnation first seals those before it.

        Args:
            tx: The transaction.
            scope: Id of the scope.
            drafts: Made for ``own_log``.
            domain: Data or membership.

        Raises:
            LocalError: A draft breaks a limit or a rule, the scope needs a newer version, or this
                node may not write there; then nothing was changed.
        """
        self.newer.check(scope)
        if domain == LogDomain.DATA:
            self._people.check_writes(scope, self.key)
        batch = self._author(tx, self.own_log(scope, domain), drafts)
        self._storing.show(tx, batch, self._store(tx, batch))
        return batch

    def write_alone(
        self, tx: Transaction, log: LogState, drafts: Sequence[Draft], heads: Sequence[bytes]
    ) -> None:
        """Write records to an own log that name these heads and nothing else held."""
        self._store(tx, self._author(tx, log, drafts, heads))

    def _author(
        self,
        tx: Transaction,
        log: LogState,
        drafts: Sequence[Draft],
        heads: Sequence[bytes] | None = None,
    ) -> AuthoredBatch:
        if self._closing:
            raise DegradedError(
                "the node is closing; nothing was written", hint="open it again and repeat this"
            )
        data = log.domain == LogDomain.DATA
        if data and not log.n and heads is None:
            drafts = [*self.own.seals(log.scope), *drafts]
        salt = self._entropy(SALT_BYTES * len(drafts))
        return self.ledger.author(
            log,
            drafts,
            now_ms=self._clock.now_ms(),
            salts=[salt[i : i + SALT_BYTES] for i in range(0, len(salt), SALT_BYTES)],
            secret_key=self._key.secret,
            auth=self.charters.of(log.scope).auth(self._key.public) if data else (),
            clocks=clocks_seen(tx, self.ledger.scope_number(log.scope), drafts) if data else {},
            heads=heads,
            history=StoredHistory(tx, self.ledger),
        )

    # -- received records --------------------------------------------------------------------

    def ingest(
        self,
        tx: Transaction,
        arrivals: Sequence[Arrival],
        *,
        work_s: Callable[[], float] = float,
        others_wait: Callable[[], bool] = bool,
    ) -> IngestOutcome:
        """Verify and store frames in order, up to the first that breaks the protocol; the valid
        ones before it are kept.

        Args:
            tx: The transaction.
            arrivals: At least one frame, of which at least a part of the first is taken.
            work_s: CPU time of this thread.
            others_wait: Whether other jobs do; then the rest is left after ``INGEST_SLICE_S``, also
                of a frame that it has begun.
        """
        intake = IngestOutcome()
        start = began = work_s()

        def pause() -> bool:
            return work_s() - start > INGEST_SLICE_S and others_wait()

        for arrival in arrivals:
            if began > start and pause():
                break
            try:
                taken = self._take(tx, arrival, pause)
            except WireError as error:
                intake.error = error
                break
            finally:
                began, before = work_s(), began
                arrival.work_s += began - before
                intake.last_work_s = arrival.work_s
            if taken is None:
                break
            intake.taken.append(taken._replace(work_s=arrival.work_s))
        return intake

    def _take(
        self, tx: Transaction, arrival: Arrival, pause: Callable[[], bool]
    ) -> FrameOutcome | None:
        scope, frame = arrival.scope, arrival.frame
        if arrival.begun is None:
            number = self.ledger.scope_number(scope)
            erasing = ErasingHeld(self._storing, number, partial(self._erased, scope), tx)
            taking = self.ledger.taking(arrival.announcement, scope, frame, erasing)
            arrival.begun = Begun(taking, StoredHistory(tx, self.ledger), erasing)
        arrival.begun.go_on(tx)
        tx.on_rollback(arrival.begin_again)
        taking, history, _ = arrival.begun
        own = [log for log in self.own.live() if log.n]
        if (batch := taking.take_untrusted(history, pause, alone=arrival.alone)) is None:
            return None
        arrival.begun = None
        if batch.split is not None:
            self._notes.touched.add(scope)
            self.logs.forget()
            self._storing.split(tx, batch.split)
        if batch.records:
            arrivals, weight = self._store(tx, batch), weight_of(batch.records)
            if weight <= MATERIALISE_INLINE_WEIGHT and not pause():
                changed = self._storing.show(tx, batch, arrivals, limit=MATERIALISE_INLINE_WEIGHT)
                self._changed(scope, changed)
            else:
                arrival.work_s += APPLY_S * weight
        for log in own:
            if batch.own_ended and not log.live:
                self._end(log)
        if (why := batch.rejection) is not None:
            log, void = batch.log, self.ledger.void_after(scope, why.log, batch.log.author)
            return FrameOutcome(frame.ref, log.id, log.seq, len(batch.records), (why,), void)
        # What the frame shows: the sender may hold less than is held here.
        last = frame.first + len(frame.records) - 1
        return FrameOutcome(frame.ref, batch.log.id, last, len(batch.records))

    def _store(self, tx: Transaction, batch: Batch) -> list[int]:
        if batch.log.domain == LogDomain.DATA:
            self.newer.note(tx, batch.log.scope, batch.records)
        if batch.erased:
            self._purge_soon()
            self._notes.erased_here |= isinstance(batch, AuthoredBatch)
        arrivals = self._storing.store(tx, batch)
        self._changed(batch.log.scope, self.cuts.follow(tx, batch))
        return arrivals

    def _purge_soon(self) -> None:
        self._notes.erased = True

    def _erased(self, scope: bytes, engrams: Iterable[bytes]) -> None:
        self._purge_soon()
        self._changed(scope, engrams)

    # -- derived state -----------------------------------------------------------------------

    def materialise_pending(self, tx: Transaction, scope: bytes, *, limit: int) -> int:
        """Materialise the next stored records of ``scope``; returns how many were looked at."""
        done = self.materialiser.materialise_pending(
            tx, self.ledger.scope_number(scope), limit=limit
        )
        if done.records:
            self._changed(scope, done.changed)
        return done.records

    def materialise_all(self, tx: Transaction, scope: bytes) -> None:
        """Materialise everything stored of ``scope``."""
        while self.materialise_pending(tx, scope, limit=MATERIALISE_WEIGHT):
            pass

    def show_waiting(self, tx: Transaction, scope: bytes, engram: bytes) -> bool:
        """Materialise what waits of one engram; False where that is too much for one job."""
        number = self.ledger.scope_number(scope)
        changed = self.materialiser.show_waiting(tx, number, engram, MATERIALISE_INLINE_WEIGHT)
        self._changed(scope, changed or ())
        return changed is not None

    def rebuild(self, tx: Transaction, scope: bytes, ids: Iterable[bytes]) -> None:
        """Make the rows of engrams anew from their records."""
        self._changed(scope, self.materialiser.rebuild(tx, self.ledger.scope_number(scope), ids))

    def refill(self, tx: Transaction, scope: bytes, positions: Iterable[tuple[int, int]]) -> None:
        """Show what payloads say that have come: (log, seq) of their records."""
        number = self.ledger.scope_number(scope)
        self._changed(scope, self.materialiser.refill(tx, number, positions))

    def _changed(self, scope: bytes, engrams: Iterable[bytes]) -> None:
        self._notes.touched.add(scope)
        self._notes.changed.update(engrams)
