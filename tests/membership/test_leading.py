"""Who leads is asked at the heads a record names, as every other role is."""

from engram_sync.membership import MemberRole
from engram_wire import LogDomain
from tests.ledger.replica import Replica


def test_a_leader_leads_from_the_record_on_that_says_so_and_not_before() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    before = ann.charters.of(scope).heads
    ann.admit(scope, bob.key, MemberRole.LEADER)
    after = ann.charters.of(scope).heads
    charters = ann.charters
    assert charters.leads_at(scope, before, ann.key)
    assert not charters.leads_at(scope, before, bob.key)
    assert charters.leads_at(scope, after, bob.key)
    assert charters.leads(scope, bob.key)


def test_nobody_leads_at_heads_that_are_not_held_or_name_no_role() -> None:
    ann = Replica("ann")
    scope = ann.found()
    ann.admit(scope, Replica("bob").key, MemberRole.MEMBER)
    heads = ann.charters.of(scope).heads
    assert not ann.charters.leads_at(scope, (b"?" * 32,), ann.key)
    assert not ann.charters.leads_at(scope, heads, Replica("bob").key)
    assert not ann.charters.leads_at(scope, heads, Replica("stranger").key)


def test_a_founder_with_two_first_records_is_called_the_same_everywhere() -> None:
    """The label travels beside the charter; both faces sign the one charter there is."""
    faces = [Replica("founder"), Replica("founder")]
    faces[1].now_ms += 5
    scopes = [face.found() for face in faces]
    assert scopes[0] == scopes[1]
    logs = [face.open(scopes[0], LogDomain.MEMBERS) for face in faces]
    seen: list[object] = []
    for order in ((0, 1), (1, 0)):
        ann = Replica("ann")
        for index in order:
            assert ann.take(logs[index], faces[index].frame(logs[index])).rejection is None
        seen.append(ann.facts(scopes[0]))
        assert len(ann.ledger.forks(scopes[0])) == 1
    assert seen[0] == seen[1]
