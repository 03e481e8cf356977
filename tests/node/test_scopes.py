"""One node in several scopes of every kind that can be shared."""

import pytest
from trio.testing import MockClock

from engram_sync.api import Scope
from engram_sync.errors import DegradedError, DeniedError
from engram_sync.ledger import Draft
from engram_sync.node import Node
from engram_sync.node.network.joining import invite
from engram_sync.node.opening.founding import found_scope
from engram_sync.testing import Cluster, converged, until
from engram_wire import cbor


async def founded(node: Node, kind: Scope) -> bytes:
    """Found one scope more, which becomes the current one of its kind."""
    core, entropy = node._core, node._core.environment.entropy
    scope = await core.write(
        lambda tx: found_scope(tx, core.path, core.key, kind, core.facts.label, entropy)
    )
    core.facts.current[kind] = scope
    return scope


async def shown(node: Node) -> set[tuple[str, str]]:
    return {(engram.scope, engram.content) for engram in await node.list()}


def token(node: Node, kind: Scope) -> str:
    addresses = [str(address) for address in node._controller.network.listening]
    return invite(node._core, addresses, ttl_s=900.0, role="member", uses=1, kind=kind).text()


@pytest.mark.parametrize("kind", [Scope.COLLECTIVE, Scope.UNIVERSAL])
async def test_a_node_may_belong_to_a_scope_of_every_kind_beside_its_agent(
    cluster: Cluster, autojump_clock: MockClock, kind: Scope
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c") as c:
        agents = [node._core.facts.agent_scope for node in (a, b, c)]
        with pytest.raises(DegradedError, match=f"belongs to no {kind} scope"):
            await c.remember("nowhere to go", scope=kind)
        scope = await founded(a, kind)
        result = await c.join(token(a, kind))
        assert (result.agent, result.role) == (scope.hex(), "member")
        await c.remember("for many", scope=kind)
        await a.remember("for us")

        async def arrived() -> bool:
            return (kind, "for many") in await shown(a)

        await until(arrived)
        await converged(a, b)
        # Whom it shares nothing else with is a peer too.
        assert [(p.label, p.role) for p in await c.peers()] == [("a", "leader")]
        assert sorted(p.label for p in await a.peers()) == ["b", "c"]
        assert ((await c.sync()).state, (await c.status()).sync) == ("clean", "synced")
        assert await shown(c) == {(kind, "for many")}
        assert await shown(b) == {(Scope.AGENT, "for us")}
        # Nobody became another agent by it, and each of the two writes for itself.
        assert [node._core.facts.agent_scope for node in (a, b, c)] == agents
        held = a._core.path.charters.of(scope)
        assert held.agent_of(c._core.key.public) == c._core.key.public
    async with cluster.open("c", online=False) as c:
        assert c._core.facts.current[kind] == scope
        assert {(s.kind, s.current) for s in (await c.status()).scopes} == {
            ("instance", True),
            ("agent", True),
            (str(kind), True),
        }


async def test_sync_says_in_which_scopes_there_is_nobody_else(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        assert (await a.sync()).detail == "no peers: nobody else belongs to this agent"
        await founded(a, Scope.COLLECTIVE)
        detail = (await a.sync()).detail
        assert detail == "no peers: nobody else belongs to this agent or collective"


async def test_a_scope_that_is_not_shared_is_not_called_clean_because_another_one_is(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await converged(a, b)
        assert (await a.sync()).state == "clean"
        scope = await founded(a, Scope.COLLECTIVE)
        tomorrow = Draft(12, b"e" * 16, (("r/what", cbor.encode(1)),))
        await a._core.write(lambda tx: a._core.path.write(tx, scope, [tomorrow]))
        result = await a.sync()
        assert (result.state, result.detail) == (
            "partial",
            "this collective is not shared, see status",
        )


async def test_a_second_scope_of_a_kind_is_current_and_the_first_one_is_kept(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("c") as c:
        first = await founded(a, Scope.COLLECTIVE)
        await c.join(token(a, Scope.COLLECTIVE))
        second = await founded(a, Scope.COLLECTIVE)
        again = token(a, Scope.COLLECTIVE)
        await c.remember("to the first", scope=Scope.COLLECTIVE)
        await c.join(again)
        await c.remember("to the second", scope=Scope.COLLECTIVE)
        held = {s.id: (s.current, s.engrams) for s in (await c.status()).scopes}
        assert (held[first.hex()], held[second.hex()]) == ((False, 1), (True, 1))


async def test_nobody_is_invited_to_what_never_leaves_a_node(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a, cluster.open("c") as c:
        private = token(a, Scope.INSTANCE)
        with pytest.raises(DeniedError, match="cannot admit you there"):
            await c.join(private)
