"""A node without a network: a real store, a real ledger and the memory room between them.

Desks exchange runs of records as frames, in the order of their arrival, as sync does.  Only
the rules of the charter are a fake: everybody at the table may write, for the same agent.
"""

import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b

import nacl.bindings
import trio

from engram_sync.api import Conflict, Engram, HistoryEntry, Hit
from engram_sync.api.arguments import Filters, MemoryUpdate, NewMemory
from engram_sync.errors import NotFoundError
from engram_sync.ledger import (
    Batch,
    Draft,
    Ledger,
    uuid7,
)
from engram_sync.memory import materialise as materialising
from engram_sync.memory import read as reading
from engram_sync.memory import state as states
from engram_sync.memory import write as writing
from engram_sync.memory.read import CallerView
from engram_sync.memory.read.versions import parse_version, state_name, token_of
from engram_sync.memory.state import EngramState, Snapshot
from engram_sync.model import ids, limits
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.store import MemoryStore, Reader, Transaction
from engram_sync.testing import InlineExecutor
from engram_wire import (
    Announcement,
    Frame,
    LogDomain,
    RecordKind,
    decode_frame_untrusted,
    encode_frame,
)

SCOPE = b"S" * 32
START_MS = 1_760_000_000_000
_names = itertools.count(1)


class TableRules:
    """Everybody may write, and all write for one agent."""

    def may_write(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bool:
        return True

    def leads(self, scope: bytes, author: bytes) -> bool:
        return True

    def leads_at(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bool:
        return True

    def agent_at(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bytes:
        return b"agent"

    def apply_untrusted(self, placed: object) -> Callable[[], None]:
        return lambda: None


def keys(name: str) -> tuple[bytes, bytes]:
    """The key pair of whoever is called so."""
    seed = blake2b(name.encode(), digest_size=32).digest()
    public, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return public, secret


class Desk:
    """One replica of one scope."""

    def __init__(self, name: str, store: MemoryStore) -> None:
        self.name = name
        self.store = store
        self.public, self.secret = keys(name)
        self.ledger = Ledger(TableRules())
        self.distrusted: dict[bytes, float] = {}
        self._shown: dict[str, str] = {}
        self.logs = states.LogDirectory(
            label=self._label, trust=self._trust, version_key=name.encode()
        )
        self.materialiser = materialising.Materialiser(self.logs)
        self.planner = reading.Planner()
        self.strategies = states.Strategies()
        self.now_ms = START_MS
        self._counter = itertools.count(1)
        self._names = {self.public: name}

    def _label(self, scope: bytes, key: bytes) -> str:
        return next((n for n in ("ann", "bob", "cat", "dan") if keys(n)[0] == key), "")

    def _trust(self, scope: bytes, key: bytes) -> float:
        return self.distrusted.get(key, 1.0)

    def distrust(self, other: "Desk", trust: float = 0.5) -> None:
        """From now on take what another desk writes for hearsay."""
        self.distrusted[other.public] = trust

    # Setting up

    async def found(self) -> None:
        """Hold the scope and its charter, which is the same on every desk."""
        public, secret = keys("founder")

        def job(tx: Transaction) -> None:
            n = tx.put_scope(SCOPE, "agent", b"k" * 32, current=True)
            self.ledger.add_scope(SCOPE, n)
            log = self.ledger.open_log(SCOPE, LogDomain.MEMBERS, public, b"f" * 16)
            charter = Draft(RecordKind.CHARTER, bytes(16), statement=(1, "agent"))
            self._store_batch(
                tx,
                self.ledger.author(
                    log,
                    [charter],
                    now_ms=START_MS - 1,
                    salts=[bytes(16)],
                    secret_key=secret,
                    history=StoredHistory(tx, self.ledger),
                ),
            )

        await self.store.submit(job)
        await self.materialise_pending()

    # Writing

    async def write(self, make: Callable[[Transaction, bytes], Sequence[Draft]]) -> list[bytes]:
        """Author what ``make(tx, own log id)`` returns; ids of the changed engrams."""
        self.now_ms += 1000

        def job(tx: Transaction) -> list[bytes]:
            log = self.ledger.open_log(SCOPE, LogDomain.DATA, self.public, b"i" * 16)
            drafts = make(tx, log.id)
            if not drafts:
                return []
            batch = self.ledger.author(
                log,
                drafts,
                now_ms=self.now_ms,
                salts=[next(self._counter).to_bytes(16, "big") for _ in drafts],
                secret_key=self.secret,
                auth=self.ledger.membership_heads(SCOPE, StoredHistory(tx, self.ledger)),
                clocks=states.clocks_seen(tx, self.ledger.scope_number(SCOPE), drafts),
                history=StoredHistory(tx, self.ledger),
            )
            arrivals = self._store_batch(tx, batch)
            scope = self.ledger.scope_number(SCOPE)
            return [*self.materialiser.apply_new(tx, scope, batch.log.n, batch.records, arrivals)]

        return await self.store.submit(job)

    def _store_batch(self, tx: Transaction, batch: Batch) -> list[int]:
        log, scope = batch.log, self.ledger.scope_number(SCOPE)
        if batch.new_log:
            n = tx.put_log(scope, log.id, log.domain, log.author, log.incarnation)
            assert n == log.n
        tx.put_records(log.n, batch.records)
        for seq, past in batch.pasts:
            tx.put_past(log.n, seq, past)
        tx.set_head(log.n, batch.seq, batch.head, batch.hlc)
        return [tx.put_run(log.n, *run) for run in batch.runs]

    async def remember(
        self, content: str, *, engram: bytes | None = None, **fields: object
    ) -> Engram:
        new = NewMemory(content, **fields)  # type: ignore[arg-type]  # as callers give them
        entropy = blake2b(f"{self.name}{next(self._counter)}".encode(), digest_size=10).digest()
        name = engram or uuid7(self.now_ms, entropy)
        await self.write(lambda tx, log: writing.created(name, new))
        return await self.get(ids.engram_text(name))

    async def remember_many(self, memories: Sequence[NewMemory]) -> None:
        ids = [
            uuid7(self.now_ms, blake2b(f"{self.name}{i}".encode(), digest_size=10).digest())
            for i in range(len(memories))
        ]
        pairs = list(zip(ids, memories, strict=True))
        await self.write(
            lambda tx, log: [draft for pair in pairs for draft in writing.created(*pair)]
        )

    def _seen(self, tx: Transaction, ref: Engram | str, if_version: str | None) -> CallerView:
        row, scope = reading.find_row(tx, ref if isinstance(ref, str) else ref.id)
        state = states.load_state(Snapshot(tx, self.logs), scope, row, self.materialiser.recent)
        if isinstance(ref, str):
            return reading.observe(Snapshot(tx, self.logs), state, if_version)
        version = if_version or self._here(state, ref.version)
        return reading.observe(Snapshot(tx, self.logs), state, version)

    def _here(self, state: EngramState, version: str) -> str:
        """What this desk calls a view that another one has shown while both held the same."""
        if version not in self._shown and state_name(state) == parse_version(version).state:
            self._shown[version] = token_of(state, self.logs.version_key)
        return self._shown.get(version, version)

    async def update(
        self, ref: Engram | str, *, if_version: str | None = None, **changes: object
    ) -> Engram:
        wanted = MemoryUpdate(**changes)  # type: ignore[arg-type]  # as callers give them
        await self.write(
            lambda tx, log: writing.update(
                Snapshot(tx, self.logs, self.strategies),
                self._seen(tx, ref, if_version),
                wanted,
                log,
            )
        )
        return await self.get(ref)

    async def forget(
        self, ref: Engram | str, *, reason: str = "", if_version: str | None = None
    ) -> Engram:
        await self.write(
            lambda tx, log: writing.forget(
                self._seen(tx, ref, if_version), reason, log, strategies=self.strategies
            )
        )
        return await self.get(ref)

    async def archive(self, ref: Engram | str, *, reason: str = "") -> Engram:
        await self.write(lambda tx, log: writing.archive(self._seen(tx, ref, None), reason, log))
        return await self.get(ref)

    async def restore(self, ref: Engram | str, *, if_version: str | None = None) -> Engram:
        await self.write(
            lambda tx, log: writing.restore(
                Snapshot(tx, self.logs), self._seen(tx, ref, if_version), log
            )
        )
        return await self.get(ref)

    # Exchanging

    async def pull(
        self,
        other: "Desk",
        *,
        materialise_pending: bool = True,
        payloads: bool = True,
        ahead: bool = False,
    ) -> None:
        """Take every run of ``other`` that is not held here.

        Args:
            other: Who has them.
            materialise_pending: Whether to materialise all that waits afterwards.
            payloads: Whether they come with their payloads.
            ahead: Whether what needs nothing that waits is shown before it.
        """
        runs = await other.store.read(
            lambda r: [
                (run, r.records(run.log, run.first, run.last))
                for run in r.runs(other.ledger.scope_number(SCOPE), 0, 100_000)
            ]
        )
        for run, records in runs:
            log = other.ledger.log_by_number(run.log)
            announcement = Announcement(
                ref=1, domain=log.domain, author=log.author, incarnation=log.incarnation
            )
            sent = records if payloads else [r._replace(payload=None) for r in records]
            frame = decode_frame_untrusted(encode_frame(1, sent, [(run.last, run.signature)]))

            await self.store.submit(partial(self._take, announcement, frame, ahead))
        if materialise_pending:
            await self.materialise_pending()

    def _take(self, announcement: Announcement, frame: Frame, ahead: bool, tx: Transaction) -> None:
        batch = self.ledger.ingest_untrusted(
            announcement, SCOPE, frame, history=StoredHistory(tx, self.ledger)
        )
        assert batch.rejection is None
        if batch.records:
            arrivals = self._store_batch(tx, batch)
            if ahead:
                scope, n = self.ledger.scope_number(SCOPE), batch.log.n
                self.materialiser.apply_new(tx, scope, n, batch.records, arrivals, limit=1)

    async def materialise_pending(self, *, limit: int = limits.SLICE_WEIGHT) -> int:
        """Materialise everything; how many slices it took."""
        scope = self.ledger.scope_number(SCOPE)
        for slices in itertools.count():
            done = await self.store.submit(
                lambda tx: self.materialiser.materialise_pending(tx, scope, limit=limit)
            )
            if not done.records:
                return slices
        raise AssertionError

    # Reading

    async def get(self, ref: Engram | str) -> Engram:
        text = ref.id if isinstance(ref, Engram) else ref
        return await self.store.read(
            lambda r: reading.get(Snapshot(r, self.logs, self.strategies), text)
        )

    async def recall(self, query: str, *, limit: int = 10, **filters: object) -> list[Hit]:
        await self.store.submit(lambda tx: materialising.flush_index(tx, self.logs))
        wanted = Filters(**filters)  # type: ignore[arg-type]  # as callers give them
        return await self.store.read(
            lambda r: reading.recall(
                Snapshot(r, self.logs, self.strategies),
                self.planner,
                query,
                limit=limit,
                filters=wanted,
            )
        )

    async def found_contents(self, query: str, **filters: object) -> list[str]:
        hits = await self.recall(query, **filters)  # type: ignore[arg-type]  # none is the limit
        return [hit.engram.content for hit in hits]

    async def newest(
        self, *, limit: int = 50, after: str | None = None, **filters: object
    ) -> list[Engram]:
        wanted = Filters(**filters)  # type: ignore[arg-type]  # as callers give them
        return await self.store.read(
            lambda r: reading.list_engrams(
                Snapshot(r, self.logs, self.strategies),
                limit=limit,
                filters=wanted,
                after=after,
            )
        )

    async def history(self, ref: Engram) -> list[HistoryEntry]:
        return await self.store.read(
            lambda r: reading.engram_history(Snapshot(r, self.logs), ref.id)
        )

    async def conflicts(self) -> list[Conflict]:
        return await self.store.read(
            lambda r: reading.open_conflicts(Snapshot(r, self.logs, self.strategies))
        )

    async def second_opinion(self) -> list[str]:
        """What documents made from all records say otherwise than the rows."""

        def compare(reader: Reader) -> list[str]:
            rows = reader.engrams(limit=1000, life=(0, 1, 2))
            return materialising.compare_rows(
                Snapshot(reader, self.logs), reader.scopes()[0], rows
            ).problems

        return await self.store.read(compare)

    async def counts(self) -> tuple[int, int, int]:
        """Digest, live and deleted of the scope."""
        row = await self.store.read(lambda r: r.scopes()[0])
        return row.digest, row.live, row.deleted

    async def holds(self, ref: Engram) -> bool:
        try:
            await self.get(ref)
        except NotFoundError:
            return False
        return True


@asynccontextmanager
async def desks(count: int = 1) -> AsyncGenerator[tuple[Desk, ...]]:
    """So many desks of one scope, called ann, bob, cat and dan."""
    opened: list[Desk] = []
    async with trio.open_nursery() as nursery:
        for name in ("ann", "bob", "cat", "dan")[:count]:
            place = f"desk-{next(_names)}"
            store = await MemoryStore.open(place, InlineExecutor())
            await nursery.start(store.serve)
            desk = Desk(name, store)
            await desk.found()
            opened.append(desk)
        try:
            yield tuple(opened)
        finally:
            with trio.CancelScope(shield=True):
                for desk in opened:
                    await desk.store.aclose()
    for number in range(next(_names)):
        MemoryStore.discard(f"desk-{number}")
