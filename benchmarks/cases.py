"""What is measured, each case through ``Node`` between two processes, durable and verified."""

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from benchmarks.compression import compression
from benchmarks.floor import commit_ms, commits_per_second, floor_rate, floor_run, search_ms
from benchmarks.hostile import hostile
from benchmarks.model import model
from benchmarks.pair import pair
from benchmarks.peer import fill, memory, peak_mib
from engram_sync import Node
from engram_sync.node.core import Core
from engram_sync.sync import Accord

Result = dict[str, Any]
LIVE_MESSAGES = 200
UPDATE_ROUNDS = 5
RECONNECTS = 11
WRITES = 2_000


def _core(node: Node) -> Core:
    return node._core  # Measuring needs the moment between two public results.


def _records_held(core: Core) -> int:
    return sum(entry.seq for entry in core.scopes[core.facts.agent_scope].clock)


async def _until(core: Core, condition: Callable[[], bool]) -> float:
    while not condition():
        await core.wait_change()
    return time.perf_counter()


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def cold_sync(count: int, runs: int) -> Result:
    """An empty node receives everything; durable, then until every memory can be recalled.

    Each run is paired with runs of the floor in the same minute; ratios are taken pair by pair.
    """
    rows: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="engram-floor-") as scratch:
        for _ in range(runs):
            async with pair(count) as nodes:
                row = await _cold_sync_once(nodes, count)
                row["peak_a_mib"] = (await nodes.a.tell("peak"))["mib"]
            nothing: set[str] = set()
            floor = await trio.to_thread.run_sync(floor_rate, count, nothing, Path(scratch))
            ready = await trio.to_thread.run_sync(
                floor_rate, count, {"documents", "index"}, Path(scratch)
            )
            row |= {"floor_per_s": floor, "floor_recallable_per_s": ready}
            row["ratio_durable"] = row["durable_per_s"] / floor
            row["ratio_recallable"] = row["recallable_per_s"] / ready
            rows.append(row)
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]} | {"runs": runs}


async def _cold_sync_once(nodes: Any, count: int) -> Result:
    start = time.perf_counter()
    async with nodes.b() as (node, transport):
        core = _core(node)
        durable = await _until(core, lambda: _records_held(core) >= count)
        result = await node.sync()
        recallable = time.perf_counter()
        if result.state != "clean" or not await node.recall("timezone lisbon"):
            raise RuntimeError(f"the cold sync did not end clean: {result}")
        carried = transport.bytes_carried()
    return {
        "durable_per_s": count / (durable - start),
        "recallable_per_s": count / (recallable - start),
        "wire_bytes_per_engram": carried / count if carried is not None else 0.0,
        "peak_b_mib": peak_mib(),
    }


async def incremental(count: int, runs: int) -> Result:
    """One field of 1 % of the memories changes while B is away; B reconnects and catches up."""
    async with pair(count) as nodes:
        async with nodes.b() as (node, _):
            await node.sync()
        rows = [await _catch_up(nodes, round_) for round_ in range(max(runs, UPDATE_ROUNDS))]
    result = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    floor = await _floor_ms(round(result["changes"]), runs)
    return result | {
        "floor_ms": floor,
        "ratio_durable": floor / result["durable_ms"],
        "ratio_recallable": floor / result["recallable_ms"],
    }


async def _floor_ms(count: int, runs: int) -> float:
    """Milliseconds the floor takes to connect, agree on keys and fetch ``count`` documents."""

    def measure() -> float:
        nothing: set[str] = set()
        with tempfile.TemporaryDirectory(prefix="engram-floor-") as scratch:
            rows = [floor_run(count, nothing, Path(scratch)) for _ in range(runs)]
        return statistics.median(row["seconds"] for row in rows) * 1e3

    return await trio.to_thread.run_sync(measure)


async def _catch_up(nodes: Any, round_: int) -> Result:
    told = await nodes.a.tell("update", offset=round_ % 100, value=0.25 + round_ / 1000)
    start = time.perf_counter()
    async with nodes.b() as (node, transport):
        core = _core(node)
        want = _records_held(core) + told["count"]
        durable = await _until(core, lambda: _records_held(core) >= want)
        await node.sync()
        recallable = time.perf_counter()
        carried = transport.bytes_carried() or 0
    return {
        "changes": told["count"],
        "durable_ms": (durable - start) * 1e3,
        "recallable_ms": (recallable - start) * 1e3,
        "bytes": carried,
        "bytes_per_change": carried / told["count"],
    }


async def resync(count: int, runs: int) -> Result:
    """Nothing changed: connect, prove, compare, agree."""
    rows: list[Result] = []
    async with pair(count) as nodes:
        async with nodes.b() as (node, _):
            await node.sync()
        for _ in range(max(runs, RECONNECTS)):
            async with nodes.b() as (node, transport):
                core = _core(node)
                start = time.perf_counter()
                end = await _until(core, lambda: _agreed(node))
                carried = transport.bytes_carried() or 0
                rows.append({"ms": (end - start) * 1e3, "bytes": carried})
    result = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    floor = await _floor_ms(0, max(runs, 3))
    return result | {"floor_ms": floor, "ratio": floor / result["ms"]}


def _agreed(node: Node) -> bool:
    connections = node._controller.network.connections.values()
    return any(connection.exchange.accord() is Accord.SYNCED for connection in connections)


async def live(count: int, runs: int) -> Result:
    """One memory at a time from ``remember`` on A until it is durable on B."""
    waits: list[float] = []
    async with pair(count) as nodes, nodes.b() as (node, _):
        core = _core(node)
        await node.sync()
        for number in range(LIVE_MESSAGES * runs):
            want = _records_held(core) + 1
            arrived: list[float] = []

            async def watch(want: int = want, arrived: list[float] = arrived) -> None:
                await _until(core, lambda: _records_held(core) >= want)
                arrived.append(time.monotonic())

            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch)
                told = await nodes.a.tell("say", content=f"live memory {number}")
            waits.append((arrived[0] - told["began"]) * 1e3)
    with tempfile.TemporaryDirectory(prefix="engram-floor-") as scratch:
        # A push is durable twice, at its author and at its reader, one after the other.
        floor = 2 * commit_ms(Path(scratch))
    half = _percentile(waits, 0.5)
    return {
        "messages": len(waits),
        "durable_ms_p50": half,
        "durable_ms_p99": _percentile(waits, 0.99),
        "floor_ms": floor,
        "ratio": floor / half,
    }


async def write(count: int, runs: int) -> Result:
    """Local writes: one by one, by several tasks at once, and in bulk."""
    result: Result = {"runs": runs}
    with tempfile.TemporaryDirectory(prefix="engram-bench-") as scratch:
        async with Node.open(Path(scratch) / "n", services=(), label="n") as node:
            for writers in (1, 8, 64):
                start = time.perf_counter()
                async with trio.open_nursery() as nursery:
                    for writer in range(writers):
                        nursery.start_soon(_write_some, node, writer, WRITES // writers)
                rate = WRITES // writers * writers / (time.perf_counter() - start)
                result[f"remember_per_s_{writers}_writers"] = rate
            start = time.perf_counter()
            await fill(node, count)
            result["remember_many_per_s"] = count / (time.perf_counter() - start)
        floor = commits_per_second(WRITES, Path(scratch))
    return result | {"floor_per_s": floor, "ratio": result["remember_per_s_1_writers"] / floor}


async def _write_some(node: Node, writer: int, count: int) -> None:
    for index in range(count):
        await node.remember(memory(index).content, title=f"{writer}-{index}")


async def recall(count: int, runs: int) -> Result:
    """Questions of four words against ``count`` memories of the benchmark vocabulary."""
    waits: list[float] = []
    with tempfile.TemporaryDirectory(prefix="engram-bench-") as scratch:
        async with Node.open(Path(scratch) / "n", services=(), label="n") as node:
            await fill(node, count)
            await node.recall("timezone lisbon")
            for index in range(50 * runs):
                start = time.perf_counter()
                await node.recall(_question(index))
                waits.append((time.perf_counter() - start) * 1e3)
        questions = [_question(index) for index in range(20)]
        floor = search_ms(count, questions, Path(scratch))
    half = _percentile(waits, 0.5)
    return {
        "ms_p50": half,
        "ms_p99": _percentile(waits, 0.99),
        "floor_ms": floor,
        "ratio": floor / half,
    }


def _question(index: int) -> str:
    return " ".join(memory(index).content.split()[:4])


CASES: dict[str, Callable[[int, int], Awaitable[Result]]] = {
    "cold-sync": cold_sync,
    "incremental": incremental,
    "resync": resync,
    "live": live,
    "write": write,
    "recall": recall,
    "compression": compression,
    "hostile": hostile,
    "model": model,
}
