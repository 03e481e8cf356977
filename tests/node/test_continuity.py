"""Clones, restored homes and crashes: nothing is lost, and no log is ever written twice."""

from collections.abc import Iterable

import pytest
import trio
from trio.testing import MockClock

from engram_sync.errors import DegradedError, LocalError
from engram_sync.node import Node
from engram_sync.testing import Cluster, WrappedTransport, converged
from engram_sync.transport import Link, Transport
from engram_wire import LogDomain

from .views import contents


def own_logs(node: Node) -> dict[bytes, int]:
    """Data logs of the agent that this node's key has written, and how far."""
    ledger, core = node._core.path.ledger, node._core
    return {
        log.id: log.seq
        for log in ledger.logs(core.facts.agent_scope)
        if log.author == core.key.public and log.domain == LogDomain.DATA
    }


def witness_of(cluster: Cluster, name: str) -> dict[bytes, bytes]:
    return cluster.home(name).witnesses


async def no_problems(nodes: Iterable[Node]) -> None:
    for node in nodes:
        assert not (await node.status()).problems


async def test_a_clean_close_lets_the_log_go_on(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    logs: dict[bytes, int] = {}
    for round_number in range(3):
        async with cluster.open("a", online=False) as a:
            await a.remember(f"round {round_number}")
            logs = own_logs(a)
    assert list(logs.values()) == [3]


async def test_what_is_asked_while_a_node_closes_is_refused_and_does_not_cost_an_incarnation(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    # The witness is left by the last job; a caller that does not wait may still ask for another.
    async with trio.open_nursery() as callers:
        home = cluster.home("a")
        leave, late = home.leave_witness, list[Exception]()

        async def ask(node: Node) -> None:
            try:
                await node.remember("too late")
            except LocalError as error:
                late.append(error)

        async with cluster.open("a", online=False) as a:
            await a.remember("in time")
            logs = own_logs(a)

            def leave_and_ask(store_id: bytes, data: bytes) -> None:
                leave(store_id, data)
                callers.start_soon(ask, a)

            home.leave_witness = leave_and_ask  # type: ignore[method-assign]
    assert [type(error) for error in late] == [DegradedError]
    home.leave_witness = leave  # type: ignore[method-assign]
    async with cluster.open("a", online=False) as a:
        await a.remember("later")
        assert own_logs(a) == {name: seq + 1 for name, seq in logs.items()}
        assert await contents(a) == ["in time", "later"]


async def test_an_error_of_the_caller_does_not_cost_an_incarnation(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    logs: dict[bytes, int] = {}
    for round_number in range(3):
        try:
            async with cluster.open("a", online=False) as a:
                await a.remember(f"round {round_number}")
                logs = own_logs(a)
                raise LookupError
        except LookupError:
            pass
    assert list(logs.values()) == [3]


async def test_after_a_crash_a_new_incarnation_begins_and_old_records_stay(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        await a.remember("before")
        before = own_logs(a)
    witness_of(cluster, "a").clear()
    async with cluster.open("a", online=False) as a:
        await a.remember("after")
        assert len(own_logs(a)) == 2
        assert before.items() <= own_logs(a).items()
        assert await contents(a) == ["after", "before"]


async def test_after_a_reboot_the_witness_proves_nothing(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a", online=False) as a:
        await a.remember("before")
    home = cluster.home("a")
    home.boots += 1
    async with cluster.open("a", online=False) as a:
        await a.remember("after")
        assert len(own_logs(a)) == 2


async def test_a_restored_backup_goes_on_beside_what_it_had_written_since(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await a.remember("in the backup")
        await converged(a, b)
    cluster.clone("backup", of="a")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("after the backup")
        await converged(a, b)
    # Restored: the old content, and the witness of the newer one.
    cluster.homes["a"] = cluster.home("backup")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("after the restore")
        await converged(a, b)
        assert await contents(a) == ["after the backup", "after the restore", "in the backup"]
        assert await contents(b) == await contents(a)
        assert len(own_logs(a)) == 2
        await no_problems([a, b])


async def test_a_home_that_was_copied_and_opened_twice_forks_no_log(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await a.remember("common")
        await converged(a, b)
    cluster.clone("copy", of="a")
    async with cluster.open("a", online=False) as a, cluster.open("copy", online=False) as copy:
        await a.remember("from the original")
        await copy.remember("from the copy")
    # One after the other, because they are one key; both meet the same peer.
    for name in ("a", "copy"):
        async with cluster.open(name) as node, cluster.open("b", peers=[name]) as b:
            await converged(node, b)
            await no_problems([node, b])
    async with cluster.open("b", online=False) as b:
        assert await contents(b) == ["common", "from the copy", "from the original"]


async def test_two_live_nodes_with_one_key_never_talk_to_each_other(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a"):
        pass
    cluster.clone("copy", of="a")
    async with cluster.open("a") as a, cluster.open("copy", peers=["a"]) as copy:
        await trio.sleep(30)
        assert not a._controller.network.connections
        assert not copy._controller.network.connections
        (problem,) = (await copy.status()).problems
        assert "a node with this node's key answers at a:" in problem
    async with cluster.open("copy", peers=["copy"]) as alone:
        await trio.sleep(30)
        assert not (await alone.status()).problems


@pytest.mark.slow
@pytest.mark.parametrize("dialler", ["copies", "peer"])
async def test_two_copies_that_run_at_once_take_turns_are_told_and_get_everything(
    cluster: Cluster, autojump_clock: MockClock, dialler: str
) -> None:
    async with cluster.nodes() as (a, b):
        await converged(a, b)
    cluster.clone("copy", of="b")
    calls: list[str] = []

    def counted(name: str, transport: Transport) -> Transport:
        def count(link: Link) -> Link:
            calls.append(name)
            return link

        return WrappedTransport(transport, dialled=count)

    cluster.tap = counted
    of_a, of_b = (["b"], []) if dialler == "peer" else ([], ["a"])
    async with (
        cluster.open("a", peers=of_a) as a,
        cluster.open("b", peers=of_b) as b,
        cluster.open("copy", peers=["a"]) as copy,
    ):
        for number in range(5):
            for name, node in (("a", a), ("b", b), ("copy", copy)):
                await node.remember(f"{number} by {name}")
            await trio.sleep(2)
        await converged(a, b, copy)
        assert len(await contents(a)) == 15
        for node in (b, copy) if dialler == "copies" else (copy,):
            assert (await node.status()).health == "degraded"
            assert any("a copy of this home" in text for text in (await node.status()).problems)
        if dialler == "copies":
            (problem,) = (await a.status()).problems
            assert problem.startswith("two nodes with the key of b take turns here")
        calls.clear()
        await trio.sleep(600)
        assert len(calls) < 100
