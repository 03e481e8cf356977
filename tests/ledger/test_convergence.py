"""Whatever three replicas write, and however it reaches the others, all end with one clock.

# Invariant: records delivered in any order, again and again, cut at any signed position, are
# accepted or ask for exactly what is missing; in the end every replica holds the same positions.
"""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram_sync.ledger import Draft, GapError, LogState, MissingDependencyError, Run
from engram_wire import Frame, LogDomain, Superseded, decode_frame_untrusted, encode_frame
from tests.ledger.replica import Replica, create, engram_id, update

ENGRAMS = 3


@dataclass
class Network:
    """Three replicas of one scope, and everything that was ever signed in it."""

    rng: random.Random
    replicas: list[Replica] = field(default_factory=list[Replica])
    scope: bytes = b""
    origin: dict[bytes, Replica] = field(default_factory=dict[bytes, Replica])
    rollbacks: int = 0

    def begin(self) -> None:
        self.replicas = [Replica(f"{self.rng.random()}") for _ in range(3)]
        first = self.replicas[0]
        self.scope = first.found(self.rng.choice(["agent", "collective"]))
        for other in self.replicas[1:]:
            first.admit(self.scope, other.key)
        for other in self.replicas[1:]:
            other.take_all(first, self.scope)

    def write(self, who: Replica) -> None:
        """A few records; those that supersede name what this replica has seen, and only that."""
        if self.rng.random() < 0.1:
            who.incarnation = self.rng.randbytes(16)
        drafts: list[Draft] = []
        for _ in range(self.rng.randint(1, 3)):
            engram = engram_id(1 + self.rng.randrange(ENGRAMS))
            seen = self.puts(who, engram)
            dots = [d for d in seen if self.rng.random() < 0.5]
            drafts.append(update(engram, *dots) if dots else create(engram))
        log = who.write(self.scope, *drafts).log
        self.origin[log.id] = who

    def puts(self, who: Replica, engram: bytes) -> list[Superseded]:
        own = who.open(self.scope).id
        clocks: dict[bytes, int] = {}
        for log, _ in who.shelf.records_of(self.scope, engram):
            clocks[log] = clocks.get(log, 0) + 1
        return [
            Superseded(0, None if log == own else log, clock)
            for log, count in clocks.items()
            for clock in range(count)
        ]

    def deliver(self, source: Replica, sink: Replica) -> None:
        """One stretch of one log of ``source``, which need not be its own, from anywhere."""
        logs = source.ledger.logs(self.scope)
        log = self.rng.choice(logs)
        runs = source.shelf.runs[log.n]
        first, last = sorted(self.rng.choices(range(len(runs)), k=2))
        frame = self.cut(source, log, runs[first : last + 1])
        checkpoint = sink.checkpoint()
        before = sink.state(self.scope)
        try:
            batch = sink.take(log, frame)
        except (GapError, MissingDependencyError):
            assert sink.state(self.scope) == before
            return
        assert batch.rejection is None
        if self.rng.random() < 0.2:
            sink.rollback(checkpoint)
            self.rollbacks += 1
            assert sink.state(self.scope) == before

    def cut(self, source: Replica, log: LogState, runs: list[Run]) -> Frame:
        """A relay forwards every signature it received: others may depend on any of them."""
        records = source.shelf.records(log.n, runs[0].first, runs[-1].last)
        signatures = [(r.last, r.signature) for r in runs]
        return decode_frame_untrusted(encode_frame(1, records, signatures))

    def settle(self) -> None:
        """Everybody sends everybody everything, in order of arrival, until nothing is new."""
        while len({r.ledger.clock_digest(self.scope) for r in self.replicas}) > 1:
            source, sink = self.rng.sample(self.replicas, 2)
            sink.take_all(source, self.scope)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_three_replicas_end_with_one_clock(seed: int) -> None:
    network = Network(random.Random(seed))
    network.begin()
    for _ in range(40):
        if network.rng.random() < 0.4:
            network.write(network.rng.choice(network.replicas))
        else:
            source, sink = network.rng.sample(network.replicas, 2)
            network.deliver(source, sink)
    network.settle()
    first, *others = network.replicas
    for other in others:
        assert other.ledger.clock(network.scope) == first.ledger.clock(network.scope)
        assert other.ledger.version(network.scope) == first.ledger.version(network.scope)
    for replica in network.replicas:
        assert replica.reopened().state(network.scope) == replica.state(network.scope)
        assert not list(replica.ledger.refused())


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_the_frontier_is_exactly_what_nobody_has_seen(seed: int) -> None:
    """Against a plain model: a head is a tip unless another log's past reaches it."""
    network = Network(random.Random(seed))
    network.begin()
    for _ in range(30):
        if network.rng.random() < 0.5:
            network.write(network.rng.choice(network.replicas))
        else:
            network.deliver(*network.rng.sample(network.replicas, 2))
    for replica in network.replicas:
        logs = [x for x in replica.ledger.logs(network.scope) if x.domain == LogDomain.DATA]
        own = replica.open(network.scope)
        expected = sorted(
            log.head
            for log in logs
            if log is not own
            and not any(replica.past_of(o).seen.get(log.n, 0) >= log.seq for o in logs)
        )
        assert replica.ledger.frontier(own, replica.shelf) == expected
