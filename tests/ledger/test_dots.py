"""What a record may supersede: what is in its own past, its engram, its collection, its slot."""

import pytest

from engram_wire import (
    Superseded,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, create, engram_id, update
from tests.ledger.world import E, World


@pytest.fixture
def world() -> World:
    return World()


def test_a_dot_that_is_held_but_not_in_the_declared_past_is_invalid(world: World) -> None:
    """What the receiver happens to hold must not decide."""
    assert world.refused_at(world.forger().add("r/content", engram=E, dots=[world.dot(0)])) == 1


def test_a_dot_behind_an_older_dependency_is_not_in_the_past(world: World) -> None:
    older = world.data
    world.ann.write(world.scope, create(E, "later"))
    world.bob.take_all(world.ann, world.scope)
    refused = world.forger().add("r/content", engram=E, dots=[world.dot(2)], deps=[older])
    assert world.refused_at(refused) == 1


def test_a_dot_that_nobody_has_put_is_invalid(world: World) -> None:
    forger = world.forger().add("r/content", engram=E, dots=[world.dot(7)], deps=[world.data])
    assert world.refused_at(forger) == 1


def test_a_dot_of_another_engram_is_invalid(world: World) -> None:
    """Engram 2 has one put, clock 0; clock 1 exists only in engram 1."""
    forger = world.forger()
    forger.add("r/content", engram=engram_id(2), dots=[world.dot(1)], deps=[world.data])
    assert world.refused_at(forger) == 1


def test_a_dot_of_another_collection_is_invalid(world: World) -> None:
    forger = world.forger().add("r/title", engram=E, dots=[world.dot(0)], deps=[world.data])
    assert world.refused_at(forger) == 1


def test_a_removal_without_a_put_takes_any_collection(world: World) -> None:
    forger = world.forger().add(
        "r/title", engram=E, kind=1, dots=[world.dot(0, op=1)], deps=[world.data]
    )
    assert world.take(forger).rejection is None


def test_an_entry_of_another_agent_in_an_own_slot_may_not_be_superseded(world: World) -> None:
    forger = world.forger().add("o/confidence", engram=E, dots=[world.dot(1)], deps=[world.data])
    assert world.refused_at(forger) == 1


def test_nor_may_it_be_removed(world: World) -> None:
    forger = world.forger().add(engram=E, kind=1, dots=[world.dot(1)], deps=[world.data])
    assert world.refused_at(forger) == 1


def test_a_delete_takes_entries_of_every_agent(world: World) -> None:
    forger = world.forger().add("r/life", engram=E, kind=2, dots=[world.dot(2)], deps=[world.data])
    assert world.take(forger).rejection is None


@pytest.mark.parametrize("clock", [0, 3])
def test_a_delete_of_what_does_not_exist_is_invalid(world: World, clock: int) -> None:
    forger = world.forger().add(
        "r/life", engram=E, kind=2, dots=[world.dot(clock)], deps=[world.data]
    )
    assert world.refused_at(forger) == 1


def test_a_delete_beyond_the_declared_past_is_invalid(world: World) -> None:
    forger = world.forger().add("r/life", engram=E, kind=2, dots=[world.dot(2)])
    assert world.refused_at(forger) == 1


def test_an_entry_of_another_node_of_the_same_agent_may_be_superseded() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found("agent")
    ann.admit(scope, bob.key)
    ann.write(scope, create(E, collection="o/confidence"))
    bob.take_all(ann, scope)
    bob.write(scope, update(E, Superseded(0, ann.open(scope).id, 0), collection="o/confidence"))
    ann.take_all(bob, scope)
    assert ann.ledger.clock(scope) == bob.ledger.clock(scope)


def test_the_agent_of_an_author_is_asked_at_the_heads_that_the_record_names() -> None:
    """What the receiver has learned since must not make an invalid record valid."""
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key, agent=b"a" * 32)
    bob.take_all(ann, scope)
    ann.write(scope, create(E, collection="o/confidence"))
    dot = Superseded(0, ann.open(scope).id, 0)
    forgers = [Forger(bob, scope)]
    ann.admit(scope, ann.key, agent=b"a" * 32)  # From here on both write for one agent.
    bob.take_all(ann, scope)
    forgers.append(Forger(bob, scope, number=1))
    for forger, valid in zip(forgers, (False, True), strict=True):
        forger.add("o/confidence", engram=E, dots=[dot], deps=[ann.open(scope).head])
        frame = forger.frame()
        batch = ann.ledger.ingest_untrusted(forger.announcement, scope, frame, history=ann.shelf)
        assert (batch.rejection is None) is valid


def test_own_dots_earlier_in_the_same_frame_may_be_superseded(world: World) -> None:
    forger = world.forger().add("r/content", engram=E)
    forger.add("r/content", engram=E, kind=1, dots=[Superseded(0, None, 0)])
    forger.add("r/content", engram=E, kind=1, dots=[Superseded(0, None, 1)])
    assert world.take(forger, 1).rejection is None


def test_an_own_dot_that_comes_later_may_not_be_superseded(world: World) -> None:
    forger = world.forger().add("r/content", engram=E, kind=1, dots=[Superseded(0, None, 0)])
    assert world.refused_at(forger) == 1
    forger = Forger(world.ann, world.scope).add("r/content", engram=E)
    forger.add("r/content", engram=E, kind=1, dots=[Superseded(0, None, 1)])
    forger.add("r/content", engram=E)
    assert world.refused_at(forger) == 2


def test_the_own_log_has_one_spelling(world: World) -> None:
    forger = world.forger().add("r/content", engram=E)
    forger.add("r/content", engram=E, kind=1, dots=[Superseded(0, forger.id, 0)])
    assert world.refused_at(forger) == 2
