"""The fuzz harness finds what it should, says how to see it again, and has found nothing new."""

from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz._run import CORPUS as CORPUS_FOLDER
from fuzz._run import BrokenInvariant, corpus_of, load, names, require, run

CORPUS = [
    pytest.param(name, path, id=f"{name}-{path.name}")
    for name in names()
    for path in corpus_of(name)
]


@pytest.mark.parametrize(("name", "path"), CORPUS)
def test_every_input_in_the_corpus_keeps_its_invariant(name: str, path: Path) -> None:
    load(name).check(path.read_bytes())


@pytest.mark.parametrize("name", names())
def test_every_target_states_its_invariant_first(name: str) -> None:
    source = CORPUS_FOLDER.parent / f"{name}.py"
    assert source.read_text().startswith("# Invariant: ")
    assert corpus_of(name)


def test_the_canary_fails_and_says_how_to_repeat_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "--seconds", "30", "--seed", "5"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("canary: seed 5\n")
    assert "replay: python -m fuzz canary --seconds 30 --seed 5" in printed


def test_the_same_seed_finds_the_same_input() -> None:
    first, second = (run("canary", seconds=30, seed=11) for _ in range(2))
    assert first == second
    assert first.failing is not None


def test_a_target_that_holds_passes_after_its_known_inputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["frame_reader", "--seconds", "0", "--seed", "1"], corpus=tmp_path) == 0
    assert "no counter-example" in capsys.readouterr().out


def test_a_failing_input_is_kept_with_the_command_that_replays_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data: bytes) -> None:
        require(len(data) < 30, "short")

    monkeypatch.setattr(load("frame_reader"), "check", broken)
    assert main(["frame_reader", "--seconds", "30", "--seed", "1"], corpus=tmp_path) == 1
    (kept,) = corpus_of("frame_reader", tmp_path)
    assert len(kept.read_bytes()) >= 30
    assert f"replay: python -m fuzz frame_reader --input {kept}" in capsys.readouterr().out
    assert main(["frame_reader", "--input", str(kept)]) == 1
    monkeypatch.undo()
    assert main(["frame_reader", "--input", str(kept)]) == 0


def test_targets_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out.split()
    mine = "canary cbor frame_reader frames handshake interleaving records session"
    assert set(mine.split()) <= set(listed)


def test_a_target_must_be_named() -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_a_broken_claim_is_raised() -> None:
    with pytest.raises(BrokenInvariant, match="claim"):
        require(False, "claim")
