"""docs/testing.md: its tests pass, and would not if the agent were wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engram_sync import testing
from tests.cli.terminal import SECONDS_MAX, environment
from tests.docs.pages import ROOT, blocks, spans, text_of

PAGE = ROOT / "docs" / "testing.md"
AGENT, TESTS, PROGRAM = (block.text for block in blocks(text_of(PAGE)))
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "trio_mode=true", "-W", "error")


def play(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def played(folder: Path, agent: str) -> str:
    (folder / "scribe.py").write_text(agent)
    (folder / "test_scribe.py").write_text(TESTS)
    return play(folder, *PYTEST).stdout.splitlines()[-1]


@pytest.mark.slow
def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    assert re.match(r"3 passed in", played(tmp_path, AGENT))


@pytest.mark.slow
def test_the_tests_of_the_page_fail_for_an_agent_that_forgets(tmp_path: Path) -> None:
    remembers = 'await self.node.remember(decision, tags={"decision"})'
    assert remembers in AGENT
    assert re.match(r"3 failed in", played(tmp_path, AGENT.replace(remembers, "pass")))


@pytest.mark.slow
def test_the_program_of_the_page_runs_by_itself(tmp_path: Path) -> None:
    done = play(tmp_path, "-W", "error", "-c", PROGRAM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_name_that_the_table_begins_with_is_exported() -> None:
    named = {span.split("(")[0] for span in spans(PAGE) if re.match(r"\w+\(", span)}
    assert {"nodes", "Cluster", "converged", "until", "DirectoryHome"} <= named
    methods = {name for name in dir(testing.Cluster) if not name.startswith("_")}
    assert named <= set(testing.__all__) | methods
