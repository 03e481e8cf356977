"""What the references of records mean where a log is forked, and how they may be written."""

import pytest

from engram_sync.ledger import LogState
from engram_wire import (
    Announcement,
    Edit,
    EditInsert,
    RecordKind,
    Reference,
    Span,
    Superseded,
    branch_id,
    decode_superseded_untrusted,
)
from tests.ledger.forger import Forger
from tests.ledger.forked import Fork
from tests.ledger.replica import create, engram_id, update
from tests.ledger.world import E, World


@pytest.fixture
def fork() -> Fork:
    return Fork()


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
    one.add(engram=E, edit=Edit(Reference(None, 0), (EditInsert(None, None, 2),), ()))
    two = one.fork(1).add("r/title", engram=engram_id(2))
    world.take(one)
    world.ann.write(world.scope, create(engram_id(3)))
    heard = world.ann.open(world.scope)
    after = heard.hlc + 5
    two.add("r/title", engram=engram_id(2), deps=[heard.head], hlc=after)
    name = branch_id(one.heads[2])
    change = Edit(
        Reference(None, 0), (EditInsert(Reference(name, 1), None, 1),), (Span(name, 0, 1),)
    )
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
