"""A node without a network: a real store, a real ledger and the memory room between them.

Desks exchange runs of records as frames, in the order of their arrival, as sync does.
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
    Draft,
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
from engram_sync.store import MemoryStore, Reader, Transaction
from engram_sync.testing import InlineExecutor
from engram_wire import (
    Announcement,
    Frame,
)
from tests.stored import StoredReplica, framed

SCOPE = b"S" * 32
START_MS = 1_760_000_000_000
_names = itertools.count(1)


def keys(name: str) -> tuple[bytes, bytes]:
    """The key pair of whoever is called so."""
    seed = blake2b(name.encode(), digest_size=32).digest()
    public, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return public, secret


class Desk(StoredReplica):
    """One replica of one scope, with its user."""

    def __init__(self, name: str, store: MemoryStore) -> None:
        logs = states.LogDirectory(label=self._label, trust=self._trust, version_key=name.encode())
        super().__init__(SCOPE, store, logs)
        self.name = name
        self.public, self.secret = keys(name)
        self.distrusted: dict[bytes, float] = {}
        self._shown: dict[str, str] = {}
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
        await self.store.submit(lambda tx: self.found_in(tx, keys("founder"), now_ms=START_MS - 1))
        await self.materialise_pending()

    # Writing

    async def write(self, make: Callable[[Transaction, bytes], Sequence[Draft]]) -> list[bytes]:
        """Author what ``make(tx, own log id)`` returns; ids of the changed engrams."""
        self.now_ms += 1000

        _, changed = await self.store.submit(
            lambda tx: self.author_in(
                tx,
                (self.public, self.secret),
                b"i" * 16,
                make,
                now_ms=self.now_ms,
                salt=lambda: next(self._counter).to_bytes(16, "big"),
            )
        )
        return changed

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
        scope = other.ledger.scope_number(SCOPE)
        frames = await other.store.read(
            lambda r: framed(r, r.runs(scope, 0, 100_000), payloads=payloads)
        )
        for announcement, frame in frames:
            await self.store.submit(partial(self._take, announcement, frame, ahead))
        if materialise_pending:
            await self.materialise_pending()

    def _take(self, announcement: Announcement, frame: Frame, ahead: bool, tx: Transaction) -> None:
        batch, arrivals = self.take(tx, announcement, frame)
        if ahead and batch.records:
            scope = self.ledger.scope_number(SCOPE)
            self.materialiser.apply_new(tx, scope, batch.log.n, batch.records, arrivals, limit=1)

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
