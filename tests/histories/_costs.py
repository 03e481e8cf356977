"""What an operation costs must not depend on how much was written before.

Each case grows a few homes in one respect and counts the work of the next operation at a small and
at a large size.  Where the operation takes in many records at once, the work of each counts.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import nacl.bindings
import trio

from engram_sync.api import Insert
from engram_sync.api.arguments import MemoryUpdate, NewMemory
from engram_sync.ledger import Draft
from engram_sync.membership import Admission, MemberRole, admit_draft
from engram_sync.memory.read import observe
from engram_sync.memory.state import Snapshot
from engram_sync.memory.write import created, forget, update
from engram_sync.node.single_error import single_error
from engram_sync.node.writing.erasing import erasing
from engram_sync.store import RunRow, Transaction
from engram_wire import LogDomain, RecordKind
from engram_wire.cbor import encode
from tests.oracle import Disagreement

from ._home import Home, Parcel
from ._meter import Meter, Work
from ._twins import TwinVillage, TwinWorld

ENGRAM = bytes(15) + b"\x01"
SMALL, LARGE = 24, 120
GROWTH_MAX = 1.2
"""How many times as much an operation may cost with five times as much held: what an index and the
sizes of a few numbers take."""
TOGETHER = 64
"""Operations of which some cost more than others."""
ALLOWED = Work(rows=200, calls=150, bytes=20_000)
"""Differences below this mean nothing."""


@dataclass
class Case:
    """A few homes that grow in one respect.

    Args:
        village: Two homes that hold the same scope.
        meter: Counts.
        luck: Draws what does not matter.
    """

    village: TwinVillage
    meter: Meter
    luck: random.Random
    written: int = 0
    homes: list[Home] = field(default_factory=list[Home])

    @property
    def scope(self) -> bytes:
        """The scope of all homes."""
        return self.village.world.scope

    def word(self) -> str:
        """A word that was not written before."""
        self.written += 1
        return f"w{self.written} {self.luck.random()}"

    # -- writing -----------------------------------------------------------------------------

    async def put(self, home: Home, *drafts: Draft, domain: int = LogDomain.DATA) -> None:
        """Write drafts as they are."""
        await home.job(lambda tx: home.path.write(tx, self.scope, list(drafts), domain))

    async def create(self, home: Home, engram: bytes = ENGRAM, **fields: object) -> None:
        """Remember something."""
        memory = NewMemory(self.word(), **fields)  # type: ignore[arg-type]  # of NewMemory's own
        await self.put(home, *created(engram, memory))

    async def change(self, home: Home, changes: MemoryUpdate, engram: bytes = ENGRAM) -> None:
        """Update a memory as it is shown."""

        def work(tx: Transaction) -> None:
            state = home.state(tx, engram)
            assert state is not None
            own = home.path.own_log(self.scope).id
            now = Snapshot(tx, home.path.logs)
            drafts = update(
                now,
                observe(now, state, None),
                changes,
                own,
            )
            home.path.write(tx, self.scope, drafts)

        await home.job(work)

    async def erase(self, home: Home, engram: bytes) -> None:
        """Delete a memory and drop what it held."""

        def work(tx: Transaction) -> None:
            state = home.state(tx, engram)
            assert state is not None
            own, key = home.path.own_log(self.scope).id, home.path_key.public
            seen = observe(Snapshot(tx, home.path.logs), state, None)
            drafts = [*forget(seen, "", own), *erasing(tx, home.path, key, seen, own)]
            home.path.write(tx, self.scope, drafts)

        await home.job(work)

    # -- delivering --------------------------------------------------------------------------

    async def parcels(self, source: Home, target: Home) -> list[Parcel]:
        """What one home has that another has not."""
        missing: Sequence[RunRow] = await target.missing(await source.offers())
        return await source.parcels(missing)

    async def deliver(self, source: Home, target: Home) -> None:
        """Let one home have all that another has."""
        await target.receive(await self.parcels(source, target))

    def counting(self) -> AbstractContextManager[Work]:
        """Count the work of the block."""
        return self.meter.measure()

    async def receiving(self, source: Home, target: Home) -> Work:
        """The work of taking in what is new, per record."""
        parcels = await self.parcels(source, target)
        with self.counting() as work:
            await target.receive(parcels)
        return Work(*(count // max(1, len(parcels)) for count in vars(work).values()))


Run = Callable[[Case, int], Awaitable[Work]]


def fresh(number: int) -> bytes:
    """The id of a memory of its own."""
    return number.to_bytes(16, "big")


# -- one memory ------------------------------------------------------------------------------------


async def updates(case: Case, size: int) -> Work:
    """One more update of a memory that was updated so often."""
    home = case.homes[0]
    await case.create(home)
    for _ in range(size):
        await case.change(home, MemoryUpdate(content=case.word()))
    with case.counting() as work:
        await case.change(home, MemoryUpdate(content=case.word()))
    return work


async def updates_received(case: Case, size: int) -> Work:
    """The same update at somebody else's."""
    home, other = case.homes
    await case.create(home)
    for _ in range(size):
        await case.change(home, MemoryUpdate(content=case.word()))
    await case.deliver(home, other)
    await case.change(home, MemoryUpdate(content=case.word()))
    return await case.receiving(home, other)


async def counts_caught_up(case: Case, size: int) -> Work:
    """Each of so many counts, for who takes them all at once."""
    home, other = case.homes
    await case.create(home, counters={"uses": 1})
    for _ in range(size):
        await case.change(home, MemoryUpdate(count={"uses": 1}))
    return await case.receiving(home, other)


async def tags(case: Case, size: int) -> Work:
    """One more tag, received."""
    return await _many(case, size, lambda: [("s/tags", encode(case.word())) for _ in range(8)])


async def beliefs(case: Case, size: int) -> Work:
    """One more record of opinions, received."""
    return await _many(
        case,
        size // 2,
        lambda: [("b/belief", encode(["s", "r", case.word(), False, 1.0])) for _ in range(8)],
    )


async def counters(case: Case, size: int) -> Work:
    """One more counter, received."""
    return await _many(case, size, lambda: [(f"c/{case.word().split()[0]}", encode(1))])


async def siblings(case: Case, size: int) -> Work:
    """One more sibling of one field, received."""
    return await _many(case, size, lambda: [("r/content", encode(case.word()))])


async def _many(case: Case, size: int, puts: Callable[[], list[tuple[str, bytes]]]) -> Work:
    home, other = case.homes
    await case.create(home)
    for _ in range(size):
        await case.put(home, Draft(RecordKind.UPDATE, ENGRAM, tuple(puts())))
    await case.deliver(home, other)
    await case.put(home, Draft(RecordKind.UPDATE, ENGRAM, tuple(puts())))
    return await case.receiving(home, other)


async def text_depth(case: Case, size: int) -> Work:
    """One more character in the middle of a text in which each was put into the one before.

    Now and then an edit stores the structure of the text, so some are taken together.
    """
    home = case.homes[0]
    await case.put(home, *created(ENGRAM, NewMemory("()", collaborative=True)))
    for place in range(size):
        await case.change(home, MemoryUpdate(edits=[Insert(1 + place // 2, "x")]))
    works: list[Work] = []
    for place in range(size, size + TOGETHER):
        with case.counting() as work:
            await case.change(home, MemoryUpdate(edits=[Insert(1 + place // 2, "x")]))
        works.append(work)
    rows, calls = sum(work.rows for work in works), sum(work.calls for work in works)
    size = sorted(work.bytes for work in works)[TOGETHER // 2]
    return Work(rows // TOGETHER, calls // TOGETHER, size)


# -- one scope -------------------------------------------------------------------------------------


async def erasures(case: Case, size: int) -> Work:
    """A memory received by who holds so many erasures."""
    home, other = case.homes
    for number in range(1, size + 1):
        await case.create(home, fresh(number))
        await case.erase(home, fresh(number))
    await case.deliver(home, other)
    await case.create(home, fresh(size + 1))
    return await case.receiving(home, other)


async def incarnations(case: Case, size: int) -> Work:
    """An answer to somebody who began so many logs, received."""
    home, other = case.homes
    for number in range(1, size + 1):
        await home.restart(proven=False)
        await case.create(home, fresh(number))
    for number in (size + 1, size + 2):
        await case.deliver(home, other)
        await case.create(home, fresh(number))
        await case.deliver(home, other)
        await case.create(other, fresh(number + 2))
    return await case.receiving(other, home)


async def openings(case: Case, size: int) -> Work:
    """Opening a home that was opened without proof so often."""
    home = case.homes[0]
    for number in range(1, size + 1):
        await home.restart(proven=False)
        await case.create(home, fresh(number))
    witnesses = await home.close()
    with case.counting() as work:
        await home.open(witnesses)
    return work


async def memories(case: Case, size: int) -> Work:
    """A memory more, received and remembered in turns."""
    home, other = case.homes
    for number in range(1, size + 1):
        await case.create(home, fresh(2 * number))
        await case.deliver(home, other)
        await case.create(other, fresh(2 * number + 1))
        await case.deliver(other, home)
    await case.create(home, fresh(1))
    return await case.receiving(home, other)


async def positions_named(case: Case, size: int) -> Work:
    """A record that was written long ago, after so much of what its author had seen was merged."""
    home, other = case.homes
    await case.create(home, fresh(1))
    await case.deliver(home, other)
    await case.create(other, fresh(2))
    late = await case.parcels(other, home)
    for number in range(3, size + 3):
        await case.create(home, fresh(number))
    await home.compact()
    with case.counting() as work:
        await home.receive(late)
    return work


async def forks(case: Case, size: int) -> Work:
    """Each of so many updates on the other side of a fork, with as many before and here."""
    home, other = case.homes
    await case.create(home)
    await _updated(case, home, size // 3)
    await case.village.copy(home, resumed=True)
    twin = case.village.homes[-1]
    await _updated(case, home, size // 3)
    await _updated(case, twin, size // 3)
    await case.deliver(home, other)
    return await case.receiving(twin, other)


async def _updated(case: Case, home: Home, times: int) -> None:
    for _ in range(times):
        await case.change(home, MemoryUpdate(content=case.word()))


async def admissions(case: Case, size: int) -> Work:
    """One more member of so many."""
    home = case.homes[0]
    for number in range(size):
        await case.put(home, _admission(case, number), domain=LogDomain.MEMBERS)
    with case.counting() as work:
        await case.put(home, _admission(case, size), domain=LogDomain.MEMBERS)
    return work


def _admission(case: Case, number: int) -> Draft:
    key = nacl.bindings.crypto_sign_seed_keypair((1 << 80 | number).to_bytes(32, "big"))[0]
    return admit_draft(Admission(key, MemberRole.MEMBER, case.scope), "member")


CASES: dict[str, Run] = {
    run.__name__: run
    for run in (
        admissions,
        beliefs,
        counters,
        counts_caught_up,
        erasures,
        forks,
        incarnations,
        memories,
        openings,
        positions_named,
        siblings,
        tags,
        text_depth,
        updates,
        updates_received,
    )
}


def cost_of(seed: int, run: Run, size: int, home_type: type[Home] = Home) -> Work:
    """The work of one case at one size."""
    meter = Meter()

    async def main() -> Work:
        async with trio.open_nursery() as nursery:
            luck = random.Random(seed)
            village = TwinVillage(TwinWorld(seed), home_type, nursery, random.Random(0))
            try:
                await village.found()
                case = Case(village, meter, luck, homes=village.homes[:2])
                return await run(case, size)
            finally:
                with trio.CancelScope(shield=True):
                    await village.close()

    with single_error(), meter.within():
        return trio.run(main)


def run_cost(seed: int, home_type: type[Home] = Home, names: Sequence[str] = ()) -> None:
    """Grow one thing, and see whether the next operation costs more.

    Args:
        seed: Draws what grows, and the sizes.
        home_type: The homes, perhaps with a defect.
        names: The cases to draw from; all by default.

    Raises:
        Disagreement: It does.
    """
    luck = random.Random(f"costs {seed}")
    name = luck.choice(sorted(names or CASES))
    small, large = SMALL + luck.randrange(8), LARGE + luck.randrange(16)
    costs = [cost_of(seed, CASES[name], size, home_type) for size in (small, large)]
    for count, allowed in vars(ALLOWED).items():
        before, after = (getattr(cost, count) for cost in costs)
        if after > before * GROWTH_MAX + allowed:
            raise Disagreement(
                f"{name}: {before} {count} with {small} held, and {after} with {large}"
            )
