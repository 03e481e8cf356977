"""One node of the demo: a process, its home, and the commands a person would type."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from engram_sync.control import ControlClient, find_node
from engram_sync.errors import DegradedError

if TYPE_CHECKING:
    from collections.abc import Sequence

READY_SECONDS_MAX = 30.0
COMMAND_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
LINE_BYTES_MAX = 4_096


class DemoNode:
    """A node in a process of its own.

    Args:
        name: Its label, and the name of its home.
        folder: Holds the homes; commands run there, so that ``--home A`` is all they need.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.id = ""
        """Node id, once initialised."""
        self.listen = ""
        """``HOST:PORT``, once up."""
        self._folder = folder
        self._process: trio.Process | None = None
        self._client: ControlClient | None = None

    @property
    def node(self) -> ControlClient:
        """The running node."""
        assert self._client is not None
        return self._client

    async def type(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """Run a command with ``--json`` and return the object it printed.

        Raises:
            DegradedError: It ended with another exit code.
        """
        import msgspec

        output = await self._run([*words, "--json"], exit_code)
        return msgspec.json.decode(output, type=dict[str, Any])

    async def show(self, *words: str) -> str:
        """Run a command as a person would and return what it printed."""
        return (await self._run(words, 0)).decode()

    async def init(self) -> None:
        """Create the home."""
        self.id = (await self.type("init", "--label", self.name))["node_id"]

    async def up(self, *flags: str) -> None:
        """Start the node and wait until it listens.

        Raises:
            DegradedError: It ended instead, or took too long.
        """
        import msgspec

        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = await trio.lowlevel.open_process(
                self._command("up", "--listen", "127.0.0.1:0", *flags, "--json"),
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for the demo, which then stops the nodes; kept ones outlive it.
                start_new_session=True,
            )
        line = b""
        with trio.move_on_after(READY_SECONDS_MAX):
            line = await self._first_line()
        if not line.endswith(b"\n"):
            raise DegradedError(f"node {self.name} did not come up")
        self.listen = msgspec.json.decode(line, type=dict[str, Any])["listen"][0]
        self._client = await find_node(self._folder / self.name)
        if self._client is None:
            raise DegradedError(f"node {self.name} says it is ready, and does not answer")

    async def down(self) -> None:
        """Stop the node in order.

        Raises:
            DegradedError: It ended with an error, or not at all.
        """
        await self.type("down")
        await self._forget_client()
        assert self._process is not None
        code: int | None = None
        with trio.move_on_after(STOP_SECONDS_MAX):
            code = await self._process.wait()
        if code != 0:
            raise DegradedError(f"node {self.name} ended with exit code {code}")
        await self._close_process()

    async def kill(self) -> None:
        """End the process, if it lives, at any price."""
        with trio.CancelScope(shield=True):
            await self._forget_client()
            if self._process is None:
                return
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
                with trio.move_on_after(STOP_SECONDS_MAX):
                    await self._process.wait()
            if self._process.poll() is None:
                self._process.kill()
                await self._process.wait()
            await self._close_process()

    async def leave(self) -> None:
        """Let the process go on without us."""
        await self._forget_client()
        await self._close_process()

    async def _close_process(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            await self._process.stdout.aclose()
        self._process = None

    async def _forget_client(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _first_line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        line = b""
        while not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
            data = await self._process.stdout.receive_some(LINE_BYTES_MAX)
            if not data:
                break
            line += data
        return line

    async def _run(self, words: "Sequence[str]", exit_code: int) -> bytes:
        with trio.move_on_after(COMMAND_SECONDS_MAX):
            done = await trio.run_process(
                self._command(*words),
                cwd=self._folder,
                env=_environment(),
                stdin=b"",
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
            if done.returncode != exit_code:
                raise DegradedError(
                    f"`{' '.join(words)}` on node {self.name} ended with exit code "
                    f"{done.returncode}: {_said(done.stderr or done.stdout)}"
                )
            return done.stdout
        raise DegradedError(
            f"`{' '.join(words)}` on node {self.name} took over {COMMAND_SECONDS_MAX:g} s"
        )

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "engram_sync", "--home", self.name, *words]


def _said(output: bytes) -> str:
    """The message of a JSON error, or else the last line of what a command printed."""
    import msgspec

    lines = output.decode("utf-8", "replace").strip().splitlines() or [""]
    try:
        return str(msgspec.json.decode(lines[-1], type=dict[str, Any])["message"])
    except (msgspec.MsgspecError, KeyError):
        return lines[-1]


def program_here() -> str:
    """What a person types to run this program here."""
    installed = shutil.which("engram-sync", path=str(Path(sys.executable).parent))
    return installed or f"{sys.executable} -m engram_sync"


def _environment() -> dict[str, str]:
    """Ours without settings of a node of ours, and with what we import from."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ENGRAM_SYNC_")}
    folders = [str(Path(folder).resolve()) for folder in sys.path if folder]
    return kept | {"PYTHONPATH": os.pathsep.join([str(_package_folder()), *folders])}


def _package_folder() -> Path:
    return Path(__file__).resolve().parents[3]
