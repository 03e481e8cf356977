"""Whatever one member does, the others are answered, keep what they have, and go on.

In the end doctor finds nothing damaged: it is asked while the node runs, after all that.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ._attacks import CASES, Case
from ._floods import FLOODS, FloodCase
from ._run import run

pytestmark = pytest.mark.slow

THIRD = len(CASES) // 3


@pytest.mark.parametrize(
    "cases",
    [CASES[:THIRD], CASES[THIRD : 2 * THIRD], CASES[2 * THIRD :], FLOODS],
    ids=["one memory", "many values", "logs", "messages"],
)
async def test_a_member_that_means_harm_costs_the_others_no_answer_and_no_memory(
    cases: Sequence[Case | FloodCase], tmp_path: Path
) -> None:
    results, damaged = await run(cases, tmp_path)
    assert {result.name: result.problems for result in results if result.problems} == {}
    assert damaged == []
