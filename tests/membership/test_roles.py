"""What comes of roles that are given and taken away, one after the other and at once."""

from collections.abc import Callable, Iterable
from operator import attrgetter

import pytest

from engram_sync.ledger import Draft
from engram_sync.membership import (
    Admission,
    Cutoff,
    Epoch,
    MemberRole,
    Membership,
    Revoke,
    SetRole,
    admit_draft,
    charter_draft,
    commitment_to,
    epoch_draft,
    found,
    leave_draft,
    readers,
    revoke_draft,
    revoke_drafts,
    set_role_draft,
)
from engram_wire import SEQ_MAX, InvalidRecordError, LogDomain, statement_shape
from tests.ledger.replica import Replica, create, engram_id
from tests.membership.forging import admit_shape, members_forger, rejected

LEADER, MEMBER, OBSERVER = MemberRole.LEADER, MemberRole.MEMBER, MemberRole.OBSERVER
LOG = b"l" * 32


class Council:
    """Ann founds, Bob leads too, Cay is a member; each may be told what the others hold."""

    def __init__(self) -> None:
        self.ann, self.bob, self.cay = Replica("ann"), Replica("bob"), Replica("cay")
        self.scope = self.ann.found()
        self.ann.admit(self.scope, self.bob.key, LEADER)
        self.ann.admit(self.scope, self.cay.key, MEMBER)
        self.meet()

    def say(self, who: Replica, draft: Draft) -> None:
        who.author(who.open(self.scope, LogDomain.MEMBERS), [draft])

    def meet(self) -> None:
        for _ in range(2):
            for one in (self.ann, self.bob, self.cay):
                for other in (self.ann, self.bob, self.cay):
                    one.take_all(other, self.scope)

    def role(self, key: bytes) -> MemberRole | None:
        """By all three, who have met and agree."""
        roles = {one.charters.of(self.scope).role(key) for one in (self.ann, self.bob, self.cay)}
        (role,) = roles
        return role


@pytest.fixture
def council() -> Council:
    return Council()


def test_to_admit_a_leader_as_an_observer_takes_nothing_away(council: Council) -> None:
    council.bob.admit(council.scope, council.ann.key, OBSERVER)
    council.ann.admit(council.scope, council.bob.key, OBSERVER)
    council.meet()
    assert council.role(council.ann.key) is LEADER
    assert council.role(council.bob.key) is LEADER


def test_a_member_becomes_an_observer_and_may_not_write_any_more(council: Council) -> None:
    before = council.ann.charters.of(council.scope).heads
    council.say(council.ann, set_role_draft(SetRole(council.cay.key, OBSERVER), "cay"))
    council.meet()
    assert council.role(council.cay.key) is OBSERVER
    membership = council.ann.charters.of(council.scope)
    assert membership.role_at(before, council.cay.key) is MEMBER
    assert not council.ann.charters.may_write(council.scope, membership.heads, council.cay.key)


def test_who_is_revoked_reads_nothing_any_more_until_admitted_again(council: Council) -> None:
    council.say(council.ann, revoke_draft(Revoke(council.cay.key), "cay"))
    council.meet()
    assert council.role(council.cay.key) is None
    assert council.cay.key not in readers(council.bob.charters.of(council.scope))
    council.bob.admit(council.scope, council.cay.key, OBSERVER)
    council.meet()
    assert council.role(council.cay.key) is OBSERVER


def test_a_revocation_beats_an_admission_at_the_same_time(council: Council) -> None:
    council.say(council.ann, revoke_draft(Revoke(council.cay.key), "cay"))
    council.bob.admit(council.scope, council.cay.key, LEADER)
    council.meet()
    assert council.role(council.cay.key) is None


def test_of_two_roles_at_the_same_time_the_lower_one_counts(council: Council) -> None:
    council.say(council.ann, set_role_draft(SetRole(council.cay.key, OBSERVER), "cay"))
    council.say(council.bob, set_role_draft(SetRole(council.cay.key, LEADER), "cay"))
    council.meet()
    assert council.role(council.cay.key) is OBSERVER


def test_a_higher_role_is_given_too(council: Council) -> None:
    council.say(council.ann, set_role_draft(SetRole(council.cay.key, LEADER), "cay"))
    council.meet()
    assert council.role(council.cay.key) is LEADER


def test_two_leaders_that_revoke_each_other_are_both_out(council: Council) -> None:
    council.say(council.ann, revoke_draft(Revoke(council.bob.key), "bob"))
    council.say(council.bob, revoke_draft(Revoke(council.ann.key), "ann"))
    council.meet()
    assert council.role(council.ann.key) is council.role(council.bob.key) is None
    assert council.role(council.cay.key) is MEMBER


def test_what_a_leader_gives_while_it_is_revoked_is_without_force(council: Council) -> None:
    dan = Replica("dan").key
    council.say(council.ann, revoke_draft(Revoke(council.bob.key), "bob"))
    council.bob.admit(council.scope, dan, LEADER)
    council.bob.admit(council.scope, council.cay.key, LEADER)
    for _ in range(3):
        council.bob.admit(council.scope, dan, MEMBER)
    council.meet()
    assert council.role(dan) is None
    assert council.role(council.cay.key) is MEMBER
    council.ann.admit(council.scope, dan, OBSERVER)
    council.meet()
    assert council.role(dan) is OBSERVER


def test_what_a_leader_gave_before_it_was_revoked_stays(council: Council) -> None:
    dan = Replica("dan").key
    council.bob.admit(council.scope, dan, MEMBER)
    council.meet()
    council.say(council.ann, revoke_draft(Revoke(council.bob.key), "bob"))
    council.meet()
    assert council.role(dan) is MEMBER
    assert council.role(council.bob.key) is None


def test_who_leaves_can_be_admitted_again(council: Council) -> None:
    council.say(council.cay, leave_draft(council.cay.key, "cay"))
    council.meet()
    assert council.role(council.cay.key) is None
    assert council.ann.charters.of(council.scope).has_left(council.cay.key)
    council.ann.admit(council.scope, council.cay.key)
    council.meet()
    assert council.role(council.cay.key) is MEMBER


def test_a_founder_that_leaves_leads_no_more(council: Council) -> None:
    council.say(council.ann, leave_draft(council.ann.key, "ann"))
    council.meet()
    assert council.role(council.ann.key) is None
    council.bob.admit(council.scope, council.ann.key, MEMBER)
    council.meet()
    assert council.role(council.ann.key) is MEMBER


def test_the_recovery_key_appoints_a_leader_and_does_nothing_else() -> None:
    ann, eve, dan = Replica("ann"), Replica("offline key"), Replica("dan")
    charter = found("agent", ann.key, nonce=bytes(16), recovery=eve.key)
    scope = charter.scope_id()
    ann.author(ann.open(scope, LogDomain.MEMBERS), [charter_draft(charter, "ann")])
    eve.take_all(ann, scope)
    assert eve.key not in readers(ann.charters.of(scope))
    head = ann.open(scope, LogDomain.MEMBERS).head
    for shape in (admit_shape(dan.key, 2), statement_shape(19, [ann.key, []])):
        forger = members_forger(eve, scope).add(shape=shape, deps=[head])
        assert rejected(ann, forger) == 1
    eve.admit(scope, dan.key, LEADER)
    ann.take_all(eve, scope)
    assert ann.charters.of(scope).role(dan.key) is LEADER
    dan.take_all(ann, scope)
    dan.admit(scope, Replica("fay").key)
    assert ann.charters.of(scope).authorities() == {ann.key, eve.key, dan.key}
    ann.take_all(dan, scope)
    assert ann.charters.of(scope).role(Replica("fay").key) is MEMBER


# -- cut-offs ----------------------------------------------------------------------------------


def limits(membership: Membership, key: bytes, logs: Iterable[bytes]) -> list[int]:
    """How far logs count that rely on nothing later than the charter."""
    return [membership.cuts.limit(key, log, dict, attrgetter("seq")) for log in logs]


def test_any_number_of_logs_is_cut_off_by_as_many_statements_as_it_takes(
    council: Council,
) -> None:
    logs = [bytes((a, b)) * 16 for a in range(3) for b in range(100)]
    drafts = revoke_drafts(council.cay.key, [Cutoff(log, 7, log) for log in logs], "cay")
    assert len(drafts) == 3
    for draft in drafts:
        council.say(council.ann, draft)
    seen = (Cutoff(logs[0], 9, logs[1]),)
    council.say(council.bob, revoke_draft(Revoke(council.cay.key, seen), "cay"))
    council.meet()
    for one in (council.ann, council.bob, council.cay):
        membership = one.charters.of(council.scope)
        assert limits(membership, council.cay.key, logs) == [9, *[7] * 299]
        assert limits(membership, council.cay.key, [LOG]) == [SEQ_MAX]
        assert membership.cuts.concern(council.cay.key)
        assert not membership.cuts.concern(council.bob.key)


def test_logs_that_no_statement_names_are_cut_only_once_an_epoch_begins(
    council: Council,
) -> None:
    council.say(council.ann, revoke_draft(Revoke(council.cay.key), "cay"))
    membership = council.ann.charters.of(council.scope)
    assert limits(membership, council.cay.key, [LOG]) == [SEQ_MAX]
    council.say(council.ann, epoch_draft(Epoch(1, commitment_to(b"s" * 32), ())))
    assert limits(membership, council.cay.key, [LOG]) == [0]
    # A log that turns up later, and whose records were honest, is adopted by one statement more.
    cutoff = (Cutoff(LOG, 3, LOG),)
    council.say(council.ann, revoke_draft(Revoke(council.cay.key, cutoff), "cay"))
    assert limits(membership, council.cay.key, [LOG, b"m" * 32]) == [3, 0]
    # And what relies on a later admission is of somebody who may write.
    council.ann.admit(council.scope, council.cay.key)
    since = membership.seen(membership.heads)
    assert membership.cuts.since(council.cay.key, since)
    assert not membership.cuts.since(council.cay.key, {})
    found = membership.cuts.limit(council.cay.key, b"m" * 32, lambda: since, attrgetter("seq"))
    assert found == SEQ_MAX


def test_cut_offs_stay_whatever_becomes_of_their_key_unless_they_are_undone(
    council: Council,
) -> None:
    membership = council.ann.charters.of(council.scope)
    checkpoint, version = council.ann.checkpoint(), membership.cuts.version
    cutoff = (Cutoff(LOG, 3, LOG),)
    council.say(council.ann, revoke_draft(Revoke(council.cay.key, cutoff), "cay"))
    council.ann.admit(council.scope, council.cay.key)
    assert limits(membership, council.cay.key, [LOG]) == [3]
    assert membership.cuts.version > version
    council.ann.rollback(checkpoint)
    assert limits(membership, council.cay.key, [LOG]) == [SEQ_MAX]
    assert not membership.cuts.concern(council.cay.key)


# -- what is not valid, and what needs a newer version --------------------------------------------


BOX = b"b" * 80
BAD: list[tuple[int, list[object]]] = [
    (18, [b"short", 1, []]),
    (18, [b"k" * 32, 4, []]),
    (18, [b"k" * 32, True, []]),
    (18, [b"k" * 32, 1]),
    (18, [b"k" * 32, 1, [LOG]]),
    (18, [b"k" * 32, 1, [LOG, 1]]),
    (18, [b"k" * 32, 1, [LOG, -1, LOG]]),
    (18, [b"k" * 32, 1, [LOG, True, LOG]]),
    (18, [b"k" * 32, 1, [b"l", 1, LOG]]),
    (18, [b"k" * 32, 1, [LOG, 1, b"l"]]),
    (18, [b"k" * 32, 1, [LOG, 1, LOG, LOG, 1, LOG]]),
    (18, [b"k" * 32, 2, [LOG, 1, LOG]]),
    (18, [b"k" * 32, 1, 7]),
    (19, [b"k" * 32]),
    (19, [b"short", []]),
    (19, [b"k" * 32, [b"m" * 32, 1, LOG, LOG, 1, LOG]]),
    (20, []),
    (20, [b"k" * 32]),
    (21, [0, b"c" * 32, []]),
    (21, [True, b"c" * 32, []]),
    (21, [1, b"short", []]),
    (21, [1, b"c" * 32, 7]),
    (21, [1, b"c" * 32, [b"k" * 32]]),
    (21, [1, b"c" * 32, [b"k" * 32, b"short"]]),
    (21, [1, b"c" * 32, [b"k" * 32, BOX, b"a" * 32, BOX]]),
    (21, [2, b"c" * 32, []]),
]


@pytest.mark.parametrize(("kind", "statement"), BAD)
def test_a_malformed_statement_is_invalid(
    council: Council, kind: int, statement: list[object]
) -> None:
    ann = council.ann
    head = ann.open(council.scope, LogDomain.MEMBERS).head
    # Another incarnation of Ann's, so that her own log goes on.
    forger = members_forger(ann, council.scope).add(
        shape=statement_shape(kind, statement), deps=[head]
    )
    assert rejected(ann, forger) == 1


PARSERS: list[tuple[Callable[[list[object]], object], list[object]]] = [
    (SetRole.parse_untrusted, [b"k" * 32, 1, [LOG, 3, LOG, LOG, 3, b"m" * 32]]),
    (Revoke.parse_untrusted, [b"k" * 32, [LOG, 0, LOG]]),
    (Epoch.parse_untrusted, [3, b"c" * 32, [b"k" * 32, BOX, b"l" * 32, BOX]]),
]


@pytest.mark.parametrize(("parse", "statement"), PARSERS)
def test_statements_have_one_spelling(
    parse: Callable[[list[object]], SetRole | Revoke | Epoch], statement: list[object]
) -> None:
    assert parse(statement).statement() == statement


def test_a_statement_names_no_more_logs_or_members_than_fit() -> None:
    logs: list[object] = [x for n in range(105) for x in (bytes((n,)) * 32, 1, LOG)]
    with pytest.raises(InvalidRecordError):
        Revoke.parse_untrusted([b"k" * 32, logs])
    boxes: list[object] = [x for n in range(65) for x in (bytes((n,)) * 32, BOX)]
    with pytest.raises(InvalidRecordError):
        Epoch.parse_untrusted([1, b"c" * 32, boxes])


def test_the_role_of_a_stranger_cannot_be_set(council: Council) -> None:
    head = council.ann.open(council.scope, LogDomain.MEMBERS).head
    statements: list[tuple[int, list[object]]] = [(18, [2, []]), (19, [[]])]
    for kind, rest in statements:
        shape = statement_shape(kind, [b"k" * 32, *rest])
        forger = members_forger(council.ann, council.scope).add(shape=shape, deps=[head])
        assert rejected(council.ann, forger) == 1


def test_an_epoch_follows_the_one_before_or_adds_to_it(council: Council) -> None:
    commitment = commitment_to(b"s" * 32)
    for epoch in (Epoch(1, commitment, ()), Epoch(1, commitment, ((LOG, BOX),))):
        council.say(council.ann, epoch_draft(epoch))
    council.say(council.ann, epoch_draft(Epoch(2, commitment, ())))
    head = council.ann.open(council.scope, LogDomain.MEMBERS).head
    for number, other in ((2, b"o" * 32), (1, commitment), (4, commitment)):
        shape = statement_shape(21, [number, other, []])
        forger = members_forger(council.ann, council.scope).add(shape=shape, deps=[head])
        assert rejected(council.ann, forger) == 1


@pytest.mark.parametrize(
    "draft",
    [
        admit_draft(Admission(Replica("dan").key, MemberRole.RELAY, LOG), "dan"),
        Draft(22, bytes(16), (("label", b"\x60"),), statement=("tomorrow", 1)),
    ],
)
def test_what_must_be_understood_and_is_not_stops_the_scope_until_it_is_undone(
    council: Council, draft: Draft
) -> None:
    membership = council.ann.charters.of(council.scope)
    members = membership.members()

    def stopped() -> bool:
        return membership.newer is not None

    assert not stopped()
    checkpoint = council.ann.checkpoint()
    council.say(council.ann, draft)
    assert stopped()
    assert council.cay.key not in readers(membership)
    council.ann.rollback(checkpoint)
    assert not stopped()
    assert membership.members() == members
    assert council.cay.key in readers(membership)


def test_a_batch_that_fails_leaves_everything_as_it_was(council: Council) -> None:
    before = council.ann.state(council.scope)
    checkpoint = council.ann.checkpoint()
    for draft in (
        revoke_draft(Revoke(council.bob.key), "bob"),
        set_role_draft(SetRole(council.cay.key, OBSERVER), "cay"),
        leave_draft(council.ann.key, "ann"),
    ):
        council.say(council.ann, draft)
    council.ann.rollback(checkpoint)
    assert council.ann.state(council.scope) == before


def test_members_are_the_same_after_a_restart(council: Council) -> None:
    council.say(council.ann, revoke_draft(Revoke(council.bob.key), "bob"))
    council.bob.admit(council.scope, council.cay.key, LEADER)
    council.say(council.cay, leave_draft(council.cay.key, "cay"))
    council.meet()
    again = council.ann.reopened().charters.of(council.scope)
    assert again.members() == council.ann.charters.of(council.scope).members()


def test_what_was_written_under_a_role_that_was_taken_away_is_kept(council: Council) -> None:
    council.cay.write(council.scope, create(engram_id(1)))
    council.say(council.ann, revoke_draft(Revoke(council.cay.key), "cay"))
    council.meet()
    assert council.ann.ledger.clock(council.scope) == council.cay.ledger.clock(council.scope)
