"""What ``status`` says while other things happen."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from engram_sync.api.arguments import NewMemory
from engram_sync.errors import DeniedError
from engram_sync.membership import (
    MemberRole,
    Revoke,
    SetRole,
    leave_draft,
    revoke_draft,
    set_role_draft,
)
from engram_sync.node import Node
from engram_sync.node.core import Core
from engram_sync.testing import Cluster, agent_scope, converged, until
from engram_wire import LogDomain

from .views import all_synced, contents, peer_of


async def test_status_can_be_asked_while_a_join_is_between_its_commit_and_its_effects(
    cluster: Cluster, autojump_clock: object
) -> None:
    async with cluster.open("a") as a, cluster.open("b") as b:
        core: Core = b._core
        left = core.facts.agent_scope
        await b.join(await a.invite())
        # As before its publication; the scope that nobody else shares and nothing else looks at.
        view = core.scopes.pop(left)
        shown = {scope.id for scope in (await b.status()).scopes}
        core.scopes[view.scope] = view
        assert shown == {s.id for s in (await b.status()).scopes} - {view.scope.hex()}


@pytest.mark.slow
@pytest.mark.parametrize("own", [True, False], ids=["left", "put out"])
async def test_who_is_no_member_any_more_is_told_so_and_the_others_are_synced(
    cluster: Cluster, autojump_clock: MockClock, own: bool
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c", peers=["a", "b"]) as c:
        await c.join(await a.invite())
        await all_synced(a, b, c)
        core, key = (b if own else a)._core, b._core.key.public
        draft = leave_draft(key, "b") if own else revoke_draft(Revoke(key), "b")
        scope = core.facts.agent_scope
        await core.write(lambda tx: core.path.write(tx, scope, [draft], LogDomain.MEMBERS))
        for node in (a, c):
            await until(partial(forgets, node, "b"))
        await converged(a, c)
        await all_synced(a, c)
        assert (await a.status()).health == (await c.status()).health == "ok"
        await until(lambda: told(b))
        assert (await peer_of(b, a)).state == "refused"
        assert "for no member" in (await peer_of(b, a)).last_error
        assert (await b.sync(timeout_s=5)).state == "failed"


@pytest.mark.slow
async def test_a_peer_that_is_synced_has_a_last_success(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        seen = 0
        for number in range(40):
            await a.remember(f"{number}")
            for node, other in ((a, b), (b, a)):
                for peer in (await peer_of(node, other), (await node.status()).peers[0]):
                    seen += peer.state == "synced"
                    assert (peer.state == "synced") <= (peer.last_success_ms is not None)
            await trio.sleep(0.01)
        assert seen


@pytest.mark.parametrize("own", [True, False], ids=["left", "only reads"])
async def test_who_may_not_write_any_more_is_told_that_it_cannot_write_and_keeps_what_it_has(
    cluster: Cluster, autojump_clock: MockClock, own: bool
) -> None:
    async with cluster.nodes() as (a, b):
        e = await b.remember("before", key="k")
        await all_synced(a, b)
        core, key, scope = b._core, b._core.key.public, b._core.facts.agent_scope
        reads = set_role_draft(SetRole(key, MemberRole.OBSERVER), "b")
        draft, path = (leave_draft(key, "b"), core.path) if own else (reads, a._core.path)
        await (b if own else a)._core.write(
            lambda tx: path.write(tx, scope, [draft], LogDomain.MEMBERS)
        )
        await converged(*([] if own else [a]), b)
        held = (await agent_scope(b)).records
        writes: list[Callable[[], Awaitable[object]]] = [
            lambda: b.remember("after"),
            lambda: b.remember_many([NewMemory("after")]),
            lambda: b.update(e.id, content="after"),
            lambda: b.forget(e.id),
            lambda: b.forget(e.id, erase=True),
        ]
        for write in writes:
            with pytest.raises(DeniedError, match="it has left") as refused:
                await write()
            assert refused.value.exit_code == 5
            assert "invite" in refused.value.hint
        assert (await agent_scope(b)).records == held
        assert await contents(b) == ["before"]
        assert (await b.remember("mine alone", scope="instance")).content == "mine alone"
    async with cluster.open("b", online=False) as b:
        with pytest.raises(DeniedError, match="it has left"):
            await b.remember("after")
        assert await contents(b) == ["before"]


async def forgets(node: Node, label: str) -> bool:
    return label not in [peer.label for peer in await node.peers()]


async def told(node: Node) -> bool:
    return any("is no member" in problem for problem in (await node.status()).problems)
