"""What an author voids of its logs counts for nothing, wherever it is held and whenever it came."""

import pytest

from engram_sync.ledger import NO_ENGRAM
from engram_wire import (
    CloseCode,
    Edit,
    EditInsert,
    RecordKind,
    Reference,
    Span,
    Superseded,
    branch_id,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import create, engram_id
from tests.ledger.world import E, World

VOID = RecordKind.VOID
RATIFY = RecordKind.RATIFY
NOWHERE = Superseded(0, b"?" * 32, 0)


@pytest.fixture
def world() -> World:
    return World()


def spoilt(world: World) -> Forger:
    """Three records of Bob's, of which the second names what nobody has put."""
    log = world.forger().add("r/content", engram=E)
    log.add("r/content", engram=E, dots=[NOWHERE])
    return log.add("r/content", engram=engram_id(7))


def void(world: World, *ends: Superseded, number: int = 9, deps: tuple[bytes, ...] = ()) -> Forger:
    forger = Forger(world.bob, world.scope, number=number)
    return forger.add(kind=VOID, engram=NO_ENGRAM, dots=list(ends), deps=list(deps))


def test_what_is_void_need_not_be_valid(world: World) -> None:
    log = spoilt(world)
    assert world.refused_at(log, 1, 3) == 2
    assert world.take(void(world, Superseded(0, log.id, 1), deps=(log.heads[1],))).rejection is None
    batch = world.take(log, 1, 3)
    assert (batch.rejection, batch.seq, batch.erased) == (None, 3, ())
    # It is held like any other: nobody compares it again and again.
    assert log.id in {entry.log for entry in world.ann.ledger.clock(world.scope)}


def test_a_void_may_come_before_the_log(world: World) -> None:
    log = spoilt(world)
    batch = world.take(void(world, Superseded(0, log.id, 0)))
    assert [(item.log, item.last, item.stood) for item in batch.void] == [(log.id, 0, 0)]
    assert world.take(log).rejection is None
    assert world.take(void(world, Superseded(0, log.id, 0), number=10)).void == (), "no news"


def test_nobody_voids_the_log_of_another(world: World) -> None:
    anns = Superseded(0, world.log.id, 1)
    batch = world.take(void(world, anns, deps=(world.data,)))
    assert batch.rejection is not None
    assert batch.rejection.code == CloseCode.INVALID_RECORD
    whole = Superseded(0, world.log.id, 0)
    batch = world.take(void(world, whole, number=10))
    assert batch.rejection is None, "whether that log is held must not decide"
    assert world.log.stands(world.log.seq) == world.log.seq


def test_a_void_names_positions_of_its_past(world: World) -> None:
    log = world.forger().add("r/content").add("r/content")
    world.take(log, 1, 2)
    assert world.take(void(world, Superseded(0, log.id, 2), deps=(log.heads[1],))).rejection
    assert world.take(void(world, Superseded(0, log.id, 1), number=10)).rejection
    inside = Forger(world.bob, world.scope, number=11)
    inside.add(kind=VOID, engram=E, dots=[Superseded(0, log.id, 0)])
    assert world.take(inside).rejection


def test_the_next_record_names_what_stands_of_a_log(world: World) -> None:
    """Somebody may have refused the rest, and could not take the record then."""
    ann, scope = world.ann, world.scope
    log = world.forger().add("r/content").add("r/content", deps=[world.data])
    world.take(log, 1, 2)
    world.take(void(world, Superseded(0, log.id, 1), deps=(log.heads[1],)))
    batch = ann.write(scope, create(engram_id(8)))
    held = ann.ledger.log_by_id(scope, log.id)
    assert held is not None
    assert batch.log.past is not None
    assert batch.log.past.seen[held.n] == 1
    assert ann.write(scope, create(engram_id(9))).records[0].deps == b"\x80", "named once"


def test_a_void_is_undone_with_its_transaction(world: World) -> None:
    log = world.forger().add("r/content")
    world.take(log)
    held = world.ann.ledger.log_by_id(world.scope, log.id)
    assert held is not None
    before = world.ann.ledger.checkpoint()
    world.take(void(world, Superseded(0, log.id, 0), NOWHERE))
    assert held.stands(1) == 0
    world.ann.ledger.rollback(before)
    assert held.stands(1) == 1


def test_a_void_follows_the_continuation_that_its_author_had_seen(world: World) -> None:
    one = world.forger().add("r/content").add("r/content")
    two = one.fork(2).add("s/tags")
    one.add("r/title").add("r/title")
    world.take(one, 3, 4)
    world.take(void(world, Superseded(0, one.id, 3), deps=(one.heads[3],)))
    world.take(two)
    ends = {
        log.id: log.stands(log.seq)
        for log in world.ann.ledger.logs(world.scope)
        if log.root == one.id
    }
    assert ends == {one.id: 2, branch_id(one.heads[3]): 3, branch_id(two.heads[3]): 3}


def ratify(
    world: World, log: Forger, seq: int, *, number: int = 12, deps: tuple[bytes, ...] = ()
) -> Forger:
    forger = Forger(world.bob, world.scope, number=number)
    record = log.records[seq - 1]
    return forger.add(
        kind=RATIFY,
        engram=record.engram,
        dots=[Superseded(0, log.id, seq)],
        deps=[log.heads[-1], *deps],
    )


def test_a_ratify_is_valid_where_the_record_was_valid_at_its_place(world: World) -> None:
    """Not where what came later would have made it so."""
    log = world.forger().add("c/n", engram=E)
    log.add("c/n", engram=E, dots=[Superseded(0, None, 0)])
    log.add("c/n", engram=E, dots=[Superseded(0, None, 3)])
    log.add("c/n", engram=E)
    assert world.refused_at(log, 1, 2, 4) == 3
    world.take(void(world, Superseded(0, log.id, 1), deps=(log.heads[1],)))
    assert world.take(log, 1, 2, 4).seq == 4
    for seq, number in ((2, 12), (4, 13)):
        batch = world.take(ratify(world, log, seq, number=number))
        assert batch.rejection is None
        assert [(at, by) for _, at, by in batch.ratified] == [(seq, 1)]
    assert world.take(ratify(world, log, 3, number=14)).rejection


def test_a_ratify_of_an_edit_counts_what_came_before_it(world: World) -> None:
    log = world.forger().add("r/body", engram=E)
    text = Edit(Reference(None, 0), (EditInsert(None, None, 2),), ())
    log.add(engram=E, edit=text)
    more = EditInsert(Reference(None, 2), None, 1), EditInsert(Reference(None, 3), None, 1)
    log.add(engram=E, edit=Edit(Reference(None, 0), more, (Span(None, 1, 2),)))
    log.add(engram=E, edit=Edit(Reference(None, 0), (EditInsert(Reference(None, 6), None, 1),), ()))
    log.add(engram=E, edit=text)
    world.take(void(world, Superseded(0, log.id, 0)))
    assert world.take(log).seq == 5
    for seq in (1, 2, 3, 5):
        assert world.take(ratify(world, log, seq, number=20 + seq)).rejection is None
    assert world.take(ratify(world, log, 4, number=30)).rejection, "of text that comes after it"


def test_a_ratified_erasure_erases(world: World) -> None:
    log = world.forger().add("r/content", engram=E)
    log.add(kind=RecordKind.ERASE, engram=E, dots=[Superseded(0, None, 1)])
    world.take(log)
    batch = world.take(ratify(world, log, 2))
    held = world.ann.ledger.log_by_id(world.scope, log.id)
    assert held is not None
    assert (batch.erased, batch.ratified) == (((held.n, 1),), ((held.n, 2, 1),))


def test_in_a_log_that_is_void_as_a_whole_a_ratify_has_to_be_valid(world: World) -> None:
    """There it acts, so who refuses it must not hold the log as the others do."""
    log = spoilt(world)
    aside, later = (
        ratify(world, log, 2, number=12),
        ratify(world, log, 2, number=13),
    )
    later.records, later.heads, first = [], later.heads[:1], later.records[0]
    later.add("r/title", engram=E)
    later.add(
        kind=RATIFY, engram=first.engram, dots=[Superseded(0, log.id, 2)], deps=log.heads[-1:]
    )
    ends = [Superseded(0, log.id, 0), Superseded(0, aside.id, 0)]
    world.take(void(world, *sorted(ends, key=lambda end: end.log or b"")))
    assert world.take(log).seq == 3
    assert world.take(aside).rejection
    assert world.take(later, 1, 2).rejection
    world.take(void(world, Superseded(0, later.id, 1), number=10, deps=(later.heads[1],)))
    batch = world.take(later, 1, 2)
    assert (batch.rejection, batch.seq, batch.ratified) == (None, 2, ())
