"""A memory that a member crowds as far as the rules allow is still its owner's.

600 values beside each other, over 640 logs: more than one record may replace, one delete or erase
may name, and one answer may hold.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

import msgspec
import pytest
from trio.testing import MockClock

from engram_sync.api import Conflict, Engram, Page
from engram_sync.node import Node
from engram_sync.node.writing.write_path import Arrival
from engram_sync.testing import Cluster, converged
from engram_wire import SUPERSEDED_MAX
from tests.hostile._forge import logs_of

T = TypeVar("T")
LOGS, SIBLINGS = 640, 600
TEXT = "x" * 20_000
ANSWER_BYTES_MAX = 8 << 20
AT_ONCE = 20

pytestmark = pytest.mark.slow


async def crowd(owner: Node, member: Node, ref: str) -> None:
    """Let a member write to a memory in as many logs as it likes, as if it had sent them."""
    core, log = owner._core, logs_of(member, owner)
    for first in range(0, LOGS, AT_ONCE):
        arrivals = list[Arrival]()
        for number in range(first, first + AT_ONCE):
            put = (
                ("r/content", f"{number} {TEXT}") if number < SIBLINGS else ("s/tags", f"{number}")
            )
            arrivals.append(log().add(UUID(ref).bytes, [put]).arrival())
        taken = await core.write(partial(core.path.ingest, arrivals=arrivals))
        assert taken.error is None
        assert sum(one.new_records for one in taken.taken) == AT_ONCE


async def bounded(answer: Awaitable[Page[T]]) -> Page[T]:
    page = await answer
    assert len(msgspec.json.encode(page)) <= ANSWER_BYTES_MAX
    return page


async def pages(ask: Callable[[str | None], Awaitable[Page[T]]]) -> list[T]:
    """Everything, an answer of bounded size at a time."""
    found = await bounded(ask(None))
    everything = [*found]
    while found.next is not None:
        found = await bounded(ask(found.next))
        everything += found
    return everything


async def page_of_conflicts(node: Node, after: str | None) -> Page[Conflict]:
    return await node.conflicts(after=after)


async def settled(node: Node, crowded: Engram) -> None:
    entries = await pages(lambda after: node.history(crowded.id, after=after))
    assert len(entries) == LOGS + 1
    shown = await node.update(crowded, content="settled", remove_tags=crowded.tags)
    assert (shown.content, shown.siblings, shown.tags) == ("settled", (), ())
    assert await node.conflicts() == []


async def forgotten(node: Node, crowded: Engram, *, erase: bool) -> None:
    shown = await node.forget(crowded, erase=erase)
    assert (shown.life, shown.erased) == ("deleted", erase)
    assert await node.conflicts() == []
    assert await node.list() == []
    if erase:
        sql = f"SELECT count(*) FROM rec WHERE instr(payload, cast('{TEXT}' AS blob))"
        held = await node._core.read(lambda reader: reader._sql.one(sql)[0])  # type: ignore[attr-defined]  # looks into the file
        assert held == 0
    else:
        assert (await node.restore(crowded.id)).life == "active"


async def test_the_owner_of_a_crowded_memory_reads_settles_forgets_and_erases_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await converged(a, b)
        e = await a.remember("the owner's")
        await b.go_offline()
        await crowd(a, b, e.id)
        assert SIBLINGS > SUPERSEDED_MAX
    acts: dict[str, Callable[[Node, Engram], Awaitable[None]]] = {
        "settled": settled,
        "forgotten": partial(forgotten, erase=False),
        "erased": partial(forgotten, erase=True),
    }
    for name, act in acts.items():
        cluster.clone(name, of="a")
        async with cluster.open(name, online=False) as node:
            shown = await node.get(e.id)
            assert len(msgspec.json.encode(shown)) <= ANSWER_BYTES_MAX
            assert len(shown.siblings) + shown.left_out["siblings"] == SIBLINGS + 1
            assert len(shown.version) < 100
            assert len(await pages(partial(page_of_conflicts, node))) == 1
            await act(node, shown)
