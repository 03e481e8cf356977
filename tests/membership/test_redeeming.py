"""Invites as the membership log counts them."""

import pytest
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.membership import (
    Admission,
    MemberRole,
    admit_draft,
    make_proof,
)
from engram_wire import LogDomain, statement_shape
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica
from tests.membership.forging import SESSION, members_forger, rejected


def by_invite(key: bytes, scope: bytes, *, seed: bytes = b"i" * 32, uses: int = 1) -> Admission:
    invite, _ = crypto_sign_seed_keypair(seed)
    proof = make_proof(seed, scope=scope, key=key, session=SESSION)
    return Admission(key, MemberRole.MEMBER, key, invite, uses, proof, SESSION)


def redeem(ann: Replica, scope: bytes, admit: Admission) -> None:
    ann.author(ann.open(scope, LogDomain.MEMBERS), [admit_draft(admit, "node")])


def test_an_invite_admits_and_is_counted() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    admit = by_invite(bob.key, scope)
    redeem(ann, scope, admit)
    assert admit.invite is not None
    assert list(ann.charters.of(scope).used(admit.invite)) == [bob.key]
    assert list(ann.charters.of(scope).used(bytes(32))) == []


@pytest.mark.parametrize("part", ["key", "session", "proof", "scope"])
def test_an_admission_with_a_wrong_proof_is_invalid(part: str) -> None:
    ann, bob, eve = Replica("ann"), Replica("bob"), Replica("eve")
    scope = ann.found()
    good = by_invite(bob.key, scope)
    wrong = {
        "key": Admission(eve.key, good.role, eve.key, good.invite, 1, good.proof, SESSION),
        "session": Admission(bob.key, good.role, bob.key, good.invite, 1, good.proof, bytes(32)),
        "proof": Admission(bob.key, good.role, bob.key, good.invite, 1, bytes(64), SESSION),
        "scope": by_invite(bob.key, ann.found()),
    }
    head = ann.open(scope, LogDomain.MEMBERS).head
    forger = members_forger(ann, scope)
    forger.add(shape=statement_shape(17, wrong[part].statement()), deps=[head])
    assert rejected(ann, forger) == 1


def test_an_invite_used_by_a_second_key_is_invalid() -> None:
    ann, bob, eve = Replica("ann"), Replica("bob"), Replica("eve")
    scope = ann.found()
    redeem(ann, scope, by_invite(bob.key, scope))
    head = ann.open(scope, LogDomain.MEMBERS).head
    for uses in (1, 5):  # A second record cannot raise what the first one stated.
        second = by_invite(eve.key, scope, uses=uses)
        forger = Forger(ann, scope, LogDomain.MEMBERS, number=uses)
        forger.add(shape=statement_shape(17, second.statement()), deps=[head])
        assert rejected(ann, forger) == 1
        assert ann.charters.of(scope).role(eve.key) is None


def test_an_invite_for_two_admits_two() -> None:
    ann = Replica("ann")
    keys = [Replica(f"new {number}").key for number in range(3)]
    scope = ann.found()
    for key in keys[:2]:
        redeem(ann, scope, by_invite(key, scope, uses=2))
    head = ann.open(scope, LogDomain.MEMBERS).head
    third = by_invite(keys[2], scope, uses=2)
    forger = members_forger(ann, scope)
    forger.add(shape=statement_shape(17, third.statement()), deps=[head])
    assert rejected(ann, forger) == 1


def test_of_two_keys_that_one_invite_admitted_at_once_the_same_one_stays_everywhere() -> None:
    """Neither saw the other, so neither record is invalid: uses count in a record's own past."""
    ann, bob = Replica("ann"), Replica("bob")
    cay, dan = Replica("cay"), Replica("dan")
    scope = ann.found()
    ann.admit(scope, bob.key, MemberRole.LEADER)
    bob.take_all(ann, scope)
    redeem(ann, scope, by_invite(cay.key, scope))
    redeem(bob, scope, by_invite(dan.key, scope))
    bob.take_all(ann, scope)
    ann.take_all(bob, scope)
    invite = by_invite(cay.key, scope).invite
    assert invite is not None
    for replica in (ann, bob):
        membership = replica.charters.of(scope)
        assert set(membership.used(invite)) == {cay.key, dan.key}
        admitted = {key for key in (cay.key, dan.key) if membership.role(key) is not None}
        assert len(admitted) == 1
        (gone,) = {cay.key, dan.key} - admitted
        assert list(membership.let_go()[invite]) == [gone]
    assert ann.charters.of(scope).members() == bob.charters.of(scope).members()
    # Whoever was let go is admitted by the next invite.
    (gone,) = ann.charters.of(scope).let_go()[invite]
    ann.admit(scope, gone)
    assert ann.charters.of(scope).role(gone) is MemberRole.MEMBER
    assert ann.charters.of(scope).let_go() == {}
