"""Seals take finished logs out of the clock; erasures tell which payloads have to go."""

import pytest

from engram_sync.errors import UsageError
from engram_sync.ledger import NO_ENGRAM, Draft, IngestBatch, LogState
from engram_wire import (
    EMPTY_SEALED,
    RecordKind,
    Superseded,
    branch_id,
    clock_digest,
    decode_superseded_untrusted,
    sealed_digest,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, announce, create, engram_id
from tests.ledger.world import E, World


def seal(*logs: LogState) -> Draft:
    dots = tuple([Superseded(0, log.id, log.seq) for log in logs])
    return Draft(RecordKind.SEAL, NO_ENGRAM, (), dots)


def erase(engram: bytes, *places: Superseded) -> Draft:
    return Draft(RecordKind.ERASE, engram, (), places)


class Renewed:
    """Ann has a second incarnation, which seals the first one."""

    def __init__(self) -> None:
        self.world = World()
        self.ann, self.cay, self.scope = self.world.ann, self.world.cay, self.world.scope
        self.old = self.ann.open(self.scope)
        self.before = self.ann.ledger.clock(self.scope)
        self.ann.incarnation = b"second incarnati"
        self.batch = self.ann.write(self.scope, seal(self.old), create(engram_id(9)))


@pytest.fixture
def renewed() -> Renewed:
    return Renewed()


def ids(replica: Replica, scope: bytes) -> tuple[set[bytes], set[bytes]]:
    ledger = replica.ledger
    return {e.log for e in ledger.clock(scope)}, {e.log for e in ledger.sealed(scope)}


def test_a_sealed_log_leaves_the_clock_for_the_sealed_set(renewed: Renewed) -> None:
    ann, scope, old = renewed.ann, renewed.scope, renewed.old
    assert renewed.batch.sealed == ((old.n, old.seq),)
    open_logs, sealed = ids(ann, scope)
    assert (old.id in open_logs, sealed) == (False, {old.id})
    assert ann.ledger.sealed(scope) == (old.entry,)
    entries = {entry.log: entry for entry in ann.ledger.positions(scope)}
    assert list(entries) == sorted(open_logs | sealed)
    digest = sealed_digest([old.entry])
    assert ann.ledger.sealed_summary(scope) == (1, digest)
    assert ann.ledger.clock_digest(scope) == clock_digest(ann.ledger.clock(scope), digest)
    assert ann.ledger.version(scope)[old.id] == old.seq


def test_without_a_seal_the_clock_is_what_it_was(renewed: Renewed) -> None:
    ledger, scope = renewed.cay.ledger, renewed.scope
    assert ledger.sealed_summary(scope) == (0, EMPTY_SEALED)
    assert ledger.positions(scope) == ledger.clock(scope) == renewed.before


def test_whoever_receives_the_seal_holds_the_same(renewed: Renewed) -> None:
    renewed.cay.take_all(renewed.ann, renewed.scope)
    assert renewed.cay.facts(renewed.scope) == renewed.ann.facts(renewed.scope)
    assert renewed.cay.reopened().state(renewed.scope) == renewed.cay.state(renewed.scope)


def test_a_log_found_beyond_its_seal_is_in_the_clock_again(renewed: Renewed) -> None:
    """A seal promises, and excludes nothing."""
    more = Forger(renewed.ann, renewed.scope)
    more.announcement, more.id = announce(renewed.old), renewed.old.id
    more.records = renewed.ann.shelf.records(renewed.old.n, 1, 3)
    more.heads = [b"", b"", b"", renewed.old.head]
    more.add("r/content")
    renewed.cay.take_all(renewed.ann, renewed.scope)
    batch = renewed.cay.ledger.ingest_untrusted(
        more.announcement, renewed.scope, more.frame(4), history=renewed.cay.shelf
    )
    renewed.cay.shelf.put(batch)
    assert batch.rejection is None
    open_logs, sealed = ids(renewed.cay, renewed.scope)
    assert (renewed.old.id in open_logs, sealed) == (True, set[bytes]())
    # In the other order too, and another seal takes it out for good.
    other = Replica("other")
    other.take_all(renewed.cay, renewed.scope)
    assert other.facts(renewed.scope) == renewed.cay.facts(renewed.scope)
    renewed.ann.take_all(renewed.cay, renewed.scope)
    renewed.ann.write(renewed.scope, seal(renewed.old))
    assert ids(renewed.ann, renewed.scope)[1] == {renewed.old.id}


def test_a_seal_is_undone_with_its_transaction(renewed: Renewed) -> None:
    before, checkpoint = renewed.cay.state(renewed.scope), renewed.cay.checkpoint()
    renewed.cay.take_all(renewed.ann, renewed.scope)
    assert renewed.cay.ledger.sealed(renewed.scope)
    renewed.cay.rollback(checkpoint)
    assert renewed.cay.state(renewed.scope) == before


def test_an_own_live_log_that_a_copy_has_sealed_is_not_continued() -> None:
    world = World()
    bob, scope = world.bob, world.scope
    bob.write(scope, create(engram_id(5)))
    copied = bob.reopened()
    copied.incarnation = b"of the copy     "
    old = next(log for log in copied.ledger.logs(scope) if log.author == bob.key)
    copied.write(scope, seal(old))
    fresh = copied.open(scope)
    batch = bob.take(fresh, copied.frame(fresh))
    assert batch.own_ended
    assert not bob.open(scope).live
    assert not bob.take(fresh, copied.frame(fresh)).own_ended


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_seal_ends_the_path_it_was_written_for_and_no_other_branch(
    order: tuple[int, int],
) -> None:
    """Whoever wrote it had seen one history only."""
    world = World()
    one = world.forger().add("r/content").add("r/content")
    two = one.fork(1).add("r/title")
    sealing = Forger(world.bob, world.scope, number=9).add(
        kind=RecordKind.SEAL,
        dots=[Superseded(0, one.id, 2)],
        deps=[one.heads[2]],
        hlc=one.records[-1].hlc + 9,
    )
    steps = [(one, sealing), (two,)]
    for index in order:
        for forger in steps[index]:
            assert world.take(forger).rejection is None
    open_logs, sealed = ids(world.ann, world.scope)
    assert sealed == {one.id, branch_id(one.heads[2])}
    assert branch_id(two.heads[2]) in open_logs
    twin = Replica("twin")
    twin.take_all(world.ann, world.scope)
    assert twin.facts(world.scope) == world.ann.facts(world.scope)
    assert twin.reopened().state(world.scope) == twin.state(world.scope)


def test_the_store_is_told_what_a_division_leaves_of_a_seal() -> None:
    world = World()
    one = world.forger().add("r/content").add("r/content")
    sealing = Forger(world.bob, world.scope, number=9).add(
        kind=RecordKind.SEAL,
        dots=[Superseded(0, one.id, 2)],
        deps=[one.heads[2]],
        hlc=one.records[-1].hlc + 9,
    )
    for forger in (one, sealing):
        world.take(forger)
    batch = world.take(one.fork(1).add("r/title"))
    assert batch.split is not None
    assert batch.split.moved is not None
    assert set(batch.sealed) == {(batch.split.trunk.n, 1), (batch.split.moved.n, 2)}


def test_one_who_holds_both_branches_of_its_own_log_seals_both() -> None:
    world = World()
    bob, scope = world.bob, world.scope
    bob.write(scope, create(engram_id(5)))
    copied = bob.reopened()
    bob.write(scope, create(engram_id(6)))
    copied.write(scope, create(engram_id(7)))
    log = copied.open(scope)
    bob.take(log, copied.frame(log))
    (fork,) = bob.ledger.forks(scope)
    bob.incarnation = b"after the fork  "
    batch = bob.write(scope, seal(*fork.branches))
    items = decode_superseded_untrusted(batch.records[-1].superseded, kind=8, puts=0)
    assert {item.log for item in items} == {branch.id for branch in fork.branches}
    assert ids(bob, scope)[1] == {log.root, *(branch.id for branch in fork.branches)}
    world.cay.take_all(bob, scope)
    assert world.cay.facts(scope) == bob.facts(scope)


# -- erasures -------------------------------------------------------------------------------------


def test_an_erasure_tells_which_payloads_have_to_go() -> None:
    world = World()
    log = world.ann.open(world.scope)
    batch = world.ann.write(world.scope, erase(E, Superseded(0, None, 1), Superseded(0, None, 3)))
    assert batch.erased == ((log.n, 1), (log.n, 3))
    taken = world.cay.take(log, world.ann.frame(log))
    assert taken.erased == ((log.n, 1), (log.n, 3))
    assert world.cay.facts(world.scope) == world.ann.facts(world.scope)


def test_a_leader_erases_what_somebody_else_wrote_and_a_member_does_not() -> None:
    world = World()
    world.bob.write(world.scope, create(engram_id(5)))
    world.ann.take_all(world.bob, world.scope)
    bobs = world.bob.open(world.scope)
    held = world.ann.ledger.log_by_id(world.scope, bobs.id)
    assert held is not None
    batch = world.ann.write(world.scope, erase(engram_id(5), Superseded(0, bobs.id, 1)))
    assert batch.erased == ((held.n, 1),)
    with pytest.raises(UsageError, match="does not lead"):
        world.bob.write(world.scope, erase(E, Superseded(0, world.log.id, 1)))


def test_an_author_erases_in_a_new_incarnation_what_it_wrote_in_an_older_one() -> None:
    world = World()
    world.bob.write(world.scope, create(engram_id(5)))
    old = world.bob.open(world.scope)
    world.bob.incarnation = b"second incarnati"
    batch = world.bob.write(world.scope, erase(engram_id(5), Superseded(0, old.id, 1)))
    assert batch.erased == ((old.n, 1),)


def test_a_frame_with_an_erasure_and_what_it_erases_names_the_new_logs_number() -> None:
    world = World()
    forger = world.forger().add("r/content", engram=E)
    forger.add(kind=RecordKind.ERASE, engram=E, dots=[Superseded(0, None, 1)])
    batch: IngestBatch = world.take(forger)
    assert batch.erased == ((batch.log.n, 1),)


def test_an_erasure_in_a_refused_run_erases_nothing() -> None:
    world = World()
    forger = world.forger().add("r/content", engram=E)
    forger.add(kind=RecordKind.ERASE, engram=E, dots=[Superseded(0, None, 1)])
    forger.add("r/content", dots=[world.dot(99)])
    batch = world.take(forger, 1)
    assert (batch.seq, batch.erased) == (1, ())


def test_an_erasure_names_the_branch_whose_record_it_means() -> None:
    world = World()
    one = world.forger().add("r/content", engram=E).add("r/content", engram=E)
    two = one.fork(1).add("r/title", engram=E)
    for forger in (one, two):
        world.take(forger)
    first, second = (branch_id(forger.heads[2]) for forger in (one, two))
    places = [Superseded(0, one.id, 1), Superseded(0, first, 2), Superseded(0, second, 2)]
    batch = world.ann.write(world.scope, erase(E, *places))
    logs = [world.ann.ledger.log_by_id(world.scope, name) for name in (one.id, first, second)]
    assert set(batch.erased) == {
        (log.n, seq) for log, seq in zip(logs, (1, 2, 2), strict=True) if log
    }
    world.cay.take_all(world.ann, world.scope)
    assert world.cay.facts(world.scope) == world.ann.facts(world.scope)
    names = world.cay.ledger.names(world.scope)
    log = world.cay.ledger.log_by_id(world.scope, batch.log.id)
    assert names is not None
    assert log is not None
    named = names.resolve(log.n, batch.records[-1], world.cay.shelf)
    held = world.cay.ledger.log_by_id(world.scope, second)
    assert held is not None
    assert named.place(second, 2) == (held.n, 2)


@pytest.mark.parametrize("divided", [False, True])
def test_a_seal_short_of_the_declared_past_is_invalid_whether_or_not_a_fork_is_there(
    divided: bool,
) -> None:
    """Its author had seen more; that somebody else sees a trunk end there must not decide."""
    world = World()
    one = world.forger().add("r/content").add("r/content")
    world.take(one)
    if divided:
        world.take(one.fork(1).add("r/title"))
    sealing = Forger(world.bob, world.scope, number=9).add(
        kind=RecordKind.SEAL,
        dots=[Superseded(0, one.id, 1)],
        deps=[one.heads[2]],
        hlc=one.records[-1].hlc + 9,
    )
    assert world.refused_at(sealing) == 1
