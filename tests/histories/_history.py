"""One history: users write, a bad network delivers, the oracle judges."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engram_crdt import (
    Change,
    Element,
    EngramDocument,
    client_id,
    digest,
    elements_of_one,
    in_collection,
    latest,
    siblings,
    tags,
)
from tests.oracle import Disagreement, Op, OpKind, Oracle, Put

from ._replica import ENGRAM, Record, Replica, World, crowded_client, encode, text

_START_MS = 1_700_000_000_000
_SKEWS_MS = (0, 0, 0, -3_000_000, 40_000, 59_000)
_LIFE, _TAGS, _META = "r/life", "s/tags", "m/meta"
_BELIEF, _EVENTS = "b/belief", "l/events"
_ALONE = {OpKind.SLOT: "o/confidence", OpKind.REFINEMENT: "k/skill", OpKind.COUNT: "c/uses"}
"""Where ops go that are about nothing but their collection."""
_WEIGHTS = (30, 12, 10, 8, 8, 8, 8, 6, 6, 6, 4)
"""How often each kind of op is drawn, in the order of ``OpKind``."""
_REGISTERS = ("r/content", "r/title", _LIFE)


@dataclass
class Outcome:
    """What a history contained, so that a run can show that it tested something."""

    replicas: int = 0
    records: int = 0
    conflicts: int = 0
    siblings_max: int = 0
    survived_a_delete: int = 0
    wall_clock_misled: int = 0
    """Registers in which the largest clock of all writes belongs to an overwritten one."""

    def add(self, other: "Outcome") -> None:
        self.replicas += other.replicas
        self.records += other.records
        self.conflicts += other.conflicts
        self.siblings_max = max(self.siblings_max, other.siblings_max)
        self.survived_a_delete += other.survived_a_delete
        self.wall_clock_misled += other.wall_clock_misled


class Users:
    """Draws what the users do; no value is drawn twice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._values = 0
        self._occurrences = ["v0"]
        """Names of the events so far; the first one never happened, and can be amended too."""

    def ops(self) -> list[Op]:
        """Draw one record: mostly one op, sometimes several of different collections."""
        ops = {op.collection: op for op in (self._op() for _ in range(self._rng.choice((1, 1, 3))))}
        if any(op.kind is OpKind.DELETE for op in ops.values()):
            return [ops[_LIFE]]
        return list(ops.values())

    def _op(self) -> Op:
        rng = self._rng
        self._values += 1
        value = f"v{self._values}"
        kind = rng.choices(list(OpKind), weights=_WEIGHTS)[0]
        match kind:
            case OpKind.REGISTER:
                return Op(kind, rng.choice(_REGISTERS), "", value)
            case OpKind.TAG | OpKind.UNTAG:
                tag = rng.choice("abc")
                return Op(kind, _TAGS, tag, tag)
            case OpKind.ENTRY:
                return Op(kind, _META, rng.choice("kl"), value)
            case OpKind.BELIEF:
                return Op(kind, _BELIEF, rng.choice(("s/r", "s/q", "t/r")), value)
            case OpKind.OCCURRENCE:
                self._occurrences.append(value)
                return Op(kind, _EVENTS, value, value)
            case OpKind.AMENDMENT:
                return Op(kind, _EVENTS, rng.choice(self._occurrences), value)
            case OpKind.DELETE:
                return Op(kind, _LIFE, "", f"deleted-{value}")
            case _:
                return Op(kind, _ALONE[kind], "", value)


def run_history(seed: int, replica_type: type[Replica] = Replica) -> Outcome:
    """Run one history.

    Raises:
        Disagreement: A replica does not contain what the oracle says.
    """
    rng = random.Random(seed)
    client_of = rng.choice((client_id, client_id, crowded_client))
    world = World(rng, client_of, _START_MS, {}, {})
    count = rng.randint(3, 5)
    # The last two may be devices of one agent.
    agents = [*range(count - 1), rng.choice((count - 1, count - 2))]
    replicas = [replica_type(world, agent, rng.choice(_SKEWS_MS)) for agent in agents]
    oracle = Oracle()
    users = Users(rng)
    in_flight: list[tuple[int, Record]] = []
    loss, copies = rng.choice((0.0, 0.2, 0.6)), rng.choice((1, 1, 2))
    for _ in range(rng.randint(25, 60)):
        world.now_ms += rng.randint(0, 2_000)
        who = rng.randrange(count)
        draw = rng.random()
        if draw < 0.55:
            record, event = replicas[who].write(len(oracle.events), users.ops())
            oracle.append(event)
            for to in range(count):
                if to != who and rng.random() >= loss:
                    in_flight += [(to, record)] * copies
        elif draw < 0.9:
            rng.shuffle(in_flight)
            for _ in range(min(len(in_flight), rng.randint(1, 6))):
                to, record = in_flight.pop()
                replicas[to].receive(record)
        elif draw < 0.93:
            replicas[who].restart()
        elif draw < 0.95:
            replicas[who].open_log()
        else:
            check(oracle, replicas[who])
    exchange(rng, replicas)
    return judge(rng, oracle, replicas)


def exchange(rng: random.Random, replicas: Sequence[Replica]) -> None:
    """Let replicas tell each other, in a ring and in any order, until all know all."""
    total = {event for replica in replicas for event in _events(replica)}
    while any(set(_events(replica)) != total for replica in replicas):
        for place, replica in enumerate(replicas):
            source = replicas[place - 1]
            records = [record for known in source.records.values() for record in known]
            rng.shuffle(records)
            for record in records:
                replica.receive(record)


def _events(replica: Replica) -> list[int]:
    return [record.event for known in replica.records.values() for record in known]


def judge(rng: random.Random, oracle: Oracle, replicas: Sequence[Replica]) -> Outcome:
    """Check every replica, and that the order of arrival left no trace in any of them."""
    first = replicas[0]
    elements = first.document.elements()
    for replica in replicas:
        check(oracle, replica)
        same(replica.document.elements(), elements, "replicas hold different elements")
        same(replica.document.dump(), first.document.dump(), "replicas dump different state")
        same(replica.document.clock(), first.document.clock(), "replicas have different clocks")
    changes = [record.change for known in first.records.values() for record in known]
    for values_held in (True, False):
        check_any_order(rng, first, changes, values_held=values_held)
    return describe(oracle, replicas)


def check_any_order(
    rng: random.Random, replica: Replica, changes: Iterable[Change], *, values_held: bool
) -> None:
    """Check that changes in an order that is not even causal give the same engram.

    Only the order within a log is kept.  Without values, names and digests must be the same.
    """
    queues: dict[bytes, list[Change]] = {}
    for change in changes:
        queues.setdefault(change.log, []).append(change)
    late = replica.new_document()
    while queues:
        log = rng.choice(list(queues))
        change = queues[log].pop(0)
        if not queues[log]:
            del queues[log]
        if not values_held:
            change = change._replace(puts=tuple((name, None) for name, _ in change.puts))
        late.apply(change)
    expected = replica.document.elements()
    if not values_held:
        expected = [element._replace(value=None) for element in expected]
    same(late.elements(), expected, "another order gives other elements")
    same(
        digest(ENGRAM, late.elements()),
        digest(ENGRAM, replica.document.elements()),
        "another order gives another digest",
    )
    if values_held:
        same(late.dump(), replica.document.dump(), "another order dumps another state")


def check(oracle: Oracle, replica: Replica) -> None:
    """Check one replica against what it has seen so far."""
    elements = replica.document.elements()
    strangers = [element for element in elements if element.dot not in replica.world.puts]
    same(strangers, [], "an element has a name that nobody gave")
    names = [replica.world.puts[element.dot] for element in elements]
    live = oracle.live(replica.seen)
    same(len(set(names)), len(names), "an element is there twice")
    same(set(names), live, "not exactly the maximal writes are alive")
    for element, name in zip(elements, names, strict=True):
        op = oracle.op(name)
        same(element.collection, op.collection, "an element changed its collection")
        same(element.value, encode(op), "an element changed its value")
    for register in _REGISTERS:
        check_register(oracle, replica, in_collection(elements, register), register, live)
    same(
        tags(in_collection(elements, _TAGS)),
        sorted({text(oracle.op(put).key) for put in live if oracle.op(put).collection == _TAGS}),
        "tags differ",
    )
    lost = oracle.concurrent_with_delete(live, replica.seen) - set(names)
    same(sorted(lost), [], "an edit concurrent with a delete is gone")
    if len(_events(replica)) == 1:
        ((only,),) = replica.records.values()
        same(elements_of_one(ENGRAM, only.change), elements, "one record reads differently alone")
    loaded = EngramDocument.load(ENGRAM, replica.document.dump(), client_of=replica.world.client_of)
    same(loaded.elements(), elements, "a document changes when it is stored")


def check_register(
    oracle: Oracle, replica: Replica, found: list[Element], register: str, live: set[Put]
) -> None:
    """Check both readings of one register: all siblings, and the last write."""
    names = {replica.world.puts[element.dot] for element in siblings(found)}
    same(
        names,
        {put for put in live if oracle.op(put).collection == register},
        "siblings are not the maximal writes",
    )
    chosen = latest(found)
    name = None if chosen is None else replica.world.puts[chosen.dot]
    same(name, oracle.latest(live, register), "the last write is another one")
    if name is not None and oracle.dominated(name, replica.seen):
        raise Disagreement(f"the last write of {register} had been overwritten")


def describe(oracle: Oracle, replicas: Sequence[Replica]) -> Outcome:
    """Count what made this history worth running."""
    seen = replicas[0].seen
    live = oracle.live(seen)
    outcome = Outcome(replicas=len(replicas), records=len(oracle.events))
    outcome.survived_a_delete = len(oracle.concurrent_with_delete(live, seen))
    for register in _REGISTERS:
        heads = [put for put in live if oracle.op(put).collection == register]
        outcome.conflicts += len(heads) > 1
        outcome.siblings_max = max(outcome.siblings_max, len(heads))
        stamps = [
            (event.stamp, number)
            for number, event in enumerate(oracle.events)
            if any(op.collection == register for op in event.ops)
        ]
        if stamps and max(stamps)[1] not in {put.event for put in heads}:
            outcome.wall_clock_misled += 1
    return outcome


def same(found: object, expected: object, claim: str) -> None:
    """Raise ``Disagreement`` unless both are equal."""
    if found != expected:
        raise Disagreement(f"{claim}: found {found!r}, expected {expected!r}")
