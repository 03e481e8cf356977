"""Overlaps, gaps and forks: what a frame may begin with and what it then means."""

import pytest

from engram_sync.log import ForkDetected, GapError, LogState
from engram_wire import (
    CloseCode,
    Frame,
    InvalidRecordError,
    ProtocolError,
    Rejection,
    SignatureError,
    decode_frame_untrusted,
    encode_frame,
)
from tests.log.forger import Forger
from tests.log.replica import Replica, announce, create, engram_id


class Pair:
    """Ann has written five commits of two records each; Bob holds the membership only."""

    def __init__(self) -> None:
        self.ann, self.bob = Replica("ann"), Replica("bob")
        self.scope = self.ann.found()
        self.bob.take_all(self.ann, self.scope)
        for number in range(0, 10, 2):
            self.ann.write(self.scope, create(engram_id(number)), create(engram_id(number + 1)))
        self.log: LogState = self.ann.open(self.scope)

    def frame(self, first: int, last: int, signed: list[int] | None = None) -> Frame:
        """Any stretch that ends signed; only the given positions keep their signatures."""
        runs = self.ann.shelf.runs[self.log.n]
        kept = [(r.last, r.signature) for r in runs if first <= r.last <= last]
        kept = [(seq, sig) for seq, sig in kept if signed is None or seq in signed or seq == last]
        records = self.ann.shelf.records(self.log.n, first, last)
        return decode_frame_untrusted(encode_frame(1, records, kept))

    def seq(self) -> int:
        held = self.bob.ledger.log_by_id(self.scope, self.log.id)
        return held.seq if held else 0


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_a_frame_that_is_held_already_changes_nothing(pair: Pair) -> None:
    pair.bob.take(pair.log, pair.frame(1, 10))
    before = pair.bob.state(pair.scope)
    for first, last in ((1, 10), (3, 6), (9, 10), (1, 2)):
        batch = pair.bob.take(pair.log, pair.frame(first, last))
        assert (batch.records, batch.duplicates) == ((), last - first + 1)
    assert pair.bob.state(pair.scope) == before


def test_the_held_prefix_of_a_frame_is_skipped(pair: Pair) -> None:
    pair.bob.take(pair.log, pair.frame(1, 4))
    batch = pair.bob.take(pair.log, pair.frame(1, 8))
    assert [r.seq for r in batch.records] == [5, 6, 7, 8]
    assert [(run.first, run.last) for run in batch.runs] == [(5, 6), (7, 8)]
    assert (batch.duplicates, batch.new_log, batch.seq) == (4, False, 8)


def test_a_frame_beyond_the_next_record_is_a_gap(pair: Pair) -> None:
    pair.bob.take(pair.log, pair.frame(1, 2))
    with pytest.raises(GapError, match=r"gap in log .*: 2 held, frame starts at 5") as caught:
        pair.bob.take(pair.log, pair.frame(5, 6))
    assert isinstance(caught.value, ProtocolError)
    assert pair.seq() == 2


def test_frames_cut_at_other_positions_give_the_same_log(pair: Pair) -> None:
    """A relay that dropped signatures in between, and one that kept them, may take turns."""
    pair.bob.take(pair.log, pair.frame(1, 6, signed=[]))
    pair.bob.take(pair.log, pair.frame(3, 8))
    batch = pair.bob.take(pair.log, pair.frame(5, 10, signed=[]))
    assert [(run.first, run.last) for run in batch.runs] == [(9, 10)]
    assert pair.bob.ledger.clock(pair.scope) == pair.ann.ledger.clock(pair.scope)


def test_a_frame_that_skips_over_the_end_of_what_is_held_is_compared_there(pair: Pair) -> None:
    """Bob's newest position carries no signature in this frame."""
    pair.bob.take(pair.log, pair.frame(1, 4))
    batch = pair.bob.take(pair.log, pair.frame(1, 10, signed=[]))
    assert [r.seq for r in batch.records] == [5, 6, 7, 8, 9, 10]


def test_a_record_with_a_dropped_payload_keeps_its_place_in_the_chain(pair: Pair) -> None:
    records = [r._replace(payload=None) for r in pair.ann.shelf.records(pair.log.n, 1, 2)]
    signature = pair.ann.shelf.runs[pair.log.n][0].signature
    pair.bob.take(pair.log, decode_frame_untrusted(encode_frame(1, records, [(2, signature)])))
    pair.bob.take(pair.log, pair.frame(3, 10))
    assert pair.seq() == 10


def test_a_frame_that_does_not_follow_what_is_held_is_not_believed(pair: Pair) -> None:
    forger = Forger(pair.ann, pair.scope)
    forger.announcement = announce(pair.log)
    for _ in range(4):
        forger.add("r/content")
    pair.bob.take(pair.log, pair.frame(1, 2))
    with pytest.raises(SignatureError):
        pair.bob.take(pair.log, forger.frame(3))
    assert pair.seq() == 2


class Branches(Pair):
    """The same key, scope and incarnation wrote another history from record 3 on."""

    def __init__(self) -> None:
        super().__init__()
        self.other = Forger(self.ann, self.scope)
        self.other.id = self.log.id
        self.other.heads = [self.log.id]
        self.other.announcement = announce(self.log)
        for record in self.ann.shelf.records(self.log.n, 1, 2):
            self.other.add(hlc=record.hlc)
            self.other.records[-1] = record
        self.other.heads = [self.log.id, b"", self.ann.shelf.runs[self.log.n][0].head]
        for number in range(4):
            self.other.add("r/title", engram=engram_id(90 + number))


@pytest.mark.parametrize("held", [4, 6, 10])
def test_two_histories_of_one_log_are_a_fork_that_names_both(held: int) -> None:
    pair = Branches()
    pair.bob.take(pair.log, pair.frame(1, held))
    before = pair.bob.state(pair.scope)
    with pytest.raises(ForkDetected, match="forks at 3") as caught:
        pair.bob.take(pair.log, pair.other.frame(1, 2, 4))
    fork = caught.value
    assert isinstance(fork, InvalidRecordError)
    assert (fork.log, fork.seq) == (pair.log.id, 3)
    assert fork.held == pair.ann.shelf.runs[pair.log.n][1][1:]
    assert (fork.seen.seq, fork.seen.head) == (4, pair.other.heads[4])
    assert fork.rejection == Rejection(pair.log.id, 3, CloseCode.INVALID_RECORD)
    assert pair.bob.state(pair.scope) == before


def test_a_forked_log_is_refused_from_there_on_even_after_a_rollback() -> None:
    pair = Branches()
    pair.bob.take(pair.log, pair.frame(1, 4))
    checkpoint = pair.bob.checkpoint()
    with pytest.raises(ForkDetected):
        pair.bob.take(pair.log, pair.other.frame(1, 2))
    pair.bob.rollback(checkpoint)
    batch = pair.bob.take(pair.log, pair.frame(5, 10))
    assert batch.rejection is not None
    assert batch.rejection.seq == 3
    assert pair.seq() == 4


def test_what_is_held_of_a_forked_log_may_still_be_sent_again() -> None:
    pair = Branches()
    pair.bob.take(pair.log, pair.frame(1, 4))
    with pytest.raises(ForkDetected):
        pair.bob.take(pair.log, pair.other.frame(1, 2))
    assert pair.bob.take(pair.log, pair.frame(1, 4)).duplicates == 4


def test_a_peers_clock_on_another_branch_is_noticed_before_anything_is_sent() -> None:
    pair = Branches()
    pair.bob.take(pair.log, pair.other.frame(1, 2, 4))
    theirs = pair.bob.ledger.clock(pair.scope)
    found = pair.ann.ledger.contradictions(pair.scope, theirs, history=pair.ann.shelf)
    assert [entry.log for entry in found] == [pair.log.id]
    same = pair.ann.ledger.clock(pair.scope)
    assert pair.ann.ledger.contradictions(pair.scope, same, history=pair.ann.shelf) == []
