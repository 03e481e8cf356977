"""Two nodes for a benchmark: A in a process of its own, B in this one, joined over loopback."""

import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from benchmarks.counting import CountingTransport
from benchmarks.peer import DIALING, offering
from engram_sync import Node
from engram_sync.node import Environment


@dataclass(slots=True)
class PeerProcess:
    """Node A."""

    process: subprocess.Popen[str]

    async def tell(self, do: str, **arguments: object) -> dict[str, Any]:
        """Send one command and return the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        return await self._line()

    async def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await trio.to_thread.run_sync(self.process.stdout.readline)
        if not line:
            raise RuntimeError("node A ended; see its messages above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _start(home: Path, compression: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.peer", str(home), compression]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@asynccontextmanager
async def peer(home: Path, compression: str = "none") -> AsyncGenerator[PeerProcess]:
    """Run node A on ``home``."""
    process = _start(home, compression)
    running = PeerProcess(process)
    try:
        await running._line()
        yield running
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(process.wait)
        process.stdout.close()


@dataclass(slots=True)
class Pair:
    """A running node A, and the home of a node B that joined it."""

    a: PeerProcess
    home_b: Path
    compression: str = "none"

    @asynccontextmanager
    async def b(self) -> AsyncGenerator[tuple[Node, CountingTransport]]:
        """Node B in this process, dialling A as soon as it is open."""
        transport = CountingTransport()
        environment = Environment(transport=lambda _network, _node: transport)
        config = offering(DIALING, self.compression)
        async with Node.open(
            self.home_b, config=config, services=(), environment=environment
        ) as node:
            yield node, transport


@asynccontextmanager
async def pair(count: int, compression: str = "none") -> AsyncGenerator[Pair]:
    """A with ``count`` memories and B, which joined while A was empty and holds none."""
    with tempfile.TemporaryDirectory(prefix="engram-bench-") as scratch:
        home_b = Path(scratch) / "b"
        async with peer(Path(scratch) / "a", compression) as a:
            token = (await a.tell("invite"))["token"]
            async with Node.open(home_b, services=(), label="b") as node:
                await node.join(token)
                await node.sync()
            await a.tell("fill", count=count)
            yield Pair(a, home_b, compression)
