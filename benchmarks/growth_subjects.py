"""What grows in ``benchmarks.growth``: nodes under virtual time, alone or in twos."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from benchmarks.growth import Measure, Step, typical_cpu
from engram_sync import Node
from engram_sync.ledger import Draft
from engram_sync.testing import Cluster
from engram_wire import LogDomain

TOGETHER = 64
"""Of what is only there to be held, this many are made at once where that is possible."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that grows."""

    grow: Callable[[int], Awaitable[object]]
    """Add so many."""
    step: Step
    """The operation that is measured; it may add one more."""


@asynccontextmanager
async def open_cluster() -> AsyncGenerator[Cluster]:
    with Cluster(1) as cluster:
        yield cluster


@asynccontextmanager
async def alone() -> AsyncGenerator[Node]:
    async with open_cluster() as cluster, cluster.open("a", online=False) as node:
        yield node


@asynccontextmanager
async def two() -> AsyncGenerator[tuple[Node, Node]]:
    async with open_cluster() as cluster, cluster.nodes() as (a, b):
        yield a, b


def grown(subject: Callable[[], AbstractAsyncContextManager[Subject]]) -> Measure:
    """Measure one subject at one size after the other."""

    async def measure(sizes: Sequence[int]) -> list[float]:
        costs, held = list[float](), 0
        async with subject() as growing:
            for size in sizes:
                await growing.grow(size - held)
                costs.append(await typical_cpu(growing.step))
                held = size
        return costs

    return measure


def anew(cost: Callable[[int], Awaitable[float]]) -> Measure:
    """Measure a world of its own for each size: what one of so many costs on average."""

    async def measure(sizes: Sequence[int]) -> list[float]:
        return [await cost(size) / size for size in sizes]

    return measure


def repeated(step: Step) -> Callable[[int], Awaitable[None]]:
    async def grow(times: int) -> None:
        for _ in range(times):
            await step()

    return grow


async def draft(node: Node, *drafts: Draft, domain: int = LogDomain.DATA) -> None:
    """Author records that no call of ``Node`` makes in one go."""
    path, scope = node._core.path, node._core.facts.agent_scope
    await node._core.write(lambda tx: path.write(tx, scope, list(drafts), domain))
