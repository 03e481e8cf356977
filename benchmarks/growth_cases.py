"""The curves of ``python -m benchmarks growth``: what is held more and more, and what is paid."""

import gc
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

from nacl.bindings import crypto_sign_seed_keypair

from benchmarks.growth import Curve, typical_cpu
from benchmarks.growth_memories import (
    counters,
    counts,
    received,
    siblings,
    tags,
    text_depth,
    text_edits,
    versions,
)
from benchmarks.growth_subjects import (
    TOGETHER,
    Subject,
    alone,
    anew,
    draft,
    grown,
    open_cluster,
    two,
)
from engram_sync import Node
from engram_sync.api import Engram
from engram_sync.api.arguments import NewMemory
from engram_sync.ledger import Draft
from engram_sync.membership import Admission, MemberRole, admit_draft
from engram_sync.testing import Cluster, converged
from engram_wire import LogDomain
from tests.hostile._forge import logs_of, new_engram

# -- one node --------------------------------------------------------------------------------------


async def _reboot(cluster: Cluster, times: int) -> None:
    """Let host a lose its witness and open again, so often; each time it begins a new log."""
    home = cluster.home("a")
    for number in range(times):
        home.witnesses.clear()
        async with cluster.open("a", online=False) as node:
            await node.remember(f"memory {number} of its boot")


async def _incarnations(sizes: Sequence[int]) -> list[float]:
    """Two nodes take turns, so that each record has seen the other's newest."""
    costs, held = list[float](), 0
    async with open_cluster() as cluster:
        async with cluster.nodes() as (a, b):
            await converged(a, b)
        for size in sizes:
            await _reboot(cluster, size - held)
            held = size
            async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
                await converged(a, b)
                costs.append(await typical_cpu(partial(_turns, a, b, 3)))
    return costs


async def _turns(a: Node, b: Node, times: int) -> None:
    for number in range(times):
        await a.remember(f"said {number}")
        await converged(a, b)
        await b.remember(f"answered {number}")
        await converged(a, b)


async def _openings(sizes: Sequence[int]) -> list[float]:
    costs, held = list[float](), 0
    async with open_cluster() as cluster:
        for size in sizes:
            await _reboot(cluster, size - held)
            held = size

            async def reopen() -> None:
                async with cluster.open("a", online=False) as node:
                    await node.identity()

            costs.append(await typical_cpu(reopen, 5))
    return costs


@asynccontextmanager
async def _dependencies() -> AsyncGenerator[Subject]:
    async with two() as (a, b):
        await converged(a, b)

        async def grow(times: int) -> None:
            await _turns(a, b, times)

        yield Subject(grow, lambda: grow(3))


@asynccontextmanager
async def _erasures() -> AsyncGenerator[Subject]:
    async with two() as (a, b):
        await converged(a, b)

        async def erase(times: int) -> None:
            for name in await a.remember_many([NewMemory(f"secret {n}") for n in range(times)]):
                await a.forget(name, erase=True)
            await converged(a, b)

        async def receive() -> None:
            for number in range(5):
                await b.remember(f"received {number}")
                await converged(a, b)

        yield Subject(erase, receive)


# -- one agent -------------------------------------------------------------------------------------


@asynccontextmanager
async def _member_records() -> AsyncGenerator[tuple[Node, Callable[[int], Awaitable[None]]]]:
    async with alone() as node:
        scope, numbers = node._core.facts.agent_scope, count(1)

        async def admit(times: int) -> None:
            drafts: list[Draft] = []
            for _ in range(times):
                key, _ = crypto_sign_seed_keypair(next(numbers).to_bytes(32))
                drafts.append(admit_draft(Admission(key, MemberRole.MEMBER, scope), "member"))
            for start in range(0, times, TOGETHER):
                some = drafts[start : start + TOGETHER]
                await draft(node, *some, domain=LogDomain.MEMBERS)

        yield node, admit


@asynccontextmanager
async def _admissions() -> AsyncGenerator[Subject]:
    async with _member_records() as (_, admit):
        yield Subject(admit, lambda: admit(1))


@asynccontextmanager
async def _members() -> AsyncGenerator[Subject]:
    async with _member_records() as (node, admit):
        yield Subject(admit, lambda: _remembered(node, 5))


@asynccontextmanager
async def _logs() -> AsyncGenerator[Subject]:
    """Logs of another node that nobody sealed, as those of many members are."""
    async with two() as (a, b):
        await converged(a, b)
        await b.go_offline()
        core, log, puts = a._core, logs_of(b, a), [("r/content", "theirs")]

        async def grow(times: int) -> None:
            for start in range(0, times, TOGETHER):
                some = range(min(TOGETHER, times - start))
                arrivals = [log().add(new_engram(), puts).arrival() for _ in some]
                await core.write(partial(core.path.ingest, arrivals=arrivals))

        yield Subject(grow, lambda: _remembered(a, 1))


async def _remembered(node: Node, times: int) -> None:
    for number in range(times):
        await node.remember(f"memory {number}")


async def _forks(size: int) -> float:
    """A log continued in two ways, with ``size`` updates of one memory before and on each side."""
    async with open_cluster() as cluster:
        async with cluster.nodes() as (a, b):
            memory = await a.remember("start")
            await _updated(a, memory, size)
            await converged(a, b)
        cluster.clone("twin", of="a", with_witness=True)
        async with cluster.open("twin", online=False) as twin:
            await _updated(twin, memory, size)
        async with cluster.open("a", peers=["b"]) as a, cluster.open("b") as b:
            await _updated(a, memory, size)
            await converged(a, b)
            gc.collect()
            start = time.process_time()
            async with cluster.open("twin", peers=["b"]) as twin:
                await converged(a, b, twin)
                return time.process_time() - start


async def _updated(node: Node, memory: Engram, times: int) -> None:
    for number in range(times):
        await node.update(memory.id, content=f"version {number}")


async def _catch_up(size: int) -> float:
    """A newcomer takes one memory in which two nodes counted in turns."""
    async with open_cluster() as cluster, cluster.nodes() as (a, b):
        memory = await a.remember("tokens used", counters={"used": 0})
        await converged(a, b)
        for _ in range(size // 2):
            for node in (a, b):
                await node.update(memory.id, count={"used": 1})
                await converged(a, b)
        async with cluster.open("c") as c:
            await c.join(await a.invite())
            gc.collect()
            start = time.process_time()
            await converged(a, b, c)
            return time.process_time() - start


@asynccontextmanager
async def _scopes() -> AsyncGenerator[Subject]:
    """One node that belongs to the agents of many others, one after the other."""
    async with open_cluster() as cluster, cluster.open("a") as node:
        numbers = count()

        async def join(times: int) -> None:
            for _ in range(times):
                async with cluster.open(f"founder-{next(numbers)}") as founder:
                    await node.join(await founder.invite())

        yield Subject(join, lambda: _remembered(node, 5))


CURVES: dict[str, Curve] = {
    "versions": Curve("updates of one memory", "one more", 100, 10_000, grown(versions)),
    "received": Curve("updates of one memory", "five more, received", 100, 600, grown(received)),
    "counts": Curve("counts of one counter", "one more", 100, 1_000, grown(counts)),
    "catch-up": Curve("counts in turns", "one, as a newcomer", 40, 240, anew(_catch_up)),
    "counters": Curve("counters of one memory", "one more", 64, 1_024, grown(counters)),
    "tags": Curve("tags of one memory", "one more", 64, 1_024, grown(tags)),
    "siblings": Curve("siblings of one field", "one more", 64, 1_024, grown(siblings)),
    "text-edits": Curve("edits of one text", "one more", 100, 1_500, grown(text_edits)),
    "text-depth": Curve("units nested in a text", "eight more", 2_000, 16_000, grown(text_depth)),
    "incarnations": Curve("sealed logs", "three turns", 10, 120, _incarnations),
    "openings": Curve("sealed logs", "opening", 1, 2_000, _openings),
    "logs": Curve("logs that go on", "one memory", 100, 2_000, grown(_logs)),
    "dependencies": Curve("turns of two nodes", "three more", 20, 300, grown(_dependencies)),
    "erasures": Curve("erased memories", "five received", 20, 320, grown(_erasures)),
    "admissions": Curve("members", "one more", 50, 800, grown(_admissions)),
    "members": Curve("members", "five memories", 50, 800, grown(_members)),
    "forks": Curve("updates around a fork", "joining, per update", 25, 150, anew(_forks)),
    "scopes": Curve("agents joined", "five memories", 4, 40, grown(_scopes)),
}
