"""Clocks decide nothing but ties and dates, and a clock that decides more is found."""

from dataclasses import asdict

import pytest

from tests.histories._home import Home
from tests.histories._twin_defects import TWIN_DEFECTS
from tests.histories._twins import Clocks, TwinOutcome, live_once, run_twins
from tests.oracle import Disagreement
from tests.seeds import chosen

HISTORIES = chosen(40, of=120)
BLOCK = 20
HISTORIES_TO_FIND_A_DEFECT = 200


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, HISTORIES, BLOCK))
def test_a_history_ends_the_same_under_right_and_under_wild_clocks(first: int) -> None:
    total = TwinOutcome()
    for seed in range(first, first + BLOCK):
        try:
            total.add(run_twins(seed))
        except Disagreement as disagreement:
            pytest.fail(f"python -m tests.histories --runs 1 --seed {seed}: {disagreement}")
    for name, count in asdict(total).items():
        assert count > 0, f"no {name} in {BLOCK} histories: nothing of it was tested"


@pytest.mark.slow
@pytest.mark.parametrize("defect", TWIN_DEFECTS, ids=lambda defect: defect.__name__)
def test_the_twins_find_a_home_that(defect: type[Home]) -> None:
    with pytest.raises(Disagreement):
        for seed in range(HISTORIES_TO_FIND_A_DEFECT):
            run_twins(seed, defect)


def test_only_a_fork_that_becomes_known_moves_what_was_inserted_at_one_place() -> None:
    # Here a log that inserted beside another is found to be forked later, see crdt/SPEC.md 4.1.
    counted = run_twins(3453)
    assert counted.forks


def test_a_twin_history_is_a_function_of_its_seed_and_its_clocks() -> None:
    assert live_once(3, Clocks()) == live_once(3, Clocks())
