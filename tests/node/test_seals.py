"""Finished logs leave the clock: what is compared does not grow with every crash."""

from trio.testing import MockClock

from engram_wire import RangeRequest, SyncRequest, SyncResponse

from .tap import Tap
from .village import MemoryPremises, Village, agent_scope, agreement, all_synced, contents

CRASHES = 24


async def test_a_node_that_crashes_often_has_a_short_clock_and_loses_nothing(
    village: Village, autojump_clock: MockClock
) -> None:
    village.tap = tap = Tap()
    async with village.pair() as (a, b):
        await agreement(a, b)
    home = village.home("a")
    assert isinstance(home, MemoryPremises)
    for number in range(CRASHES):
        async with village.open("a", online=False) as a:
            await a.remember(f"before crash {number}")
        home.witness.clear()
    async with village.open("a") as a, village.open("b", peers=["a"]) as b:
        await agreement(a, b)
        await all_synced(a, b)
        assert len(await contents(b)) == CRASHES
        for node in (a, b):
            scope = await agent_scope(node)
            assert scope.sealed >= CRASHES - 1
            assert scope.logs < 8
    stated = [r.clock for name in ("a", "b") for r in tap.messages(name, SyncRequest) if r.clock]
    assert max(map(len, stated)) < 8


async def test_two_nodes_that_sealed_apart_find_out_by_ranges_what_each_lacks(
    village: Village, autojump_clock: MockClock
) -> None:
    async with village.pair() as (a, b):
        await agreement(a, b)
    for round_number in range(2):
        for name in ("a", "b"):
            home = village.home(name)
            assert isinstance(home, MemoryPremises)
            for number in range(5):
                home.witness.clear()
                async with village.open(name, online=False) as node:
                    await node.remember(f"{name} {round_number} {number}")
        village.tap = tap = Tap()
        async with village.open("a") as a, village.open("b", peers=["a"]) as b:
            await agreement(a, b)
            await all_synced(a, b)
            assert len(await contents(a)) == 10 * (round_number + 1)
        if round_number:
            assert tap.messages("a", RangeRequest)
            frames = [m for m in tap.messages("a", SyncResponse) if m.frame is not None]
            assert len(frames) <= 6, "only what is new is sent, however many logs there are"
