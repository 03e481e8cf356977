"""An erasure is open until every member has said that it holds it."""

from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.testing import Cluster, converged, until

from .views import all_synced, contents


async def confirmed_by_all(node: Node) -> bool:
    return not (await node.status()).erasures


async def test_who_has_not_confirmed_an_erasure_is_named_until_it_has(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c") as c:
        await c.join(await a.invite())
        await converged(a, b, c)
        secret = await a.remember("a secret that all of them hold")
        await converged(a, b, c)
        await c.go_offline()
        await a.forget(secret, erase=True)
        await converged(a, b)

        async def b_confirmed() -> bool:
            (erasure,) = (await a.status()).erasures
            return erasure.waiting == ("c",) and "b" in erasure.confirmed

        await until(b_confirmed)
        await c.go_online()
        await converged(a, b, c)
        for node in (a, b, c):
            assert not await contents(node)
        await until(lambda: confirmed_by_all(a))
        await all_synced(a)


async def test_what_was_erased_does_not_come_back_with_a_peer_that_did_not_hear_of_it(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        secret = await a.remember("a secret that b still holds")
        await converged(a, b)
        await b.go_offline()
        await a.forget(secret, erase=True)
        await b.update(secret.id, add_tags=["seen"])
        await b.go_online()
        await converged(a, b)
        await all_synced(a, b)
        for node in (a, b):
            shown = await node.get(secret.id)
            assert "secret" not in shown.content
            history = await node.history(secret.id)
            assert "secret" not in repr([entry.fields for entry in history])
