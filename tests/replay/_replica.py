"""One line of the graph: a store in a file, a ledger, a materialiser, and no network."""

import itertools
import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

import trio
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.ledger import (
    Draft,
)
from engram_sync.memory.state import EngramState, LogDirectory, Snapshot, load_state
from engram_sync.model.limits import SLICE_WEIGHT
from engram_sync.store import Reader, RunRow, SqliteStore, Transaction
from engram_sync.testing import InlineExecutor
from engram_wire import (
    Announcement,
    Frame,
)
from tests.stored import StoredReplica, framed

SCOPE = b"R" * 32
_RUNS_PER_COMMIT = 64
_RUNS_MAX = 1 << 30
_FOUNDER = "founder"


class Summary(NamedTuple):
    """What two replicas that hold the same records agree on."""

    clock: bytes
    """Digest of the scope's clock."""
    digest: int
    """Digest of the scope's engrams."""
    live: int
    deleted: int


def keys_of(writer: str) -> tuple[bytes, bytes]:
    """The key pair of a writer."""
    seed = blake2b(writer.encode(), digest_size=32, person=b"replay writer").digest()
    public, secret = crypto_sign_seed_keypair(seed)
    return public, secret


class Replica(StoredReplica):
    """What one line of the graph holds.

    Args:
        store: The open store in ``path``.
        path: Its file, in a directory of its own.
    """

    def __init__(self, store: SqliteStore, path: Path) -> None:
        super().__init__(SCOPE, store, LogDirectory())
        self.path = path
        self._salts = itertools.count(1)

    @classmethod
    async def open(cls, path: Path, nursery: trio.Nursery) -> Self:
        """Open the replica in ``path``, founding it where there is nothing yet."""
        store = await SqliteStore.open(path, executor=InlineExecutor())
        await nursery.start(store.serve)
        replica = cls(store, path)
        await store.submit(replica._load)
        return replica

    async def copy(self, path: Path, nursery: trio.Nursery) -> Self:
        """Another replica that holds what this one holds; both continue from their files."""
        await self.close()
        path.parent.mkdir()
        shutil.copyfile(self.path, path)
        again = await type(self).open(self.path, nursery)
        vars(self).update(vars(again))
        return await type(self).open(path, nursery)

    async def close(self) -> None:
        """Leave everything in the file."""
        await self.store.aclose()

    def _load(self, tx: Transaction) -> None:
        if not tx.scopes():
            self.found_in(tx, keys_of(_FOUNDER), now_ms=1 << 32)
            return
        self.ledger.add_scope(SCOPE, 1)
        for row in tx.logs():
            announcement = Announcement(1, row.domain, row.author, row.incarnation)
            self.ledger.add_log(
                row.n,
                row.id,
                SCOPE,
                announcement,
                seq=row.seq,
                head=row.head,
                hlc=row.hlc,
            )

    # Reading

    def state(self, reader: Reader, engram: bytes) -> EngramState | None:
        """One engram as it is here; None when there is none."""
        row = reader.engram(1, engram)
        if row is None:
            return None
        scope = reader.scope(1)
        assert scope is not None
        return load_state(Snapshot(reader, self.logs), scope, row)

    def clock(self) -> dict[bytes, int]:
        """By id of a log: how far it is held."""
        return {log.id: log.seq for log in self.ledger.logs(SCOPE)}

    async def summary(self) -> Summary:
        """What this replica holds, in short."""
        scope = (await self.store.read(lambda reader: reader.scopes()))[0]
        return Summary(self.ledger.clock_digest(SCOPE), scope.digest, scope.live, scope.deleted)

    # Writing

    async def write(
        self,
        writer: str,
        incarnation: bytes,
        time_ms: int,
        make: Callable[[Reader, bytes], list[Draft]],
    ) -> int:
        """Author what ``make(reader, id of the log)`` returns; how many records it took."""
        written, _ = await self.store.submit(
            lambda tx: self.author_in(
                tx,
                keys_of(writer),
                incarnation,
                make,
                # Clocks of the machines behind the file went wrong by days.
                now_ms=time_ms,
                salt=lambda: next(self._salts).to_bytes(16, "big"),
            )
        )
        return written

    async def pull(
        self, other: "Replica", until: Mapping[bytes, int], *, slice_records: int = SLICE_WEIGHT
    ) -> set[bytes]:
        """Take what ``other`` holds up to ``until`` as frames; the engrams that changed.

        Args:
            other: Who sends.
            until: By id of a log: how far.
            slice_records: How many records to materialise at once; more of them of one engram
                share the opening of its document.
        """
        missing = await other.store.read(partial(self._missing, until))
        for start in range(0, len(missing), _RUNS_PER_COMMIT):
            runs = missing[start : start + _RUNS_PER_COMMIT]
            frames = await other.store.read(partial(framed, runs=runs))
            await self.store.submit(partial(self._take, frames))
        changed: set[bytes] = set()
        while True:
            done = await self.store.submit(
                lambda tx: self.materialiser.materialise_pending(tx, 1, limit=slice_records)
            )
            if not done.records:
                return changed
            changed.update(done.changed)

    def _missing(self, until: Mapping[bytes, int], reader: Reader) -> list[RunRow]:
        """The other's runs that are not held here, in order of their arrival there."""
        held, missing = self.clock(), list[RunRow]()
        for log in reader.logs():
            have, want = held.get(log.id, 0), until.get(log.id, 0)
            if have < want:
                runs = reader.runs_of(log.n, have, _RUNS_MAX)
                missing += [run for run in runs if run.last <= want]
        return sorted(missing, key=lambda run: run.arrival)

    def _take(self, frames: Iterable[tuple[Announcement, Frame]], tx: Transaction) -> None:
        for announcement, frame in frames:
            self.take(tx, announcement, frame)
