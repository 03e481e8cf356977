"""What the command prints, and the code it ends with."""

import pytest

from engram_simulations import main

from . import defects


def test_a_run_that_ends_well_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--seed", "7", "--nodes", "2", "--steps", "2"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "seed 7"
    assert any(line.startswith("passed: ") for line in out)


def test_a_trace_has_one_line_per_event_aligned_by_node(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "--seed", "7", "--nodes", "2", "--steps", "2", "--trace"]) == 0
    events = [
        line for line in capsys.readouterr().out.splitlines() if line[:10].strip()[:1].isdigit()
    ]
    assert {line[11:13] for line in events if line[10] == " "} >= {"a.", ".b", ".."}


@pytest.mark.parametrize(
    ("plant", "seed", "code", "word"),
    [
        (defects.shares_what_is_private, 1, 127, "correctness"),
        (defects.falls_over_when_a_peer_is_silent, 3, 125, "crash"),
        (defects.never_calls_again, 6, 126, "liveness"),
    ],
)
def test_a_failure_begins_with_its_seed_and_ends_with_its_replay(
    plant: defects.Plant,
    seed: int,
    code: int,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plant(monkeypatch)
    assert main(["run", "--seed", str(seed), "--nodes", "2", "--steps", "30"]) == code
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"seed {seed}"
    assert f"seed {seed}: {word}" in out
    assert out[-1].strip() == (
        f"replay: python -m simulations run --seed {seed} --nodes 2 --steps 30 --trace"
    )


def test_a_sweep_reports_each_failure_and_what_was_never_met(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    defects.never_calls_again(monkeypatch)
    assert main(["sweep", "--seeds", "6..7", "--nodes", "2", "--steps", "25"]) == 126
    out = capsys.readouterr().out
    assert "replay: python -m simulations run --seed " in out
    assert "2 seeds, " in out
    assert "never met: " in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run", "--seed", "x"],
        ["run", "--seed", "-1"],
        ["run", "--seed", "1", "--nodes", "6"],
        ["run", "--seed", "1", "--steps", "-1"],
        ["sweep", "--seeds", "9..3"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "usage: python -m simulations" in capsys.readouterr().err
