"""Each defect is found by what is there to find it."""

import re
import subprocess
import sys

import pytest

from tests.histories.__main__ import planted as planted_in_histories

from . import defects
from .planted import IN_TESTS, IN_WORLDS, ROOT, InWorlds, run_with, unmeasured

SEEDS = 40
"""Of the two hundred within which a defect must be found; where it is found is known."""
TABLE = ROOT / "simulations" / "README.md"
FAULTS = (
    "C1 C2 C3 C4 S1 R1 F1 F2",
    "D1 D2 D3 D4 D5 D6 D7 D8 G1 G2 G3 G4",
    "H1 P1 U1 W1 F3",
)
"""Faults that were seen once: the critical ones, those of cost, those of members and limits."""


@pytest.mark.slow
@pytest.mark.parametrize("defect", IN_WORLDS, ids=lambda defect: defect.name)
def test_a_world_finds_that_a_node(defect: InWorlds) -> None:
    command = [sys.executable, "-m", "tests.simulations", defect.name, "--seeds", str(SEEDS)]
    done = subprocess.run(command, cwd=ROOT, env=unmeasured(), stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "test"), IN_TESTS.items(), ids=lambda p: getattr(p, "__name__", "")
)
def test_a_test_fails_when_a_node(plant: defects.Plant, test: str) -> None:
    said = run_with(plant, test)
    assert re.search(r"^1 failed in", said, re.MULTILINE), said


def test_every_fault_is_planted_as_a_defect_that_something_finds() -> None:
    names = {defect.name for defect in IN_WORLDS} | {plant.__name__ for plant in IN_TESTS}
    names |= {name for name, _ in planted_in_histories()}
    found: dict[str, list[str]] = {}
    for fault, told in re.findall(
        r"^\| ([A-Z]\d) \|.*\| ([^|]*) \|$", TABLE.read_text(), re.MULTILINE
    ):
        found[fault] = re.findall(r"`(\w+)`", told)
    assert sorted(found) == sorted(" ".join(FAULTS).split())
    assert {name for told in found.values() for name in told} <= names
    assert all(found.values())
