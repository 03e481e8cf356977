"""What is true of all homes of one life history, whoever has heard of it."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import nacl.bindings

from engram_crdt import Element
from engram_sync.host import Entropy
from engram_wire import Record
from engram_wire.cbor import encode
from tests.oracle import Event, Op, OpKind, Oracle, Put

START_MS = 1_700_000_000_000
_FREE = {"l/events": "l/happenings", "k/skill": "k/ways"}
"""Collections whose values have a form of their own in a memory, and others of the same rule."""
_runs = itertools.count(1)


class Happened(NamedTuple):
    """Where a record stands in the oracle of its engram."""

    engram: bytes
    number: int


@dataclass
class LifeWorld:
    """Time, keys, and the oracle of each engram."""

    seed: int
    now_ms: int = START_MS
    scope: bytes = b""
    oracles: dict[bytes, Oracle] = field(default_factory=dict[bytes, Oracle])
    events_of: dict[bytes, Happened] = field(default_factory=dict[bytes, Happened])
    """By payload hash, which a salt makes unique."""
    erasures: dict[bytes, set[bytes]] = field(default_factory=dict[bytes, set[bytes]])
    """By the payload hash of an erasure: those of what it erases."""
    agents: dict[str, int] = field(default_factory=dict[str, int])
    leaders: frozenset[str] = frozenset()
    """Owners besides the founder who are admitted as leaders."""
    run: str = ""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.run = f"life{next(_runs)}"
        self.entropy: Entropy = self._entropy

    def _entropy(self, size: int) -> bytes:
        return self.rng.randbytes(size)

    def agents_of(self, scope: bytes, owners: Iterable[str]) -> list[tuple[str, bytes]]:
        """(owner, id of the agent it writes for) of everybody who is to be admitted."""
        names = {
            agent: blake2b(scope + bytes([agent]), digest_size=32).digest()
            for agent in set(self.agents.values())
        }
        founder = self.agents["home0"]
        # The founder writes for the scope's own agent, and so does whoever shares its agent.
        return [
            (owner, scope if self.agents[owner] == founder else names[self.agents[owner]])
            for owner in owners
        ]

    def agent_of(self, owner: str) -> int:
        """The oracle's number of the agent that an owner writes for."""
        return self.agents[owner]

    def agent_of_key(self, key: bytes) -> int:
        """The same by public key."""
        return next(self.agents[o] for o in self.agents if public_of(o) == key)

    def happened(self, record: Record, engram: bytes, event: Event) -> None:
        """Tell the oracle what a user did, and remember by which record."""
        oracle = self.oracles.setdefault(engram, Oracle())
        self.events_of[record.payload_hash] = Happened(engram, oracle.append(event))

    def op_of(self, element: Element) -> Op:
        """What the user did that put an element there."""
        event = self.events_of[element.payload_hash]
        return self.oracles[event.engram].op(self.name(element))

    def name(self, element: Element) -> Put:
        """The oracle's name of an element: by its record, and by what it put there."""
        event = self.events_of[element.payload_hash]
        ops = self.oracles[event.engram].events[event.number].ops
        place = next(
            i
            for i, op in enumerate(ops)
            if op.collection == element.collection and op.kind is not OpKind.UNTAG
        )
        return Put(event.number, place)


def free(op: Op) -> Op:
    """The same op where its value may be anything."""
    return op._replace(collection=_FREE.get(op.collection, op.collection))


def public_of(owner: str) -> bytes:
    """The public key of an owner."""
    return nacl.bindings.crypto_sign_seed_keypair(owner.encode().ljust(32, b"\0"))[0]


def put_value(op: Op) -> bytes:
    """The value that a record carries for an op, in the form its field demands."""
    match op.kind:
        case OpKind.ENTRY:
            return encode([op.key, op.value])
        case OpKind.BELIEF:
            subject, relation = op.key.split("/")
            return encode([subject, relation, op.value, True, 1.0])
        case OpKind.TAG:
            return encode(op.key)
        case OpKind.OCCURRENCE | OpKind.AMENDMENT:
            return encode([op.key.encode(), op.value])
        case OpKind.COUNT:
            return encode(int(op.value[1:]))
        case OpKind.SLOT:
            return encode(int(op.value[1:]) / 100_000)
        case _:
            if op.collection == "r/life":
                life = "deleted" if op.kind is OpKind.DELETE else "archived"
                return encode([life, op.value])
            return encode(op.value)
