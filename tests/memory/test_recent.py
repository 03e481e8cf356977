"""What the writer remembers of engrams is what their rows say, and nothing that was erased."""

import random

import pytest

from engram_crdt import Dot, Element
from engram_sync.api import Engram
from engram_sync.api.arguments import MemoryUpdate
from engram_sync.ledger import Draft
from engram_sync.memory import state as states
from engram_sync.memory import write as writing
from engram_sync.memory.state import Snapshot
from engram_sync.memory.state.recent import Recent
from engram_sync.model.limits import RECENT_BYTES_MAX, RECENT_ENGRAMS_MAX
from engram_sync.store import EngramRow, Transaction
from tests.memory.desk import Desk, desks
from tests.memory.test_costs import steps_of


async def compared(desk: Desk) -> int:
    """How many engrams are remembered; each of them as a reader would read it."""

    def compare(tx: Transaction) -> int:
        recent, known = desk.materialiser.recent, 0
        for row in tx.engrams(limit=99, life=(0, 1, 2)):
            scope = tx.scopes()[0]
            known += recent.find(row) is not None
            read = states.load_state(Snapshot(tx, desk.logs), scope, row)
            assert states.load_state(Snapshot(tx, desk.logs), scope, row, recent) == read
        return known

    return await desk.store.submit(compare)


async def change(desk: Desk, e: Engram, choice: random.Random) -> None:
    tags = [f"tag {choice.randrange(20)}" for _ in range(choice.randrange(4))]
    match choice.randrange(6):
        case 0:
            await desk.update(e.id, add_tags=tags, content=f"{choice.random()}")
        case 1:
            await desk.update(e.id, remove_tags=tags, title=f"{choice.random()}")
        case 2:
            await desk.update(e.id, count={f"c{choice.randrange(4)}": 1})
        case 3:
            await desk.update(e.id, metadata={f"{choice.randrange(4)}": choice.random()})
        case 4:
            await desk.archive(e.id)
            await desk.restore(e.id)
        case _:
            await desk.forget(e.id)
            await desk.restore(e.id)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_remembered_is_what_the_rows_say_after_every_change(seed: int) -> None:
    choice = random.Random(seed)
    async with desks(2) as (ann, bob):
        memories = [await ann.remember(f"memory {n}", tags=("a",)) for n in range(3)]
        await bob.pull(ann)
        for _ in range(20):
            await change(ann, choice.choice(memories), choice)
            await compared(ann)
        # What arrives from somebody else is followed too.
        await bob.update(memories[0].id, add_tags=["of bob"])
        await ann.pull(bob)
        assert await compared(ann) == len(memories)
        assert "of bob" in (await ann.get(memories[0].id)).tags


async def test_a_change_reads_none_of_the_values_that_it_leaves_alone() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")

        def doubt(tx: Transaction, log: bytes) -> list[Draft]:
            seen = ann._seen(tx, e.id, None)
            return writing.update(Snapshot(tx, ann.logs), seen, MemoryUpdate(confidence=0.5), log)

        costs: list[int] = []
        for block in range(16):
            await ann.update(e.id, add_tags=[f"tag {block} {n}" for n in range(32)])
            costs.append(sum(await steps_of(ann, lambda: ann.write(doubt))))
        assert costs[-1] <= 1.2 * costs[1]


async def test_what_is_made_anew_or_rolled_back_is_not_remembered() -> None:
    class Stop(Exception):
        pass

    async with desks() as (ann,):
        e = await ann.update(await ann.remember("one"), content="two")
        await ann.update(e.id, content="three")
        row = (await ann.store.read(lambda r: r.engrams(limit=1)))[0]
        recent = ann.materialiser.recent
        assert recent.find(row) is not None
        await ann.store.submit(lambda tx: ann.materialiser.rebuild(tx, row.scope, [row.engram]))
        assert recent.find(row) is None
        await compared(ann)
        assert recent.find(row) is not None

        def refused(tx: Transaction) -> None:
            ann.materialiser.materialise_pending(tx, row.scope)
            raise Stop

        with pytest.raises(Stop):
            await ann.store.submit(refused)
        assert recent.find(row) is None


async def test_a_value_that_was_erased_is_not_remembered() -> None:
    async with desks() as (ann,):
        e = await ann.update(await ann.remember("one"), title="a secret")
        await ann.update(e.id, content="two")
        assert await compared(ann) == 1
        row = (await ann.store.read(lambda r: r.engrams(limit=1)))[0]
        title = next(
            (log, record.seq)
            for log, _, record in await ann.store.read(lambda r: r.live_records(row.n))
            if b"a secret" in (record.payload or b"")
        )

        def erase(tx: Transaction) -> None:
            tx.erase([title])
            ann.materialiser.refill(tx, row.scope, [title])

        await ann.store.submit(erase)
        assert ann.materialiser.recent.find(row) is None
        await compared(ann)
        assert (await ann.get(e)).title != "a secret"


def row_of(n: int) -> EngramRow:
    return EngramRow(n, 1, bytes(16), 1, 1, 2, 0, 0, 1, 1, 0, 0, digest=n.to_bytes(32, "big"))


def test_few_are_remembered_and_the_last_ones_longest() -> None:
    recent = Recent()
    element = Element("r/title", Dot(bytes(32), 0), 0, b"\x61x", bytes(32), 1)
    for n in range(RECENT_ENGRAMS_MAX + 1):
        recent.keep(row_of(n), [element], {})
        assert recent.find(row_of(0)) is not None or n == RECENT_ENGRAMS_MAX + 1
    assert recent.find(row_of(1)) is None
    recent.keep(row_of(99), [element._replace(value=bytes(RECENT_BYTES_MAX))], {})
    assert [n for n in range(100) if recent.find(row_of(n))] == []
