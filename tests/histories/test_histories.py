"""Replicas and the oracle agree, and the oracle can disagree."""

from dataclasses import asdict

import pytest

from engram_crdt import DocumentError
from engram_sync.errors import CorruptError
from tests.histories import Outcome, Replica, run_history
from tests.histories.__main__ import main
from tests.histories._defects import DEFECTS
from tests.histories._home import Home
from tests.histories._life import LifeOutcome, run_life
from tests.histories._life_defects import LIFE_DEFECTS
from tests.histories._twins import TwinOutcome
from tests.oracle import Disagreement
from tests.seeds import chosen

HISTORIES = 500
LIVES = chosen(100, of=500)
BLOCK = 50
HISTORIES_TO_FIND_A_DEFECT = 60


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, HISTORIES, BLOCK))
def test_replicas_agree_with_the_oracle(first: int) -> None:
    total = Outcome()
    for seed in range(first, first + BLOCK):
        try:
            total.add(run_history(seed))
        except Disagreement as disagreement:
            pytest.fail(f"python -m tests.histories --runs 1 --seed {seed}: {disagreement}")
    # A run that met no conflict and no delete would have tested nothing.
    assert total.conflicts > BLOCK
    assert total.siblings_max >= 3
    assert total.survived_a_delete > BLOCK
    assert total.wall_clock_misled > 0


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, LIVES, BLOCK))
def test_homes_that_are_copied_restored_and_joined_late_agree_with_the_oracle(first: int) -> None:
    total = LifeOutcome()
    for seed in range(first, first + BLOCK):
        try:
            total.add(run_life(seed))
        except Disagreement as disagreement:
            pytest.fail(f"python -m tests.histories --runs 1 --seed {seed}: {disagreement}")
    for name, count in asdict(total).items():
        # That a text is torn needs an erasure beside a survivor: not in every fifty lives.
        assert count > 0 or name == "torn", f"no {name} in {BLOCK} lives: nothing of it was tested"


@pytest.mark.slow
@pytest.mark.parametrize("defect", LIFE_DEFECTS, ids=lambda defect: defect.__name__)
def test_the_oracle_finds_a_home_that(defect: type[Home]) -> None:
    with pytest.raises((Disagreement, CorruptError)):
        for seed in range(HISTORIES_TO_FIND_A_DEFECT):
            run_life(seed, defect)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_the_oracle_finds_a_replica_that(defect: type[Replica]) -> None:
    with pytest.raises((Disagreement, DocumentError)):
        for seed in range(HISTORIES_TO_FIND_A_DEFECT):
            run_history(seed, defect)


def test_a_history_is_a_function_of_its_seed() -> None:
    assert run_history(7) == run_history(7)
    assert run_life(7) == run_life(7)


def test_the_command_line_says_what_its_histories_held(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--runs", "2", "--seed", "11"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "2 histories from seed 11: no disagreement"
    told = [tuple(line.split()[:2]) for line in rest]
    assert told == [
        *(("documents", name) for name in asdict(Outcome())),
        *(("homes", name) for name in asdict(LifeOutcome())),
        *(("twins", name) for name in asdict(TwinOutcome())),
    ]
