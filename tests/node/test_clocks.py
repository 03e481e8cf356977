"""What clocks that were wrong for a while must not do."""

from .village import MemoryPremises, Village, agreement, contents

DAY_MS = 86_400_000


async def test_a_leader_whose_clock_was_ahead_when_it_founded_its_agent_can_still_admit(
    village: Village, autojump_clock: object
) -> None:
    village.machine("a")  # Makes its clock.
    village.clocks["a"].offset_ms = DAY_MS
    async with village.open("a") as a:
        await a.remember("written ahead of time")
    village.clocks["a"].offset_ms = 0
    home = village.home("a")
    assert isinstance(home, MemoryPremises)
    home.boot_id = "after a reboot"  # Continuity is not proven: new incarnations begin.
    async with village.open("a") as a, village.open("b") as b:
        await b.join(await a.invite())
        await b.remember("from the new member")
        await agreement(a, b)
        assert await contents(a) == ["from the new member", "written ahead of time"]
