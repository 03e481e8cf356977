"""The last common position of two histories is found in a few questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.sync._bisection import Bisection, Placed
from engram_wire import SEQ_MAX

LOG = b"L" * 32


def place(seq: int, common: int) -> Placed:
    return Placed(SEQ_MAX, False, ((LOG, seq),) if seq <= common else None)


@given(data=st.data())
def test_the_last_common_position_is_found(data: st.DataObject) -> None:
    stated = data.draw(st.integers(1, SEQ_MAX))
    common = data.draw(st.integers(0, stated - 1))
    search = Bisection.of(LOG, stated, Placed(SEQ_MAX, False, None))
    assert search is not None
    rounds = 0
    while not search.found:
        asked = search.ask()
        assert 1 <= len(asked) <= 16
        assert list(asked) == sorted(set(asked))
        search.narrow(asked, [place(seq, common) for seq in asked])
        rounds += 1
    assert search.low == common
    assert search.path == (((LOG, common),) if common else ())
    assert rounds <= 10


@pytest.mark.slow
@given(answers=st.lists(st.lists(st.booleans(), min_size=16, max_size=16), max_size=20))
def test_answers_that_contradict_each_other_shorten_the_search_all_the_same(
    answers: list[list[bool]],
) -> None:
    search = Bisection(LOG, 5_000)
    for answer in answers:
        if search.found:
            break
        before = search.high - search.low
        asked = search.ask()
        places = [
            Placed(9, False, ((LOG, seq),)) if yes else None
            for seq, yes in zip(asked, answer, strict=False)
        ]
        search.narrow(asked, places)
        assert search.high - search.low < before
        assert 0 <= search.low < search.high <= 5_000


def test_of_a_log_that_the_peer_holds_further_the_newest_position_is_asked_for_first() -> None:
    search = Bisection.of(LOG, 900, Placed(500, False, None))
    assert search is not None
    assert search.ask() == (500,)
    search.narrow((500,), [place(500, 500)])
    assert search.found
    assert search.path[-1] == (LOG, 900)


def test_if_it_is_not_common_the_search_goes_on_below_it() -> None:
    search = Bisection.of(LOG, 900, Placed(5, True, None))
    assert search is not None
    search.narrow(search.ask(), [None])
    assert search.ask() == (1, 2, 3, 4)
    search.narrow((1, 2, 3, 4), [place(seq, 2) for seq in (1, 2, 3, 4)])
    assert search.found
    assert search.path == ((LOG, 2),)


def test_of_a_log_that_is_not_held_nothing_is_asked() -> None:
    assert Bisection.of(LOG, 9, Placed(0, False, None)) is None
