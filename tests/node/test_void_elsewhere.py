"""A log that one copy of a home has voided, and another one goes on in: nothing is lost."""

import pytest
from trio.testing import MockClock

from engram_sync.node import Node
from engram_sync.testing import Cluster, converged, until

from .test_voids import own_log, refuse
from .views import contents


@pytest.mark.parametrize("learns", ["copy", "original"])
@pytest.mark.parametrize("forks", [False, True])
async def test_what_a_copy_writes_into_a_log_that_its_original_has_voided_is_not_lost(
    cluster: Cluster, autojump_clock: MockClock, learns: str, forks: bool
) -> None:
    async with cluster.open("b") as b:
        async with cluster.open("a", peers=["b"]) as a:
            await a.join(await b.invite())
            await a.remember("before")
            e = await a.remember("text")
            await converged(a, b)
        cluster.clone("copy", of="a", with_witness=True)
        async with cluster.open("a", peers=["b"]) as a:
            log, seq = own_log(a)
            if forks:
                await a.remember("of the original")
                seq += 1
            assert await refuse(a, log, seq)
            await converged(a, b)
        async with cluster.open("copy", online=False) as copy:
            await copy.remember("of the copy")
            await copy.update(e.id, content="changed", title="of the copy")
            wanted = {"before", "changed", "of the copy", *(["of the original"] if forks else [])}
        if learns == "original":
            # Only b and the original are left, and b passes on what the copy wrote.
            cluster.network.partition("copy", "b")
            async with cluster.open("b2") as relay:
                await relay.join(await b.invite())
                await b.go_offline()
                async with cluster.open("copy", peers=["b2"]):
                    await until(lambda: _holds(relay, log, seq + 1))
                    cluster.network.partition("copy", "b2")
                await b.go_online()
                async with cluster.open("a", peers=["b", "b2"]) as a:
                    await until(lambda: _shows(a, wanted))
                    await a.update(e.id, content="later")
                    await until(lambda: _shows(relay, wanted - {"changed"} | {"later"}))
            return
        async with cluster.open("copy", peers=["b"]) as copy:
            await converged(copy, b)
            await until(lambda: _shows(b, wanted))
            await until(lambda: _shows(copy, wanted))
            await b.update(e.id, content="later")
            await converged(copy, b)
            assert (await b.doctor()).healthy
            assert (await copy.get(e.id)).content == "later"


async def _shows(node: Node, wanted: set[str]) -> bool:
    return set(await contents(node)) == wanted


async def _holds(node: Node, log: bytes, seq: int) -> bool:
    scope = node._core.facts.agent_scope
    logs = await node._core.write(lambda _: node._core.path.ledger.all_logs(scope))
    return any(each.root == log and each.seq >= seq for each in logs)
