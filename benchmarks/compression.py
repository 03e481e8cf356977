"""What offering zstd saves on the wire, and what it costs: a cold sync with and without."""

import statistics
import time
from typing import Any

from benchmarks.pair import pair

Result = dict[str, Any]


async def _cold(count: int, compression: str) -> tuple[float, int]:
    """Seconds until B holds everything durably, and bytes that were carried."""
    async with pair(count, compression) as nodes:
        start = time.perf_counter()
        async with nodes.b() as (node, transport):
            core = node._core
            while sum(e.seq for e in core.scopes[core.facts.agent_scope].clock) < count:
                await core.wait_change()
            durable = time.perf_counter() - start
            return durable, transport.bytes_carried() or 0


async def compression(count: int, runs: int) -> Result:
    """One run of each after the other, so that both meet the same machine."""
    rows: list[Result] = []
    for _ in range(runs):
        plain_s, plain_bytes = await _cold(count, "none")
        packed_s, packed_bytes = await _cold(count, "zstd")
        rows.append(
            {
                "plain_s": plain_s,
                "packed_s": packed_s,
                "time_ratio": packed_s / plain_s,
                "plain_bytes_per_memory": plain_bytes / count,
                "packed_bytes_per_memory": packed_bytes / count,
                "bytes_ratio": packed_bytes / plain_bytes if plain_bytes else 0.0,
            }
        )
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}
