"""One home of a life history: a real write path over a real store, without a network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import nacl.bindings
import trio

from engram_crdt import Element, superseded_by_put
from engram_sync.api import Scope
from engram_sync.ledger import Draft, Witness
from engram_sync.membership import Admission, MemberRole, admit_draft
from engram_sync.memory.state import EngramState, Snapshot, load_state
from engram_sync.node.home.files import NodeKey
from engram_sync.node.network.payloads import owed_of, payloads_of, take_payloads
from engram_sync.node.opening.founding import found_scope
from engram_sync.node.upkeep.space import compact_slice
from engram_sync.node.writing.scopes import add_scope
from engram_sync.node.writing.write_path import WritePath, arrival_untrusted
from engram_sync.store import MemoryStore, Reader, RunRow, Transaction
from engram_sync.store._sql_transaction import SqlTransaction
from engram_sync.testing import InlineExecutor
from engram_wire import Announcement, LogDomain, Record, RecordKind, Superseded, encode_frame
from tests.oracle import Event, Op, OpKind, Put

from ._life_world import LifeWorld, put_value
from ._release import without

T = TypeVar("T")
BOOT = "boot"
SECRET = b"k" * 32
FOUNDER = "home0"
FOREVER = 1 << 62
VALUED = frozenset({RecordKind.CREATE, RecordKind.UPDATE, RecordKind.EDIT})


class Parcel(NamedTuple):
    """One signed run on its way, as one home sends it to another."""

    announcement: Announcement
    frame: bytes


class Look(NamedTuple):
    """What one home shows of one engram."""

    elements: list[Element]
    names: list[Put]
    """The oracle's name of each element."""
    seen: int
    """The events that the home has seen, as a mask."""
    erased: set[bytes]
    """Payload hashes of what it knows to be erased."""
    absent: set[bytes]
    """Payload hashes of what it does not hold."""


@dataclass(frozen=True, slots=True)
class HomeClock:
    """The wall clock of one home: the world's, as wrong as the home's is now."""

    home: "Home"

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return max(0, self.home.world.now_ms + self.home.skew_ms)


@dataclass(eq=False)
class Home:
    """A node's store and all that is rebuilt from it.  Subclasses plant a defect."""

    world: LifeWorld
    name: str
    owner: str
    """Whose key it holds: a copy of a home holds the same."""
    skew_ms: int
    nursery: trio.Nursery
    store: MemoryStore = field(init=False)
    path: WritePath = field(init=False)
    backup: dict[bytes, Witness] | None = None
    """The witnesses of the time when its store was copied aside."""
    unknown: frozenset[RecordKind] = frozenset()
    """Kinds of records that its release does not know."""

    # -- opening -----------------------------------------------------------------------------

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        """Open the store, continuing own logs where the witnesses prove that it may."""
        self.store = await MemoryStore.open(f"{self.world.run}-{self.name}", InlineExecutor())
        await self.nursery.start(self.store.serve)
        key = NodeKey(*keys_of(self.owner))
        self.path = WritePath(key, HomeClock(self), self.world.entropy)
        await self.store.submit(lambda tx: self.begin(tx, witnesses or {}))

    def begin(self, tx: Transaction, witnesses: dict[bytes, Witness]) -> None:
        """Make of the store what this release needs."""
        with without(self.unknown):
            self.path.load(tx, witnesses, BOOT)
            self.path.begin(tx)

    async def close(self) -> dict[bytes, Witness]:
        """Close it; returns what proves continuity to the next opening."""
        await self.store.aclose()
        return {witness.log: witness for witness in self.path.witnesses(BOOT)}

    async def restart(self, *, proven: bool) -> None:
        """Close and open again, as after a clean stop or as after a crash."""
        witnesses = await self.close()
        await self.open(witnesses if proven else None)

    async def copy_to(self, other: "Home", *, resumed: bool) -> None:
        """Make another home of what this one holds: its disk was copied.

        Args:
            resumed: Whether the copy takes itself for the original, as a resumed snapshot of a
                whole machine does.  It then continues the logs of the original.
        """
        witnesses = {witness.log: witness for witness in self.path.witnesses(BOOT)}
        source, target = (f"{self.world.run}-{home.name}" for home in (self, other))
        MemoryStore.copy(source, target)
        await other.open(witnesses if resumed else None)

    async def job(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in one transaction of the write path."""

        def guarded(tx: Transaction) -> T:
            with without(self.unknown):
                return self.path.run(tx, work)[0]

        return await self.store.submit(guarded)

    # -- founding ----------------------------------------------------------------------------

    async def found(self, members: Iterable[str]) -> bytes:
        """Found the scope of the history and admit everybody who will ever take part."""

        def work(tx: Transaction) -> bytes:
            scope = found_scope(
                tx, self.path, self.path_key, Scope.AGENT, self.name, self.world.entropy
            )
            admits = [
                admit_draft(Admission(keys_of(owner)[0], self._role_of(owner), agent), owner)
                for owner, agent in self.world.agents_of(scope, members)
            ]
            self.path.write(tx, scope, admits, LogDomain.MEMBERS)
            return scope

        return await self.job(work)

    def _role_of(self, owner: str) -> MemberRole:
        return MemberRole.LEADER if owner in self.world.leaders else MemberRole.MEMBER

    async def enter(self, scope: bytes) -> None:
        """Hold the scope, with nothing in it."""
        await self.job(
            lambda tx: add_scope(tx, self.path, scope, Scope.AGENT, SECRET, current=True)
        )

    @property
    def path_key(self) -> NodeKey:
        """The key pair this home signs with."""
        return NodeKey(*keys_of(self.owner))

    # -- reading -----------------------------------------------------------------------------

    @property
    def scope(self) -> int:
        """The store's number of the scope."""
        return self.path.ledger.scope_number(self.world.scope)

    def now(self, reader: Reader) -> Snapshot:
        """What a job reads: the writer what it writes, others one state of the store."""
        writes = isinstance(reader, SqlTransaction)
        return Snapshot(reader, self.path.logs if writes else self.path.logs_at(reader))

    def state(self, reader: Reader, engram: bytes) -> EngramState | None:
        """What this home shows of an engram."""
        row = reader.engram(self.scope, engram)
        scope = reader.scope(self.scope)
        assert scope is not None
        if row is None:
            return None
        return load_state(self.now(reader), scope, row)

    def records(self, reader: Reader, engram: bytes) -> list[Record]:
        """Every record held of an engram."""
        return [record for _, record in list(reader.stream_of(self.scope, engram))]

    def seen(self, reader: Reader, engram: bytes) -> int:
        """The events of an engram whose records are held, as a mask."""
        events = [self.world.events_of.get(r.payload_hash) for r in self.records(reader, engram)]
        mask = 0
        for event in events:
            if event is not None:
                mask |= 1 << event.number
        return mask

    def erased(self, reader: Reader, engram: bytes) -> set[bytes]:
        """Payload hashes of what the erasures held here took, whatever their time."""
        held = list(reader.stream_of(self.scope, engram))
        return {
            gone
            for _, record in held
            if record.shape[0] == RecordKind.ERASE
            for gone in self.world.erasures.get(record.payload_hash, ())
        }

    # -- writing -----------------------------------------------------------------------------

    async def write(self, engram: bytes, wanted: Sequence[Op]) -> None:
        """Make one record of what the user did to what this home shows."""

        def work(tx: Transaction) -> None:
            seen = self.seen(tx, engram)
            ops = self.possible(tx, engram, wanted)
            if not ops:
                return
            draft = self.draft(tx, engram, ops)
            batch = self.path.write(tx, self.world.scope, [draft])
            record = batch.records[-1]
            agent = self.world.agent_of(self.owner)
            stamp = (record.hlc, batch.log.id)
            self.world.happened(record, engram, Event(agent, seen, stamp, tuple(ops)))

        await self.job(work)

    def possible(self, reader: Reader, engram: bytes, ops: Sequence[Op]) -> list[Op]:
        """Those ops that do not ask which values are equal where one is not known."""
        state = self.state(reader, engram)
        shown = state.elements if state is not None else ()
        unknown = {e.collection for e in shown if e.value is None and e.collection[0] in "smbl"}
        return [op for op in ops if op.collection not in unknown]

    def draft(self, tx: Transaction, engram: bytes, ops: Sequence[Op]) -> Draft:
        """The record, superseding what is shown here and nothing else."""
        state = self.state(tx, engram)
        shown = list(state.elements) if state is not None else []
        clock: Mapping[bytes, int] = state.clock if state is not None else {}
        own = self.path.own_log(self.world.scope).id
        puts: list[tuple[str, bytes]] = []
        superseded: dict[tuple[bytes, int], int] = {}
        for op in ops:
            if op.kind is OpKind.DELETE:
                names = [Superseded(0, None if log == own else log, n) for log, n in clock.items()]
                puts = [(op.collection, put_value(op))]
                names.sort(key=lambda name: name.log or b"")
                return Draft(RecordKind.DELETE, engram, tuple(puts), tuple(names))
            gone = op.kind is OpKind.UNTAG
            wanted = put_value(op._replace(kind=OpKind.TAG) if gone else op)
            for dot in superseded_by_put(
                op.collection,
                wanted,
                shown,
                same_author=lambda dot: self._own_agent(tx, dot.log),
                own_log=own,
            ):
                superseded.setdefault(dot, -1 if gone else len(puts))
            if not gone:
                puts.append((op.collection, wanted))
        names = [
            Superseded(len(puts) if place < 0 else place, None if log == own else log, n)
            for (log, n), place in superseded.items()
        ]
        kind = RecordKind.CREATE if state is None else RecordKind.UPDATE
        names.sort(key=lambda name: (name.op, name.log or b"", name.clock))
        return Draft(kind, engram, tuple(puts), tuple(names))

    def _own_agent(self, tx: Transaction, log: bytes) -> bool:
        author = self.path.logs.author(tx, log)
        return self.world.agent_of_key(author) == self.world.agent_of(self.owner)

    async def erase(self, engram: bytes) -> None:
        """Purge what some record of this home says, or anybody's where it leads."""

        def work(tx: Transaction) -> None:
            own = self.path.own_log(self.world.scope).id
            logs = {row.n: row for row in tx.logs()}
            gone = self.erased(tx, engram)
            leads = self.owner == FOUNDER
            candidates = [
                (logs[n], record)
                for n, record in list(tx.stream_of(self.scope, engram))
                if (leads or logs[n].author == self.path_key.public)
                and record.payload_hash not in gone
                and record.shape[0] in VALUED
            ]
            if not candidates:
                return
            row, record = self.world.rng.choice(candidates)
            name = Superseded(0, None if row.id == own else row.id, record.seq)
            draft = Draft(RecordKind.ERASE, engram, (), (name,))
            batch = self.path.write(tx, self.world.scope, [draft])
            self.world.erasures[batch.records[-1].payload_hash] = {record.payload_hash}

        await self.job(work)

    async def compact(self) -> None:
        """Let go of all payloads that nothing shows, and of signatures that others cover."""

        def work(tx: Transaction) -> None:
            after = None
            while True:
                after = compact_slice(self.path, tx, self.world.scope, after, FOREVER).after
                if after is None:
                    break
            tx.merge_runs(self.scope, 1_000, before_at=FOREVER)

        await self.job(work)

    async def owes(self) -> bool:
        """Whether a payload is owed here."""
        return bool(await self.store.read(lambda reader: owed_of(reader, self.scope, 1)))

    async def answers(self, other: "Home") -> list[tuple[bytes, int, bytes]]:
        """Of the payloads owed here, those that another home holds."""
        owed = await self.store.read(lambda reader: owed_of(reader, self.scope, 10_000))
        found = await other.store.read(lambda reader: payloads_of(reader, other.scope, owed))
        pairs = zip(owed, found, strict=False)
        return [(*place, payload) for place, payload in pairs if payload is not None]

    async def ask(self, other: "Home") -> int:
        """Ask another home for what is owed here; returns how much came."""
        came = await self.answers(other)
        if came:
            await self.job(lambda tx: take_payloads(tx, self.path, self.world.scope, came))
        return len(came)

    # -- sending and receiving ---------------------------------------------------------------

    async def offers(self) -> list[RunRow]:
        """Every signed run held of the scope, in the order in which it arrived here."""
        return await self.store.read(lambda reader: reader.runs(self.scope, 0, 100_000))

    async def missing(self, offers: Sequence[RunRow]) -> list[RunRow]:
        """Those that are not held here."""
        return await self.store.read(
            lambda reader: [o for o in offers if reader.position_of(self.scope, o.head) is None]
        )

    async def parcels(self, runs: Sequence[RunRow], withheld: float = 0.0) -> list[Parcel]:
        """Some of the runs held, as frames, of which a share comes without payloads."""
        return await self.store.read(
            lambda reader: [
                self.parcel(reader, run, withhold=self.world.rng.random() < withheld)
                for run in runs
            ]
        )

    def parcel(self, reader: Reader, run: RunRow, *, withhold: bool = False) -> Parcel:
        """One run as a frame of its log."""
        log = reader.log(run.log)
        assert log is not None, "a run belongs to a log that is stored"
        announcement = Announcement(1, log.domain, log.author, log.incarnation, log.branch)
        records = reader.records(run.log, run.first, run.last)
        if withhold:
            records = [record._replace(payload=None) for record in records]
        return Parcel(announcement, encode_frame(1, records, [(run.last, run.signature)]))

    async def receive(self, parcels: Sequence[Parcel]) -> None:
        """Take parcels in the order in which they come; what is held already is no news."""

        def work(tx: Transaction) -> None:
            arrivals = [
                arrival_untrusted(self.world.scope, {1: parcel.announcement}, parcel.frame)
                for parcel in parcels
            ]
            intake = self.path.ingest(tx, arrivals)
            if intake.error is not None:
                raise intake.error
            self.path.materialise_all(tx, self.world.scope)

        await self.job(work)

    # -- judging -----------------------------------------------------------------------------

    async def look(self, engram: bytes) -> Look:
        """What is shown of an engram, and what there is to judge it by."""

        def work(reader: Reader) -> Look:
            state = self.state(reader, engram)
            elements = list(state.elements) if state is not None else []
            return Look(
                elements,
                [self.world.name(e) for e in elements],
                self.seen(reader, engram),
                self.erased(reader, engram),
                {r.payload_hash for r in self.records(reader, engram) if r.payload is None},
            )

        return await self.store.read(work)

    async def digests(self) -> tuple[bytes, int]:
        """Clock digest and state digest of the scope."""
        digest = await self.store.read(lambda reader: reader.scope(self.scope))
        assert digest is not None
        return self.path.ledger.clock_digest(self.world.scope), digest.digest


def keys_of(owner: str) -> tuple[bytes, bytes]:
    """The key pair of whoever is called so."""
    return nacl.bindings.crypto_sign_seed_keypair(owner.encode().ljust(32, b"\0"))
