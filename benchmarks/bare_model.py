"""The data model alone: signed log and documents, without a store, an index or a node.

What every program that keeps the same promises has to pay, whatever it stores them in.
"""

import random
import statistics
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import nacl.bindings as sodium

from engram_crdt import EngramDocument
from engram_sync.ledger import Batch, Draft, Ledger, LogState, SignedPosition
from engram_sync.membership import (
    Admission,
    Charters,
    MemberRole,
    admit_draft,
    charter_draft,
    found,
)
from engram_sync.memory.state.changes import change_of
from engram_wire import (
    Announcement,
    LogDomain,
    Record,
    RecordKind,
    Superseded,
    cbor,
    decode_frame_untrusted,
    encode_frame,
)

ENGRAMS = 256
ROUNDS = 9
NOW_MS = 1_800_000_000_000


@dataclass
class Kept:
    """What the ledger handed out, in lists and dictionaries; implements ``log.History``."""

    names: Callable[[int], LogState]
    rows: dict[int, list[Record]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[int, list[SignedPosition]] = field(default_factory=lambda: defaultdict(list))
    pasts: dict[int, list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    heads: dict[bytes, tuple[int, int]] = field(default_factory=dict[bytes, tuple[int, int]])
    engrams: dict[bytes, list[tuple[int, Record]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def put(self, batch: Batch) -> None:
        """Keep one batch."""
        n = batch.log.n
        self.rows[n] += batch.records
        self.pasts[n] += batch.pasts
        for run in batch.runs:
            self.runs[n].append(SignedPosition(run.last, run.head, run.signature))
            self.heads[run.head] = n, run.last
        for record in batch.records:
            self.engrams[record.engram].append((n, record))

    def position_of(self, scope: bytes, head: bytes) -> tuple[int, int] | None:
        """See ``History``; there is one scope."""
        del scope
        return self.heads.get(head)

    def signed_before(self, log: int, seq: int) -> SignedPosition | None:
        """See ``History``."""
        place = bisect_right(self.runs[log], seq, key=_seq)
        return self.runs[log][place - 1] if place else None

    def records(self, log: int, first: int, last: int) -> Sequence[Record]:
        """See ``History``."""
        return self.rows[log][first - 1 : last]

    def past(self, log: int, seq: int) -> bytes | None:
        """See ``History``."""
        place = bisect_right(self.pasts[log], seq, key=lambda past: past[0])
        return self.pasts[log][place - 1][1] if place else None

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        """See ``History``; every record puts one value."""
        del until
        return sum(n == log for n, _ in self.engrams[engram])

    def taker(self, engram: bytes, log: int, clock: int) -> tuple[int, Record] | None:
        """See ``History``."""
        taken = [record for n, record in self.engrams[engram] if n == log]
        return (clock, taken[clock]) if clock < len(taken) else None

    def engram_at(self, log: int, seq: int) -> bytes | None:
        """See ``History``."""
        return self.rows[log][seq - 1].engram if 0 < seq <= len(self.rows[log]) else None


def _seq(position: SignedPosition) -> int:
    return position.seq


class Replica:
    """Keys, a ledger, and a document for each engram."""

    def __init__(self, name: str) -> None:
        self.random = random.Random(name)
        self.key, self.secret = sodium.crypto_sign_seed_keypair(self.random.randbytes(32))
        self.charters = Charters()
        self.ledger = Ledger(self.charters)
        self.kept = Kept(self.ledger.log_by_number)
        self.documents: dict[bytes, EngramDocument] = {}
        self.now_ms = NOW_MS

    def log(self, scope: bytes, domain: int = LogDomain.DATA) -> LogState:
        """The own log of a scope."""
        return self.ledger.open_log(scope, domain, self.key, bytes(16))

    def write(self, log: LogState, drafts: Sequence[Draft]) -> None:
        """Author, sign, keep and apply."""
        self.now_ms += 1
        batch = self.ledger.author(
            log,
            drafts,
            now_ms=self.now_ms,
            salts=[self.random.randbytes(16) for _ in drafts],
            secret_key=self.secret,
            auth=self.charters.of(log.scope).auth(self.key),
            history=self.kept,
        )
        self._keep(batch)

    def take(self, scope: bytes, announcement: Announcement, data: bytes) -> None:
        """Decode, verify, validate, keep and apply."""
        frame = decode_frame_untrusted(data)
        self._keep(self.ledger.ingest_untrusted(announcement, scope, frame, history=self.kept))

    def _keep(self, batch: Batch) -> None:
        self.kept.put(batch)
        for record in batch.records if batch.log.domain == LogDomain.DATA else ():
            document = self.documents.get(record.engram)
            if document is None:
                document = self.documents[record.engram] = EngramDocument(record.engram)
            document.apply(change_of(batch.log.id, record, None))

    def frames(self, log: LogState, first: int) -> list[tuple[Announcement, bytes]]:
        """The runs of a log that end at ``first`` or later, each as a peer would get it."""
        announcement = Announcement(1, log.domain, log.author, log.incarnation)
        found: list[tuple[Announcement, bytes]] = []
        last = first - 1
        for run in self.kept.runs[log.n]:
            if run.seq >= first:
                records = self.kept.records(log.n, last + 1, run.seq)
                found.append((announcement, encode_frame(1, records, [(run.seq, run.signature)])))
                last = run.seq
        return found


def bare_model(verification_us: Callable[[], float]) -> dict[str, float]:
    """Multiples of one verification: writing one field, and taking such a record from a peer."""
    a, b = Replica("a"), Replica("b")
    charter = found("agent", a.key, nonce=bytes(16))
    scope = charter.scope_id()
    for replica in (a, b):
        replica.ledger.add_scope(scope)
    members = a.log(scope, LogDomain.MEMBERS)
    admit = admit_draft(Admission(b.key, MemberRole.MEMBER, scope), "b")
    a.write(members, [charter_draft(charter, "a"), admit])
    engrams = [a.random.randbytes(16) for _ in range(ENGRAMS)]
    first = (("r/content", cbor.encode("first")),)
    log = a.log(scope)
    a.write(log, [Draft(RecordKind.CREATE, engram, first) for engram in engrams])
    for each in (members, log):
        for frame in a.frames(each, 1):
            b.take(scope, *frame)
    writes, ingests = list[float](), list[float]()
    for round_ in range(ROUNDS):
        before = log.seq
        cost = _per_engram(partial(_write_all, a, log, engrams, round_))
        writes.append(cost / verification_us())
        frames = a.frames(log, before + 1)
        cost = _per_engram(partial(_take_all, b, scope, frames))
        ingests.append(cost / verification_us())
    if [d.dump() for d in a.documents.values()] != [d.dump() for d in b.documents.values()]:
        raise RuntimeError("the replicas differ")
    return {
        "bare_write_one_field_x": statistics.median(writes),
        "bare_ingest_x": statistics.median(ingests),
    }


def _write_all(a: Replica, log: LogState, engrams: Sequence[bytes], round_: int) -> None:
    for engram in engrams:
        put = ("r/content", cbor.encode(f"version {round_}"))
        a.write(log, [Draft(RecordKind.UPDATE, engram, (put,), (Superseded(0, None, round_),))])


def _take_all(b: Replica, scope: bytes, frames: Sequence[tuple[Announcement, bytes]]) -> None:
    for frame in frames:
        b.take(scope, *frame)


def _per_engram(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) / ENGRAMS * 1e6
