"""What an edit of collaborative text may refer to; what it may not stands in the table of rules."""

import pytest

from engram_sync.ledger import Draft
from engram_wire import (
    Edit,
    EditInsert,
    RecordKind,
    Reference,
    Span,
    branch_id,
    cbor,
    decode_edit_untrusted,
)
from tests.ledger.replica import create
from tests.ledger.world import E, World


@pytest.fixture
def world() -> World:
    world = World()
    world.ann.write(world.scope, create(E, "", "r/body"))
    return world


GENERATION = 2
"""Ann's clocks 0 and 1 of the engram are a text and an opinion."""


def edit(log: bytes | None, inserts: list[EditInsert], *deletes: Span) -> Draft:
    values = [("x/body", cbor.encode("x" * insert.length)) for insert in inserts]
    change = Edit(Reference(log, GENERATION), tuple(inserts), deletes)
    return Draft(RecordKind.EDIT, E, tuple(values), edit=change)


def test_a_text_grows_on_two_nodes(world: World) -> None:
    ann, bob = world.ann, world.bob
    ann.write(world.scope, edit(None, [EditInsert(None, None, 5)]))
    bob.take_all(ann, world.scope)
    log = ann.open(world.scope).id
    between = EditInsert(Reference(log, 4), Reference(log, 5), 2)
    bob.write(world.scope, edit(log, [between], Span(log, 6, 2)))
    ann.take_all(bob, world.scope)
    assert ann.facts(world.scope) == bob.facts(world.scope)
    # After it, a put of the same engram takes the clock behind the inserted units.
    last = ann.write(
        world.scope, edit(None, [EditInsert(Reference(bob.open(world.scope).id, 1), None, 1)])
    )
    assert last.log.seq == 6


def test_one_edit_may_go_on_where_it_has_just_inserted_and_take_some_of_it_back(
    world: World,
) -> None:
    inserts = [EditInsert(None, None, 3), EditInsert(Reference(None, 4), None, 2)]
    batch = world.ann.write(world.scope, edit(None, inserts, Span(None, 5, 3)))
    world.bob.take_all(world.ann, world.scope)
    assert world.bob.facts(world.scope) == world.ann.facts(world.scope)
    column = batch.records[-1].superseded
    assert decode_edit_untrusted(column, puts=2).inserts == tuple(inserts)


def test_a_deleted_span_reaches_over_several_edits_of_one_generation(world: World) -> None:
    for _ in range(3):
        world.ann.write(world.scope, edit(None, [EditInsert(None, None, 2)]))
    world.ann.write(world.scope, edit(None, [], Span(None, 4, 4)))
    world.bob.take_all(world.ann, world.scope)
    assert world.bob.facts(world.scope) == world.ann.facts(world.scope)


def test_text_is_counted_along_the_path_over_a_fork(world: World) -> None:
    """Whoever saw one branch deletes over what turns out to be a fork."""
    one = world.forger().add("r/body", engram=E)
    one.add(engram=E, edit=Edit(Reference(None, 0), (EditInsert(None, None, 3),), ()))
    two = one.fork(2).add("r/title", engram=E)
    one.add(engram=E, edit=Edit(Reference(None, 0), (EditInsert(None, None, 3),), ()))
    span = Edit(Reference(one.id, 0), (), (Span(one.id, 2, 4),))
    reader = type(one)(world.ann, world.scope, number=3)
    reader.add(engram=E, edit=span, deps=[one.heads[3]], hlc=one.records[-1].hlc + 9)
    world.take(one)
    assert world.take(reader).rejection is None
    world.take(two)
    twin = world.cay
    twin.take_all(world.ann, world.scope)
    assert twin.facts(world.scope) == world.ann.facts(world.scope)
    names = twin.ledger.names(world.scope)
    log = twin.ledger.log_by_id(world.scope, reader.id)
    assert names is not None
    assert log is not None
    named = names.resolve(log.n, reader.records[0], twin.shelf)
    branch = branch_id(one.heads[3])
    assert [tuple(named.dot(one.id, clock)) for clock in (2, 3, 4, 5)] == [
        (one.id, 2),
        (one.id, 3),
        (branch, 0),
        (branch, 1),
    ]
    assert named.until(one.id, 6) == [(one.id, 4), (branch, 2)]
