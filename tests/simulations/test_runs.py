"""A seed is a story: always the same one, and one that ends well."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engram_simulations import SOMETIMES, Verdict, draw_plan, run
from tests.seeds import chosen

from .planted import ROOT, unmeasured

SWEEP, BLOCK, STEPS = chosen(20, of=40), 4, 50
BLOCKS = range(1, SWEEP + 1, BLOCK)


@pytest.fixture
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this run of the tests share."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "swept"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.mark.slow
@pytest.mark.parametrize("first", BLOCKS)
def test_seeds_end_well_and_all_of_them_meet_what_they_are_there_to_meet(
    first: int, swept: Path
) -> None:
    seeds = f"{first}..{first + BLOCK - 1}"
    command = [sys.executable, "-m", "engram_simulations", "sweep", "--seeds", seeds]
    done = subprocess.run(
        [*command, "--steps", str(STEPS)],
        cwd=ROOT,
        env=unmeasured() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    part = swept / f"{first}.part"
    part.write_text(done.stdout)
    part.rename(swept / f"{first}.txt")
    parts = [part.read_text() for part in swept.glob("*.txt")]
    if len(parts) < len(BLOCKS):
        return  # Whichever ends last looks at what all have met.
    met = {what for part in parts for what in re.findall(r"^ +[1-9]\d*  (.*)$", part, re.MULTILINE)}
    assert set(SOMETIMES) - met == set()


@pytest.mark.slow
def test_one_seed_tells_one_story_however_often() -> None:
    first, second = (run(3, steps=40) for _ in range(2))
    assert first.trace == second.trace
    assert len(first.trace) > 100


def test_another_seed_tells_another_story() -> None:
    first, second = (run(seed, nodes=2, steps=3) for seed in (1, 2))
    assert first.trace != second.trace


def traced(hash_seed: str) -> str:
    command = "-m engram_simulations run --seed 5 --steps 25 --trace"
    done = subprocess.run(
        [sys.executable, *command.split()],
        env=unmeasured() | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_the_order_of_sets_changes_nothing() -> None:
    assert len({traced(hash_seed) for hash_seed in ("0", "1", "4711")}) == 1


@pytest.mark.parametrize("seed", [1002, 1052, 1081, 1161])
def test_a_node_joins_while_both_sides_dial_each_other(seed: int) -> None:
    """In each of these, of three connections made at once both sides dropped another one."""
    report = run(seed, steps=0)
    assert report.verdict is Verdict.PASSED, report.reason


@pytest.mark.parametrize("nodes", [2, 3, 4, 5])
def test_a_world_has_as_many_nodes_as_it_is_told(nodes: int) -> None:
    report = run(1, nodes=nodes, steps=2)
    assert report.verdict is Verdict.PASSED, report.reason
    assert f"{nodes} nodes" in report.plan
    assert f"--nodes {nodes}" in report.replay


def test_a_seed_draws_its_faults_and_spares_some() -> None:
    plans = [draw_plan(seed) for seed in range(200)]
    assert plans == [draw_plan(seed) for seed in range(200)]
    assert {bool(plan.rates.crash) for plan in plans} == {True, False}
    assert {plan.nodes for plan in plans} == {2, 3, 4, 5}
    assert {max(plan.skews_ms) > 60_000 for plan in plans} == {True, False}
