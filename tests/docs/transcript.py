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
"""A line of its own: any lines, or none."""

FILE_COMMANDS = {"cp", "mv", "rm", "mkdir", "openssl"}
"""What pages type beside the program."""
TALKATIVE = {"openssl"}
"""Of these, what tells on standard error how it gets on; pages do not show it."""

_NAMES = (
    r"engram2\.[\w-]+…?",  # a token, which pages cut short
    r"v\d\.[\w-]+",
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    r"\b[0-9a-f]{64}\b",
    r"\b[0-9a-f]{16}\b",
    r"(?<=log )[0-9a-f]{8}\b",
    r"\b[a-z2-7]{52}\b",
    r"(?<=\()[a-z2-7]{8}(?=\))",
    r"\b127\.0\.0\.1:\d+",
)
_MEASURES = (
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    r"^\d\.\d\d(?=  )",  # a score
    r"\b\d+(?= memories changed here| in,| out$)",
    r"\b(?:clean|merged)\b",
    r"\b\d+(?:\.\d)? (?:bytes|kB|MB)",
    r"\b\d+ signatures?",
    r"(?<=signed them: )\d+ records in \d+ logs",
)
_SHOWN = re.compile(
    "|".join([f"(?P<name>{'|'.join(_NAMES)})", f"(?P<measure>{'|'.join(_MEASURES)})"])
)


class Step(NamedTuple):
    """One command and what the page says that it prints."""

    words: list[str]
    printed: list[str]
    code: int = 0
    """Where the page says so, as ``# exit code 6`` behind the command."""


def steps(text: str) -> list[Step]:
    """The commands of a console block."""
    found: list[Step] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            typed = line.removeprefix("$ ")
            code = re.search(r"# exit code (\d+)$", typed)
            words = shlex.split(typed, comments=True)
            found.append(Step(words, [], int(code[1]) if code else 0))
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
        words = [self._filled_in(word) for word in step.words]
        if words[0] in FILE_COMMANDS:
            printed = self._run(words, step.code)
        elif "up" in words:
            printed = self._start(words[1:], lines=len(step.printed))
        else:
            assert words[0] == "engram-sync"
            printed = self._run([*PROGRAM, *words[1:]], step.code)
        self._compare(step, printed)

    def _filled_in(self, word: str) -> str:
        """A word of the page with the names in it as they turned out to be."""
        for said in sorted(self._names, key=len, reverse=True):
            word = word.replace(said, self._names[said])
        return word

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

    def _run(self, words: list[str], code: int) -> list[str]:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == code, (words, done)
        told = "" if words[0] in TALKATIVE else done.stderr
        assert code or not told, (words, told)
        return [line.rstrip() for line in (done.stdout + told).splitlines()]

    def _compare(self, step: Step, printed: list[str]) -> None:
        left, skipping = [*printed], False
        for said in step.printed:
            if said == REST:
                skipping = True
                continue
            while skipping and left and not self._fits(said, left[0]):
                del left[0]
            assert left, (step, printed)
            self._compare_line(said, left.pop(0))
            skipping = False
        assert skipping or not left, (step, printed)

    def _fits(self, said: str, line: str) -> bool:
        return re.fullmatch(self._pattern(said, list(_SHOWN.finditer(said))), line) is not None

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
