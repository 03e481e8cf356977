"""What becomes of the memories of an agent that the node belonged to before it joined another."""

import pytest

from engram_sync.testing import Cluster, agent_scope, converged, until

from .views import contents

BELIEF = {"subject": "deploys", "relation": "happen on", "object": "Tuesdays"}


async def test_recall_after_a_join_finds_the_new_agent_and_not_the_earlier_one(
    cluster: Cluster, autojump_clock: object
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.remember("deploys of the earlier agent")
        await b.join(await a.invite())
        assert await b.recall("deploys") == []
        new = await b.remember("deploys of the new agent")
        assert [hit.engram.id for hit in await b.recall("deploys")] == [new.id]
        assert [e.id for e in await b.list(scope="agent")] == [new.id]
        earlier = next(s.id for s in (await b.status()).scopes if not s.current)
        assert len(await b.recall("deploys", scope=earlier)) == 1


async def test_what_is_brought_along_keeps_its_siblings_and_its_state_of_life(
    cluster: Cluster, autojump_clock: object
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        await b.archive(await b.remember("archived"), reason="old")
        await b.forget(await b.remember("deleted"))
        split = await b.remember("first", tags={"x"}, belief=BELIEF)
        await b.update(split, content="left", confidence=0.25)
        await b.update(split, content="right")
        shown = await b.get(split.id)
        result = await b.join(await a.invite(), bring=True)
        assert (result.brought, result.left_behind) == (2, 0)
        (old,) = await b.list(life="archived")
        assert (old.content, old.reason) == ("archived", "old")
        (new,) = await b.list()
        assert new.id != shown.id
        assert (new.content, new.tags, new.confidence) == ("right", ("x",), 0.25)
        assert new.belief == shown.belief
        assert [s.value for s in new.siblings] == ["left", "right"]
        assert len(await b.conflicts()) == 1


async def test_a_deletion_in_conflict_with_an_edit_is_brought_along_as_that_conflict(
    cluster: Cluster, autojump_clock: object
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        e = await b.remember("text")
        await b.forget(e, reason="gone")
        await b.update(e, content="edited meanwhile")
        await b.join(await a.invite(), bring=True)
        (conflict,) = await b.conflicts()
        assert conflict.kind == "lifecycle"
        assert {s.value for s in conflict.siblings} >= {"deleted: gone", "edited meanwhile"}


@pytest.mark.slow
async def test_bringing_again_changes_nothing(cluster: Cluster, autojump_clock: object) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        for n in range(600):
            await b.remember(f"memory {n}")
        token = await a.invite()
        assert (await b.join(token, bring=True)).brought == 600
        before = await agent_scope(b)
        assert (await b.join(token, bring=True)).brought == 0
        assert (await agent_scope(b)).digest == before.digest
        assert len(await contents(b)) == 600


@pytest.mark.parametrize("eraser", ["by the one that brought it", "by another", "by its old id"])
async def test_what_was_brought_is_erased_in_both_agents(
    cluster: Cluster, autojump_clock: object, eraser: str
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        old = await b.remember("the door code is 4711")
        await b.join(await a.invite(), bring=True)
        (new,) = await b.list()
        await converged(a, b)
        node, ref = (a if eraser == "by another" else b), new.id
        if eraser == "by its old id":
            ref = old.id
        await node.forget(ref, erase=True)

        async def gone() -> bool:
            found = [(await b.get(old.id)).content, (await b.get(new.id)).content]
            return found == ["", ""]

        if node is b:
            assert await gone()
        await until(gone)
        for ref in (old.id, new.id):
            assert (await b.history(ref))[0].erased
        await converged(a, b)
        assert (await a.get(new.id)).content == ""
        assert not (await b.status()).problems


async def test_a_counterpart_that_this_node_may_not_erase_is_named(
    cluster: Cluster, autojump_clock: object
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c") as c:
        await b.join(await c.invite())
        shared = await c.remember("written by c in the agent that b was a member of")
        await converged(b, c)
        await b.join(await a.invite(), bring=True)
        (new,) = await b.list()
        await b.forget(new.id, erase=True)
        assert (await b.get(new.id)).content == ""
        (problem,) = (await b.status()).problems
        assert shared.id in problem
        assert "only they or a leader may erase" in problem
