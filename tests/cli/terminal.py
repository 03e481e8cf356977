"""Runs the real program, as a person at a terminal would."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from tests.cli.json_schema import check

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 60
PROGRAM = (sys.executable, "-m", "engram_sync")


def environment() -> Mapping[str, str]:
    """Ours, with the packages of this checkout and no settings of somebody's node."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ENGRAM_SYNC_")}
    folders = [ROOT, ROOT / "wire", ROOT / "crdt", ROOT / "simulations"]
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "NO_COLOR": "1"}


class Terminal:
    """One person with one home.

    Args:
        folder: Commands run here.
        home: Given as ``--home``, relative to the folder.
    """

    def __init__(self, folder: Path, home: str) -> None:
        self.folder = folder
        self.home = home
        self.ready: dict[str, Any] = {}
        self.daemon: subprocess.Popen[bytes] | None = None

    def run(
        self, *words: str, stdin: bytes = b"", code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; ``code`` None allows any exit code."""
        done = subprocess.run(
            [*PROGRAM, "--home", self.home, *words],
            cwd=self.folder,
            env=environment(),
            input=stdin,
            capture_output=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        shown = subprocess.CompletedProcess(
            words, done.returncode, done.stdout.decode(), done.stderr.decode()
        )
        assert code is None or done.returncode == code, shown
        return shown

    def json(self, *words: str, stdin: bytes = b"", code: int = 0) -> dict[str, Any]:
        """Run a command with ``--json``, check the one object it prints, and return it."""
        done = self.run(*words, "--json", stdin=stdin, code=code)
        text = done.stdout or done.stderr
        document = cast("dict[str, Any]", json.loads(text))
        check(document)
        return document

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [*PROGRAM, "--home", self.home, *words],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def up(self, *flags: str, listen: str = "127.0.0.1:0") -> str:
        """Start the node, wait until it is ready and return where it listens."""
        self.daemon = self.start("up", "--listen", listen, "--no-mdns", *flags, "--json")
        assert self.daemon.stdout is not None
        line = self.daemon.stdout.readline()
        assert line, self.end(signal.SIGKILL)
        self.ready = cast("dict[str, Any]", json.loads(line))
        check(self.ready)
        return str(self.ready["listen"][0])

    def end(self, number: int) -> tuple[int, str]:
        """Send the node a signal; returns its exit code and what it said."""
        assert self.daemon is not None
        self.daemon.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Wait for the node's end."""
        assert self.daemon is not None
        _, errors = self.daemon.communicate(timeout=SECONDS_MAX)
        code, self.daemon = self.daemon.returncode, None
        return code, errors.decode()
