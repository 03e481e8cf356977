"""A scope that uses what only a newer version knows is kept, and neither shared nor written to."""

from uuid import UUID

import pytest
from trio.testing import MockClock

from engram_sync.errors import DegradedError
from engram_sync.ledger import Draft
from engram_sync.membership import Revoke, revoke_draft
from engram_sync.node import Node
from engram_sync.testing import Cluster, agent_scope, converged, until
from engram_wire import LogDomain, RecordKind, cbor

from .views import contents

TOMORROW = Draft(
    22, bytes(16), (("label", cbor.encode("")),), statement=("example/quorum", {"of": 3})
)


class Known(list[str]):
    """What a node of tomorrow needs that it does not know: nothing."""

    def append(self, item: str, /) -> None:
        pass


async def write(node: Node, draft: Draft, domain: int) -> None:
    core = node._core
    scope = bytes.fromhex((await agent_scope(node)).id)
    await core.write(lambda tx: core.path.write(tx, scope, [draft], domain))


async def test_nobody_is_served_after_a_statement_that_is_not_understood(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c", peers=["b"]) as c:
        await b.join(await a.invite())
        await c.join(await a.invite())
        await converged(a, b, c)
        await a.remember("before")
        await converged(a, b, c)
        scope = bytes.fromhex((await agent_scope(a)).id)
        a._core.path.charters.of(scope)._newer = Known()
        await write(a, TOMORROW, LogDomain.MEMBERS)
        await a.remember("after")

        async def told() -> bool:
            return (await b.status()).health == "degraded"

        await until(told)
        (problem,) = [p for p in (await b.status()).problems if "newer version" in p]
        assert "the extension 'example/quorum'" in problem
        with pytest.raises(DegradedError, match="only a newer version") as refused:
            await b.remember("not written")
        assert refused.value.hint == "upgrade engram-sync on this machine"
        assert "before" in await contents(b)
        result = await b.sync(timeout_s=1.0)
        assert (result.state, "this agent is not shared" in result.detail) == ("failed", True)
    # It is no matter of one run of the program.
    async with cluster.open("b", online=False) as b:
        assert (await b.status()).health == "degraded"


@pytest.mark.parametrize(("kind", "stopped"), [(12, True), (12 | 0x20, False)])
async def test_of_kinds_of_data_that_are_not_known_only_the_optional_ones_are_left_alone(
    cluster: Cluster, autojump_clock: MockClock, kind: int, stopped: bool
) -> None:
    async with cluster.open("a", online=False) as a:
        await write(a, Draft(kind, b"e" * 16, (("r/what", cbor.encode(1)),)), LogDomain.DATA)
        assert (await a.status()).health == ("degraded" if stopped else "ok")
    async with cluster.open("a", online=False) as a:
        assert (await a.status()).health == ("degraded" if stopped else "ok")
        if not stopped:
            await a.remember("goes on")
            assert await contents(a) == ["goes on"]
            assert [e.content for e in await a.list()] == ["goes on"]


OPTIONAL = 12 | 0x20


def opinion(engram: str) -> Draft:
    """A record of an optional kind of tomorrow, which puts two values into a memory."""
    puts = tuple(("r/opinion", cbor.encode(f"opinion {number}")) for number in range(2))
    return Draft(OPTIONAL, UUID(engram).bytes, puts)


@pytest.mark.parametrize("collaborative", [False, True])
async def test_what_follows_a_record_of_an_optional_kind_is_shown_alike_by_rows_and_by_replays(
    cluster: Cluster, autojump_clock: MockClock, collaborative: bool
) -> None:
    async with cluster.nodes() as (a, b):
        e = await a.remember("first", collaborative=collaborative, tags={"x"})
        await write(a, opinion(e.id), LogDomain.DATA)
        e = await a.update(e, content="second", add_tags=["y"])
        await write(a, opinion(e.id), LogDomain.DATA)
        await a.update(e, content="third")
        await converged(a, b)
        for node in (a, b):
            found = await node.doctor()
            assert found.healthy, found
            now = await node.get(e.id)
            assert (now.content, set(now.tags)) == ("third", {"x", "y"})
            arrived = node._core.environment.clock.now_ms()
            assert (await node.get(e.id, at_ms=arrived)).content == "third"
            entries = await node.history(e.id)
            assert entries[-1].live
            assert not any("opinion" in entry.fields for entry in entries)
        # Nobody who erases has to name what nobody shows, and all that is shown goes.
        await b.update(e.id, content="fourth")
        await converged(a, b)
        await a.forget(e.id, erase=True)
        assert await contents(a) == []
        assert (await a.doctor()).healthy


async def test_a_memory_may_begin_behind_a_record_of_an_optional_kind(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        engram = "01a1f993-0011-7769-b8f9-ed0ecc56f530"
        await write(a, opinion(engram), LogDomain.DATA)
        begun = Draft(RecordKind.CREATE, UUID(engram).bytes, (("r/content", cbor.encode("first")),))
        await write(a, begun, LogDomain.DATA)
        await converged(a, b)
        assert [(await node.get(engram)).content for node in (a, b)] == ["first", "first"]
        await b.update(engram, content="second")
        await converged(a, b)
        for node in (a, b):
            assert await contents(node) == ["second"]
            assert (await node.doctor()).healthy


async def test_who_was_put_out_is_not_served(cluster: Cluster, autojump_clock: MockClock) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c", peers=["b"]) as c:
        await b.join(await a.invite())
        await c.join(await a.invite())
        await converged(a, b, c)
        await write(a, revoke_draft(Revoke(c._core.key.public), "c"), LogDomain.MEMBERS)
        await converged(a, b)
        await a.remember("after c was put out")
        await converged(a, b)
        assert (await b.status()).health == "ok"
        assert await contents(c) == []
        assert [p.label for p in await b.peers()] == ["a"]
