"""Claims about cost, in steps of the database: a change costs what it changes."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import apsw
import pytest

from engram_sync.api import Engram, Insert
from engram_sync.memory.state import RULES, rules_name
from engram_sync.store import Transaction
from tests.memory.desk import Desk, desks

Act = Callable[[Desk, Engram, int], Awaitable[object]]


async def steps_of(desk: Desk, act: Callable[[], Awaitable[object]]) -> list[int]:
    """Of each statement that commits run while something is done, the steps that it takes in the
    virtual machine.
    """
    counted: list[int] = []

    def ended(event: dict[str, Any]) -> None:
        counted.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    connection = cast(Any, desk.store)._committer._connection
    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, ended)
    await act()
    connection.trace_v2(0, None)
    return counted


def write(desk: Desk, e: Engram, n: int) -> Awaitable[object]:
    return desk.update(e.id, content=f"version {n}")


def count(desk: Desk, e: Engram, _n: int) -> Awaitable[object]:
    return desk.update(e.id, count={"used": 1})


def doubt(desk: Desk, e: Engram, n: int) -> Awaitable[object]:
    return desk.update(e.id, confidence=n / 1000)


@pytest.mark.slow
@pytest.mark.parametrize("act", [write, count, doubt])
async def test_the_hundredth_change_costs_what_the_tenth_does(act: Act) -> None:
    async with desks() as (ann,):
        e = await ann.remember("one", counters={"used": 0})
        costs = [sum(await steps_of(ann, partial(act, ann, e, n))) for n in range(100)]
        assert max(costs[90:]) <= 1.2 * max(costs[10:20])


async def test_to_remove_sixty_values_takes_as_many_statements_as_to_remove_four() -> None:
    async def removed(desk: Desk, e: Engram, numbers: range) -> int:
        gone = [f"tag {n}" for n in numbers]
        statements = len(await steps_of(desk, lambda: desk.update(e.id, remove_tags=gone)))
        assert not set(gone) & set((await desk.get(e.id)).tags)
        return statements

    async with desks() as (ann,):
        e = await ann.remember("one")
        for block in range(0, 128, 32):
            await ann.update(e.id, add_tags=[f"tag {n}" for n in range(block, block + 32)])
        await removed(ann, e, range(0, 128, 32))
        few = await removed(ann, e, range(1, 128, 32))
        assert await removed(ann, e, range(3, 128, 2)) <= few


async def erased(desk: Desk, e: Engram, first: int = -1) -> list[int]:
    """What each statement takes that erases the records of a memory from one on: the last one."""

    def job(tx: Transaction) -> None:
        tx.erase(places)
        desk.materialiser.refill(tx, 1, places)

    engram = bytes.fromhex(e.id.replace("-", ""))
    stream = await desk.store.read(lambda reader: list(reader.stream_of(1, engram)))
    places = [(log, record.seq) for log, record in stream][first:]
    return await steps_of(desk, lambda: desk.store.submit(job))


async def test_to_erase_a_record_more_takes_one_statement_more_or_two() -> None:
    async with desks() as (ann,):
        few, many = await ann.remember("one"), await ann.remember("two")
        for number in range(28):
            await ann.update(many.id, title=f"{number}")
            if number < 4:
                await ann.update(few.id, title=f"{number}")
        all_of_many, all_of_few = await erased(ann, many, 0), await erased(ann, few, 0)
        assert len(all_of_many) <= len(all_of_few) + 2 * 24
        assert await ann.second_opinion() == []


async def test_to_erase_one_value_takes_as_much_beside_three_hundred_others() -> None:
    """Somebody may crowd a memory, and then erase one value after the other."""

    async with desks() as (ann,):
        few, many = await ann.remember("one"), await ann.remember("two")
        for number in range(300):
            await ann.update(many.id, add_tags=[f"tag {number}"])
            if number < 3:
                await ann.update(few.id, add_tags=[f"tag {number}"])
        assert sum(await erased(ann, many)) <= 1.5 * sum(await erased(ann, few))
        assert await ann.second_opinion() == []


async def test_to_erase_an_edit_of_a_text_reads_no_other_edit_again() -> None:
    """Nor does a payload that comes late: a member may send one after the other."""

    async with desks() as (ann,):
        few = await ann.remember("text", collaborative=True)
        many = await ann.remember("text", collaborative=True)
        for number in range(100):
            await ann.update(many.id, edits=[Insert(0, f"{number} ")])
            if number < 3:
                await ann.update(few.id, edits=[Insert(0, f"{number} ")])
        assert sum(await erased(ann, many)) <= 1.5 * sum(await erased(ann, few))
        assert (await ann.get(many.id)).content.startswith("98 97 ")
        assert await ann.second_opinion() == []


@pytest.mark.slow
async def test_a_received_record_costs_the_same_beside_a_thousand_tags() -> None:
    async with desks(2) as (ann, bob):
        plain, tagged = await ann.remember("one"), await ann.remember("two")
        for block in range(20):
            await ann.update(plain.id, title=f"{block}")
            await ann.update(tagged.id, add_tags=[f"{block} {n}" for n in range(50)])
        await bob.pull(ann)
        await ann.update(plain.id, title="last")
        few = sum(await steps_of(bob, lambda: bob.pull(ann)))
        await ann.update(tagged.id, title="last")
        many = sum(await steps_of(bob, lambda: bob.pull(ann)))
        assert many <= 1.2 * few
        assert len((await bob.get(tagged.id)).tags) == 1000


async def test_a_store_that_other_rules_made_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(tx: Transaction) -> bool:
        return desk.materialiser.begin(tx)

    async with desks() as (desk,):
        assert not await desk.store.submit(begin)
        e = await desk.update(await desk.remember("one", tags=("a",)), content="two")
        gone = await desk.remember("three")
        await desk.forget(gone)
        assert not await desk.store.submit(begin)
        before, shown = await desk.counts(), await desk.get(e.id)
        monkeypatch.setattr("engram_sync.memory.state.changes.RULES", RULES + 1)
        assert await desk.store.submit(begin)
        assert await desk.store.read(lambda reader: reader.engrams(limit=9)) == []
        await desk.materialise_pending()
        assert await desk.counts() == before
        assert (await desk.get(e.id)).content == shown.content
        assert await desk.second_opinion() == []
        assert rules_name().startswith((RULES + 1).to_bytes(4, "big"))
