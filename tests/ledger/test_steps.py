"""A frame may be taken in steps, and nothing that happens between them makes a difference."""

import pytest

from engram_sync.ledger import NO_ENGRAM, IngestBatch, Taking
from engram_sync.ledger._limits import DOTS_PER_STEP
from engram_wire import DEPS_MAX, Edit, EditInsert, RecordKind, Reference, Span, Superseded
from tests.ledger.forger import Forger
from tests.ledger.world import E, World


def frame_of_three(world: World) -> Forger:
    """Three records that each supersede something, so that each is looked at."""
    forger = world.forger()
    for number in range(3):
        deps = [world.data] if number == 0 else []
        forger.add("r/content", engram=E, dots=[world.dot(0)], deps=deps)
    return forger


def stepped(world: World, taking: Taking, steps: int) -> IngestBatch | None:
    """The outcome of at most so many steps."""
    left = iter(range(steps - 1))
    return taking.take_untrusted(world.ann.shelf, lambda: next(left, None) is None)


def begun(world: World, forger: Forger, *signed: int) -> Taking:
    taking = world.ann.ledger.taking(forger.announcement, world.scope, forger.frame(1, *signed))
    assert stepped(world, taking, 2) is None
    return taking


def ended(world: World, taking: Taking) -> IngestBatch:
    batch = taking.take_untrusted(world.ann.shelf)
    assert batch is not None
    world.ann.shelf.put(batch)
    return batch


def test_until_its_last_step_a_frame_changes_nothing() -> None:
    world = World()
    before = world.ann.state(world.scope)
    taking = begun(world, frame_of_three(world), 3)
    assert world.ann.state(world.scope) == before
    assert len(ended(world, taking).records) == 3


def test_what_was_checked_is_stored_in_a_step_of_its_own() -> None:
    """To store it may take as long again."""
    world = World()
    taking = begun(world, frame_of_three(world), 3)
    assert stepped(world, taking, 3) is None, "it looks at three, of which begun saw the first"
    batch = stepped(world, taking, 1)
    assert batch is not None
    assert len(batch.records) == 3


@pytest.mark.parametrize("kind", [RecordKind.UPDATE, RecordKind.ERASE, RecordKind.EDIT])
def test_a_record_that_names_many_is_checked_in_steps_of_few(kind: RecordKind) -> None:
    world, many = World(), 3 * DOTS_PER_STEP
    forger = world.forger().add("r/body", engram=E, deps=[world.data])
    for _ in range(many):
        if kind == RecordKind.EDIT:
            insert = Edit(Reference(None, 0), (EditInsert(None, None, 1),), ())
            forger.add(engram=E, edit=insert)
        else:
            forger.add("r/content", engram=E)
    assert world.take(forger).rejection is None
    before = len(forger.records)
    if kind == RecordKind.EDIT:
        forger.add(engram=E, edit=Edit(Reference(None, 0), (), (Span(None, 1, many),)))
    elif kind == RecordKind.ERASE:
        dots = [Superseded(0, None, seq) for seq in range(1, many + 1)]
        forger.add(kind=kind, engram=E, dots=dots)
    else:
        forger.add("r/content", engram=E, dots=[Superseded(0, None, n + 1) for n in range(many)])
    frame = forger.frame(before + 1)
    taking = world.ann.ledger.taking(forger.announcement, world.scope, frame)
    assert stepped(world, taking, many // DOTS_PER_STEP) is None
    assert ended(world, taking).seq == before + 1


@pytest.mark.parametrize("kind", [RecordKind.SEAL, RecordKind.VOID])
def test_a_record_that_ends_many_logs_is_checked_in_steps_of_few(kind: RecordKind) -> None:
    world, many = World(), 3 * DOTS_PER_STEP
    ended_logs: list[Forger] = []
    for number in range(2, many + 2):
        ended_logs.append(Forger(world.bob, world.scope, number=number))
        world.take(ended_logs[-1].add("r/content", engram=E))
    ended_logs.sort(key=lambda log: log.id)
    dots = [Superseded(0, log.id, 1) for log in ended_logs]
    forger = world.forger()
    for start in range(0, many, DEPS_MAX):
        deps = [log.heads[-1] for log in ended_logs[start : start + DEPS_MAX]]
        forger.add("r/content", engram=E, deps=deps)
    assert world.take(forger).rejection is None
    before = len(forger.records)
    forger.add(kind=kind, engram=NO_ENGRAM, dots=dots)
    frame = forger.frame(before + 1)
    taking = world.ann.ledger.taking(forger.announcement, world.scope, frame)
    assert stepped(world, taking, many // DOTS_PER_STEP) is None
    assert ended(world, taking).seq == before + 1


def test_a_frame_begins_again_when_its_log_went_on_meanwhile() -> None:
    world = World()
    forger = frame_of_three(world)
    taking = begun(world, forger, 1, 2, 3)
    assert world.take(forger.fork(2), 1, 2).seq == 2
    batch = ended(world, taking)
    assert (batch.duplicates, [record.seq for record in batch.records]) == (2, [3])


def test_a_frame_that_came_whole_meanwhile_is_a_duplicate() -> None:
    world = World()
    forger = frame_of_three(world)
    taking = begun(world, forger, 3)
    world.take(forger, 3)
    batch = ended(world, taking)
    assert (batch.duplicates, batch.records) == (3, ())


def test_a_frame_begins_again_when_a_log_was_divided_meanwhile() -> None:
    world = World()
    forger = frame_of_three(world)
    other = Forger(world.bob, world.scope, number=1)
    other.add("r/content", engram=E).add("r/content", engram=E)
    world.take(other, 1, 2)
    taking = begun(world, forger, 3)
    world.take(other.fork(1).add("r/title", engram=E), 2)
    assert len(ended(world, taking).records) == 3
    assert world.ann.ledger.forks(world.scope)
