"""The world of the store: a ledger and the memory rooms over a real one, and no network.

Only the rules of the charter are a fake: everybody may write, for the same agent.
"""

from collections.abc import Callable, Iterable, Sequence

from engram_sync.ledger import NO_ENGRAM, Batch, Draft, IngestBatch, Ledger
from engram_sync.memory.materialise import Materialiser
from engram_sync.memory.state import LogDirectory, clocks_seen
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.store import MemoryStore, Reader, RunRow, SqliteStore, Transaction
from engram_wire import (
    SEQ_MAX,
    Announcement,
    Frame,
    LogDomain,
    RecordKind,
    decode_frame_untrusted,
    encode_frame,
)

KeyPair = tuple[bytes, bytes]


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

    def counts_until(
        self,
        scope: bytes,
        author: bytes,
        root: bytes,
        begins: Callable[[], tuple[bytes, ...]],
        within: Callable[[int, bytes], int],
    ) -> int:
        return SEQ_MAX

    def apply_untrusted(self, placed: object) -> Callable[[], None]:
        return lambda: None


class StoredReplica:
    """One replica of one scope.

    Args:
        scope: Its id.
        store: Open, and this replica's alone.
        logs: What is known of authors.
    """

    def __init__(self, scope: bytes, store: MemoryStore | SqliteStore, logs: LogDirectory) -> None:
        self.scope = scope
        self.store = store
        self.logs = logs
        self.ledger = Ledger(TableRules())
        self.materialiser = Materialiser(logs)

    def found_in(self, tx: Transaction, founder: KeyPair, *, now_ms: int) -> None:
        """Hold the scope and its charter, which is the same wherever this is called alike."""
        number = tx.put_scope(self.scope, "agent", bytes(32), current=True)
        self.ledger.add_scope(self.scope, number)
        public, secret = founder
        log = self.ledger.open_log(self.scope, LogDomain.MEMBERS, public, bytes(16))
        charter = Draft(RecordKind.CHARTER, NO_ENGRAM, statement=(1, "agent"))
        batch = self.ledger.author(
            log,
            [charter],
            now_ms=now_ms,
            salts=[bytes(16)],
            secret_key=secret,
            history=StoredHistory(tx, self.ledger),
        )
        self.put(tx, batch)

    def author_in(
        self,
        tx: Transaction,
        key: KeyPair,
        incarnation: bytes,
        make: Callable[[Transaction, bytes], Sequence[Draft]],
        *,
        now_ms: int,
        salt: Callable[[], bytes],
    ) -> tuple[int, list[bytes]]:
        """Author what ``make(tx, id of the log)`` returns: how many records, changed engrams."""
        public, secret = key
        log = self.ledger.open_log(self.scope, LogDomain.DATA, public, incarnation)
        drafts = make(tx, log.id)
        if not drafts:
            return 0, []
        scope, history = self.ledger.scope_number(self.scope), StoredHistory(tx, self.ledger)
        batch = self.ledger.author(
            log,
            drafts,
            now_ms=now_ms,
            salts=[salt() for _ in drafts],
            secret_key=secret,
            auth=self.ledger.membership_heads(self.scope, history),
            clocks=clocks_seen(tx, scope, drafts),
            history=history,
        )
        arrivals = self.put(tx, batch)
        changed = self.materialiser.apply_new(tx, scope, batch.log.n, batch.records, arrivals)
        return len(batch.records), [*changed]

    def take(
        self, tx: Transaction, announcement: Announcement, frame: Frame
    ) -> tuple[IngestBatch, list[int]]:
        """Store the records of a frame that are new here; the numbers of their arrival."""
        batch = self.ledger.ingest_untrusted(
            announcement, self.scope, frame, history=StoredHistory(tx, self.ledger)
        )
        assert batch.rejection is None, batch.rejection
        return batch, self.put(tx, batch) if batch.records else []

    def put(self, tx: Transaction, batch: Batch) -> list[int]:
        """Store what the ledger has taken; the number of each run's arrival."""
        log = batch.log
        if batch.new_log:
            scope = self.ledger.scope_number(self.scope)
            assert tx.put_log(scope, log.id, log.domain, log.author, log.incarnation) == log.n
        tx.put_records(log.n, batch.records)
        for seq, past in batch.pasts:
            tx.put_past(log.n, seq, past)
        tx.set_head(log.n, batch.seq, batch.head, batch.hlc)
        return [tx.put_run(log.n, *run) for run in batch.runs]


def framed(
    reader: Reader, runs: Iterable[RunRow], *, payloads: bool = True
) -> list[tuple[Announcement, Frame]]:
    """Runs as a peer would receive them."""
    logs = {log.n: log for log in reader.logs()}
    frames: list[tuple[Announcement, Frame]] = []
    for run in runs:
        log = logs[run.log]
        records = reader.records(run.log, run.first, run.last)
        if not payloads:
            records = [record._replace(payload=None) for record in records]
        data = encode_frame(1, records, [(run.last, run.signature)])
        announcement = Announcement(1, log.domain, log.author, log.incarnation)
        frames.append((announcement, decode_frame_untrusted(data)))
    return frames
