"""Who is what, by which records, and what a membership log may not say."""

import pytest

from engram_sync.errors import CorruptError
from engram_sync.ledger import Rules
from engram_sync.membership import (
    Admission,
    Charter,
    Charters,
    MemberRole,
    charter_draft,
    commitment_to,
    found,
    readers,
)
from engram_wire import InvalidRecordError, LogDomain, statement_shape
from tests.ledger.replica import Replica, create, engram_id
from tests.membership.forging import SESSION, admit_shape, members_forger, rejected

# -- charter -----------------------------------------------------------------------------------


def test_a_founder_leads() -> None:
    ann = Replica("ann")
    scope = ann.found()
    membership = ann.charters.of(scope)
    assert membership.role(ann.key) is MemberRole.LEADER
    assert [(m.key, m.label) for m in membership.members()] == [(ann.key, "first")]
    assert ann.key in readers(membership)


def test_the_scope_id_covers_the_whole_charter() -> None:
    key, other, nonce = b"k" * 32, b"l" * 32, bytes(16)
    charters = [
        found("agent", key, nonce=nonce),
        found("collective", key, nonce=nonce),
        found("agent", other, nonce=nonce),
        found("agent", key, nonce=b"n" * 16),
        found("agent", key, nonce=nonce, leaders=[other]),
        found("agent", key, nonce=nonce, recovery=other),
    ]
    assert len({charter.scope_id() for charter in charters}) == len(charters)
    for charter in charters:
        assert Charter.parse_untrusted(charter.statement()) == charter


def test_a_scope_id_never_changes() -> None:
    charter = found("agent", b"k" * 32, nonce=bytes(16))
    assert (
        charter.scope_id().hex()
        == "2f5d3723b7bb49d5d02910664fc77e47cd0f6f08bb46dd23a4c70f9a515d08db"
    )


GOOD = found("agent", b"k" * 32, nonce=bytes(16)).statement()


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, 1),
        (0, 2.0),
        (1, ""),
        (1, "x" * 33),
        (1, 5),
        (2, b"short"),
        (3, 2),
        (3, True),
        (4, []),
        (4, [b"other" + bytes(27)]),
        (4, [b"k" * 32, b"a" * 32]),
        (4, [b"k" * 32, b"k" * 32]),
        (4, [b"k" * 32, 7]),
        (4, 7),
        (5, b"short"),
        (6, b"short"),
        (6, None),
        (7, None),
        (7, {}),
        (7, ["minimum"]),
        (7, [1, 2]),
        (7, ["minimum", 2, "commitment", bytes(32)]),
        (7, ["policy", b"permit"]),
        (7, ["commitment", b"short"]),
        (7, ["minimum", 3]),
        (7, ["minimum", 0]),
        (7, ["minimum", True]),
        (7, ["minimum", 256]),
    ],
)
def test_a_malformed_charter_is_invalid(at: int, value: object) -> None:
    statement = [*GOOD[:at], value, *GOOD[at + 1 :]]
    with pytest.raises(InvalidRecordError):
        Charter.parse_untrusted(statement)


def test_the_terms_of_a_charter_are_kept_and_those_that_may_be_left_alone_are() -> None:
    commitment = commitment_to(b"s" * 32)
    charter = found("agent", b"k" * 32, nonce=bytes(16), commitment=commitment)
    assert Charter.parse_untrusted(charter.statement()) == charter
    older = Charter.parse_untrusted([*GOOD[:7], ["?colour", "red", "minimum", 1]])
    assert (older.minimum, older.commitment) == (1, None)
    assert older.statement()[7] == ["minimum", 1]


@pytest.mark.parametrize("statement", [None, [], [*GOOD, 1]])
def test_another_statement_is_no_charter(statement: list[object] | None) -> None:
    with pytest.raises(InvalidRecordError):
        Charter.parse_untrusted(statement)


def test_a_charter_is_valid_only_for_its_own_scope() -> None:
    ann = Replica("ann")
    scope = ann.found()
    forger = members_forger(ann, scope)
    forger.add(shape=statement_shape(16, found("agent", ann.key, nonce=bytes(16)).statement()))
    assert rejected(ann, forger) == 1


def test_a_charter_has_one_spelling() -> None:
    """True equals 1 in the language, not in the hash."""
    ann = Replica("ann")
    charter = found("agent", ann.key, nonce=bytes(16))
    ann.ledger.add_scope(charter.scope_id())
    forger = members_forger(ann, charter.scope_id())
    forger.add(shape=statement_shape(16, [True, *charter.statement()[1:]]))
    assert rejected(ann, forger) == 1


def test_only_the_founder_signs_the_charter() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    charter = found("agent", ann.key, nonce=bytes(16), leaders=[bob.key])
    ann.ledger.add_scope(charter.scope_id())
    forger = members_forger(bob, charter.scope_id())
    forger.add(shape=statement_shape(16, charter.statement()))
    assert rejected(ann, forger) == 1


def test_a_charter_begins_a_log() -> None:
    ann = Replica("ann")
    charter = found("agent", ann.key, nonce=bytes(16))
    shape = statement_shape(16, charter.statement())
    ann.ledger.add_scope(charter.scope_id())
    assert (
        rejected(ann, members_forger(ann, charter.scope_id()).add(shape=shape).add(shape=shape))
        == 2
    )


def test_nothing_precedes_the_charter() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    assert rejected(ann, members_forger(ann, scope).add(shape=admit_shape(bob.key))) == 1


def test_further_leaders_of_the_charter_lead() -> None:
    ann, bob, cay = Replica("ann"), Replica("bob"), Replica("cay")
    charter = found("collective", ann.key, nonce=bytes(16), leaders=[bob.key])
    scope = charter.scope_id()
    ann.author(ann.open(scope, LogDomain.MEMBERS), [charter_draft(charter, "ann")])
    bob.take_all(ann, scope)
    bob.admit(scope, cay.key)
    ann.take_all(bob, scope)
    assert ann.charters.of(scope).role(cay.key) is MemberRole.MEMBER


# -- admission ---------------------------------------------------------------------------------


def test_roles_come_from_admissions() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    membership = ann.charters.of(scope)
    assert membership.role(bob.key) is None
    assert bob.key not in readers(membership)
    ann.admit(scope, bob.key, MemberRole.OBSERVER, agent=b"a" * 32)
    assert membership.role(bob.key) is MemberRole.OBSERVER
    assert membership.agent_of(bob.key) == b"a" * 32
    assert bob.key in readers(membership)
    # A later admission by somebody who saw the earlier one replaces it.
    ann.admit(scope, bob.key, MemberRole.LEADER)
    assert membership.role(bob.key) is MemberRole.LEADER


def test_a_role_is_asked_at_heads() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    membership = ann.charters.of(scope)
    founded = membership.heads
    ann.admit(scope, bob.key)
    assert membership.role_at(founded, bob.key) is None
    assert membership.role_at(membership.heads, bob.key) is MemberRole.MEMBER
    assert membership.role_at([b"?" * 32], ann.key) is None
    assert membership.role_at([], ann.key) is None


def test_concurrent_admissions_are_joined_and_the_lower_role_counts() -> None:
    ann, bob, cay = Replica("ann"), Replica("bob"), Replica("cay")
    scope = ann.found()
    ann.admit(scope, bob.key, MemberRole.LEADER)
    bob.take_all(ann, scope)
    ann.admit(scope, cay.key, MemberRole.LEADER)
    bob.admit(scope, cay.key, MemberRole.OBSERVER)
    bob.take_all(ann, scope)
    ann.take_all(bob, scope)
    for replica in (ann, bob):
        membership = replica.charters.of(scope)
        assert membership.role(cay.key) is MemberRole.OBSERVER
        assert len(membership.heads) == 2
    # The next record of either names both heads and becomes the only one.
    ann.admit(scope, Replica("dan").key)
    bob.take_all(ann, scope)
    assert len(bob.charters.of(scope).heads) == 1
    assert bob.charters.of(scope).heads == ann.charters.of(scope).heads
    assert bob.charters.of(scope).members() == ann.charters.of(scope).members()


def test_a_membership_record_by_a_member_is_invalid() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    bob.take_all(ann, scope)
    head = ann.open(scope, LogDomain.MEMBERS).head
    forger = members_forger(bob, scope).add(shape=admit_shape(bob.key, 3), deps=[head])
    assert rejected(ann, forger) == 1


def test_a_membership_record_by_a_stranger_is_invalid_whatever_its_kind() -> None:
    ann, eve = Replica("ann"), Replica("eve")
    scope = ann.found()
    head = ann.open(scope, LogDomain.MEMBERS).head
    forger = members_forger(eve, scope).add(shape=statement_shape(20, []), deps=[head])
    assert rejected(ann, forger) == 1


def test_a_leader_cannot_lead_before_being_admitted() -> None:
    """The role counts in the record's own past, not in what the receiver knows."""
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    founded = ann.open(scope, LogDomain.MEMBERS).head
    ann.admit(scope, bob.key, MemberRole.LEADER)
    forger = members_forger(bob, scope).add(shape=admit_shape(bob.key), deps=[founded])
    assert rejected(ann, forger) == 1


KEY = b"k" * 32
ADMIT = Admission(KEY, MemberRole.MEMBER, KEY, KEY, 1, bytes(64), SESSION).statement()


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"short"),
        (1, -1),
        (1, 4),
        (1, True),
        (2, b"short"),
        (2, None),
        (3, None),
        (3, b"short"),
        (4, 0),
        (4, 10_001),
        (4, True),
        (5, None),
        (5, b"short"),
        (6, None),
        (6, b"short"),
    ],
)
def test_a_malformed_admission_is_invalid(at: int, value: object) -> None:
    with pytest.raises(InvalidRecordError):
        Admission.parse_untrusted([*ADMIT[:at], value, *ADMIT[at + 1 :]])
    assert Admission.parse_untrusted(ADMIT).statement() == ADMIT


@pytest.mark.parametrize("statement", [None, [], ADMIT[:6], [KEY, 2, KEY, None, False, None, None]])
def test_another_statement_is_no_admission(statement: list[object] | None) -> None:
    with pytest.raises(InvalidRecordError):
        Admission.parse_untrusted(statement)


# -- agents, auth, the room for later ----------------------------------------------------------


def test_all_nodes_of_an_agent_scope_write_for_one_agent() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found("agent")
    ann.admit(scope, bob.key, agent=b"b" * 32)
    assert {ann.charters.agent_of(scope, key) for key in (ann.key, bob.key)} == {scope}


def test_in_a_collective_each_agent_is_its_own() -> None:
    ann, bob, cay = Replica("ann"), Replica("bob"), Replica("cay")
    scope = ann.found("collective")
    for key in (bob.key, cay.key):
        ann.admit(scope, key, agent=b"b" * 32)
    agents = [ann.charters.agent_of(scope, r.key) for r in (ann, bob, cay)]
    assert agents == [ann.key, b"b" * 32, b"b" * 32]


def test_a_record_relies_on_at_most_eight_heads_that_give_its_author_the_role() -> None:
    ann = Replica("ann")
    scope = ann.found()
    leaders = [Replica(f"leader {number}") for number in range(10)]
    for leader in leaders:
        ann.admit(scope, leader.key, MemberRole.LEADER)
    for leader in leaders:
        leader.take_all(ann, scope)
    for number, leader in enumerate(leaders):
        leader.admit(scope, Replica(f"member {number}").key)
    for leader in leaders:
        log = leader.open(scope, LogDomain.MEMBERS)
        ann.take(log, leader.frame(log))
    membership = ann.charters.of(scope)
    assert len(membership.heads) == 10
    for number in range(10):
        key = Replica(f"member {number}").key
        heads = membership.auth(key)
        assert len(heads) == 8
        assert list(heads) == sorted(heads)
        assert membership.role_at(heads, key) is MemberRole.MEMBER


def test_a_label_that_is_not_held_is_empty() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    head = ann.open(scope, LogDomain.MEMBERS).head
    forger = members_forger(ann, scope).add(shape=admit_shape(bob.key), deps=[head])
    forger.records[0] = forger.records[0]._replace(payload=None)
    ann.ledger.ingest_untrusted(forger.announcement, scope, forger.frame(), history=ann.shelf)
    assert {m.key: m.label for m in ann.charters.of(scope).members()}[bob.key] == ""


def test_charters_are_what_the_ledger_asks() -> None:
    rules: Rules = Charters()
    assert rules.may_write(bytes(32), (bytes(32),), bytes(32)) is False


def test_stored_membership_records_that_are_not_valid_are_corruption() -> None:
    ann = Replica("ann")
    scope = ann.found()
    log = ann.open(scope, LogDomain.MEMBERS)
    record = ann.shelf.records(log.n, 1, 1)[0]
    charters = Charters()
    with pytest.raises(CorruptError, match="stored membership record 1"):
        charters.restore(scope, bytes(32), log.id, [record])
    charters.restore(scope, ann.key, log.id, [record])
    assert charters.of(scope).role(ann.key) is MemberRole.LEADER


def test_data_written_under_a_role_stays_valid_for_a_late_joiner() -> None:
    ann, bob, cay = Replica("ann"), Replica("bob"), Replica("cay")
    scope = ann.found()
    ann.admit(scope, bob.key)
    bob.take_all(ann, scope)
    bob.write(scope, create(engram_id(1)))
    ann.take_all(bob, scope)
    ann.admit(scope, cay.key, MemberRole.OBSERVER)
    cay.take_all(ann, scope)
    assert cay.ledger.clock(scope) == ann.ledger.clock(scope)
