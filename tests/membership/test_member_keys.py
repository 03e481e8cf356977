"""Which keys can become members at all."""

import pytest
from nacl.bindings import crypto_core_ed25519_add

from engram_sync.membership import Admission, MemberRole, found
from engram_wire import LogDomain, log_id, statement_shape
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica

ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def mixed(key: bytes) -> bytes:
    """Another key that the holder of the same secret can sign under."""
    return crypto_core_ed25519_add(key, ORDER_8)


def refused(ann: Replica, forger: Forger) -> bool:
    batch = ann.ledger.ingest_untrusted(
        forger.announcement, forger.scope, forger.frame(), history=ann.shelf
    )
    return batch.rejection is not None


@pytest.mark.parametrize("twin", [True, False])
def test_a_key_of_mixed_order_is_never_admitted(twin: bool) -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    key = mixed(bob.key) if twin else bob.key
    shape = statement_shape(17, Admission(key, MemberRole.MEMBER, scope).statement())
    founded = ann.open(scope, LogDomain.MEMBERS).head
    forger = Forger(ann, scope, LogDomain.MEMBERS).add(shape=shape, deps=[founded])
    assert refused(ann, forger) is twin


@pytest.mark.parametrize("place", ["leaders", "recovery"])
def test_a_charter_names_no_key_of_mixed_order(place: str) -> None:
    ann, bob = Replica("ann"), Replica("bob")
    leaders = [mixed(bob.key)] if place == "leaders" else []
    recovery = mixed(bob.key) if place == "recovery" else None
    charter = found("agent", ann.key, nonce=bytes(16), leaders=leaders, recovery=recovery)
    scope = charter.scope_id()
    ann.ledger.add_scope(scope)
    forger = Forger(ann, scope, LogDomain.MEMBERS)
    assert forger.id == log_id(1, scope, ann.key, forger.announcement.incarnation)
    forger.add(shape=statement_shape(16, charter.statement()))
    assert refused(ann, forger)
