"""Curves of one memory that is changed again and again."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from uuid import UUID

from benchmarks.growth_subjects import TOGETHER, Subject, alone, draft, repeated, two
from engram_crdt import Change, Dot, EngramDocument, TextEdit, TextInsert
from engram_sync.ledger import Draft
from engram_sync.testing import converged
from engram_wire import RecordKind, cbor


@asynccontextmanager
async def versions() -> AsyncGenerator[Subject]:
    async with alone() as node:
        memory, numbers = await node.remember("version"), count()

        async def update() -> None:
            await node.update(memory.id, content=f"version {next(numbers)}")

        yield Subject(repeated(update), update)


@asynccontextmanager
async def received() -> AsyncGenerator[Subject]:
    async with two() as (a, b):
        memory, numbers = await a.remember("version"), count()
        await converged(a, b)

        async def update() -> None:
            await a.update(memory.id, content=f"version {next(numbers)}")

        async def shared() -> None:
            for _ in range(5):
                await update()
            await converged(a, b)

        async def grow(times: int) -> None:
            await repeated(update)(times)
            await converged(a, b)

        yield Subject(grow, shared)


@asynccontextmanager
async def counts() -> AsyncGenerator[Subject]:
    async with alone() as node:
        memory = await node.remember("tokens used", counters={"used": 0})

        async def add() -> None:
            await node.update(memory.id, count={"used": 1})

        yield Subject(repeated(add), add)


@asynccontextmanager
async def counters() -> AsyncGenerator[Subject]:
    async with alone() as node:
        memory, numbers = await node.remember("many counters"), count()

        async def grow(times: int) -> None:
            for start in range(0, times, TOGETHER):
                some = range(min(TOGETHER, times - start))
                await node.update(memory.id, count={f"c{next(numbers)}": 1 for _ in some})

        yield Subject(grow, lambda: grow(1))


@asynccontextmanager
async def tags() -> AsyncGenerator[Subject]:
    async with alone() as node:
        memory, numbers = await node.remember("many tags"), count()

        async def grow(times: int) -> None:
            for start in range(0, times, TOGETHER):
                some = range(min(TOGETHER, times - start))
                await node.update(memory.id, add_tags=[f"tag {next(numbers)}" for _ in some])

        yield Subject(grow, lambda: grow(1))


@asynccontextmanager
async def siblings() -> AsyncGenerator[Subject]:
    async with alone() as node:
        memory, numbers = await node.remember("said"), count()

        async def grow(times: int) -> None:
            for start in range(0, times, TOGETHER):
                some = range(min(TOGETHER, times - start))
                puts = tuple(("r/content", cbor.encode(f"or {next(numbers)}")) for _ in some)
                await draft(node, Draft(RecordKind.UPDATE, UUID(memory.id).bytes, puts))

        yield Subject(grow, lambda: grow(1))


@asynccontextmanager
async def text_edits() -> AsyncGenerator[Subject]:
    async with alone() as node:
        memory = await node.remember("text", collaborative=True)

        async def insert() -> None:
            await node.update(memory.id, edits=[("insert", 2, "x")])

        yield Subject(repeated(insert), insert)


@asynccontextmanager
async def text_depth() -> AsyncGenerator[Subject]:
    """Every unit hangs before the one written last; an edit names the first and the last."""
    document = EngramDocument(bytes(16))
    log, seqs = bytes(32), count(1)
    units = 0

    def apply(puts: tuple[tuple[str, bytes], ...], inserts: Sequence[TextInsert] = ()) -> None:
        seq = next(seqs)
        edit = TextEdit(Dot(log, 0), tuple(inserts), ()) if inserts else None
        document.apply(Change(log, seq, (1 << 40) + seq, puts, bytes(32), (), (), edit))

    apply((("r/body", cbor.encode("")),))
    units = 1

    async def grow(times: int) -> None:
        nonlocal units
        end = units + times
        while units < end:
            inserts: list[TextInsert] = []
            for _ in range(min(TOGETHER, end - units)):
                right = Dot(log, units - 1) if units > 1 else None
                inserts.append(TextInsert(None, right, 1, "x"))
                units += 1
            apply((), inserts)

    async def far() -> None:
        nonlocal units
        deep = Dot(log, units - 1)
        apply((), [TextInsert(Dot(log, 1), deep, 1, "y") for _ in range(8)])
        units += 8

    yield Subject(grow, far)
