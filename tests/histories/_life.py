"""One life history: homes are written to, copied, restored, reopened and synced; the oracle judges.

Unlike the documents of ``run_history`` these are whole nodes but for the network: signed logs,
stores, membership, forks.
"""

import random
from dataclasses import dataclass, field

import trio

from engram_crdt import Element
from engram_sync.node.single_error import single_error
from engram_sync.store import MemoryStore
from tests.oracle import Disagreement, OpKind

from ._history import Users, same
from ._home import Home, Look
from ._life_text import TEXT, SharedText
from ._life_world import LifeWorld, free, put_value

ENGRAMS = (bytes(15) + b"\x01", bytes(15) + b"\x02", bytes(15) + b"\x03")
HOMES_MAX = 7
ROUNDS_MAX = 30
WITHHELD = 0.1
"""The share of runs whose payloads stay behind at first."""
RESUMED = 0.6
"""How often a copy or a backup takes itself for the original."""
ADJUSTED = 0.5
"""How often somebody sets the clock of a home that is opened again."""
SKEWS_MS = (0, 0, -3_000_000, 40_000, 59_000, 600_000)


@dataclass
class LifeOutcome:
    """What life histories contained, so that a run can show that it tested something."""

    homes: int = 0
    records: int = 0
    siblings: int = 0
    restarts: int = 0
    copies: int = 0
    """Homes that were copied and went on beside the original, under a new incarnation."""
    forks: int = 0
    """Logs with more than one continuation, counted at the end."""
    restored: int = 0
    erased: int = 0
    """Erasures."""
    compacted: int = 0
    fetched: int = 0
    """Payloads that came later than their records."""
    characters: int = 0
    """Written into the text that all homes share."""
    torn: int = 0
    """Characters of that text seen standing while some around them were erased or owed."""
    late: int = 0

    def add(self, other: "LifeOutcome") -> None:
        """Count another history."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Village:
    """The homes of one history."""

    world: LifeWorld
    home_type: type[Home]
    nursery: trio.Nursery
    rng: random.Random
    homes: list[Home] = field(default_factory=list[Home])
    retired: list[Home] = field(default_factory=list[Home])
    text: SharedText = field(default_factory=SharedText)
    outcome: LifeOutcome = field(default_factory=LifeOutcome)
    sizes: tuple[int, int] = (3, 5)
    """The fewest and the most homes that it begins with."""
    _names: int = 0

    def _home(self, owner: str) -> Home:
        self._names += 1
        skew = self.rng.choice(SKEWS_MS)
        return self.home_type(self.world, f"h{self._names}", owner, skew, self.nursery)

    async def found(self) -> None:
        """Open the first homes; the first one admits everybody, late joiners too."""
        count = self.rng.randint(*self.sizes)
        owners = [f"home{n}" for n in range(count)]
        late = ["late0", "late1"]
        # The last two may be devices of one agent.
        numbers = [*range(count - 1), self.rng.choice((count - 1, count - 2)), 90, 91]
        self.world.agents = dict(zip([*owners, *late], numbers, strict=True))
        for owner in owners:
            home = self._home(owner)
            await home.open()
            self.homes.append(home)
        first, *others = self.homes
        self.world.scope = await first.found([*owners[1:], *late])
        for home in others:
            await home.enter(self.world.scope)
            await home.receive(await first.parcels(await first.offers()))

    async def live(self, steps: int, users: Users) -> None:
        """Let things happen."""
        for _ in range(steps):
            self.world.now_ms += self.rng.randint(1, 2_000)
            home = self.rng.choice(self.homes)
            draw = self.rng.random()
            if draw < 0.5:
                await home.write(self.rng.choice(ENGRAMS), [free(op) for op in users.ops()])
            elif draw < 0.62:
                await self.text.edit(home)
            elif draw < 0.85:
                await self.send(home, self.rng.choice(self.homes))
            elif draw < 0.87:
                await home.erase(self.rng.choice((*ENGRAMS, TEXT)))
            elif draw < 0.88:
                await home.compact()
                self.outcome.compacted += 1
            elif draw < 0.9:
                await self.restart(home)
            elif draw < 0.93:
                await self.copy(home, resumed=self.rng.random() < RESUMED)
            elif draw < 0.96:
                await self.go_back(home)
            else:
                await check(self, home)

    async def restart(self, home: Home) -> None:
        """Close a home and open it again, perhaps with another idea of the time."""
        if self.rng.random() < ADJUSTED:
            home.skew_ms = self.rng.choice(SKEWS_MS)
        await home.restart(proven=self.rng.random() < 0.5)
        self.outcome.restarts += 1

    async def send(self, source: Home, target: Home) -> None:
        """Deliver some of what one home has that another has not, from the beginning."""
        if source is target:
            return
        missing = await target.missing(await source.offers())
        some = missing[: self.rng.randint(1, len(missing) + 1)]
        await target.receive(await source.parcels(some, WITHHELD))

    async def copy(self, home: Home, *, resumed: bool) -> None:
        """Two homes go on from what was one."""
        if len(self.homes) >= HOMES_MAX:
            return
        other = self._home(home.owner)
        await home.copy_to(other, resumed=resumed)
        self.homes.append(other)
        self.outcome.copies += 1

    async def go_back(self, home: Home) -> None:
        """Keep a backup of a home, or restore the one that was kept."""
        place = f"{self.world.run}-{home.name}"
        if home.backup is None:
            home.backup = {w.log: w for w in home.path.witnesses("boot")}
            MemoryStore.copy(place, f"{place}-backup")
            return
        witnesses, home.backup = home.backup, None
        await home.store.aclose()
        MemoryStore.copy(f"{place}-backup", place)
        # With the witness of that time, it is a machine whose snapshot was resumed.
        await home.open(witnesses if self.rng.random() < RESUMED else None)
        self.outcome.restored += 1

    async def settle(self) -> None:
        """Deliver everything to everybody, and fetch what is owed.

        Raises:
            Disagreement: It never ends.
        """
        for rounds in range(ROUNDS_MAX):
            came = 0
            for place, home in enumerate(self.homes):
                source = self.homes[place - 1]
                missing = await home.missing(await source.offers())
                if missing or not rounds:
                    await home.receive(await source.parcels(missing))
                if await home.owes():
                    # Whoever let go of a value, somebody else may hold it.
                    came += sum([await home.ask(other) for other in self.homes])
            self.outcome.fetched += came
            clocks = {(await home.digests())[0] for home in self.homes}
            if len(clocks) == 1 and not came and not await self.askable():
                return
        raise Disagreement(f"no agreement after {ROUNDS_MAX} rounds")

    async def askable(self) -> int:
        """How many payloads are owed at some home and held at another.

        One that was held at a single home, whose backup was restored then, is nowhere any more.
        """
        count = 0
        for home in self.homes:
            if await home.owes():
                count += sum([len(await home.answers(other)) for other in self.homes])
        return count

    async def join_late(self) -> None:
        """Somebody comes when all is over, and hears it from one home."""
        home = self._home("late0")
        await home.open()
        await home.enter(self.world.scope)
        source = self.rng.choice(self.homes)
        await home.receive(await source.parcels(await source.offers()))
        self.homes.append(home)
        await self.settle()
        self.outcome.late += 1

    async def close(self) -> None:
        """Close every home and forget what it held."""
        for home in self.homes:
            await home.store.aclose()
            for suffix in ("", "-backup"):
                MemoryStore.discard(f"{self.world.run}-{home.name}{suffix}")


async def check(village: Village, home: Home) -> list[Look]:
    """Check what one home shows against what it has seen so far; returns that.

    Raises:
        Disagreement: It shows something else.
    """
    world = village.world
    looks = [await home.look(engram) for engram in ENGRAMS]
    for engram, look in zip(ENGRAMS, looks, strict=True):
        if engram not in world.oracles:
            same(look.elements, [], "an engram that nobody wrote")
            continue
        oracle = world.oracles[engram]
        live = oracle.live(look.seen)
        same(len(set(look.names)), len(look.names), "an element is there twice")
        alive = set(look.names)
        for put in sorted(alive ^ live):
            which = "alive" if put in alive else "missing"
            raise Disagreement(f"{which} at {home.name}: {put} {oracle.op(put)}")
        lost = oracle.concurrent_with_delete(live, look.seen) - alive
        same(sorted(lost), [], "an edit concurrent with a delete is gone")
        for element in look.elements:
            check_value(world, home, look, element)
    await village.text.check(home)
    return looks


def check_value(world: LifeWorld, home: Home, look: Look, element: Element) -> None:
    """Check that an element says what was put there, unless it was erased or is owed."""
    op = world.op_of(element)
    if element.payload_hash in look.erased:
        # Whether it lives is told by the record's body; why is what was erased.
        if element.value is not None and op.kind is not OpKind.DELETE:
            raise Disagreement(f"erased and shown at {home.name}: {op}")
    elif element.payload_hash in look.absent:
        if element.value is not None and op.kind is not OpKind.DELETE:
            raise Disagreement(f"shown and not held at {home.name}: {op}")
    else:
        same(element.value, put_value(op), f"another value at {home.name} of {op}")


async def judge(village: Village) -> None:
    """Check every home, and that all of them agree on names, clocks and digests."""
    same(await village.askable(), 0, "payloads are owed that somebody holds")
    found = [(home, await home.digests(), await check(village, home)) for home in village.homes]
    _, expected, first = found[0]
    for home, (clock, digest), looks in found:
        same(clock, expected[0], f"{home.name} has another clock")
        same(digest, expected[1], f"{home.name} has another digest")
        for mine, theirs in zip(looks, first, strict=True):
            same(mine.elements, theirs.elements, f"{home.name} holds other elements")
    village.text.agree()


def run_life(seed: int, home_type: type[Home] = Home) -> LifeOutcome:
    """Run one life history.

    Raises:
        Disagreement: A home does not show what the oracle says.
    """

    async def main() -> LifeOutcome:
        async with trio.open_nursery() as nursery:
            village = Village(LifeWorld(seed), home_type, nursery, random.Random(seed))
            users = Users(village.rng)
            try:
                await village.found()
                await village.text.begin(village.homes[0])
                await village.live(village.rng.randint(25, 60), users)
                await village.settle()
                village.world.now_ms += 3_600_000
                await village.join_late()
                await judge(village)
                describe(village)
            finally:
                with trio.CancelScope(shield=True):
                    await village.close()
            return village.outcome

    with single_error():
        return trio.run(main)


def describe(village: Village) -> None:
    """Count what made this history worth running."""
    outcome = village.outcome
    outcome.homes = len(village.homes)
    outcome.characters = village.text.characters
    outcome.torn = village.text.erased_around
    outcome.erased = len(village.world.erasures)
    outcome.records = sum(len(oracle.events) for oracle in village.world.oracles.values())
    outcome.forks = len(village.homes[0].path.ledger.forks(village.world.scope))
    everything = (1 << 10_000) - 1
    for oracle in village.world.oracles.values():
        mask = everything & ((1 << len(oracle.events)) - 1)
        counts: dict[str, int] = {}
        for put in oracle.live(mask):
            name = oracle.op(put).collection
            counts[name] = counts.get(name, 0) + 1
        outcome.siblings += sum(n > 1 for name, n in counts.items() if name.startswith("r/"))
