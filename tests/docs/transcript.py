"""Plays a session that a page shows, and holds what is printed to what the page says.

What differs from run to run (ids, addresses, times) may differ here too, but consistently: an id
that the page shows twice has to be the same id twice.
"""

import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.cli.terminal import PROGRAM, SECONDS_MAX, environment

REST = "…"
"""A line of its own: whatever else is printed."""

_NAMES = (
    r"engram1\.[\w-]+…?",  # a token, which pages cut short
    r"v1\.[\w-]+",
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    r"\b[0-9a-f]{64}\b",
    r"\b[a-z2-7]{52}\b",
    r"(?<=\()[a-z2-7]{8}(?=\))",
    r"\b127\.0\.0\.1:\d+",
)
_MEASURES = (
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    r"^\d\.\d\d(?=  )",  # a score
    r"\b\d+(?= memories changed here| in,| out$)",
    r"\b(?:clean|merged)\b",
)
_SHOWN = re.compile(
    "|".join([f"(?P<name>{'|'.join(_NAMES)})", f"(?P<measure>{'|'.join(_MEASURES)})"])
)


class Step(NamedTuple):
    """One command and what the page says that it prints."""

    words: list[str]
    printed: list[str]


def steps(text: str) -> list[Step]:
    """The commands of a console block."""
    found: list[Step] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Step(shlex.split(line.removeprefix("$ "), comments=True), []))
        else:
            found[-1].printed.append(line)
    return found


class Player:
    """Runs steps in a folder, remembering what each shown name turned out to be.

    Args:
        folder: Where the commands run.
        settings: Environment variables beside those of this checkout.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**environment(), **settings}
        self._names: dict[str, str] = {}
        self._running: list[subprocess.Popen[str]] = []

    def play(self, step: Step) -> None:
        """Run one command; AssertionError when it prints something else than the page says."""
        words = [self._names.get(word, word) for word in step.words]
        assert words[0] == "engram-sync"
        if "up" in words:
            printed = self._start(words[1:], lines=len(step.printed))
        else:
            printed = self._run(words[1:])
        self._compare(step, printed)

    def finish(self) -> None:
        """Wait for every node that was started; AssertionError when one did not end in order."""
        for process in self._running:
            assert process.wait(timeout=SECONDS_MAX) == 0

    def kill(self) -> None:
        """End whatever still runs."""
        for process in self._running:
            process.kill()
            process.communicate()

    def _start(self, words: list[str], *, lines: int) -> list[str]:
        process = subprocess.Popen(
            [*PROGRAM, *words],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        assert process.stdout is not None
        return [process.stdout.readline().rstrip("\n") for _ in range(lines)]

    def _run(self, words: list[str]) -> list[str]:
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), words
        return done.stdout.splitlines()

    def _compare(self, step: Step, printed: list[str]) -> None:
        if step.printed == [REST]:
            return
        assert len(step.printed) == len(printed), (step, printed)
        for said, line in zip(step.printed, printed, strict=True):
            self._compare_line(said, line)

    def _compare_line(self, said: str, line: str) -> None:
        shown = list(_SHOWN.finditer(said))
        found = re.fullmatch(self._pattern(said, shown), line)
        assert found is not None, f"the page says {said!r}, printed is {line!r}"
        for match, actual in zip(shown, found.groups(), strict=True):
            if match["name"] is not None:
                known = self._names.setdefault(match["name"], actual)
                assert known == actual, f"{match['name']} was {known}, and now is {actual}"

    @staticmethod
    def _pattern(said: str, shown: list[re.Match[str]]) -> str:
        """A line as the page has it, with a group for each thing that may differ."""
        pattern, at = "", 0
        for match in shown:
            kinds = _NAMES if match["name"] is not None else _MEASURES
            kind = next(kind for kind in kinds if re.compile(kind).match(said, match.start()))
            pattern += re.escape(said[at : match.start()]) + f"({kind})"
            at = match.end()
        return pattern + re.escape(said[at:])
