"""Each rule of validity is broken once; the log ends there with INVALID_RECORD at that seq."""

from collections.abc import Callable, Sequence

import pytest

from engram_sync.errors import UsageError
from engram_sync.ledger import Draft, MissingDependencyError
from engram_wire import (
    HLC_MAX,
    HLC_MIN,
    OPTIONAL,
    CloseCode,
    InvalidRecordError,
    LogDomain,
    RecordKind,
    SignatureError,
    Superseded,
    cbor,
    encode_ids,
    statement_shape,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, create, update
from tests.ledger.world import E, World


@pytest.fixture
def world() -> World:
    return World()


def test_what_a_member_may_write_is_accepted(world: World) -> None:
    forger = world.forger().add("r/content", engram=E, dots=[world.dot(0)], deps=[world.data])
    batch = world.take(forger)
    assert (batch.rejection, batch.seq, batch.new_log) == (None, 1, True)


# -- clocks ------------------------------------------------------------------------------------


def test_no_clock_makes_a_record_invalid(world: World) -> None:
    forger = world.forger().add("r/content", hlc=HLC_MAX)
    forger.add("r/content", hlc=HLC_MIN, deps=[world.data]).add("r/content", hlc=HLC_MIN)
    assert world.take(forger).rejection is None


# -- dependencies ------------------------------------------------------------------------------


def test_an_unknown_dependency_is_a_protocol_error_that_names_it(world: World) -> None:
    forger = world.forger().add("r/content", deps=[b"?" * 32])
    with pytest.raises(MissingDependencyError, match=(b"?" * 32).hex()) as caught:
        world.take(forger)
    assert caught.value.code == CloseCode.PROTOCOL
    assert (caught.value.log, caught.value.seq) == (forger.id, 1)
    assert caught.value.dependency == b"?" * 32


def test_a_position_of_the_own_log_is_no_dependency(world: World) -> None:
    forger = world.forger().add("r/content")
    forger.add("r/content", deps=[forger.heads[1]])
    with pytest.raises(MissingDependencyError):
        world.take(forger, 1)
    world.take(Forger(world.ann, world.scope).add("r/content"))


def test_a_position_of_another_scope_is_no_dependency(world: World) -> None:
    other = world.ann.found()
    world.ann.write(other, create(E))
    head = world.ann.open(other).head
    with pytest.raises(MissingDependencyError):
        world.take(world.forger().add("r/content", deps=[head]))


def test_a_membership_record_may_not_depend_on_data(world: World) -> None:
    forger = world.forger(world.ann, LogDomain.MEMBERS)
    forger.add(kind=RecordKind.JOIN, deps=[world.members, world.data])
    assert world.refused_at(forger) == 1


# -- roles -------------------------------------------------------------------------------------


def test_the_first_record_of_a_data_log_states_its_membership_heads(world: World) -> None:
    forger = world.forger()
    forger.auth = b"\xf6"
    assert world.refused_at(forger.add("r/content")) == 1


def test_an_observer_may_not_write(world: World) -> None:
    assert world.refused_at(world.forger(world.cay).add("r/content")) == 1


def test_a_stranger_may_not_write(world: World) -> None:
    stranger = Replica("stranger")
    forger = world.forger(stranger)
    forger.auth = encode_ids([world.members])
    assert world.refused_at(forger.add("r/content")) == 1


def test_a_role_is_checked_at_the_heads_the_record_names_not_at_the_newest(world: World) -> None:
    """Before Bob's admission there is a head at which he is a stranger, for ever."""
    founded = world.ann.shelf.runs[world.ann.open(world.scope, LogDomain.MEMBERS).n][0].head
    forger = world.forger()
    forger.auth = encode_ids([founded])
    assert world.refused_at(forger.add("r/content")) == 1


def test_unknown_membership_heads_are_a_missing_dependency(world: World) -> None:
    forger = world.forger()
    forger.auth = encode_ids([b"?" * 32])
    with pytest.raises(MissingDependencyError):
        world.take(forger.add("r/content"))


def test_auth_names_membership_heads_only(world: World) -> None:
    forger = world.forger()
    forger.auth = encode_ids([world.data])
    assert world.refused_at(forger.add("r/content")) == 1


def test_a_membership_record_states_no_auth(world: World) -> None:
    forger = world.forger(world.ann, LogDomain.MEMBERS)
    forger.add(kind=RecordKind.JOIN, deps=[world.members], auth=[world.members])
    assert world.refused_at(forger) == 1


# -- kinds -------------------------------------------------------------------------------------


def test_a_statement_in_a_data_log_is_invalid(world: World) -> None:
    forger = world.forger().add("r/content").add(shape=statement_shape(17, []))
    assert world.refused_at(forger) == 2


def test_a_change_in_a_membership_log_is_invalid(world: World) -> None:
    forger = world.forger(world.ann, LogDomain.MEMBERS).add("r/content", deps=[world.members])
    assert world.refused_at(forger) == 1


@pytest.mark.parametrize("kind", [12, 0x2C])
def test_puts_of_unknown_kinds_take_clocks_so_that_what_follows_can_name_its_own(
    world: World, kind: int
) -> None:
    forger = world.forger().add("r/content", engram=E)
    forger.add(shape=bytes((kind,)) + cbor.encode(["r/what", "r/title"]), engram=E)
    forger.add("r/content", engram=E).add("r/content", engram=E, dots=[Superseded(0, None, 3)])
    forger.add("r/title", engram=E, dots=[Superseded(0, None, 2)])
    assert world.take(forger).seq == 5


def test_unknown_kinds_are_kept_and_chained(world: World) -> None:
    forger = world.forger().add(shape=bytes((12,)) + cbor.encode(["r/what"]))
    forger.add("r/content")
    batch = world.take(forger)
    assert (batch.rejection, batch.seq) == (None, 2)


def test_unknown_membership_kinds_are_kept_from_anybody_with_a_role(world: World) -> None:
    forger = world.forger(world.cay, LogDomain.MEMBERS)
    forger.add(shape=statement_shape(20 | OPTIONAL, ["leaving"]), deps=[world.members])
    assert world.take(forger).seq == 1


def test_a_membership_record_supersedes_nothing(world: World) -> None:
    forger = world.forger(world.ann, LogDomain.MEMBERS)
    forger.add(kind=RecordKind.JOIN, dots=[world.dot(0)], deps=[world.members])
    assert world.refused_at(forger) == 1


# -- what is kept ------------------------------------------------------------------------------


def test_the_signed_records_before_an_invalid_one_are_kept(world: World) -> None:
    forger = world.forger().add("r/content").add("r/content").add("r/content")
    forger.add("r/title", engram=E, dots=[world.dot(0)]).add("r/content")
    assert world.refused_at(forger, 2) == 4
    assert world.ann.ledger.log_by_id(world.scope, forger.id) is not None


def test_a_refused_log_stays_refused_and_costs_nothing(world: World) -> None:
    forger = world.forger().add("r/content").add("r/title", engram=E, dots=[world.dot(0)])
    assert world.refused_at(forger, 1) == 2
    clock = world.ann.ledger.clock(world.scope)
    assert world.refused_at(forger.add("r/content"), 1) == 2
    assert world.ann.ledger.clock(world.scope) == clock
    assert [r.log for r in world.ann.ledger.refused()] == [forger.id]


def test_a_signature_by_another_key_is_not_accepted(world: World) -> None:
    forger = world.forger().add("r/content")
    forger.who = world.cay
    with pytest.raises(SignatureError):
        world.take(forger)
    assert world.ann.ledger.log_by_id(world.scope, forger.id) is None


def test_a_log_of_an_unknown_domain_is_invalid(world: World) -> None:
    forger = world.forger().add("r/content")
    forger.announcement = type(forger.announcement)(1, 2, world.bob.key, bytes(16))
    with pytest.raises(InvalidRecordError):
        world.take(forger)


def test_dots_are_looked_up_only_for_records_that_supersede(world: World) -> None:
    world.take(world.forger().add("r/content", engram=E).add("r/title", engram=E))
    assert world.ann.shelf.lookups == 0


Break = Callable[[World], Forger]

EARLY: Sequence[tuple[str, Break]] = [
    ("role", lambda w: w.forger(w.cay).add("r/content")),
    ("dots", lambda w: w.forger().add("r/content", engram=E, dots=[w.dot(0)])),
    ("kind", lambda w: w.forger().add(shape=statement_shape(17, []))),
]


@pytest.mark.parametrize(("rule", "make"), EARLY, ids=[name for name, _ in EARLY])
def test_an_invalid_first_record_leaves_no_trace(world: World, rule: str, make: Break) -> None:
    before = world.ann.state(world.scope)
    batch = world.take(make(world))
    assert (batch.records, batch.runs, batch.new_log, batch.log.n) == ((), (), False, 0)
    assert world.ann.state(world.scope) == before


def test_an_own_draft_that_would_be_invalid_is_never_signed(world: World) -> None:
    before = world.bob.state(world.scope)
    drafts: list[Draft] = [
        update(E, Superseded(0, world.log.id, 7)),
        update(E, world.dot(0), collection="r/title"),
        update(E, world.dot(1), collection="o/confidence"),
    ]
    for draft in drafts:
        with pytest.raises(UsageError, match="breaks a rule of the log"):
            world.bob.write(world.scope, draft)
    assert world.bob.state(world.scope) == before
