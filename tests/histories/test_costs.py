"""No operation costs more because more was written before, and one that does is found."""

import pytest

from tests.histories._cost_defects import COST_DEFECTS
from tests.histories._costs import ALLOWED, CASES, cost_of, run_cost
from tests.histories._home import Home
from tests.oracle import Disagreement

FOUND_BY = [(d, case) for d, cases in COST_DEFECTS.items() for case in cases]


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(CASES))
def test_the_next_operation_costs_what_it_cost_before(case: str) -> None:
    run_cost(1, names=[case])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defect", "case"), FOUND_BY, ids=[f"{d.__name__}-{case}" for d, case in FOUND_BY]
)
def test_the_count_of_work_finds_a_home_that(defect: type[Home], case: str) -> None:
    with pytest.raises(Disagreement):
        run_cost(1, defect, [case])


def test_work_is_counted_the_same_every_time() -> None:
    first, second = (cost_of(5, CASES["updates"], 4) for _ in range(2))
    assert first.rows == second.rows
    # What the first one does once for all of this process is not worth a complaint.
    assert abs(first.calls - second.calls) < ALLOWED.calls
