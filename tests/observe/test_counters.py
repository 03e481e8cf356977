import pytest

from engram_sync.observe import Count, Counters


def test_everything_starts_at_zero_and_is_listed() -> None:
    assert Counters().snapshot() == {what.value: 0 for what in Count}


def test_counts_add_up() -> None:
    counters = Counters()
    counters.add(Count.PUSHES_DROPPED)
    counters.add(Count.PUSHES_DROPPED, 4)
    assert counters[Count.PUSHES_DROPPED] == 5
    assert counters.snapshot()["pushes_dropped"] == 5
    assert counters[Count.COMMITS] == 0


def test_a_snapshot_does_not_change_afterwards() -> None:
    counters = Counters()
    before = counters.snapshot()
    counters.add(Count.COMMITS)
    assert before["commits"] == 0


def test_a_count_never_goes_down() -> None:
    with pytest.raises(AssertionError):
        Counters().add(Count.COMMITS, -1)
