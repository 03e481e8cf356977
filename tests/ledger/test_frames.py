"""Overlaps and gaps: what a frame may begin with and what it then means."""

import pytest

from engram_sync.ledger import GapError, LogState
from engram_wire import (
    Frame,
    ProtocolError,
    SignatureError,
    decode_frame_untrusted,
    encode_frame,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, announce, create, engram_id


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
