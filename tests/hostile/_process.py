"""The nodes of the suite as this process sees them."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio


@dataclass(slots=True)
class Process:
    """A node in a process of its own."""

    running: subprocess.Popen[str]
    address: str = ""
    _answers: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    _arrived: trio.Condition = field(default_factory=trio.Condition)
    _asked: int = 0

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.running.poll() is None

    async def tell(self, do: str, *, within_s: float = 60.0, **arguments: object) -> dict[str, Any]:
        """Give one command and return the answer; other commands may be under way.

        Raises:
            trio.TooSlowError: There was none in time.
            AssertionError: It was an error.
        """
        self._asked += 1
        number = self._asked
        assert self.running.stdin is not None
        self.running.stdin.write(json.dumps({"number": number, "do": do, **arguments}) + "\n")
        self.running.stdin.flush()
        with trio.fail_after(within_s):
            async with self._arrived:
                while number not in self._answers:
                    await self._arrived.wait()
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{do}: {answer['error']}"
        return answer

    async def listen(self) -> None:
        """Take answers until the process ends."""
        assert self.running.stdout is not None
        while line := await trio.to_thread.run_sync(self.running.stdout.readline):
            answer = json.loads(line)
            async with self._arrived:
                self._answers[answer["number"]] = answer
                self._arrived.notify_all()


@asynccontextmanager
async def node(home: Path, label: str, peer: str = "") -> AsyncGenerator[Process]:
    """Run a node on ``home`` for the time of the block."""
    command = [sys.executable, "-m", "tests.hostile._node", str(home), label, peer]
    running = subprocess.Popen(  # noqa: ASYNC220 - starting takes no time
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdin is not None
    assert running.stdout is not None
    line = await trio.to_thread.run_sync(running.stdout.readline)
    process = Process(running, json.loads(line)["address"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.listen)
        try:
            yield process
        finally:
            running.stdin.close()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 20):
                await trio.to_thread.run_sync(running.wait, abandon_on_cancel=True)
            running.kill()
            running.stdout.close()
            nursery.cancel_scope.cancel()
