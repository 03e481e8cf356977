"""Node A of a benchmark: a real node in a process of its own, told what to do on standard input.

One JSON object per line each way; started by ``benchmarks.pair`` and never by hand.
"""

import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from benchmarks.corpus import sample
from engram_sync import Config, NewMemory, Node
from engram_sync.config import NetworkConfig, SyncConfig

BATCH = 4_096
WATCH_S = 0.01
"""How often the event loop is asked whether it is late."""
LOOPBACK = Config(
    network=NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False),
    sync=SyncConfig(backoff_min_s=0.01),
)
DIALING = Config(
    network=NetworkConfig(enabled=True, listen=(), mdns=False), sync=SyncConfig(backoff_min_s=0.01)
)


def offering(config: Config, compression: str) -> Config:
    """The same, offering that compression to peers."""
    return replace(config, network=replace(config.network, compression=compression))


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


def resident_mib() -> float:
    """Resident set of this process now, in MiB; 0 where nobody tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class _Watch:
    """How late the event loop ever was, and how much memory the process ever held meanwhile."""

    def __init__(self) -> None:
        self.late_s = 0.0
        self.resident = 0.0
        self.running = trio.CancelScope()

    async def run(self) -> None:
        with self.running:
            while True:
                due = trio.current_time() + WATCH_S
                await trio.sleep_until(due)
                self.late_s = max(self.late_s, trio.current_time() - due)
                self.resident = max(self.resident, resident_mib())


class _Commands:
    """What node A can be told."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._ids: list[str] = []
        self._nursery = nursery
        self._watch = _Watch()

    async def invite(self, node: Node, _: dict[str, Any]) -> dict[str, Any]:
        address = (await node.status()).listen[0]
        return {"token": await node.invite(), "address": address}

    async def watch_stalls(self, _: Node, __: dict[str, Any]) -> dict[str, Any]:
        self._watch = _Watch()
        self._nursery.start_soon(self._watch.run)
        return {}

    async def stalls(self, _: Node, __: dict[str, Any]) -> dict[str, Any]:
        self._watch.running.cancel()
        return {"ms_max": self._watch.late_s * 1e3, "resident_mib": self._watch.resident}

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


async def _serve(home: str, compression: str) -> None:
    config = offering(LOOPBACK, compression)
    async with (
        Node.open(home, config=config, services=(), label="a") as node,
        trio.open_nursery() as nursery,
    ):
        commands = _Commands(nursery)
        print(json.dumps({"ready": True}), flush=True)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            told = json.loads(line)
            command: Command = getattr(commands, told["do"])
            print(json.dumps(await command(node, told)), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(_serve, sys.argv[1], sys.argv[2])
