"""What members that do not lead write into the membership of a scope weighs on nobody."""

from engram_sync.membership import MemberRole, label_draft
from engram_wire import OPTIONAL, LogDomain, RecordKind, decode_ids_untrusted, statement_shape
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, create, engram_id
from tests.membership.forging import members_forger, rejected


def test_nobody_comes_to_rely_on_what_they_write_there() -> None:
    ann, cay, bob = Replica("ann"), Replica("cay"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, cay.key, MemberRole.OBSERVER)
    heads = ann.charters.of(scope).heads
    for number in range(20):
        noise = Forger(cay, scope, LogDomain.MEMBERS, number)
        noise.add(shape=statement_shape(22 | OPTIONAL, ["noise", number]), deps=heads)
        batch = ann.ledger.ingest_untrusted(
            noise.announcement, scope, noise.frame(), history=ann.shelf
        )
        assert batch.rejection is None
        ann.shelf.put(batch)
    assert ann.charters.of(scope).heads == heads
    assert ann.charters.of(scope).role(cay.key) is MemberRole.OBSERVER
    admission = ann.admit(scope, bob.key)
    assert decode_ids_untrusted(admission.records[-1].deps) == ()
    # So the leaders' log alone admits Bob, wherever it is shown.
    members = ann.open(scope, LogDomain.MEMBERS)
    bob.take(members, ann.frame(members))
    assert bob.charters.of(scope).role(bob.key) is MemberRole.MEMBER
    written = bob.write(scope, create(engram_id(1)))
    other = ann.write(scope, create(engram_id(2)))
    assert bob.past_of(written.log).auth == ann.past_of(other.log).auth
    again = ann.reopened()
    assert again.charters.of(scope).heads == ann.charters.of(scope).heads


def test_nothing_may_rest_on_what_they_write_there() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    bob.take_all(ann, scope)
    label = bob.author(
        bob.open(scope, LogDomain.MEMBERS), [label_draft(bob.key, "robert")]
    ).log.head
    ann.take_all(bob, scope)
    leader = members_forger(ann, scope)
    leader.add(kind=RecordKind.JOIN, deps=[ann.open(scope, LogDomain.MEMBERS).head, label])
    assert rejected(ann, leader) == 1
    assert not ann.charters.may_write(scope, (label,), bob.key)
    assert ann.charters.may_write(scope, ann.charters.of(scope).heads, bob.key)
