"""Each checker objects to what it is there for."""

import pytest

from engram_simulations import Verdict, run

from . import defects
from .defects import Plant

SEEDS = range(1, 13)
STEPS = 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "verdict", "checkers"),
    [
        (defects.ignores_superseded, Verdict.CORRECTNESS, {"NothingReturns"}),
        (defects.ignores_deletes, Verdict.CORRECTNESS, {"NothingReturns"}),
        (defects.keeps_what_came_last, Verdict.CORRECTNESS, {"NothingIsLost", "NoNodeComplains"}),
        (
            defects.acknowledges_what_is_not_stored,
            Verdict.CORRECTNESS,
            {"NothingIsLost", "NothingLeaks"},
        ),
        (defects.drops_a_received_frame, Verdict.CORRECTNESS, {"NoNodeComplains"}),
        (defects.says_synced_of_whoever_is_connected, Verdict.CORRECTNESS, {"StatusIsTrue"}),
        (defects.shares_what_is_private, Verdict.CORRECTNESS, {"NothingLeaks"}),
        (defects.continues_without_proof, Verdict.CORRECTNESS, {"LogsContinueOnProof"}),
        (defects.hides_conflicts, Verdict.CORRECTNESS, {"AllAgree"}),
        (
            defects.goes_on_with_what_it_does_not_know,
            Verdict.CORRECTNESS,
            {"NewerStopsAScope"},
        ),
        (defects.keeps_what_is_erased, Verdict.CORRECTNESS, {"ErasedStaysErased"}),
        (defects.tells_of_forks_on_one_node_only, Verdict.CORRECTNESS, {"ForksAreTold"}),
        (defects.loses_what_others_insert, Verdict.CORRECTNESS, {"NothingIsLost", "OwnWritesShow"}),
        (defects.never_asks_for_what_it_lacks, Verdict.LIVENESS, {""}),
        (defects.never_calls_again, Verdict.LIVENESS, {""}),
        (defects.falls_over_when_a_peer_is_silent, Verdict.CRASH, {""}),
    ],
)
def test_a_planted_defect_is_found(
    plant: Plant, verdict: Verdict, checkers: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in SEEDS:
        report = run(seed, steps=STEPS)
        if report.verdict is not Verdict.PASSED:
            assert report.verdict is verdict, report.reason
            assert report.checker in checkers, report.reason
            return
    pytest.fail(f"not found in seeds {SEEDS}")
