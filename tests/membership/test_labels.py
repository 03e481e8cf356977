"""A member may rename itself, and nobody else."""

import pytest

from engram_sync.membership import MemberRole, label_draft
from engram_wire import InvalidRecordError, LogDomain
from tests.ledger.replica import Replica


def members(who: Replica, scope: bytes) -> dict[bytes, str]:
    return {m.key: m.label for m in who.charters.of(scope).members()}


def relabel(who: Replica, scope: bytes, key: bytes, label: str) -> None:
    who.author(who.open(scope, LogDomain.MEMBERS), [label_draft(key, label)])


def test_a_member_renames_itself_on_every_node() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    bob.take_all(ann, scope)
    bob.now_ms = ann.now_ms
    relabel(bob, scope, bob.key, "bob's new laptop")
    relabel(ann, scope, ann.key, "ann's desk")
    ann.take_all(bob, scope)
    bob.take_all(ann, scope)
    expected = {ann.key: "ann's desk", bob.key: "bob's new laptop"}
    assert members(ann, scope) == members(bob, scope) == expected


def test_the_newest_name_counts_in_whatever_order_the_records_came() -> None:
    ann = Replica("ann")
    scope = ann.found()
    for label in ("second", "third"):
        relabel(ann, scope, ann.key, label)
    assert members(ann, scope) == {ann.key: "third"}


def test_nobody_renames_somebody_else() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key, MemberRole.LEADER)
    with pytest.raises(Exception, match="a label for somebody else") as caught:
        relabel(ann, scope, bob.key, "stolen")
    assert isinstance(caught.value.__cause__, InvalidRecordError)
    assert members(ann, scope)[bob.key] == "node"


def test_a_rename_that_is_rolled_back_leaves_the_old_name() -> None:
    ann = Replica("ann")
    scope = ann.found()
    checkpoint = ann.ledger.checkpoint()
    relabel(ann, scope, ann.key, "second")
    ann.ledger.rollback(checkpoint)
    assert members(ann, scope) == {ann.key: "first"}
