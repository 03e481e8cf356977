"""Which defects are planted, what must find each of them, and how long that takes.

``python -m tests.simulations`` plants them one after the other.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engram_simulations import Report, Verdict, run

from . import defects
from .defects import Plant

STEPS = 40
SEEDS_MAX = 200
"""A defect that lives longer than these has not been found."""
ROOT = Path(__file__).parents[2]
VARIABLE = "PLANTED_DEFECT"


@dataclass(frozen=True, slots=True)
class InWorlds:
    """A defect that a simulated world meets."""

    plant: Plant
    verdict: Verdict
    checkers: frozenset[str]
    """Who may be the first to object."""
    first: int
    """The seed that found it when this was written; from there on it is soonest found again."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.plant.__name__

    def find(self, seeds: Iterable[int]) -> Report | None:
        """The report of the first run that does not pass."""
        with pytest.MonkeyPatch.context() as patch:
            self.plant(patch)
            reports = (run(seed, steps=STEPS) for seed in seeds)
            return next((r for r in reports if r.verdict is not Verdict.PASSED), None)

    def named_by(self, report: Report) -> bool:
        """Whether it was found as what it is."""
        return report.verdict is self.verdict and report.checker in self.checkers


def correctness(plant: Plant, first: int, *checkers: str) -> InWorlds:
    """A defect to which a checker objects."""
    return InWorlds(plant, Verdict.CORRECTNESS, frozenset(checkers), first)


IN_WORLDS = (
    correctness(defects.ignores_superseded, 1, "NothingReturns"),
    correctness(defects.ignores_deletes, 1, "NothingReturns"),
    correctness(defects.keeps_what_came_last, 2, "NothingIsLost", "NoNodeComplains"),
    correctness(
        defects.acknowledges_what_is_not_stored,
        1,
        "NothingIsLost",
        "NothingLeaks",
        "NothingReturns",
    ),
    correctness(defects.drops_received_frames, 1, "NoNodeComplains"),
    correctness(defects.says_synced_of_whoever_is_connected, 2, "StatusIsTrue"),
    correctness(defects.says_synced_of_what_it_lacks, 9, "StatusIsTrue"),
    correctness(defects.shares_what_is_private, 1, "NothingLeaks"),
    correctness(defects.continues_without_proof, 10, "LogsContinueOnProof"),
    correctness(defects.hides_conflicts, 2, "AllAgree"),
    correctness(defects.goes_on_with_what_it_does_not_know, 2, "NewerStopsAScope"),
    correctness(defects.goes_on_after_a_refused_record, 12, "RefusalsStopNothing"),
    correctness(defects.keeps_what_is_erased, 1, "ErasedStaysErased"),
    correctness(defects.tells_of_forks_on_one_node_only, 2, "ForksAreTold"),
    correctness(defects.loses_what_others_insert, 8, "NothingIsLost", "OwnWritesShow"),
    InWorlds(defects.never_asks_for_what_it_lacks, Verdict.LIVENESS, frozenset({""}), 2),
    InWorlds(defects.never_calls_again, Verdict.LIVENESS, frozenset({""}), 1),
    InWorlds(defects.falls_over_when_a_peer_is_silent, Verdict.CRASH, frozenset({""}), 2),
)

IN_TESTS: dict[Plant, str] = {
    defects.counts_a_refused_scope_as_synced: "tests/node/test_sharing.py::"
    "test_a_member_that_does_not_hold_the_agent_is_not_synced_by_what_else_is_shared",
    defects.walks_all_it_holds_for_a_name_it_does_not_know: "tests/ledger/test_hostile_relays.py::"
    "test_a_name_of_no_marked_position_costs_one_look_up_whatever_is_held",
    defects.shows_all_credentials_in_one_message: "tests/sync/test_exchange_rules.py::"
    "test_credentials_that_do_not_fit_one_message_go_ahead_in_pages",
    defects.takes_what_others_say_a_log_has_counted: "tests/memory/test_skills.py::"
    "test_what_others_say_a_log_has_counted_is_nothing_beside_what_it_says",
    defects.takes_any_label: "tests/node/test_joining.py::"
    "test_a_label_that_no_peer_would_take_is_refused_where_it_is_chosen",
    defects.cuts_off_what_no_statement_names: "tests/membership/test_roles.py::"
    "test_logs_that_no_statement_names_are_cut_only_once_an_epoch_begins",
    defects.serves_sixty_four_scopes: "tests/sync/test_exchange_rules.py::"
    "test_a_peer_may_ask_for_every_scope_that_it_may_read_however_many",
}
"""Defects that a world is too small, too slow or too honest to meet, each with the test that does.
"""


def unmeasured() -> dict[str, str]:
    """An environment in which nobody counts lines: worlds look for faults, not for lines."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def run_with(plant: Plant, test: str) -> str:
    """What a test says in a process of its own, in which the defect is planted."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", __name__, "-p", "no:cacheprovider"]
    environment = unmeasured() | {VARIABLE: plant.__name__}
    done = subprocess.run(
        [*command, "-n0", test], cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False
    )
    return done.stdout.decode()


def pytest_configure() -> None:
    """As a plugin: plant what the environment names, for the whole life of the process."""
    plant: Plant = getattr(defects, os.environ[VARIABLE])
    plant(pytest.MonkeyPatch())
