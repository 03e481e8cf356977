"""Leaders with two histories, and own logs that somebody else goes on with."""

from collections.abc import Sequence

import pytest

from engram_sync.errors import UsageError
from engram_sync.ledger import IngestBatch
from engram_sync.membership import MemberRole
from engram_wire import (
    LogDomain,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, announce, create, engram_id
from tests.ledger.world import World
from tests.membership.forging import admit_shape


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
