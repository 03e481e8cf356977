"""README.md: its programs run and print what it says."""

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.json_schema import check
from tests.cli.terminal import SECONDS_MAX, environment
from tests.docs.pages import ROOT, blocks, section, text_of
from tests.docs.transcript import REST, Player, Step, steps

README = text_of(ROOT / "README.md")
OFFLINE = {"ENGRAM_SYNC_NETWORK_MDNS": "false", "NO_COLOR": "1"}
"""Nobody else's nodes take part."""


@pytest.fixture
def player(tmp_path: Path) -> Generator[Player]:
    player = Player(tmp_path, OFFLINE)
    yield player
    player.kill()


def session() -> list[Step]:
    shown = blocks(section(README, "Two terminals"))
    return [step for block in shown for step in steps(block.text)]


def test_the_first_screen_is_a_sentence_a_program_and_its_output() -> None:
    first, second = blocks(README)[:2]
    assert (first.language, second.language) == ("python", "")
    sentence = README.split("```", 1)[0].removeprefix("# engram-sync").strip()
    assert sentence.count(". ") == 0
    assert sentence.endswith(".")
    assert README.index("## What it does not do") < README.index("## Two commands")


@pytest.mark.slow
def test_the_first_program_prints_what_the_page_says(tmp_path: Path) -> None:
    program, output = blocks(README)[:2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program.text],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.splitlines()
    said = output.text.splitlines()
    assert len(printed) == len(said)
    for line, start in zip(printed, said, strict=True):
        assert line.startswith(start.removesuffix(REST))
        assert start.endswith(REST) or line == start
    check(json.loads(printed[-1]))
    assert {path.name for path in (tmp_path / "memory").iterdir()} == {
        "lock",
        "node.key",
        "store.db",
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the session quotes as a POSIX shell does")
def test_the_session_of_two_terminals_prints_what_the_page_says(player: Player) -> None:
    for step in session():
        player.play(step)
    player.finish()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the session quotes as a POSIX shell does")
def test_the_session_of_more_than_a_text_prints_what_the_page_says(player: Player) -> None:
    for block in blocks(section(README, "More than a text")):
        for step in steps(block.text):
            player.play(step)


def test_the_session_shows_every_step_of_the_main_job() -> None:
    shown = {word for step in session() for word in step.words}
    promised = "init up invite join remember recall sync offline online update conflicts down"
    assert set(promised.split()) <= shown


def test_the_two_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = [step.words for step in steps(blocks(section(README, "Two commands"))[0].text)]
    assert commands == [["make", "demo"], ["make", "test"]]
    for _, target in commands:
        assert f"\n{target}:" in makefile


def test_what_a_player_compares_is_more_than_shapes(tmp_path: Path) -> None:
    """A page that shows two ids where the program prints one is wrong."""
    player = Player(tmp_path, OFFLINE)
    one, two = "a" * 52, "b" * 52
    player._compare_line(f"node {one} (laptop)", f"node {two} (laptop)")
    player._compare_line(f"node {one} (laptop)", f"node {two} (laptop)")
    with pytest.raises(AssertionError):
        player._compare_line(f"node {one} (laptop)", f"node {one} (laptop)")
    with pytest.raises(AssertionError):
        player._compare_line("no conflicts", "1 conflict")
