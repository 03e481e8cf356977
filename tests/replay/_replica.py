"""One line of the graph: a store in a file, a ledger, a materialiser, and no network."""

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

import trio
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.ledger import (
    NO_ENGRAM,
    Batch,
    Draft,
    Ledger,
)
from engram_sync.memory.materialise import Materialiser
from engram_sync.memory.state import EngramState, LogDirectory, Snapshot, clocks_seen, load_state
from engram_sync.model.limits import SLICE_WEIGHT
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.store import Reader, RunRow, SqliteStore, Transaction
from engram_sync.testing import InlineExecutor
from engram_wire import (
    Announcement,
    Frame,
    LogDomain,
    RecordKind,
    decode_frame_untrusted,
    encode_frame,
)
from tests.memory.desk import TableRules

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


class Replica:
    """What one line of the graph holds.

    Args:
        store: The open store in ``path``.
        path: Its file, in a directory of its own.
    """

    def __init__(self, store: SqliteStore, path: Path) -> None:
        self.store = store
        self.path = path
        self.ledger = Ledger(TableRules())
        self.logs = LogDirectory()
        self.materialiser = Materialiser(self.logs)
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
            self._found(tx)
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

    def _found(self, tx: Transaction) -> None:
        self.ledger.add_scope(SCOPE, tx.put_scope(SCOPE, "agent", b"s" * 32, current=True))
        public, secret = keys_of(_FOUNDER)
        log = self.ledger.open_log(SCOPE, LogDomain.MEMBERS, public, bytes(16))
        charter = Draft(RecordKind.CHARTER, NO_ENGRAM, statement=(1, "agent"))
        history = StoredHistory(tx, self.ledger)
        self._put(
            tx,
            self.ledger.author(
                log,
                [charter],
                now_ms=1 << 32,
                salts=[bytes(16)],
                secret_key=secret,
                history=history,
            ),
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
        public, secret = keys_of(writer)

        def job(tx: Transaction) -> int:
            log = self.ledger.open_log(SCOPE, LogDomain.DATA, public, incarnation)
            drafts = make(tx, log.id)
            if not drafts:
                return 0
            batch = self.ledger.author(
                log,
                drafts,
                # Clocks of the machines behind the file went wrong by days.
                now_ms=time_ms,
                salts=[next(self._salts).to_bytes(16, "big") for _ in drafts],
                secret_key=secret,
                auth=self.ledger.membership_heads(SCOPE, StoredHistory(tx, self.ledger)),
                clocks=clocks_seen(tx, 1, drafts),
                history=StoredHistory(tx, self.ledger),
            )
            arrivals = self._put(tx, batch)
            self.materialiser.apply_new(tx, 1, batch.log.n, batch.records, arrivals)
            return len(batch.records)

        return await self.store.submit(job)

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
            frames = await other.store.read(partial(_frames, runs))
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
            batch = self.ledger.ingest_untrusted(
                announcement, SCOPE, frame, history=StoredHistory(tx, self.ledger)
            )
            assert batch.rejection is None, batch.rejection
            self._put(tx, batch)

    def _put(self, tx: Transaction, batch: Batch) -> list[int]:
        log = batch.log
        if batch.new_log:
            number = tx.put_log(1, log.id, log.domain, log.author, log.incarnation)
            assert number == log.n
        tx.put_records(log.n, batch.records)
        for seq, past in batch.pasts:
            tx.put_past(log.n, seq, past)
        tx.set_head(log.n, batch.seq, batch.head, batch.hlc)
        return [tx.put_run(log.n, *run) for run in batch.runs]


def _frames(runs: Iterable[RunRow], reader: Reader) -> list[tuple[Announcement, Frame]]:
    """The runs as a peer would receive them."""
    return list(_framed(runs, reader))


def _framed(runs: Iterable[RunRow], reader: Reader) -> Iterator[tuple[Announcement, Frame]]:
    logs = {log.n: log for log in reader.logs()}
    for run in runs:
        log = logs[run.log]
        records = reader.records(run.log, run.first, run.last)
        data = encode_frame(1, records, [(run.last, run.signature)])
        announcement = Announcement(1, log.domain, log.author, log.incarnation)
        yield announcement, decode_frame_untrusted(data)
