"""Node A of a benchmark: a real node in a process of its own, told what to do on standard input.

One JSON object per line each way; started by ``benchmarks.pair`` and never by hand.
"""

import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from benchmarks.corpus import sample
from engram_sync import Config, NewMemory, Node
from engram_sync.config import NetworkConfig, SyncConfig

BATCH = 4_096
LOOPBACK = Config(
    network=NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False),
    sync=SyncConfig(backoff_min_s=0.01),
)
DIALING = Config(
    network=NetworkConfig(enabled=True, listen=(), mdns=False), sync=SyncConfig(backoff_min_s=0.01)
)
Command = Callable[[Node, dict[str, Any]], Awaitable[dict[str, Any]]]


def memory(index: int) -> NewMemory:
    """The ``index``-th memory of the corpus as ``remember`` takes it: eight fields."""
    record = sample(index)
    return NewMemory(
        content=record.text,
        title=record.key,
        category=record.kind,
        tags=record.tags[:1],
        confidence=record.confidence,
        metadata={"source": record.source, "created": record.created_ms},
    )


async def fill(node: Node, count: int) -> list[str]:
    """Remember the first ``count`` memories."""
    ids: list[str] = []
    for start in range(0, count, BATCH):
        batch = [memory(index) for index in range(start, min(count, start + BATCH))]
        ids += await node.remember_many(batch)
    return ids


def peak_mib() -> float:
    """Peak resident set of this process in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss includes the parent's resident set at spawn; VmHWM does not.
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Commands:
    """What node A can be told."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    async def invite(self, node: Node, _: dict[str, Any]) -> dict[str, Any]:
        return {"token": await node.invite()}

    async def fill(self, node: Node, told: dict[str, Any]) -> dict[str, Any]:
        self._ids = await fill(node, told["count"])
        return {"count": len(self._ids)}

    async def update(self, node: Node, told: dict[str, Any]) -> dict[str, Any]:
        """Change one field of every hundredth memory, all at once."""
        chosen = self._ids[told["offset"] :: 100]
        async with trio.open_nursery() as nursery:
            for engram in chosen:
                nursery.start_soon(_update, node, engram, told["value"])
        return {"count": len(chosen)}

    async def say(self, node: Node, told: dict[str, Any]) -> dict[str, Any]:
        """Remember one thing and tell when that began (monotonic, shared by all processes)."""
        began = time.monotonic()
        await node.remember(told["content"])
        return {"began": began}

    async def peak(self, _: Node, __: dict[str, Any]) -> dict[str, Any]:
        return {"mib": peak_mib()}


async def _update(node: Node, engram: str, value: float) -> None:
    await node.update(engram, confidence=value)


async def _serve(home: str) -> None:
    commands = _Commands()
    async with Node.open(home, config=LOOPBACK, services=(), label="a") as node:
        print(json.dumps({"ready": True}), flush=True)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            told = json.loads(line)
            command: Command = getattr(commands, told["do"])
            print(json.dumps(await command(node, told)), flush=True)


if __name__ == "__main__":
    trio.run(_serve, sys.argv[1])
