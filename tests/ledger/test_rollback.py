"""When a transaction fails, the ledger and the charters are exactly what they were."""

import gc
import weakref
from collections.abc import Callable

import pytest

from engram_sync.ledger import MissingDependencyError, UndoPoint
from engram_wire import LogDomain, statement_shape
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, create, engram_id

Step = Callable[[Replica, bytes], object]

STEPS: list[tuple[str, Step]] = [
    ("a write", lambda r, s: r.write(s, create(engram_id(7)))),
    ("an admission", lambda r, s: r.admit(s, Replica("new").key)),
    ("a new scope", lambda r, s: r.found()),
    ("a foreign log", lambda r, s: r.take_all(other_writer(r, s), s)),
]


def other_writer(ann: Replica, scope: bytes) -> Replica:
    bob = Replica("bob")
    bob.take_all(ann, scope)
    bob.write(scope, create(engram_id(8)))
    return bob


def ready() -> tuple[Replica, bytes]:
    ann = Replica("ann")
    scope = ann.found()
    ann.admit(scope, Replica("bob").key)
    ann.write(scope, create(engram_id(1)))
    return ann, scope


@pytest.mark.parametrize(("name", "step"), STEPS, ids=[name for name, _ in STEPS])
def test_a_step_leaves_no_trace_after_a_rollback(name: str, step: Step) -> None:
    ann, scope = ready()
    before, scopes = ann.state(scope), list(ann.ledger.scopes())
    checkpoint = ann.checkpoint()
    step(ann, scope)
    assert (ann.state(scope), list(ann.ledger.scopes())) != (before, scopes)
    ann.rollback(checkpoint)
    assert (ann.state(scope), list(ann.ledger.scopes())) == (before, scopes)


@pytest.mark.parametrize(("name", "step"), STEPS, ids=[name for name, _ in STEPS])
def test_what_was_rolled_back_can_be_done_again(name: str, step: Step) -> None:
    ann, scope = ready()
    twin, _ = ready()
    checkpoint = ann.checkpoint()
    seed, now = ann.random.getstate(), ann.now_ms
    step(ann, scope)
    ann.rollback(checkpoint)
    ann.random.setstate(seed)
    ann.now_ms = now
    step(ann, scope)
    step(twin, scope)
    assert ann.state(scope) == twin.state(scope)


def test_one_failed_job_of_a_transaction_is_undone_alone() -> None:
    ann, scope = ready()
    whole = ann.checkpoint()
    begun = ann.state(scope)
    ann.write(scope, create(engram_id(2)))
    between = ann.state(scope)
    job = ann.checkpoint()
    ann.write(scope, create(engram_id(3)))
    ann.rollback(job)
    assert ann.state(scope) == between
    ann.write(scope, create(engram_id(4)))
    ann.rollback(whole)
    assert ann.state(scope) == begun


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_jobs_of_a_failed_transaction_are_undone_in_any_order(order: tuple[int, ...]) -> None:
    ann, scope = ready()
    before = ann.state(scope)
    checkpoints: list[UndoPoint] = []
    for number in range(3):
        checkpoints.append(ann.ledger.checkpoint())
        ann.write(scope, create(engram_id(10 + number)))
    for index in order:
        ann.ledger.rollback(checkpoints[index])
    assert ann.state(scope) == before


@pytest.mark.parametrize("early", [False, True])
def test_the_frontier_is_undone_whenever_it_was_first_computed(early: bool) -> None:
    ann, scope = ready()
    again = ann.reopened()
    if early:
        again.state(scope)
    checkpoint = again.checkpoint()
    bob = other_writer(ann, scope)
    log = bob.open(scope)
    again.take(log, bob.frame(log))
    assert again.ledger.frontier(again.open(scope), again.shelf) == [log.head]
    again.write(scope, create(engram_id(9)))
    assert again.ledger.frontier(again.open(scope), again.shelf) == []
    again.rollback(checkpoint)
    assert again.ledger.frontier(again.open(scope), again.shelf) == []
    assert again.state(scope) == ann.state(scope)


def test_an_older_checkpoint_reaches_back_over_newer_ones_that_were_dropped() -> None:
    ann, scope = ready()
    before = ann.state(scope)
    old = ann.ledger.checkpoint()
    ann.write(scope, create(engram_id(2)))
    ann.ledger.checkpoint()
    ann.write(scope, create(engram_id(3)))
    ann.ledger.rollback(old)
    assert ann.state(scope) == before


def test_nothing_is_kept_for_undo_once_nobody_can_ask_for_it() -> None:
    ann, scope = ready()
    checkpoint = ann.ledger.checkpoint()
    watched = weakref.ref(checkpoint)
    ann.write(scope, create(engram_id(2)))
    ann.ledger.checkpoint()
    del checkpoint
    gc.collect()
    assert watched() is None


def test_a_frame_that_fails_half_way_leaves_no_trace() -> None:
    """Two admissions are applied before a missing dependency ends the frame."""
    ann, scope = ready()
    forger = Forger(ann, scope, LogDomain.MEMBERS)
    head = ann.open(scope, LogDomain.MEMBERS).head
    for number in range(2):
        key = Replica(f"new {number}").key
        shape = statement_shape(17, [key, 2, key, None, 0, None, None])
        forger.add(shape=shape, deps=[head] if number == 0 else [])
    forger.add(shape=statement_shape(20, []), deps=[b"?" * 32])
    before = ann.state(scope)
    with pytest.raises(MissingDependencyError):
        ann.ledger.ingest_untrusted(
            forger.announcement, scope, forger.frame(1, 1), history=ann.shelf
        )
    assert ann.state(scope) == before


def test_a_store_that_fails_during_validation_leaves_no_trace() -> None:
    class BrokenError(Exception):
        pass

    ann, scope = ready()
    bob = other_writer(ann, scope)
    for number in range(2):
        ann.write(scope, create(engram_id(20 + number)))
    before = ann.state(scope)

    def position_of(*_: object) -> None:
        raise BrokenError

    ann.shelf.position_of = position_of  # type: ignore[method-assign,assignment]  # the store broke
    log = bob.open(scope)
    with pytest.raises(BrokenError):
        ann.take(log, bob.frame(log))
    del ann.shelf.position_of
    assert ann.state(scope) == before
