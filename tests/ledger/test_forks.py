"""An author with two histories: each continuation is a log of its own, and nothing is excluded."""

from collections.abc import Sequence

import pytest

from engram_sync.ledger import GapError, MissingDependencyError
from engram_sync.ledger._lineage import Reach
from engram_wire import (
    CloseCode,
    SignatureError,
    branch_id,
)
from tests.ledger.forger import Forger
from tests.ledger.forked import Fork
from tests.ledger.replica import Replica, announce, create, engram_id
from tests.ledger.world import E


@pytest.fixture
def fork() -> Fork:
    return Fork()


def test_a_second_history_divides_the_log_where_it_begins(fork: Fork) -> None:
    ann, one, two = fork.ann, fork.one, fork.two
    whole = fork.give(ann, one, one.frame(1, 1, 2, 3, 4)).log
    batch = fork.give(ann, two, two.frame(1, 1, 2, 3))
    assert batch.split is not None
    trunk, moved = batch.split.trunk, batch.split.moved
    assert trunk is whole
    assert moved is not None
    assert (trunk.seq, trunk.head) == (batch.split.base, batch.split.head) == (3, one.heads[3])
    assert (trunk.hlc, batch.split.hlc) == (one.records[2].hlc,) * 2
    assert (moved.id, moved.seq, moved.head) == (branch_id(one.heads[4]), 6, one.heads[6])
    assert (batch.log.id, batch.log.seq) == (branch_id(two.heads[4]), 6)
    assert [r.seq for r in batch.records] == [4, 5, 6]
    assert [log.parent for log in (moved, batch.log)] == [trunk, trunk]
    assert (batch.new_log, batch.rejection, batch.duplicates) == (True, None, 3)
    assert [e.log for e in ann.ledger.positions(fork.scope) if e.log == one.id] == [one.id]


def test_the_fork_is_told_with_its_branches(fork: Fork) -> None:
    fork.give(fork.ann, fork.one, fork.one.frame())
    assert fork.ann.ledger.forks(fork.scope) == []
    assert fork.ann.ledger.names(fork.scope) is None
    fork.give(fork.ann, fork.two, fork.two.frame())
    (told,) = fork.ann.ledger.forks(fork.scope)
    assert (told.root, told.author, told.base) == (fork.one.id, fork.world.bob.key, 3)
    names = sorted(branch_id(f.heads[4]) for f in (fork.one, fork.two))
    assert [log.id for log in told.branches] == names
    assert not list(fork.ann.ledger.refused())


def test_whoever_holds_one_history_only_calls_all_of_it_by_the_logs_name(fork: Fork) -> None:
    log = fork.give(fork.ann, fork.two, fork.two.frame()).log
    assert (log.id, log.seq, log.parent, log.branch) == (fork.two.id, 6, None, None)


def test_the_order_of_two_histories_makes_no_difference(fork: Fork) -> None:
    for who, order in ((fork.ann, (fork.one, fork.two)), (fork.cay, (fork.two, fork.one))):
        for forger in order:
            fork.give(who, forger, forger.frame(1, 2))
    assert fork.ann.facts(fork.scope) == fork.cay.facts(fork.scope)


def test_a_run_that_straddles_the_fork_stays_whole_without_the_signature_inside(
    fork: Fork,
) -> None:
    """A relay had dropped it; the branch's own signature covers what came before."""
    fork.give(fork.ann, fork.one, fork.one.frame())
    batch = fork.give(fork.ann, fork.two, fork.two.frame(1, 3))
    assert batch.split is not None
    assert batch.split.moved is not None
    assert fork.ann.shelf.runs[batch.split.trunk.n] == []
    (run,) = fork.ann.shelf.runs[batch.split.moved.n]
    assert (run.first, run.last) == (1, 6)
    new = Replica("new")
    new.take_all(fork.ann, fork.scope)
    assert new.facts(fork.scope) == fork.ann.facts(fork.scope)


def test_a_fork_at_the_first_record_leaves_a_root_that_holds_nothing(fork: Fork) -> None:
    other = fork.one.fork(0).add("r/title", engram=engram_id(9))
    for who, order in ((fork.ann, (fork.one, other)), (fork.cay, (other, fork.one))):
        for forger in order:
            fork.give(who, forger, forger.frame())
    assert fork.ann.facts(fork.scope) == fork.cay.facts(fork.scope)
    assert fork.log(fork.ann, fork.one.id).seq == 0
    assert fork.one.id not in {entry.log for entry in fork.ann.ledger.positions(fork.scope)}
    assert fork.log(fork.ann, branch_id(other.heads[1])).seq == 1
    assert fork.ann.reopened().state(fork.scope) == fork.ann.state(fork.scope)


def test_a_third_history_is_one_branch_more_and_moves_nothing(fork: Fork) -> None:
    three = fork.one.fork(3).add("r/title", engram=engram_id(9))
    for forger in (fork.one, fork.two):
        fork.give(fork.ann, forger, forger.frame())
    batch = fork.give(fork.ann, three, three.frame())
    assert batch.split is not None
    assert (batch.split.moved, batch.split.base) == (None, 3)
    assert len(fork.ann.ledger.forks(fork.scope)[0].branches) == 3


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
)
@pytest.mark.parametrize("at", [2, 3, 5])
def test_forks_before_and_inside_a_fork_give_the_same_logs_in_every_order(
    fork: Fork, at: int, order: Sequence[int]
) -> None:
    three = fork.one.fork(at).add("r/title", engram=engram_id(9))
    forgers = [fork.one, fork.two, three]
    for index in order:
        fork.give(fork.ann, forgers[index], forgers[index].frame())
    for forger in forgers:
        fork.give(fork.cay, forger, forger.frame(1, 2))
    assert fork.ann.facts(fork.scope) == fork.cay.facts(fork.scope)
    bases = {log.base for log in fork.ann.ledger.logs(fork.scope) if log.root == fork.one.id}
    assert bases == {0, 3, at}
    assert fork.ann.reopened().state(fork.scope) == fork.ann.state(fork.scope)


# -- frames of a forked log -----------------------------------------------------------------------


def test_frames_go_on_in_either_branch_whatever_the_sender_calls_it(fork: Fork) -> None:
    for forger in (fork.one, fork.two):
        fork.give(fork.ann, forger, forger.frame())
    for forger in (fork.one, fork.two):
        forger.add("r/content", engram=engram_id(70))
        batch = fork.give(fork.ann, forger, forger.frame(7))  # As one who holds no other branch.
        assert (batch.log.id, batch.seq, batch.split) == (branch_id(forger.heads[4]), 7, None)
        forger.add("r/content", engram=engram_id(70))
        forger.announcement = announce(fork.log(fork.ann, branch_id(forger.heads[4])))
        assert fork.give(fork.ann, forger, forger.frame(8)).seq == 8
        forger.add("r/content", engram=engram_id(70))
        forger.announcement = forger.call(branch_id(b"?" * 32))  # A name that nobody here knows.
        assert fork.give(fork.ann, forger, forger.frame(9)).seq == 9


def test_a_frame_may_run_over_forks_that_its_sender_does_not_know(fork: Fork) -> None:
    for forger in (fork.one, fork.two):
        fork.give(fork.ann, forger, forger.frame())
    nested = fork.one.fork(5).add("r/title", engram=engram_id(9))
    fork.give(fork.ann, nested, nested.frame())
    fork.one.add("r/content", engram=engram_id(70))
    batch = fork.give(fork.ann, fork.one, fork.one.frame(2, 3))
    assert ([r.seq for r in batch.records], batch.duplicates, batch.split) == ([7], 5, None)
    assert batch.log.id == branch_id(fork.one.heads[6])
    again = fork.give(fork.ann, fork.one, fork.one.frame(2, 3))
    assert (again.records, again.duplicates) == ((), 6)


def test_a_branch_shown_before_its_beginning_is_held_is_a_gap(fork: Fork) -> None:
    fork.give(fork.ann, fork.one, fork.one.upto(2))
    with pytest.raises(GapError, match="2 held, frame starts at 5"):
        fork.give(fork.ann, fork.two, fork.two.frame(5))


def test_what_follows_the_other_branch_is_not_believed(fork: Fork) -> None:
    """The last common position has to be found first."""
    fork.give(fork.ann, fork.one, fork.one.frame())
    before = fork.ann.state(fork.scope)
    with pytest.raises(SignatureError):
        fork.give(fork.ann, fork.two, fork.two.frame(5))
    assert fork.ann.state(fork.scope) == before


def test_an_invalid_record_ends_its_branch_and_no_other(fork: Fork) -> None:
    fork.give(fork.ann, fork.one, fork.one.frame())
    bad = fork.one.fork(3).add("r/content").add("r/content", dots=[fork.world.dot(99)])
    bad.add("r/content")
    before = fork.ann.state(fork.scope)
    batch = fork.give(fork.ann, bad, bad.frame())
    assert batch.rejection is not None
    assert (batch.rejection.seq, batch.rejection.log) == (5, branch_id(bad.heads[4]))
    assert (batch.split, batch.new_log, batch.log.n) == (None, False, 0)
    assert fork.ann.state(fork.scope) == before  # Nothing of it was signed, so nothing is divided.
    batch = fork.give(fork.ann, bad, bad.frame(1, 4))
    assert batch.split is not None
    assert batch.rejection is not None
    assert (batch.seq, batch.rejection.seq) == (4, 5)
    fork.one.add("r/content")
    for forger in (fork.one, fork.two):
        assert fork.give(fork.ann, forger, forger.frame()).rejection is None
    again = fork.give(fork.ann, bad, bad.frame(5))
    assert (again.records, again.rejection and again.rejection.seq) == ((), 5)


def test_what_is_sent_behind_a_refused_record_is_refused_too(fork: Fork) -> None:
    """Its sender has passed the record on and does not know yet."""
    bad = fork.world.forger().add("r/content").add("r/content", dots=[fork.world.dot(99)])
    bad.add("r/content").add("r/content").add("r/content")
    assert fork.world.refused_at(bad, 1, 3) == 2
    for first in (4, 5):
        batch = fork.give(fork.ann, bad, bad.frame(first))
        assert batch.rejection is not None
        assert (batch.rejection.seq, batch.rejection.code) == (2, CloseCode.INVALID_RECORD)
        assert batch.records == ()


def test_a_missing_dependency_in_a_branch_divides_nothing(fork: Fork) -> None:
    fork.give(fork.ann, fork.one, fork.one.frame())
    branch = fork.one.fork(3).add("r/content", deps=[b"?" * 32])
    before = fork.ann.state(fork.scope)
    with pytest.raises(MissingDependencyError):
        fork.give(fork.ann, branch, branch.frame())
    assert fork.ann.state(fork.scope) == before


def test_a_branch_does_not_depend_on_its_own_family(fork: Fork) -> None:
    """An author that knows the other branch knows that it may not go on."""
    for forger in (fork.one, fork.two):
        fork.give(fork.ann, forger, forger.frame())
    fork.two.add("r/content", deps=[fork.one.heads[6]])
    with pytest.raises(MissingDependencyError):
        fork.give(fork.ann, fork.two, fork.two.frame(7))


@pytest.mark.parametrize("nested", [False, True])
def test_a_division_that_is_rolled_back_leaves_no_trace_and_can_be_done_again(
    fork: Fork, nested: bool
) -> None:
    fork.give(fork.ann, fork.one, fork.one.frame())
    if nested:
        three = fork.one.fork(5).add("r/title", engram=engram_id(9))
        fork.give(fork.ann, three, three.frame())
    fork.ann.write(fork.scope, create(engram_id(7)))  # Has all of it in its past.
    before, checkpoint = fork.ann.state(fork.scope), fork.ann.checkpoint()
    seed, now = fork.ann.random.getstate(), fork.ann.now_ms
    results: list[object] = []
    for _ in range(2):
        fork.ann.rollback(checkpoint)
        assert fork.ann.state(fork.scope) == before
        fork.ann.random.setstate(seed)
        fork.ann.now_ms = now
        fork.give(fork.ann, fork.two, fork.two.frame())
        fork.ann.write(fork.scope, create(engram_id(8)))
        results.append(fork.ann.facts(fork.scope))
    assert results[0] == results[1]


def test_pasts_stored_before_a_fork_are_understood_after_it(fork: Fork) -> None:
    fork.give(fork.ann, fork.one, fork.one.frame(1, 2, 4))
    fork.ann.write(fork.scope, create(E))
    seq = fork.ann.open(fork.scope).seq
    n = fork.log(fork.ann, fork.one.id).n
    stored = fork.ann.shelf.past(fork.ann.open(fork.scope).n, seq)
    assert stored is not None
    batch = fork.give(fork.ann, fork.two, fork.two.frame())
    assert batch.split is not None
    assert batch.split.moved is not None
    seen = fork.ann.past_of(fork.ann.open(fork.scope)).seen
    registry = fork.ann.ledger._registry
    reach = Reach(seen, registry.by_number)
    assert (reach.in_log(registry.by_number(n)), seen[batch.split.moved.n]) == (3, 6)
    own = fork.ann.open(fork.scope)
    fork.ann.write(fork.scope, create(engram_id(8)))
    assert fork.ann.shelf.past(own.n, seq) == stored, "it was not rewritten"
    names = fork.ann.ledger.names(fork.scope)
    assert names is not None
    then = names.seen_at(own.n, seq, fork.ann.shelf)
    reach = Reach(then, registry.by_number)
    assert (reach.in_log(registry.by_number(n)), then[batch.split.moved.n]) == (3, 6)
    assert fork.ann.reopened().state(fork.scope) == fork.ann.state(fork.scope)


def test_both_branches_are_in_the_past_of_what_is_written_next(fork: Fork) -> None:
    for forger in (fork.one, fork.two):
        fork.give(fork.ann, forger, forger.frame())
    heads = fork.ann.ledger.frontier(fork.ann.open(fork.scope), fork.ann.shelf)
    assert heads == sorted([fork.one.heads[6], fork.two.heads[6]])


def test_a_branch_has_seen_what_its_trunk_had_seen(fork: Fork) -> None:
    ann, world = fork.ann, fork.world
    ann.write(fork.scope, create(E))
    own = ann.open(fork.scope)
    one = Forger(world.bob, fork.scope, number=9)
    one.add("r/content", engram=engram_id(70), deps=[own.head])
    two = one.fork(1).add("r/content", engram=engram_id(71))
    one.add("r/content", engram=engram_id(72))
    for forger in (one, two):
        fork.give(ann, forger, forger.frame())
    for forger in (one, two):
        branch = fork.log(ann, branch_id(forger.heads[2]))
        names = ann.ledger.names(fork.scope)
        assert names is not None
        assert names.seen_at(branch.n, 2, ann.shelf)[own.n] == own.seq
