"""What one hostile peer with 64 connections costs a node and those who sync with it."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio

from benchmarks.pair import Pair, pair
from engram_sync import Node

Result = dict[str, Any]
MESSAGES = 300
BULK = 3_000


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@asynccontextmanager
async def _attack(address: str, token: str) -> AsyncGenerator[Result]:
    """The hostile peer; the result tells afterwards how often it dialled."""
    told: Result = {}
    with tempfile.TemporaryDirectory(prefix="engram-bench-") as home:
        process = _start([sys.executable, "-m", "benchmarks.attacker", address, home, token])
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not await trio.to_thread.run_sync(process.stdout.readline):
                raise RuntimeError("the hostile peer ended; see its messages above")
            yield told
            process.stdin.write("\n")
            process.stdin.flush()
            told.update(json.loads(await trio.to_thread.run_sync(process.stdout.readline)))
        finally:
            process.stdin.close()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(process.wait)
            process.stdout.close()


async def _sync_with(nodes: Pair, node: Node, offset: int) -> Result:
    """One-by-one and bulk transfer from A to B, and how long A's event loop was ever late."""
    core = node._core  # The moment at which records are durable is between two public results.

    def held() -> int:
        return sum(entry.seq for entry in core.scopes[core.facts.agent_scope].clock)

    async def until(count: int) -> float:
        while held() < count:
            await core.wait_change()
        return time.monotonic()

    await nodes.a.tell("watch_stalls")
    waits: list[float] = []
    for number in range(MESSAGES):
        want = held() + 1
        told = await nodes.a.tell("say", content=f"under attack {offset} {number}")
        waits.append((await until(want) - told["began"]) * 1e3)
    waits.sort()
    want = held() + BULK
    start = time.monotonic()
    await nodes.a.tell("fill", count=BULK)
    bulk = await until(want) - start
    stalls = await nodes.a.tell("stalls")
    return {
        "live_ms_p50": waits[len(waits) // 2],
        "live_ms_p99": waits[len(waits) * 99 // 100],
        "bulk_s": bulk,
        "stall_ms_max": stalls["ms_max"],
        "resident_mib": stalls["resident_mib"],
    }


async def hostile(count: int, runs: int) -> Result:
    """The same work in peace and under attack, in one run; ``count`` memories are there before."""
    rows: list[Result] = []
    for _ in range(runs):
        async with pair(count) as nodes, nodes.b() as (node, _):
            await node.sync()
            calm = await _sync_with(nodes, node, 0)
            told = await nodes.a.tell("invite")
            async with _attack(told["address"], told["token"]) as attack:
                under = await _sync_with(nodes, node, 1)
            rows.append(
                {
                    "calm_live_ms_p50": calm["live_ms_p50"],
                    "calm_live_ms_p99": calm["live_ms_p99"],
                    "live_ms_p50": under["live_ms_p50"],
                    "live_ms_p99": under["live_ms_p99"],
                    "live_ratio": under["live_ms_p50"] / calm["live_ms_p50"],
                    "bulk_ratio": under["bulk_s"] / calm["bulk_s"],
                    "calm_stall_ms_max": calm["stall_ms_max"],
                    "stall_ms_max": under["stall_ms_max"],
                    "resident_growth_mib": under["resident_mib"] - calm["resident_mib"],
                    "dialled": attack["dialled"],
                }
            )
    return {key: sorted(row[key] for row in rows)[len(rows) // 2] for key in rows[0]}
