"""One replica: a document, a log of its own, and the records it knows."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from engram_crdt import Change, Dot, Element, EngramDocument, client_id, hlc, superseded_by_put
from tests.oracle import Event, Op, OpKind, Put

ENGRAM = bytes(range(16))


class Record(NamedTuple):
    """A change on its way, with what its author had seen."""

    event: int
    change: Change
    deps: dict[bytes, int]
    """Log -> last record of it that the author had seen."""


@dataclass
class World:
    """What is true of all replicas of one history."""

    rng: random.Random
    client_of: Callable[[bytes, bytes], int]
    now_ms: int
    agents: dict[bytes, int]
    """Log -> agent."""
    puts: dict[Dot, Put]
    """The oracle's name of each dot."""


def text(value: str) -> bytes:
    """Encode a short text."""
    return bytes((0x60 + len(value.encode()),)) + value.encode()


def encode(op: Op) -> bytes:
    """Encode the value of one op as the collection wants it."""
    match op.kind:
        case OpKind.ENTRY:
            return b"\x82" + text(op.key) + text(op.value)
        case OpKind.BELIEF:
            subject, relation = op.key.split("/")
            return b"\x83" + text(subject) + text(relation) + text(op.value)
        case OpKind.OCCURRENCE | OpKind.AMENDMENT:
            return b"\x82" + bytes((0x40 + len(op.key),)) + op.key.encode() + text(op.value)
        case OpKind.COUNT:
            return b"\x19" + int(op.value[1:]).to_bytes(2)
        case OpKind.TAG:
            return text(op.key)
        case _:
            return text(op.value)


class Replica:
    """A device of one agent.  Subclasses plant a defect by overriding a method."""

    def __init__(self, world: World, agent: int, skew_ms: int) -> None:
        self.world = world
        self.agent = agent
        self.skew_ms = skew_ms
        self.document = self.new_document()
        self.clock = 0
        self.seen = 0
        self.records: dict[bytes, list[Record]] = {}
        self._waiting: dict[tuple[bytes, int], Record] = {}
        self._seq = 0
        self.open_log()

    def new_document(self) -> EngramDocument:
        return EngramDocument(ENGRAM, client_of=self.world.client_of)

    def open_log(self) -> None:
        """Continue in a new incarnation."""
        self.log = self.world.rng.randbytes(32)
        self.world.agents[self.log] = self.agent
        self._seq = 0

    def restart(self) -> None:
        """Forget all but what was dumped."""
        self.document = type(self.document).load(
            ENGRAM, self.document.dump(), client_of=self.world.client_of
        )

    def write(self, event: int, ops: Sequence[Op]) -> tuple[Record, Event]:
        """Make one record of what the user did, and apply it."""
        self.clock = hlc.tick(self.clock, self.world.now_ms + self.skew_ms)
        self._seq += 1
        observed = self.document.elements()
        puts: list[tuple[str, bytes]] = []
        removed: list[Dot] = []
        until: tuple[tuple[bytes, int], ...] = ()
        start = self.document.clock().get(self.log, 0)
        for place, op in enumerate(ops):
            if op.kind is OpKind.DELETE:
                until = tuple(self.document.clock().items())
            elif op.kind is OpKind.UNTAG:
                removed += self.superseded(op._replace(kind=OpKind.TAG), observed)
                continue
            else:
                removed += self.superseded(op, observed)
            self.world.puts[Dot(self.log, start + len(puts))] = Put(event, place)
            puts.append((op.collection, encode(op)))
        payload_hash = blake2b(repr((event, puts)).encode(), digest_size=32).digest()
        change = Change(
            self.log, self._seq, self.clock, tuple(puts), payload_hash, tuple(removed), until
        )
        deps = {log: known[-1].change.seq for log, known in self.records.items()}
        record = Record(event, change, deps)
        past = self.seen
        self._take(record)
        return record, Event(self.agent, past, (self.clock, self.log), tuple(ops))

    def superseded(self, op: Op, observed: Iterable[Element]) -> list[Dot]:
        return superseded_by_put(
            op.collection,
            encode(op),
            observed,
            same_author=lambda dot: self.world.agents[dot.log] == self.agent,
            own_log=self.log,
        )

    def receive(self, record: Record) -> None:
        """Take a record as soon as all that its author had seen is here."""
        self._waiting[record.change.log, record.change.seq] = record
        while ready := [name for name, held in self._waiting.items() if self._is_ready(held)]:
            for name in ready:
                self._take(self._waiting.pop(name))

    def _is_ready(self, record: Record) -> bool:
        own = self._last(record.change.log) >= record.change.seq - 1
        return own and all(self._last(log) >= seq for log, seq in record.deps.items())

    def _last(self, log: bytes) -> int:
        known = self.records.get(log)
        return known[-1].change.seq if known else 0

    def _take(self, record: Record) -> None:
        is_new = self._last(record.change.log) < record.change.seq
        assert self.merge(record.change) is is_new
        if is_new:
            self.clock = max(self.clock, record.change.hlc)
            self.records.setdefault(record.change.log, []).append(record)
            self.seen |= 1 << record.event

    def merge(self, change: Change) -> bool:
        """Merge one change into the document; a planted defect changes what it says."""
        return self.document.apply(change)


def crowded_client(engram: bytes, log: bytes) -> int:
    """A client id out of three: every document has collisions."""
    return client_id(engram, log) % 3 + 1
