"""Ranges find exactly what two sets of positions differ in, whatever the other side answers."""

import random
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram_sync.sync import _ranges
from engram_sync.sync._limits import RANGE_ITEMS_MAX, RANGES_ASKED_MAX
from engram_sync.sync._ranges import LOWEST, PositionSet, Reconciliation
from engram_wire import (
    CLOCK_ENTRIES_MAX,
    RANGES_MAX,
    ClockEntry,
    LimitError,
    Range,
    RangeAnswer,
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    WireError,
    decode_message_untrusted,
    encode_message,
    range_fingerprint,
)

M = TypeVar("M", RangeRequest, RangeResponse)
SESSION = b"\x07" * 32


def entry(number: int, seq: int = 1, head: int = 0) -> ClockEntry:
    luck = random.Random(number)
    return ClockEntry(luck.randbytes(32), seq, head.to_bytes(32, "big"))


def near(number: int, seq: int = 1) -> ClockEntry:
    """Names that lie side by side: ranges of them are as narrow as ranges can be."""
    return ClockEntry(number.to_bytes(32, "big"), seq, bytes(32))


class Talk:
    """Reconciles over the wire's own bytes, and counts them."""

    def __init__(self, mine: Sequence[ClockEntry], theirs: Sequence[ClockEntry]) -> None:
        self.bytes = self.rounds = 0
        here, there = PositionSet(SESSION, mine), PositionSet(SESSION, theirs)
        self.talk = Reconciliation(here)
        while asked := self.talk.ask():
            request = self._sent(RangeRequest(1, asked))
            response = self._sent(RangeResponse(1, there.answer(request.ranges)))
            self.talk.answered_untrusted(response.answers)
            self.rounds += 1
        self.found = set(self.talk.theirs)

    def _sent(self, message: M) -> M:
        kind, data = encode_message(message)
        self.bytes += len(data)
        decoded = decode_message_untrusted(kind, data)
        assert decoded == message
        return message


numbers = st.integers(0, 400)
positions = st.dictionaries(numbers, st.tuples(st.integers(1, 3), st.integers(0, 1)), max_size=300)


@given(ours=positions, changed=positions, makes_near=st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_the_peer_holds_is_found_to_the_last_position(
    ours: dict[int, tuple[int, int]], changed: dict[int, tuple[int, int]], makes_near: bool
) -> None:
    def entries(of: dict[int, tuple[int, int]]) -> list[ClockEntry]:
        return [
            near(n, seq) if makes_near else entry(n, seq, head) for n, (seq, head) in of.items()
        ]

    mine, theirs = entries(ours), entries({**ours, **changed})
    for left, right in ((mine, theirs), (theirs, mine), (mine, entries(changed))):
        assert Talk(left, right).found == set(right)


def test_equal_sets_of_any_size_take_one_short_question() -> None:
    many = [entry(n) for n in range(20_000)]
    talk = Talk(many, many)
    assert talk.found == set(many)
    assert talk.rounds == 1
    assert talk.bytes < 100


@pytest.mark.slow
def test_ten_differences_among_a_hundred_thousand_logs_cost_a_hundredth_of_the_clock() -> None:
    mine = [entry(n) for n in range(100_000)]
    theirs = [entry(n, 2) if n < 4 else entry(n) for n in range(3, 100_000)]
    theirs += [entry(n) for n in range(100_000, 100_006)]
    talk = Talk(mine, theirs)
    assert talk.found == set(theirs)
    assert talk.rounds <= 5
    assert talk.bytes < 77 * 100_000 / 100


def test_sets_without_a_position_in_common_are_listed_within_the_bound() -> None:
    mine, theirs = [entry(n) for n in range(3_000)], [entry(n) for n in range(3_000, 9_000)]
    talk = Talk(mine, theirs)
    assert talk.found == set(theirs)
    assert talk.bytes < 2 * 77 * len(theirs)


def test_a_fingerprint_is_that_of_the_wire_and_differs_by_session() -> None:
    entries = [entry(n) for n in range(50)]
    whole = PositionSet(SESSION, entries).range(LOWEST, None)
    assert whole.fingerprint == range_fingerprint(SESSION, entries)
    assert whole.fingerprint != PositionSet(bytes(32), entries).range(LOWEST, None).fingerprint
    lower, upper = sorted(e.log for e in entries)[10:30:19]
    inside = [e for e in entries if lower <= e.log < upper]
    part = PositionSet(SESSION, entries).range(lower, upper)
    assert part == Range(lower, upper, range_fingerprint(SESSION, inside), 19)


@pytest.mark.parametrize("count", [0, 1, RANGE_ITEMS_MAX - 1, RANGE_ITEMS_MAX, 40_000])
def test_an_answer_fits_a_message_whatever_is_asked(count: int) -> None:
    held = sorted((entry(n) for n in range(count)), key=lambda e: e.log)
    bounds = [*(e.log for e in held[:: max(1, count // (RANGES_MAX - 1))]), None][:RANGES_MAX]
    lowers = [LOWEST, *[bound for bound in bounds[:-1] if bound is not None]]
    ranges = [
        Range(low, up, bytes(16), 0) for low, up in zip(lowers, bounds, strict=True) if low != up
    ]
    answers = PositionSet(SESSION, held).answer(ranges)
    listed = sum(len(a.entries) for a in answers if isinstance(a, RangeEntries))
    assert listed <= CLOCK_ENTRIES_MAX
    kind, data = encode_message(RangeResponse(1, answers))
    assert decode_message_untrusted(kind, data) == RangeResponse(1, answers)


# Invariant: whatever a peer answers, it is an error of the peer or the questions come to an end.


def some_answer(luck: random.Random, asked: Range) -> RangeAnswer:
    span = int.from_bytes(asked.upper or b"\xff" * 32, "big") - int.from_bytes(asked.lower, "big")
    start = int.from_bytes(asked.lower, "big")

    def inside() -> bytes:
        shift = luck.randrange(-1, max(1, span)) if luck.random() < 0.02 else luck.randrange(span)
        return max(0, start + shift).to_bytes(32, "big")

    match luck.randrange(8):
        case 0:
            return None
        case 1:
            names = sorted(inside() for _ in range(luck.randrange(5)))
            return RangeEntries(tuple(ClockEntry(name, 1, bytes(32)) for name in names))
        case _:
            lowers = sorted({inside() for _ in range(luck.randrange(1, 16))})
            if luck.random() < 0.98:
                lowers = sorted({asked.lower, *lowers})[:16]
            parts = [RangePart(low, luck.randbytes(16), luck.randrange(3)) for low in lowers]
            return RangeParts(tuple(parts))


@pytest.mark.parametrize("seed", range(40))
def test_answers_that_make_no_sense_end_in_an_error_or_in_peace(seed: int) -> None:
    luck = random.Random(seed)
    talk = Reconciliation(PositionSet(SESSION, [entry(n) for n in range(100)]))
    questions = 0
    try:
        while asked := talk.ask():
            questions += len(asked)
            assert questions <= RANGES_ASKED_MAX
            answers = [some_answer(luck, item) for item in asked]
            if luck.random() < 0.02:
                answers.pop()
            talk.answered_untrusted(answers)
    except WireError:
        return
    logs = [position.log for position in talk.theirs]
    assert len(set(logs)) == len(logs)


@pytest.mark.slow
def test_a_peer_that_always_splits_is_asked_so_much_and_not_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_ranges, "RANGES_ASKED_MAX", 2_000)
    talk = Reconciliation(PositionSet(SESSION, ()))
    with pytest.raises(LimitError):
        while asked := talk.ask():
            same = [RangePart(item.lower, bytes(16), 9) for item in asked]
            talk.answered_untrusted([RangeParts((part,)) for part in same])
    wide, count = Reconciliation(PositionSet(SESSION, ())), 0
    while asked := wide.ask():
        count += len(asked)
        wide.answered_untrusted([split(item) for item in asked])
    assert 1_000 < count <= 2_000


def split(asked: Range) -> RangeParts:
    start = int.from_bytes(asked.lower, "big")
    end = int.from_bytes(asked.upper or b"\xff" * 32, "big")
    lowers = sorted({(start + (end - start) * n // 16).to_bytes(32, "big") for n in range(16)})
    return RangeParts(tuple(RangePart(low, bytes(16), 9) for low in lowers))


def test_an_answer_to_nothing_is_an_error() -> None:
    talk = Reconciliation(PositionSet(SESSION, ()))
    with pytest.raises(WireError):
        talk.answered_untrusted([])
