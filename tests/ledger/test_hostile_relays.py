"""What somebody in between, or an author with two faces, cannot do to the logs of others."""

import pytest

from engram_sync.ledger import MissingDependencyError
from engram_sync.ledger._limits import CANDIDATES_MAX, REFUSED_MAX
from engram_wire import CloseCode, LogDomain, SignatureError
from tests.ledger.forger import Forger
from tests.ledger.replica import NOW_MS, Replica, create, engram_id
from tests.ledger.world import World

LATE = NOW_MS + 50_000 << 16


def test_a_record_that_names_a_position_whose_signature_a_relay_dropped_is_taken() -> None:
    """Else one relay could keep everything that follows away from a node, for ever."""
    ann, bob, cay = Replica("ann"), Replica("bob"), Replica("cay")
    scope = ann.found()
    ann.admit(scope, bob.key)
    ann.write(scope, create(engram_id(1)), create(engram_id(2)))
    bob.take_all(ann, scope)
    bob.write(scope, create(engram_id(3)))
    ann.write(scope, create(engram_id(4)))
    log = ann.open(scope)
    members = ann.open(scope, LogDomain.MEMBERS)
    cay.take(members, ann.frame(members))
    stripped = ann.frame(log)
    cay.take(log, stripped._replace(signatures=stripped.signatures[-1:]))
    assert [run.last for run in cay.shelf.runs[2]] == [3]
    theirs = bob.open(scope)
    assert cay.take(theirs, bob.frame(theirs)).seq == 1
    assert cay.ledger.log_by_id(scope, theirs.id) is not None
    # What is in its past is known as exactly as to those who have all signatures.
    past = cay.past_of(cay.ledger.logs(scope)[-1]).seen
    assert past[2] == 2


def test_a_name_of_no_marked_position_costs_one_look_up_whatever_is_held() -> None:
    """Else a frame of 42 kB, or a stranger's request, makes a node hash all that it holds."""
    world = World()
    long = world.forger()
    for number in range(250):
        long.add("r/content", engram=engram_id(number), marked=number % 50 == 49)
    assert world.take(long).seq == 250
    before = world.ann.shelf.lookups
    for head in (long.heads[17], long.heads[249], bytes(32)):
        naming = Forger(world.bob, world.scope, number=7).add("r/content", deps=[head], hlc=LATE)
        with pytest.raises(MissingDependencyError):
            world.take(naming)
    assert world.ann.shelf.lookups == before
    naming = Forger(world.bob, world.scope, number=7).add(
        "r/content", deps=[long.heads[150]], hlc=LATE
    )
    assert world.take(naming).seq == 1


def test_the_end_of_a_trunk_is_named_only_if_it_is_marked() -> None:
    """A node that knows of no fork there finds no position; nor may one that does."""
    for marked in (True, False):
        world = World()
        trunk = world.forger().add("r/content", marked=marked)
        for collection in ("r/content", "r/title"):
            world.take(trunk.fork(1).add(collection, engram=engram_id(3)))
        naming = Forger(world.bob, world.scope, number=7).add(
            "r/content", deps=[trunk.heads[1]], hlc=LATE
        )
        if marked:
            assert world.take(naming).seq == 1
        else:
            with pytest.raises(MissingDependencyError):
                world.take(naming)


def test_the_valid_part_of_a_log_is_taken_even_after_a_relay_hid_where_it_ends() -> None:
    """Else two honest nodes would hold different parts of it and never agree."""
    world = World()
    bad = world.forger().add("r/content").add("r/content")
    bad.add("r/content", dots=[world.dot(99)])
    batch = world.take(bad)  # Only the last position is signed, so nothing before it is kept.
    assert batch.rejection is not None
    assert (batch.seq, batch.rejection.seq) == (0, 3)
    batch = world.take(bad, 2)
    assert batch.rejection is not None
    assert (batch.seq, batch.rejection.seq) == (2, 3)
    again = world.take(bad, 2)
    assert (again.records, again.rejection) == ((), batch.rejection)


@pytest.mark.slow
def test_refusals_take_bounded_memory() -> None:
    world = World()
    for number in range(REFUSED_MAX + 10):
        bad = Forger(world.bob, world.scope, number=number)
        bad.add("r/content", dots=[world.dot(99)])
        batch = world.take(bad)
        assert batch.rejection is not None
        assert batch.rejection.code == CloseCode.INVALID_RECORD
    assert len(list(world.ann.ledger.refused())) == REFUSED_MAX


@pytest.mark.slow
def test_a_frame_is_not_tried_on_any_number_of_branches() -> None:
    """Else a member with thousands of them could keep a node busy with one frame of noise."""
    world = World()
    first = world.forger()
    branches: list[Forger] = []
    for number in range(CANDIDATES_MAX + 10):
        branches.append(first.fork(0).add("r/content", engram=engram_id(number)))
        assert world.take(branches[-1]).rejection is None
    unplaced = 0
    for branch in branches:
        branch.add("r/title")
        try:
            world.ann.ledger.ingest_untrusted(
                branch.announcement, world.scope, branch.frame(2), history=world.ann.shelf
            )
        except SignatureError:
            unplaced += 1
            named = branch.call(branch.heads[1])
            batch = world.ann.ledger.ingest_untrusted(
                named, world.scope, branch.frame(2), history=world.ann.shelf
            )
            assert batch.seq == 2
    assert unplaced > 0
