"""What becomes of the memories of an agent that the node belonged to before it joined another."""

from .village import Village, contents


async def test_recall_after_a_join_finds_the_new_agent_and_not_the_earlier_one(
    village: Village, autojump_clock: object
) -> None:
    async with village.open("a") as a, village.open("b") as b:
        await b.remember("deploys of the earlier agent")
        await b.join(await a.invite())
        assert await b.recall("deploys") == []
        new = await b.remember("deploys of the new agent")
        assert [hit.engram.id for hit in await b.recall("deploys")] == [new.id]
        earlier = next(s.id for s in (await b.status()).scopes if not s.current)
        assert len(await b.recall("deploys", scope=earlier)) == 1
