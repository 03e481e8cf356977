"""One attack after the other on one pair of nodes, and what the pair notices of it."""

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import trio

from ._attacks import Case
from ._floods import FloodCase
from ._member import Ended, Member
from ._process import Process, node

SAMPLES = 3
ANSWER_S = 60.0
"""Until then every answer has arrived, however loaded the machine is that tests run on."""
RESIDENT_MIB_MAX = 700.0
"""What a node may hold whatever is done to it: what all peers together may have waiting, decoded,
some answers, and the program itself."""


@dataclass(slots=True)
class Result:
    """What one attack did."""

    name: str
    row: str
    calm_ms: float
    """Median time from a memory written at one node until it can be read at the other."""
    attacked_ms: float
    """The same during the attack."""
    answers_s: dict[str, float]
    """How long each question took while it went on."""
    resident_mib: float
    """Of the attacked node, afterwards."""
    taken: int = 0
    """Records that the attacked node took from the member."""
    problems: list[str] = field(default_factory=list[str])
    """What was not as it should be."""

    @property
    def ratio(self) -> float:
        """How many times as long others waited."""
        return self.attacked_ms / self.calm_ms

    def line(self) -> str:
        """The result as a line of a table."""
        slowest = max(self.answers_s, key=lambda name: self.answers_s[name], default="")
        answer = f"{slowest} {self.answers_s.get(slowest, 0.0):.2f} s"
        bad = "; ".join(self.problems)
        return (
            f"{self.row:<4} {self.name:<44} {self.taken:7,} {self.calm_ms:6.0f} ms "
            f"{self.attacked_ms:7.0f} ms {self.ratio:6.1f}x  {answer:<20} "
            f"{self.resident_mib:5.0f} MiB  {bad}"
        )


HEADER = (
    f"{'row':<4} {'attack':<44} {'taken':>7} {'calm':>9} {'attacked':>10} {'ratio':>7}  "
    f"{'slowest answer':<20} {'resident':>9}"
)


class Pair:
    """Two nodes of one agent: ``a``, which is attacked, and ``b``, which goes on writing to it."""

    def __init__(self, a: Process, b: Process) -> None:
        self.a = a
        self.b = b
        self._said: list[str] = []

    async def latency_ms(self) -> float:
        """From a memory written at ``b`` until it can be read at ``a``."""
        times: list[float] = []
        for _ in range(SAMPLES):
            said = await self.b.tell("say", within_s=ANSWER_S, content=f"honest {len(self._said)}")
            self._said.append(said["id"])
            arrived = await self.a.tell("wait_for", within_s=ANSWER_S, id=said["id"])
            times.append((arrived["ended"] - said["began"]) * 1e3)
        return median(times)

    async def attacked(self, case: Case | FloodCase, size: int) -> Result:
        """Let one member do its worst, and ask meanwhile."""
        target = (await self.a.tell("say", content=f"target of {case.name}"))["id"]
        member = Member(self.a.address)
        await member.dial()
        await member.join((await self.a.tell("invite"))["token"])
        await member.requested()
        calm = await self.latency_ms()
        before = (await self.a.tell("status"))["taken"]
        result = Result(case.name, case.row, calm, 0.0, {}, 0.0)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_push, member, case, size, target)
                await trio.sleep(0.05)
                result.attacked_ms = await self.latency_ms()
                await self._ask(target, result)
                nursery.cancel_scope.cancel()
            await self._examine(target, result)
            result.taken = (await self.a.tell("status"))["taken"] - before
        except (AssertionError, trio.TooSlowError) as error:
            result.problems.append(f"{type(error).__name__}: {error}")
        finally:
            with trio.CancelScope(shield=True):
                await member.close()
        return result

    async def _ask(self, target: str, result: Result) -> None:
        """Every question is answered, in pieces that a caller can take."""
        for do in ("status", "get", "pages"):
            asked = {} if do == "status" else {"id": target}
            answer = await self.a.tell(do, within_s=ANSWER_S, **asked)
            result.answers_s[do] = answer["s"]
            if do == "status" and answer["bytes"] > 2 << 20:
                result.problems.append(f"status has {answer['bytes']:,} bytes")

    async def _examine(self, target: str, result: Result) -> None:
        """The owner can act on the memory, and nothing of the others is lost."""
        changed = await self.a.tell("update", within_s=ANSWER_S, id=target, content="settled")
        result.answers_s["update"] = changed["s"]
        gone = await self.a.tell("forget", within_s=ANSWER_S, id=target)
        result.answers_s["forget"] = gone["s"]
        result.resident_mib = (await self.a.tell("resident"))["mib"]
        if result.resident_mib > RESIDENT_MIB_MAX:
            result.problems.append(f"the node holds {result.resident_mib:.0f} MiB")
        held = await self.a.tell("holds", within_s=ANSWER_S, ids=self._said)
        if held["count"] != len(self._said):
            result.problems.append(f"{held['count']} of {len(self._said)} honest memories are here")
        if not self.a.alive:
            result.problems.append("the node ended")

    async def examined(self) -> list[str]:
        """What is damaged in the end, by the word of the node itself."""
        found = await self.a.tell("doctor", within_s=120.0)
        return list(found["damaged"])


async def _push(member: Member, case: Case | FloodCase, size: int, target: str) -> None:
    try:
        if isinstance(case, FloodCase) and case.dials:
            await case.flood(member, size)
            return
        async with trio.open_nursery() as nursery:
            if isinstance(case, FloodCase):
                nursery.start_soon(member.drain)
                await case.flood(member, size)
            else:
                logs = list(case.attack(member, uuid.UUID(target).bytes, size))
                nursery.start_soon(member.drain)
                await member.serve(logs, payloads=case.payloads)
            await trio.sleep_forever()
    except* Ended:
        pass  # It went too far; what counts is what the others notice.


@asynccontextmanager
async def pair(folder: Path) -> AsyncGenerator[Pair]:
    """Two nodes over loopback that share an agent."""
    async with node(folder / "a", "victim") as a, node(folder / "b", "honest") as b:
        await b.tell("join", token=(await a.tell("invite"))["token"])
        yield Pair(a, b)


async def run(
    cases: Sequence[Case | FloodCase], folder: Path, *, full: bool = False
) -> tuple[list[Result], list[str]]:
    """Run attacks one after the other on a fresh pair; returns also what doctor calls damaged."""
    results: list[Result] = []
    async with pair(folder) as attacked:
        for case in cases:
            result = await attacked.attacked(case, case.full if full else case.small)
            print(result.line(), flush=True)  # noqa: T201
            results.append(result)
            if not attacked.a.alive:
                return results, ["the node ended"]
        return results, await attacked.examined()
