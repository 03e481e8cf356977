"""An author with two histories: each continuation is a log of its own, and nothing is excluded."""

from collections.abc import Sequence

import pytest

from engram_sync.errors import UsageError
from engram_sync.log import GapError, IngestBatch, LogState, MissingDependencyError
from engram_sync.trust import MemberRole
from engram_wire import (
    Announcement,
    CloseCode,
    Edit,
    Frame,
    Insert,
    LogDomain,
    RecordKind,
    Reference,
    SignatureError,
    Span,
    Superseded,
    branch_id,
    decode_superseded_untrusted,
)
from tests.log.forger import Forger
from tests.log.replica import Replica, announce, create, engram_id, update
from tests.log.world import E, World
from tests.trust.forging import admit_shape


class Fork:
    """Bob wrote 1 to 3 in one commit each, then 4 to 6 twice; Ann and Cay hear of it."""

    def __init__(self) -> None:
        self.world = World()
        self.scope = self.world.scope
        self.ann, self.cay = self.world.ann, self.world.cay
        self.one = self.world.forger()
        for number in range(3):
            self.one.add("r/content", engram=engram_id(50 + number))
        self.two = self.one.fork(3)
        for _ in range(3):
            self.one.add("r/content", engram=engram_id(60))
            self.two.add("r/content", engram=engram_id(60), hlc=self.one.records[-1].hlc + 7)

    def give(self, who: Replica, forger: Forger, frame: Frame) -> IngestBatch:
        batch = who.ledger.ingest_untrusted(
            forger.announcement, self.scope, frame, history=who.shelf
        )
        who.shelf.put(batch)
        return batch

    def log(self, who: Replica, name: bytes) -> LogState:
        log = who.ledger.log_by_id(self.scope, name)
        assert log is not None
        return log


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
    seen = fork.ann.open(fork.scope).past.seen
    assert (seen[n], seen[batch.split.moved.n]) == (3, 6)
    rewritten = fork.ann.ledger.split_past(stored, batch.split)
    assert rewritten != stored
    assert fork.ann.ledger.split_past(rewritten, batch.split) == rewritten
    assert fork.ann.reopened().state(fork.scope) == fork.ann.state(fork.scope)


def test_both_branches_are_in_the_past_of_what_is_written_next(fork: Fork) -> None:
    for forger in (fork.one, fork.two):
        fork.give(fork.ann, forger, forger.frame())
    heads = fork.ann.ledger.frontier(fork.ann.open(fork.scope))
    assert heads == sorted([fork.one.heads[6], fork.two.heads[6]])


# -- forks of membership logs ---------------------------------------------------------------------


def leaders() -> tuple[Replica, bytes, list[Forger]]:
    """Ann leads, founded by Bob, who admits two different people at one position."""
    bob = Replica("bob")
    scope = bob.found()
    founded = bob.open(scope, LogDomain.MEMBERS)
    one = Forger(bob, scope, LogDomain.MEMBERS)
    one.announcement = announce(founded)
    one.id = founded.id
    one.records = bob.shelf.records(founded.n, 1, 1)
    one.heads = [founded.id, founded.head]
    two = one.fork(1)
    one.add(shape=admit_shape(Replica("cay").key, 2)).add(shape=admit_shape(Replica("dan").key, 2))
    two.add(shape=admit_shape(Replica("cay").key, 1)).add(shape=admit_shape(Replica("eve").key, 2))
    return bob, scope, [one, two]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_leader_with_two_faces_admits_the_same_members_everywhere(order: Sequence[int]) -> None:
    _, scope, forgers = leaders()
    ann = Replica("ann")
    ann.ledger.add_scope(scope)
    for index in order:
        frame = forgers[index].frame()
        batch = ann.ledger.ingest_untrusted(
            forgers[index].announcement, scope, frame, history=ann.shelf
        )
        assert batch.rejection is None
        ann.shelf.put(batch)
    members = ann.charters.of(scope)
    assert members.heads == tuple(sorted(forger.heads[3] for forger in forgers))
    roles = {name: members.role(Replica(name).key) for name in ("cay", "dan", "eve")}
    member = MemberRole.MEMBER
    assert roles == {"cay": MemberRole.OBSERVER, "dan": member, "eve": member}
    # Each branch alone says something else, and only what is in its past.
    assert members.role_at([forgers[0].heads[3]], Replica("cay").key) is member
    assert members.role_at([forgers[0].heads[3]], Replica("eve").key) is None
    assert ann.reopened().state(scope) == ann.state(scope)


def test_a_forked_membership_log_is_rolled_back_with_its_members() -> None:
    _, scope, forgers = leaders()
    ann = Replica("ann")
    ann.ledger.add_scope(scope)
    batches: list[IngestBatch] = []
    for forger in forgers:
        before, checkpoint = ann.state(scope), ann.checkpoint()
        for _ in range(2):
            ann.rollback(checkpoint)
            assert ann.state(scope) == before
            frame = forger.frame()
            batches.append(
                ann.ledger.ingest_untrusted(forger.announcement, scope, frame, history=ann.shelf)
            )
            ann.shelf.put(batches[-1])
    assert len(ann.ledger.forks(scope)) == 1


# -- own logs -------------------------------------------------------------------------------------


class Copied:
    """Bob's home was copied; both copies go on in the same log."""

    def __init__(self) -> None:
        self.world = World()
        self.scope = self.world.scope
        self.bob = self.world.bob
        self.bob.write(self.scope, create(engram_id(5)))
        self.copy = self.bob.reopened()
        self.copy.write(self.scope, create(engram_id(6)))
        self.log = self.copy.open(self.scope)


def test_an_own_log_that_somebody_else_went_on_with_is_not_continued() -> None:
    copied = Copied()
    batch = copied.bob.take(copied.log, copied.copy.frame(copied.log))
    assert batch.own_ended
    assert (batch.split, batch.seq, batch.log.live) == (None, 2, False)
    again = copied.bob.take(copied.log, copied.copy.frame(copied.log))
    assert not again.own_ended


def test_an_own_log_with_two_histories_is_never_continued() -> None:
    copied = Copied()
    copied.bob.write(copied.scope, create(engram_id(7)))
    checkpoint, before = copied.bob.checkpoint(), copied.bob.state(copied.scope)
    batch = copied.bob.take(copied.log, copied.copy.frame(copied.log))
    assert batch.own_ended
    assert batch.split is not None
    for log in copied.bob.ledger.forks(copied.scope)[0].branches:
        with pytest.raises(UsageError, match="forked"):
            copied.bob.author(log, [create(engram_id(8))])
    with pytest.raises(UsageError, match="forked"):
        copied.bob.write(copied.scope, create(engram_id(8)))
    copied.bob.rollback(checkpoint)
    assert copied.bob.state(copied.scope) == before
    assert copied.bob.take(copied.log, copied.copy.frame(copied.log)).own_ended


def test_an_own_signature_under_something_invalid_ends_the_log_too() -> None:
    copied = Copied()
    bad = Forger(copied.bob, copied.scope)
    bad.announcement, bad.id = announce(copied.log), copied.log.id
    bad.heads = [copied.log.id]
    bad.add("r/content", dots=[copied.world.dot(99)], hlc=copied.log.hlc + 1)
    batch = copied.bob.ledger.ingest_untrusted(
        bad.announcement, copied.scope, bad.frame(), history=copied.bob.shelf
    )
    assert batch.rejection is not None
    assert (batch.own_ended, batch.split) == (True, None)


def test_what_is_held_of_an_own_log_ends_nothing_when_it_comes_back() -> None:
    copied = Copied()
    log = copied.bob.open(copied.scope)
    assert not copied.bob.take(log, copied.copy.frame(copied.log, 1, 1)).own_ended
    assert log.live


# -- what records mean ----------------------------------------------------------------------------


def both(fork: Fork) -> tuple[LogState, LogState]:
    """Ann has both of Bob's branches."""
    for forger in (fork.one, fork.two):
        fork.give(fork.ann, forger, forger.frame())
    first, second = (fork.log(fork.ann, branch_id(f.heads[4])) for f in (fork.one, fork.two))
    return first, second


def test_a_reference_made_before_the_fork_was_known_means_the_branch_that_was_seen(
    fork: Fork,
) -> None:
    fork.give(fork.ann, fork.one, fork.one.frame())
    engram = engram_id(60)
    batch = fork.ann.write(fork.scope, update(engram, Superseded(0, fork.one.id, 2)))
    fork.give(fork.ann, fork.two, fork.two.frame())
    names = fork.ann.ledger.names(fork.scope)
    assert names is not None
    named = names.resolve(batch.log.n, batch.records[-1], fork.ann.shelf)
    dot = named.dot(fork.one.id, 2)
    assert (dot.log, dot.clock) == (branch_id(fork.one.heads[4]), 2)
    assert named.until(fork.one.id, 3) == [(branch_id(fork.one.heads[4]), 3)]
    assert named.place(fork.one.id, 2) == (fork.log(fork.ann, fork.one.id).n, 2)
    assert named.place(None, 1) == (batch.log.n, 1)


def test_clocks_count_along_the_path_over_the_fork(fork: Fork) -> None:
    """Branches start at 0 again here; whoever saw one branch only counts on."""
    world = fork.world
    one = Forger(world.bob, fork.scope, number=7)
    one.add("r/content", engram=E).add("r/content", engram=E)
    two = one.fork(2).add("r/title", engram=E)
    one.add("r/content", engram=E)
    fork.give(fork.cay, one, one.frame())
    reader = Forger(world.ann, fork.scope, number=8)
    reader.add(
        "r/content",
        engram=E,
        kind=1,
        dots=[Superseded(0, one.id, c) for c in (0, 2)],
        deps=[one.heads[3]],
        hlc=one.records[-1].hlc + 9,
    )
    reader.add("r/life", engram=E, kind=2, dots=[Superseded(0, one.id, 3)])
    fork.give(fork.cay, reader, reader.frame())
    fork.give(fork.cay, two, two.frame())
    names = fork.cay.ledger.names(fork.scope)
    log = fork.log(fork.cay, reader.id)
    assert names is not None
    named = names.resolve(log.n, reader.records[0], fork.cay.shelf)
    branch = branch_id(one.heads[3])
    assert [tuple(named.dot(one.id, c)) for c in (0, 2)] == [(one.id, 0), (branch, 0)]
    assert named.until(one.id, 3) == [(one.id, 2), (branch, 1)]
    assert named.until(one.id, 2) == [(one.id, 2)]


def test_drafts_name_what_this_node_calls_it_and_records_what_everybody_understands(
    fork: Fork,
) -> None:
    first, second = both(fork)
    engram = engram_id(60)
    dots = [Superseded(0, first.id, 1), Superseded(0, second.id, 0)]
    batch = fork.ann.write(fork.scope, update(engram, *dots))
    told = decode_superseded_untrusted(batch.records[-1].superseded, kind=1, puts=1)
    assert sorted(told) == sorted(dots)  # Both are in its past, so each goes by its own name.
    trunk = update(engram_id(50), Superseded(0, fork.one.id, 0))
    assert fork.ann.write(fork.scope, trunk).log.seq == batch.seq + 1


def test_a_name_that_could_mean_either_branch_is_invalid(fork: Fork) -> None:
    both(fork)
    deps = [fork.one.heads[6], fork.two.heads[6]]
    for dots, valid in (
        ([Superseded(0, fork.one.id, 0)], False),  # The root's name does not reach beyond the fork.
        ([Superseded(0, branch_id(fork.one.heads[4]), 0)], True),
    ):
        reader = Forger(fork.ann, fork.scope, number=20 + valid)
        reader.add(
            "r/content",
            engram=engram_id(60),
            kind=1,
            dots=dots,
            deps=deps,
            hlc=fork.two.records[-1].hlc + 9,
        )
        assert (fork.give(fork.ann, reader, reader.frame()).rejection is None) is valid


def test_a_branch_is_not_named_where_only_one_is_in_the_past(fork: Fork) -> None:
    """One spelling: what the receiver happens to hold must not decide."""
    both(fork)
    for name, valid in ((branch_id(fork.one.heads[4]), False), (fork.one.id, True)):
        reader = Forger(fork.ann, fork.scope, number=30 + valid)
        reader.add(
            "r/content",
            engram=engram_id(60),
            kind=1,
            dots=[Superseded(0, name, 0)],
            deps=[fork.one.heads[6]],
            hlc=fork.two.records[-1].hlc + 9,
        )
        assert (fork.give(fork.ann, reader, reader.frame()).rejection is None) is valid


def test_a_branch_that_is_not_in_the_past_is_not_named(fork: Fork) -> None:
    both(fork)
    reader = Forger(fork.ann, fork.scope, number=40)
    dots = [Superseded(0, branch_id(fork.two.heads[4]), 0)]
    reader.add(
        "r/content",
        engram=engram_id(60),
        kind=1,
        dots=dots,
        deps=[fork.one.heads[6]],
        hlc=fork.two.records[-1].hlc + 9,
    )
    batch = fork.give(fork.ann, reader, reader.frame())
    assert batch.rejection is not None


def test_an_own_path_goes_by_no_name(fork: Fork) -> None:
    both(fork)
    for name, valid in ((None, True), (fork.two.id, False), (branch_id(fork.two.heads[4]), False)):
        branch = fork.two.fork(6)
        dots = [Superseded(0, name, 3)]
        branch.add("r/content", engram=engram_id(60), kind=1, dots=[dots[0]._replace(clock=0)])
        batch = fork.give(fork.cay, branch, branch.frame())
        assert (batch.rejection is None) is valid


def test_a_delete_names_each_history_once(fork: Fork) -> None:
    """Where a record has one branch in its past only, trunk and branch have one name."""
    fork.give(fork.cay, fork.one, fork.one.frame())
    first, _ = both(fork)
    ends = (Superseded(0, first.id, 3),)
    batch = fork.ann.write(
        fork.scope, type(create(E))(RecordKind.DELETE, engram_id(60), (("r/life", b"\x60"),), ends)
    )
    items = decode_superseded_untrusted(batch.records[-1].superseded, kind=2, puts=1)
    assert items == ends


def test_the_frame_that_shows_a_fork_is_read_by_the_names_that_it_makes() -> None:
    """The store has not followed yet, and would take the other branch for the trunk."""
    world = World()
    one = world.forger().add("r/content", engram=E)
    two = one.fork(1).add("r/content", engram=E)
    two.add("r/content", engram=E, kind=1, dots=[Superseded(0, None, 1)])
    one.add("r/title", engram=E)
    assert world.take(one).rejection is None
    batch = world.take(two)
    assert (batch.problem, batch.seq) == ("", 3)


def test_a_branch_may_speak_of_the_other_where_it_has_heard_of_it() -> None:
    """Only an author with two faces does that; everybody still reads it alike."""
    world = World()
    one = world.forger().add("r/body", engram=E)
    one.add(engram=E, edit=Edit(Reference(None, 0), (Insert(None, None, 2),), ()))
    two = one.fork(1).add("r/title", engram=engram_id(2))
    world.take(one)
    world.ann.write(world.scope, create(engram_id(3)))
    heard = world.ann.open(world.scope)
    after = heard.hlc + 5
    two.add("r/title", engram=engram_id(2), deps=[heard.head], hlc=after)
    name = branch_id(one.heads[2])
    change = Edit(Reference(None, 0), (Insert(Reference(name, 1), None, 1),), (Span(name, 0, 1),))
    two.add(engram=E, edit=change)
    batch = world.take(two)
    assert (batch.problem, batch.seq) == ("", 4)
    world.cay.take_all(world.ann, world.scope)
    assert world.cay.facts(world.scope) == world.ann.facts(world.scope)


def test_announcements_of_a_strange_branch_reach_the_family() -> None:
    fork = Fork()
    name = Announcement(1, 0, fork.world.bob.key, fork.one.announcement.incarnation, b"?" * 32)
    fork.two.announcement = name
    assert fork.give(fork.ann, fork.two, fork.two.frame()).log.id == fork.two.id
