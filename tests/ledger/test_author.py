"""What the ledger makes of local changes."""

import pytest

from engram_crdt import hlc
from engram_sync.errors import DeniedError, NotFoundError, UsageError
from engram_sync.ledger import Draft, Run, decode_past
from engram_sync.membership import Admission, MemberRole, admit_draft
from engram_wire import (
    AUTH_UNCHANGED,
    NO_IDS,
    LogDomain,
    RecordKind,
    Superseded,
    cbor,
    decode_ids_untrusted,
    encode_ids,
    record_bytes,
    verify_head_untrusted,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import NOW_MS, Replica, create, engram_id, update

E = engram_id(1)


def test_one_commit_is_one_signature() -> None:
    ann = Replica("ann")
    scope = ann.found()
    batch = ann.write(scope, create(E), create(engram_id(2)))
    assert [(run.first, run.last) for run in batch.runs] == [(1, 2)]
    verify_head_untrusted(ann.key, batch.head, batch.runs[0].signature)
    assert (batch.new_log, batch.seq, batch.log.n) == (True, 2, 2)
    assert ann.write(scope, create(engram_id(3))).new_log is False


def test_an_author_signs_at_least_every_256_records() -> None:
    ann = Replica("ann")
    batch = ann.write(ann.found(), *[create(engram_id(n)) for n in range(600)])
    assert [run.last for run in batch.runs] == [256, 512, 600]


def test_an_author_signs_at_least_every_128_kib() -> None:
    ann = Replica("ann")
    batch = ann.write(ann.found(), *[create(engram_id(n), "x" * 50_000) for n in range(5)])
    assert [run.last for run in batch.runs] == [2, 4, 5]
    sizes = [sum(record_bytes(r) for r in batch.records[f - 1 : i]) for f, i, _, _ in batch.runs]
    assert max(sizes) <= 128 << 10


def test_a_record_larger_than_a_run_has_a_signature_of_its_own() -> None:
    ann = Replica("ann")
    scope = ann.found()
    batch = ann.write(scope, create(E), create(E, "x" * 200_000), create(E))
    assert [run[:2] for run in batch.runs] == [(1, 1), (2, 2), (3, 3)]
    bob = Replica("bob")
    bob.take_all(ann, scope)
    assert bob.ledger.clock(scope) == ann.ledger.clock(scope)


def test_only_the_first_record_names_what_was_seen() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    bob.take_all(ann, scope)
    bob.write(scope, create(E))
    ann.take_all(bob, scope)
    batch = ann.write(scope, create(engram_id(2)), create(engram_id(3)))
    assert decode_ids_untrusted(batch.records[0].deps) == (bob.open(scope).head,)
    assert batch.records[1].deps == NO_IDS
    assert ann.write(scope, create(engram_id(4))).records[0].deps == NO_IDS


def test_membership_heads_are_stated_again_only_when_they_changed() -> None:
    ann = Replica("ann")
    scope = ann.found()
    heads = ann.charters.of(scope).heads
    assert ann.write(scope, create(E)).records[0].auth == encode_ids(heads)
    assert ann.write(scope, create(engram_id(2))).records[0].auth == AUTH_UNCHANGED
    ann.admit(scope, Replica("bob").key)
    batch = ann.write(scope, create(engram_id(3)))
    auth = encode_ids(ann.charters.of(scope).heads)
    assert batch.records[0].auth == auth
    assert decode_past(batch.pasts[-1][1]).auth == auth


def test_more_than_64_heads_go_through_join_records() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    bob.take_all(ann, scope)
    for number in range(129):
        forger = Forger(ann, scope, number=number).add("r/content", hlc=NOW_MS << 16)
        frame = forger.frame()
        for replica in (ann, bob):
            ledger, shelf = replica.ledger, replica.shelf
            shelf.put(ledger.ingest_untrusted(forger.announcement, scope, frame, history=shelf))
    assert len(ann.ledger.frontier(ann.open(scope), ann.shelf)) == 129
    batch = ann.write(scope, create(engram_id(2)))
    assert [r.shape[0] for r in batch.records] == [RecordKind.JOIN, RecordKind.JOIN, 0]
    assert [len(decode_ids_untrusted(r.deps)) for r in batch.records] == [64, 64, 1]
    assert ann.ledger.frontier(ann.open(scope), ann.shelf) == []
    assert len(decode_past(batch.pasts[-1][1]).seen) == 130  # And the membership log.
    bob.take(batch.log, ann.frame(batch.log))
    assert bob.ledger.clock(scope) == ann.ledger.clock(scope)


def test_what_was_seen_may_be_superseded() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    ann.write(scope, create(E))
    bob.take_all(ann, scope)
    dot = Superseded(0, ann.open(scope).id, 0)
    bob.write(scope, update(E, dot), create(engram_id(2)))
    ann.take_all(bob, scope)
    assert ann.ledger.clock(scope) == bob.ledger.clock(scope)


# -- clocks ------------------------------------------------------------------------------------


def test_a_clock_is_above_what_its_author_saw_of_that_engram_and_of_no_other() -> None:
    ann = Replica("ann")
    scope = ann.found()
    far = 1 << 62
    other = engram_id(2)
    ann.clocks = {E: far}
    batch = ann.write(scope, create(E), create(other), create(E))
    now = hlc.pack(ann.now_ms, 0)
    assert [record.hlc for record in batch.records] == [far + 1, now, far + 2]
    ann.clocks = {other: far}
    assert ann.write(scope, create(other)).hlc == far + 1


def test_a_clock_at_its_end_keeps_nobody_from_writing() -> None:
    ann = Replica("ann")
    scope = ann.found()
    ann.clocks = {E: hlc.HLC_MAX}
    batch = ann.write(scope, create(E), create(E))
    assert [record.hlc for record in batch.records] == [hlc.HLC_MAX] * 2


def test_a_wall_clock_that_jumps_back_ends_no_log_and_orders_nothing() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    first = ann.write(scope, create(E))
    ann.now_ms = -NOW_MS
    second = ann.write(scope, create(engram_id(2)))
    assert (second.log, second.hlc) == (first.log, hlc.HLC_MIN)
    bob.take_all(ann, scope)
    bob.now_ms = -NOW_MS
    third = bob.write(scope, create(engram_id(3)))
    assert decode_ids_untrusted(third.records[0].deps) == (second.head,)
    ann.take_all(bob, scope)
    assert ann.ledger.clock(scope) == bob.ledger.clock(scope)


# -- refusals ----------------------------------------------------------------------------------


def refused(ann: Replica, scope: bytes, *drafts: Draft) -> str:
    before = ann.state(scope)
    with pytest.raises(UsageError) as caught:
        ann.write(scope, *drafts)
    assert ann.state(scope) == before
    return str(caught.value)


def test_limits_are_enforced_before_anything_is_signed() -> None:
    ann = Replica("ann")
    scope = ann.found()
    ann.write(scope, create(E))
    text = cbor.encode("x")
    puts = tuple((f"r/f{number}", text) for number in range(65))
    dots = [Superseded(0, None, clock) for clock in range(4097)]
    assert "65 puts" in refused(ann, scope, Draft(RecordKind.CREATE, E, puts))
    assert "payload of" in refused(ann, scope, create(E, "x" * (512 << 10)))
    assert "names no valid collection" in refused(ann, scope, create(E, collection="Content"))
    assert "dots" in refused(ann, scope, update(E, *dots))
    assert "0 changes" in refused(ann, scope)
    assert "kind 17" in refused(ann, scope, Draft(17, E))


def test_a_stranger_and_an_observer_are_denied() -> None:
    ann, cay = Replica("ann"), Replica("cay")
    scope = ann.found()
    ann.admit(scope, cay.key, MemberRole.OBSERVER)
    for replica in (cay, Replica("stranger")):
        replica.take_all(ann, scope)
        with pytest.raises(DeniedError) as caught:
            replica.write(scope, create(E))
        assert caught.value.hint
        assert replica.ledger.clock(scope) == ann.ledger.clock(scope)


def test_a_member_cannot_admit() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    ann.admit(scope, bob.key)
    bob.take_all(ann, scope)
    before = bob.state(scope)
    with pytest.raises(UsageError, match="does not lead"):
        bob.admit(scope, Replica("cay").key)
    assert bob.state(scope) == before


def test_a_log_is_continued_only_with_its_own_key() -> None:
    ann, bob = Replica("ann"), Replica("bob")
    scope = ann.found()
    bob.take_all(ann, scope)
    with pytest.raises(UsageError, match="another key"):
        bob.author(ann.open(scope), [create(E)])


def test_a_scope_that_was_never_opened_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        Replica("ann").ledger.clock(bytes(32))


def test_one_batch_may_hold_several_statements() -> None:
    ann, bob, cay = Replica("ann"), Replica("bob"), Replica("cay")
    scope = ann.found()
    log = ann.open(scope, LogDomain.MEMBERS)
    drafts = [admit_draft(Admission(r.key, MemberRole.MEMBER, r.key), "n") for r in (bob, cay)]
    batch = ann.author(log, drafts)
    assert batch.runs == (Run(2, 3, batch.head, batch.runs[0].signature),)
    cay.take_all(ann, scope)
    assert cay.charters.of(scope).role(bob.key) is MemberRole.MEMBER
