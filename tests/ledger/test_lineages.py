"""What a causal past says of logs that were sealed, and what it costs."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram_sync.ledger import Draft, LogState, MissingDependencyError
from engram_sync.ledger._lineage import NamedPosition, Reach, extended
from engram_sync.ledger._logs import root_log
from engram_sync.ledger._resolve import past_at
from engram_wire import (
    ClockEntry,
    LogDomain,
    clock_digest,
    clock_term,
    decode_auth_untrusted,
    decode_ids_untrusted,
    extend,
)
from tests.ledger.replica import Replica, create, engram_id, update
from tests.ledger.test_seals import seal
from tests.ledger.world import E, World


def restarted(replica: Replica, scope: bytes, *drafts: Draft) -> LogState:
    """A new incarnation: it seals what it wrote before, and writes on."""
    before = replica.open(scope)
    replica.incarnation = replica.random.randbytes(16)
    sealed = [seal(before)] if before.seq and not before.children else []
    return replica.write(scope, *sealed, *drafts).log


@pytest.mark.slow
def test_a_record_s_causal_past_takes_the_same_room_after_any_number_of_restarts() -> None:
    """Else each start of a node costs every record after it, on every node, for ever."""
    world = World()
    sizes: dict[int, int] = {}
    for number in range(1, 101):
        restarted(world.ann, world.scope, create(engram_id(100 + number)))
        world.bob.take_all(world.ann, world.scope)
        batch = world.bob.write(world.scope, create(engram_id(500 + number)))
        world.ann.take_all(world.bob, world.scope)
        sizes[number] = len(batch.pasts[0][1])
        assert len(world.bob.past_of(batch.log).seen) <= 4
    assert sizes[100] <= sizes[10] + 4


def test_what_was_sealed_long_ago_is_in_the_past_of_whoever_names_the_newest_log() -> None:
    world = World()
    first = world.log
    for number in range(30):
        restarted(world.ann, world.scope, create(engram_id(100 + number)))
    world.bob.take_all(world.ann, world.scope)
    world.bob.write(world.scope, update(E, world.dot(0)))
    world.cay.take_all(world.bob, world.scope)
    assert not list(world.cay.ledger.refused())
    newest = world.ann.open(world.scope)
    by_number = world.ann.ledger.log_by_number
    assert Reach({newest.n: newest.seq}, by_number).in_log(first) == first.seq
    assert Reach({first.n: first.seq}, by_number).in_log(newest) == 0


def test_more_open_logs_than_a_record_can_name_are_sealed_first_and_continued() -> None:
    world = World()
    for number in range(70):
        world.ann.incarnation = number.to_bytes(16, "big")
        log = world.ann.open(world.scope)
        world.ann.author(log, [create(engram_id(number))])
    assert len(world.ann.ledger.frontier(world.ann.open(world.scope), world.ann.shelf)) <= 1
    others = [Replica(f"node {number}") for number in range(70)]
    for other in others:
        world.ann.admit(world.scope, other.key)
    for other in others:
        other.take_all(world.cay, world.scope)
    before = world.ann.open(world.scope)
    log = restarted(world.ann, world.scope, create(engram_id(999)))
    assert log.before == (before.n, before.seq)


class Oracle:
    """The whole past of each position, found by walking over every record."""

    def __init__(self, replica: Replica, scope: bytes) -> None:
        self._replica = replica
        self._scope = scope
        self.places: dict[bytes, tuple[LogState, int]] = {}
        self._pasts: dict[tuple[int, int], dict[int, int]] = {}
        logs = replica.ledger.logs(scope)
        for log in logs:
            head = log.id if log.parent is None else log.parent.head
            for record in replica.shelf.rows[log.n]:
                head = extend(head, record)
                self.places[head] = log, record.seq

    def past(self, log: LogState, seq: int) -> dict[int, int]:
        """By number, the newest position of each log at or behind a position, itself included."""
        if seq == log.base:
            return {} if log.parent is None else self.past(log.parent, seq)
        found = self._pasts.get((log.n, seq))
        if found is None:
            found = dict(self.past(log, seq - 1))
            record = self._replica.record(log, seq)
            named = decode_ids_untrusted(record.deps)
            for head in (*named, *(decode_auth_untrusted(record.auth) or ())):
                for n, at in self.past(*self.places[head]).items():
                    found[n] = max(at, found.get(n, 0))
            found[log.n] = seq
            self._pasts[log.n, seq] = found
        return found


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_a_past_reaches_exactly_as_far_as_the_records_behind_it(seed: int) -> None:
    """Against an oracle that walks over all records, with restarts, copies and forks."""
    rng = random.Random(seed)
    world = World()
    replicas = [world.ann, world.bob]
    for number in range(25):
        who, other = rng.sample(replicas, 2)
        match rng.randrange(5):
            case 0:
                restarted(who, world.scope, create(engram_id(50 + number)))
            case 1 if len(replicas) < 5:
                replicas.append(who.reopened())  # A copied home: both go on in one log.
            case 2:
                transfer(other, who, world.scope)
            case _:
                log = who.open(world.scope)
                if log.children or log.parent is not None:
                    who.incarnation = rng.randbytes(16)
                who.write(world.scope, create(engram_id(50 + number)))
    for replica in replicas:
        for other in replicas:
            transfer(other, replica, world.scope)
        check(replica, world.scope)
        check(replica.reopened(), world.scope)


def transfer(source: Replica, sink: Replica, scope: bytes) -> None:
    try:
        sink.take_all(source, scope)
    except MissingDependencyError:
        pytest.fail("what is sent in order of arrival lacks nothing")


def check(replica: Replica, scope: bytes) -> None:
    oracle = Oracle(replica, scope)
    logs = replica.ledger.logs(scope)
    registry = replica.ledger._registry
    for log in logs:
        for seq in range(log.base + 1, log.seq + 1):
            whole = oracle.past(log, seq)
            past = past_at(registry, log, seq, replica.shelf)
            reach = Reach({**past.seen, log.n: seq}, registry.by_number)
            assert {o.n: reach.in_log(o) for o in logs} == {o.n: whole.get(o.n, 0) for o in logs}


def test_pasts_in_memory_are_bounded_and_read_again_when_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else whoever begins many logs, each with all the others in its past, fills the memory."""
    monkeypatch.setattr("engram_sync.ledger._pasts.PASTS_ENTRIES_MAX", 50)
    world = World()
    for number in range(40):
        world.ann.incarnation = number.to_bytes(16, "big")
        world.ann.write(world.scope, create(engram_id(number)))
    logs = world.ann.ledger.logs(world.scope)
    assert sum(len(log.past.seen) + 1 for log in logs if log.past is not None) <= 50
    assert any(log.past is None for log in logs)
    world.ann.now_ms += 1
    check(world.ann, world.scope)
    assert world.ann.reopened().state(world.scope) == world.ann.state(world.scope)


def test_what_a_named_position_has_behind_it_is_looked_at_once_however_often_it_is_named() -> None:
    """Else a member with many logs, each naming the others, takes the square of their number."""
    world = World()
    logs: list[LogState] = []
    for number in range(30):
        world.ann.incarnation = number.to_bytes(16, "big")
        logs.append(world.ann.write(world.scope, create(engram_id(number))).log)
    asked: list[int] = []

    def position(log: LogState) -> NamedPosition:
        def past() -> dict[int, int]:
            asked.append(log.n)
            return dict(world.ann.past_of(log).seen)

        return NamedPosition(log, log.seq, past)

    by_number = world.ann.ledger.log_by_number
    seen = extended({}, [position(log) for log in logs], by_number)
    assert asked == [logs[-1].n], "the newest one has all the others behind it"
    assert all(Reach(seen, by_number).in_log(log) == log.seq for log in logs)


def test_what_is_seen_is_looked_through_once_however_many_logs_are_asked_about() -> None:
    """Else it takes the square of the logs that somebody crowds a memory with to settle that."""
    logs = {n: root_log(bytes(32), LogDomain.DATA, bytes(32), b"%16d" % n) for n in range(1, 201)}
    for n, log in logs.items():
        log.n, log.seq = n, 2
    looked: list[int] = []

    def by_number(n: int) -> LogState:
        looked.append(n)
        return logs[n]

    reach = Reach(dict.fromkeys(logs, 1), by_number)
    assert [reach.in_log(log) for log in logs.values()] == [1] * len(logs)
    assert len(looked) == len(logs)


def test_the_logs_that_a_record_seals_are_counted_without_a_look_at_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else every record received costs what is held of other logs."""
    world = World()
    monkeypatch.setattr("engram_sync.ledger._scopes.clock_sum", None)
    for number in range(3):
        world.ann.incarnation = number.to_bytes(16, "big")
        world.ann.write(world.scope, create(engram_id(number)))
        assert world.ann.ledger.sealed_summary(world.scope) == (0, bytes(32))


def test_a_record_costs_the_digest_its_own_log_however_many_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else every commit of a scope with thousands of members hashes the positions of all."""
    world = World()
    ann, scope = world.ann, world.scope
    for number in range(20):
        world.bob.incarnation = number.to_bytes(16, "big")
        world.bob.write(scope, create(engram_id(number)))
    ann.take_all(world.bob, scope)
    hashed: list[bytes] = []

    def term(entry: ClockEntry) -> int:
        hashed.append(entry.log)
        return clock_term(entry)

    monkeypatch.setattr("engram_sync.ledger._scopes.clock_term", term)
    ann.write(scope, create(engram_id(99)))
    ann.write(scope, create(engram_id(98)))
    assert len(ann.ledger.clock(scope)) > 20
    assert len(set(hashed)) == 1
    clock = ann.ledger.clock(scope)
    assert ann.ledger.clock_digest(scope) == clock_digest(clock)
    assert list(clock) == sorted(clock, key=lambda entry: entry.log)
