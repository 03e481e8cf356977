"""One history lived twice: under right clocks, and under clocks that are wrong in every way.

Both runs do the same, in the same order.  Whatever a clock says may decide ties between writes that
did not know of each other, and dates; so all else that any home shows must be the same, at every
step to the user who acts, and to everybody in the end.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import trio

from engram_sync.api import Engram
from engram_sync.errors import EngramError
from engram_sync.membership import Admission, MemberRole, admit_draft
from engram_sync.memory.read import conflicts_of, show
from engram_sync.node.single_error import single_error
from engram_sync.store import Reader, Transaction
from engram_wire import LogDomain, Record, RecordKind
from tests.oracle import Disagreement

from ._history import same
from ._home import FOUNDER, Home
from ._life import HOMES_MAX, RESUMED, Village
from ._life_world import START_MS, LifeWorld, public_of
from ._release import EARLIER
from ._twin_acts import ENGRAMS, FIRST_CHAR, TEXT, Acting, begun_text, drafts_of
from ._twin_views import NOTHING, Shown, Step, shown

STEPS = (20, 40)
NO_ENGRAM = bytes(16)
DAY_MS = 86_400_000
AHEAD_MAX_MS = 400 * 365 * DAY_MS
WITHHELD = 0.1
"""The share of runs whose payloads stay behind at first."""
STAYS = 0.1
"""How often a wrong clock is set right by its user."""


class Clocks:
    """The right time, everywhere and always."""

    def draw(self) -> int | None:
        """How far the clock of a home that is used now is off; None where it stays as it was."""
        return None


class WildClocks(Clocks):
    """Clocks that jump by seconds up to centuries, ahead and behind, and are corrected again."""

    def __init__(self, seed: int) -> None:
        self._luck = random.Random(f"clocks {seed}")
        self._often = self._luck.choice((0.05, 0.2, 0.6))
        self._far_ms = self._luck.choice((120_000, DAY_MS, 400 * 365 * DAY_MS))

    def draw(self) -> int | None:
        """How far the clock of a home that is used now is off; None where it stays as it was."""
        if self._luck.random() >= self._often:
            return None
        if self._luck.random() < STAYS:
            return 0
        far = round(1_000 * math.pow(self._far_ms / 1_000, self._luck.random()))
        return min(far, AHEAD_MAX_MS) if self._luck.random() < 0.5 else -min(far, START_MS)


class TwinWorld(LifeWorld):
    """A world whose salts depend on nothing but how many were drawn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._salts = random.Random(f"salts {self.seed}")

        self.leaders = frozenset({"home1"})

    def _entropy(self, size: int) -> bytes:
        return self._salts.randbytes(size)


class Steps(dict[bytes, Step]):
    """Of each record the step that wrote it, by payload hash."""

    def __missing__(self, payload_hash: bytes) -> Step:
        raise Disagreement(f"a record that no user wrote: payload {payload_hash.hex()[:16]}")


class Told(NamedTuple):
    """What one step came to, as its user was told."""

    step: int
    who: str
    what: str
    shown: Shown


class Ending(NamedTuple):
    """What a run came to."""

    told: list[Told]
    shown: dict[tuple[str, bytes], Shown]
    """By home and memory, when all is delivered and all clocks are right."""


@dataclass
class TwinOutcome:
    """What twin histories contained, so that a run can show that it tested something."""

    writes: int = 0
    refused: int = 0
    """Changes that were refused, in both runs."""
    jumps: int = 0
    """Times that a clock was set."""
    conflicts: int = 0
    erased: int = 0
    events: int = 0
    admitted: int = 0
    upgraded: int = 0
    """Homes that went on with a newer release, which knows more kinds of records."""
    forks: int = 0

    def add(self, other: "TwinOutcome") -> None:
        """Count another history."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class TwinVillage(Village):
    """The homes of one run."""

    sizes: tuple[int, int] = (2, 4)
    clocks: Clocks = field(default_factory=Clocks)
    told: list[Told] = field(default_factory=list[Told])
    steps: Steps = field(default_factory=Steps)
    pasts: dict[int, frozenset[int]] = field(default_factory=dict[int, frozenset[int]])
    """Of each step that wrote: the earlier ones that its user's home held."""
    first_told: dict[str, int] = field(default_factory=dict[str, int])
    """By the id of an event: the step that told it first."""
    counted: TwinOutcome = field(default_factory=TwinOutcome)

    def _home(self, owner: str) -> Home:
        home = super()._home(owner)
        home.skew_ms = 0
        known: frozenset[RecordKind] = frozenset()
        home.unknown = self.rng.choice((EARLIER, known, known, known))
        return home

    async def live(self, steps: int, users: object = None) -> None:
        """Let things happen."""
        await self.write(self.homes[0], TEXT, 0, random.Random(0))
        for step in range(1, steps + 1):
            luck = random.Random(f"{self.world.seed} {step}")
            self.world.now_ms += luck.choice((1, 500, 2_000, 3_600_000))
            home = luck.choice(self.homes)
            skew = self.clocks.draw()
            if skew is not None:
                home.skew_ms = skew
                self.counted.jumps += 1
            draw = luck.random()
            if draw < 0.58:
                await self.write(home, luck.choice((*ENGRAMS, *ENGRAMS, TEXT)), step, luck)
            elif draw < 0.86:
                await self.deliver(home, luck.choice(self.homes), luck)
            elif draw < 0.88:
                await home.compact()
            elif draw < 0.92:
                await self.admit(home, step)
            elif draw < 0.945:
                await self.restart_one(home, luck)
            elif draw < 0.97:
                await self.copy_one(home, luck)
            else:
                await self.go_back_one(home, luck)

    async def write(self, home: Home, engram: bytes, step: int, luck: random.Random) -> None:
        """Let the user of a home do something to a memory, and note what it is told."""

        def work(tx: Transaction) -> Shown:
            # As every call of a node does: nobody acts on less than is stored here.
            if not home.path.show_waiting(tx, self.world.scope, engram):
                home.path.materialise_all(tx, self.world.scope)
            acting = Acting(home, tx, engram, luck, str(step))
            drafts = drafts_of(acting) if step else begun_text(acting.word)
            if drafts:
                past = frozenset(self._held(home, tx, engram))
                batch = home.path.write(tx, self.world.scope, drafts)
                self._note(batch.records, step, past)
            return self._look(home, tx, engram)

        try:
            found = await home.job(work)
            self.told.append(Told(step, home.name, "done", found))
            self.counted.writes += 1
        except EngramError as error:
            self.told.append(Told(step, home.name, type(error).__name__, NOTHING))
            self.counted.refused += 1

    def _held(self, home: Home, tx: Transaction, engram: bytes) -> Iterator[int]:
        for _, record in list(tx.stream_of(home.scope, engram)):
            yield self.steps[record.payload_hash][0]

    def _note(self, records: Sequence[Record], step: int, past: frozenset[int]) -> None:
        written = [record for record in records if record.engram != NO_ENGRAM]
        for place, record in enumerate(written):
            self.steps[record.payload_hash] = (step, place)
        self.pasts[step] = past

    def _look_of(self, home: Home, engram: bytes, reader: Reader) -> Shown:
        return self._look(home, reader, engram)

    def _look(self, home: Home, reader: Reader, engram: bytes) -> Shown:
        """What a home shows, after checking that it is shown in an order that can be."""
        state = home.state(reader, engram)
        if state is None:
            return NOTHING
        view = show(home.now(reader), state)
        if view.collaborative:
            # A release that cannot read a text says so in its place.
            own = [char for char in view.content if ord(char) >= FIRST_CHAR]
            self.text.read(home, "".join(own))
        self._check_order(home, view)
        held = [
            self.steps[record.payload_hash]
            for _, record in list(reader.stream_of(home.scope, engram))
            if record.payload is not None
        ]
        found = conflicts_of(home.now(reader), state)
        return shown(state, view, found, held, self.steps)

    def _check_order(self, home: Home, view: Engram) -> None:
        for event in view.events:
            if isinstance(event.value, str) and event.value.startswith("e"):
                self.first_told[event.id] = int(event.value[1:])
        steps = [self.first_told[event.id] for event in view.events]
        self.counted.events += len(steps)
        for later, step in enumerate(steps):
            for earlier in steps[:later]:
                if step in self.pasts[earlier]:
                    raise Disagreement(
                        f"{home.name} shows the event of step {earlier} before that of step {step},"
                        " which its author had seen"
                    )

    async def admit(self, home: Home, step: int) -> None:
        """Let a leader admit somebody who never comes."""
        if home.owner not in {FOUNDER, *self.world.leaders}:
            return
        admission = Admission(public_of(f"nobody{step}"), MemberRole.MEMBER, self.world.scope)
        draft = admit_draft(admission, f"nobody{step}")
        what = "admitted"
        try:
            await home.job(
                lambda tx: home.path.write(tx, self.world.scope, [draft], LogDomain.MEMBERS)
            )
            self.counted.admitted += 1
        except EngramError as error:
            what = type(error).__name__
        self.told.append(Told(step, home.name, what, NOTHING))

    async def deliver(self, source: Home, target: Home, luck: random.Random) -> None:
        """Deliver some of what one home has that another has not, from the beginning."""
        if source is target:
            return
        missing = await target.missing(await source.offers())
        some = missing[: luck.randint(1, len(missing) + 1)]
        parcels = await source.store.read(
            lambda reader: [
                source.parcel(reader, run, withhold=luck.random() < WITHHELD) for run in some
            ]
        )
        await target.receive(parcels)

    async def restart_one(self, home: Home, luck: random.Random) -> None:
        """Close a home and open it again, perhaps with a newer release."""
        proven = luck.random() < 0.5
        if home.unknown and luck.random() < 0.5:
            home.unknown = frozenset()
            self.counted.upgraded += 1
        await home.restart(proven=proven)

    async def copy_one(self, home: Home, luck: random.Random) -> None:
        """Two homes go on from what was one."""
        if len(self.homes) < HOMES_MAX:
            self.rng = luck
            await self.copy(home, resumed=luck.random() < RESUMED)

    async def go_back_one(self, home: Home, luck: random.Random) -> None:
        """Keep a backup of a home, or restore the one that was kept."""
        self.rng = luck
        await self.go_back(home)

    async def end(self) -> Ending:
        """Set all clocks right, deliver everything to everybody, and look at all homes."""
        for home in self.homes:
            home.skew_ms = 0
        await self.settle()
        self.rng = random.Random(self.world.seed)
        await self.join_late()
        for home in self.homes:
            if home.unknown:
                home.unknown = frozenset()
                await home.restart(proven=True)
                await home.receive([])
                self.counted.upgraded += 1
        # What a release does not apply, it does not ask for either.
        await self.settle()
        found = {
            (home.name, engram): await home.store.read(partial(self._look_of, home, engram))
            for home in self.homes
            for engram in (*ENGRAMS, TEXT)
        }
        return Ending(self.told, found)


def live_once(
    seed: int, clocks: Clocks, home_type: type[Home] = Home
) -> tuple[Ending, TwinOutcome]:
    """Live a history under some clocks.

    Raises:
        Disagreement: Its homes do not agree, or show what cannot be.
    """

    async def main() -> tuple[Ending, TwinOutcome]:
        async with trio.open_nursery() as nursery:
            luck = random.Random(seed)
            village = TwinVillage(TwinWorld(seed), home_type, nursery, luck, clocks=clocks)
            try:
                await village.found()
                await village.live(luck.randint(*STEPS))
                ending = await village.end()
                village.text.agree()
                await judge(village, ending)
            finally:
                with trio.CancelScope(shield=True):
                    await village.close()
            return ending, village.counted

    with single_error():
        return trio.run(main)


async def judge(village: TwinVillage, ending: Ending) -> None:
    """Check that all homes of one run show the same, and count what made it worth running."""
    first = village.homes[0]
    for (name, engram), found in ending.shown.items():
        # What a compaction let go is a home's own affair.
        mine, theirs = (
            each._replace(held=()) for each in (found, ending.shown[first.name, engram])
        )
        same(mine, theirs, f"{name} does not show what {first.name} shows")
    expected = await first.digests()
    for home in village.homes:
        same(await home.digests(), expected, f"{home.name} has another digest than {first.name}")
    counted, last = village.counted, [ending.shown[first.name, each] for each in (*ENGRAMS, TEXT)]
    counted.conflicts = sum(len(each.conflicts) for each in last)
    counted.erased = sum(each.erased for each in last)
    counted.forks = len(first.path.ledger.forks(village.world.scope))


def run_twins(seed: int, home_type: type[Home] = Home) -> TwinOutcome:
    """Live one history under right clocks and under wild ones.

    Raises:
        Disagreement: A clock decided something.
    """
    right, counted = live_once(seed, Clocks(), home_type)
    wild, under_wild = live_once(seed, WildClocks(seed), home_type)
    for expected, told in zip(right.told, wild.told, strict=True):
        if told != expected:
            raise Disagreement(
                f"a clock decided what its user was told: {difference(expected, told)}"
            )
    for (name, engram), shown_last in wild.shown.items():
        if shown_last != right.shown[name, engram]:
            raise Disagreement(
                f"a clock decided what {name} shows in the end:"
                f" {difference(right.shown[name, engram], shown_last)}"
            )
    counted.jumps = under_wild.jumps
    return counted


def difference(expected: Told | Shown, found: Told | Shown) -> str:
    """The parts in which two tellings differ."""
    parts: list[str] = []
    for name in expected._fields:
        mine, theirs = getattr(expected, name), getattr(found, name)
        if isinstance(mine, Shown) and mine != theirs:
            parts.append(difference(mine, theirs))
        elif mine != theirs:
            parts.append(f"{name} {theirs!r} instead of {mine!r}")
    step = f"step {expected.step} at {expected.who}: " if isinstance(expected, Told) else ""
    return step + "; ".join(parts)
