"""One seed from its first line to its verdict."""

import random
import traceback
from collections.abc import Callable
from typing import cast

import trio
from trio.testing import MockClock

from engram_simulations._checkers import (
    AllAgree,
    NoNodeComplains,
    NothingIsLost,
    NothingLeaks,
    NothingReturns,
    StatusIsTrue,
    every_engram,
)
from engram_simulations._checks_of_copies import ErasedStaysErased, ForksAreTold
from engram_simulations._continuity import LogsContinueOnProof
from engram_simulations._determinism import repeatable_scheduler
from engram_simulations._faults import Faults
from engram_simulations._logs import UnexpectedError, reading_logs
from engram_simulations._plan import Plan, draw_plan
from engram_simulations._refusing import RefusalsStopNothing, Refusing
from engram_simulations._releases import NewerStopsAScope, Releases
from engram_simulations._trace import Trace
from engram_simulations._users import Users
from engram_simulations._verdict import CorrectnessError, LivenessError, Report, Verdict
from engram_simulations._world import World

ANSWER_S = 300.0
"""Time that calls get which were begun before everything was healed."""


def run(
    seed: int,
    *,
    nodes: int | None = None,
    steps: int | None = None,
    echo: Callable[[str], None] | None = None,
) -> Report:
    """Run one seed: safety first, when anything may fail at any time, then liveness.

    Args:
        seed: Draws everything.
        nodes: How many, if not what the seed says.
        steps: How many, if not the default.
        echo: Gets each line of the trace as it is made.

    Error handling: whatever goes wrong in the run is its verdict; only ``KeyboardInterrupt`` and
    the like are raised.
    """
    plan = draw_plan(seed, nodes=nodes, steps=steps)
    trace = Trace(plan.names, _now_s, echo)
    report = Report(
        seed=seed,
        verdict=Verdict.PASSED,
        plan=plan.describe(),
        replay=f"python -m simulations run --seed {seed}"
        + ("" if nodes is None else f" --nodes {nodes}")
        + ("" if steps is None else f" --steps {steps}")
        + " --trace",
    )
    unexpected: list[BaseException] = []
    try:
        with repeatable_scheduler(seed), reading_logs(trace, unexpected):
            clock = MockClock(autojump_threshold=0.0)
            report.simulated_s = trio.run(_story, plan, trace, unexpected, clock=clock)
    except Exception as error:  # noqa: BLE001 - whatever escapes a node is the finding
        _judge(report, error)
    report.trace = trace.lines
    report.seen = trace.seen
    return report


def _now_s() -> float:
    return trio.current_time()


async def _story(plan: Plan, trace: Trace, unexpected: list[BaseException]) -> float:
    leaks = NothingLeaks()
    erased = ErasedStaysErased()
    continuity = LogsContinueOnProof(trace)
    unstopped = RefusalsStopNothing()
    checkers = (
        NoNodeComplains(),
        StatusIsTrue(),
        leaks,
        NothingIsLost(),
        NothingReturns(),
        AllAgree(),
        ForksAreTold(),
        erased,
        continuity,
        NewerStopsAScope(),
        unstopped,
    )
    world = World(plan, trace, checkers, [leaks.overhear, erased.overhear])
    users = Users(world, random.Random(f"users {plan.seed}"), leaks, continuity)
    faults = Faults(world, random.Random(f"faults {plan.seed}"), continuity)
    pauses = random.Random(f"pauses {plan.seed}")
    releases = Releases(world, random.Random(f"releases {plan.seed}"), continuity)
    refusing = Refusing(world, random.Random(f"refusing {plan.seed}"), continuity, unstopped)
    try:
        with releases.running(), refusing.running():
            async with trio.open_nursery() as nursery:
                await world.set_up(nursery)
                async with trio.open_nursery() as calls:
                    for _ in range(plan.steps):
                        await trio.sleep(pauses.expovariate(1.0 / plan.pause_s))
                        faults.strike(nursery, calls)
                        releases.strike(calls)
                        refusing.strike(nursery, calls)
                        _somebody_acts(world, users, calls, pauses)
                        await world.step_done()
                        if unexpected:
                            raise UnexpectedError("a node logged a defect") from unexpected[0]
                    calls.cancel_scope.deadline = trio.current_time() + ANSWER_S
                if calls.cancel_scope.cancelled_caught:
                    raise LivenessError(f"a call was not answered within {ANSWER_S:g} s")
                await releases.upgrade()
                await refusing.rest(faults, nursery)
                await _rest_twice(world, faults, nursery)
                nursery.cancel_scope.cancel()
        if unexpected:
            raise UnexpectedError("a node logged a defect") from unexpected[0]
    finally:
        world.discard()
    return trio.current_time()


async def _rest_twice(world: World, faults: Faults, nursery: trio.Nursery) -> None:
    await _come_to_rest(world, faults, nursery)
    world.trace.event("", "every machine loses its power")
    faults.crash_all()
    for host in world.hosts:
        await host.open_or_off()
    if world.plan.loses_payloads:
        await faults.lose_payloads()
    await _come_to_rest(world, faults, nursery)


def _somebody_acts(world: World, users: Users, calls: trio.Nursery, luck: random.Random) -> None:
    open_hosts = [host for host in world.hosts if host.node is not None]
    for host in luck.sample(open_hosts, k=min(len(open_hosts), luck.choice((1, 1, 2, 3)))):
        users.act(calls, host)


async def _come_to_rest(world: World, faults: Faults, nursery: trio.Nursery) -> None:
    faults.undo_all(nursery)
    world.set_clocks_right()
    await world.settle()
    while any(host.parked for host in world.hosts):
        await _bring_back(world, faults, nursery)
        await world.settle()
    for host in world.hosts:
        world.views[host.name] = await every_engram(await host.opened(), "agent")
    for checker in world.checkers:
        await checker.at_rest(world)
    world.trace.event("", "all nodes agree")


async def _bring_back(world: World, faults: Faults, nursery: trio.Nursery) -> None:
    for host in world.hosts:
        if host.parked:
            host.leave()
            await host.open_or_off()
            break
    faults.bring_back(nursery)


def _judge(report: Report, error: BaseException) -> None:
    found = list(_leaves(error))
    objections = [e for e in found if isinstance(e, CorrectnessError)]
    overdue = [e for e in found if isinstance(e, LivenessError)]
    if objections:
        report.verdict = Verdict.CORRECTNESS
        report.checker = objections[0].checker
        report.reason = str(objections[0])
    elif overdue and len(overdue) == len(found):
        report.verdict = Verdict.LIVENESS
        report.reason = str(overdue[0])
    else:
        report.verdict = Verdict.CRASH
        report.reason = "".join(traceback.format_exception(error)).rstrip()


def _leaves(error: BaseException) -> list[BaseException]:
    """The errors that a group holds, however deep."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [leaf for inner in group.exceptions for leaf in _leaves(inner)]
    return [error]
