"""One log with two histories: both live, everywhere the same, and nobody is shut out for it."""

import shutil
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engram_sync.config import Config, NetworkConfig
from engram_sync.memory.materialise import compare_rows, rows_of
from engram_sync.memory.state import LogDirectory, Snapshot
from engram_sync.node import DirectoryStorage, Environment, Node, configured_peers
from engram_sync.node.home.files import Home
from engram_sync.store import Reader, Transaction
from engram_sync.testing import (
    Cluster,
    DirectoryHome,
    SimulatedClock,
    agent_scope,
    converged,
    until,
)
from engram_wire import LogDomain, SyncAck, SyncResponse, SyncStatus

from .speaker import Log, Speaker
from .tap import Tap
from .test_voids import own_log, refuse
from .views import all_synced, contents, peer_of


def own_logs(node: Node) -> dict[bytes, int]:
    """Data logs of the agent that this node's key has written, and how far."""
    ledger, core = node._core.path.ledger, node._core
    return {
        log.id: log.seq
        for log in ledger.logs(core.facts.agent_scope)
        if log.author == core.key.public and log.domain == LogDomain.DATA
    }


async def problems(node: Node) -> str:
    return "\n".join((await node.status()).problems)


async def both_branches(cluster: Cluster, a: Node, b: Node) -> None:
    """A rogue member gives a one branch of its log and b, which is apart, another one."""
    rogue = await Speaker.dial(cluster)
    assert (await rogue.join(await a.invite())).accepted
    await converged(a, b)
    await b.go_offline()
    await rogue.serve(Log(a, rogue.identity).add("same").add("one").add("one more"))
    await rogue.hear(SyncAck)
    await rogue.link.aclose()
    await a.go_offline()
    await b.go_online()
    at_b = await Speaker.dial(cluster, "b")
    await at_b.serve(Log(a, rogue.identity).add("same").add("another"))
    await at_b.hear(SyncAck)
    await at_b.link.aclose()


async def test_two_nodes_that_hold_two_branches_end_with_both_and_say_so(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await both_branches(cluster, a, b)
        await a.remember("from a")
        await b.remember("from b")
        await a.go_online()
        await converged(a, b)
        for node in (a, b):
            everything = ["another", "from a", "from b", "one", "one more", "same"]
            assert await contents(node) == everything
            assert "rogue" in await problems(node)
        assert (await peer_of(a, b)).state == (await peer_of(b, a)).state == "synced"


async def test_both_branches_over_one_connection_live_beside_each_other(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        rogue = await Speaker.dial(cluster)
        assert (await rogue.join(await a.invite())).accepted
        one = Log(a, rogue.identity).add("same").add("one history")
        two = Log(a, rogue.identity).add("same").add("another").add("and on")
        request = await rogue.serve(one)
        await rogue.hear(SyncAck)
        await rogue.say(SyncResponse(request, SyncStatus.DATA, (), two.frame(0)))

        async def taken() -> bool:
            return await contents(a) == ["and on", "another", "one history", "same"]

        await until(taken)
        await converged(a, b)
        assert await contents(b) == await contents(a)


async def test_an_author_that_forked_is_believed_nothing_and_still_heard(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await both_branches(cluster, a, b)
        await a.go_online()
        await converged(a, b)
        seen = {e.content: e.provenance.trust for e in await a.list(scope="agent")}
        assert seen["one"] == seen["another"] == 0.0


async def test_whoever_joins_later_gets_both_branches_and_the_same_state(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await both_branches(cluster, a, b)
        await a.go_online()
        await converged(a, b)
        async with cluster.open("c") as c:
            await c.join(await a.invite())
            await converged(a, b, c)
            assert await contents(c) == ["another", "one", "one more", "same"]


async def test_what_depends_on_one_branch_reaches_those_who_held_the_other(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    """The honest third node cannot know that its view rests on one of two histories."""
    async with cluster.nodes() as (a, b), cluster.open("c") as c:
        await c.join(await a.invite())
        await converged(a, b, c)
        await c.go_offline()
        await both_branches(cluster, a, b)
        await b.go_offline()
        await c.go_online()
        await a.go_online()
        await converged(a, c)
        (seen,) = [e for e in await c.list(scope="agent") if e.content == "one more"]
        await c.update(seen, content="one more, says c")
        await c.remember("after having seen one")
        await converged(a, c)
        await a.go_offline()
        await c.go_offline()
        async with cluster.open("d") as d:
            await b.go_online()
            await c.go_online()
            del d
            await a.go_online()
            await converged(a, b, c)
        for node in (a, b, c):
            assert "after having seen one" in await contents(node)
            assert "one more, says c" in await contents(node)
            assert "another" in await contents(node)


@pytest.mark.slow
@pytest.mark.parametrize("more", [0, 1, 40])
async def test_two_runs_of_one_snapshot_lose_nothing_and_neither_goes_on_with_the_log(
    cluster: Cluster, autojump_clock: MockClock, more: int
) -> None:
    async with cluster.nodes() as (a, b):
        await a.remember("common")
        await converged(a, b)
    cluster.clone("again", of="a", with_witness=True)
    for name, count in (("a", 3), ("again", 3 + more)):
        async with cluster.open(name, online=False) as node:
            for number in range(count):
                await node.remember(f"{name} {number}")
            assert len(own_logs(node)) == 1, "nothing here can tell"
    wanted = ["common", *(f"a {n}" for n in range(3)), *(f"again {n}" for n in range(3 + more))]
    for round_number in range(2):
        for name in ("a", "again"):
            async with cluster.open(name) as node, cluster.open("b", peers=[name]) as b:
                await converged(node, b)
                await all_synced(node, b)
                if round_number:
                    assert await contents(node) == await contents(b) == sorted(wanted)
                    before = own_logs(node)
                    await node.remember(f"{name} goes on")
                    wanted.append(f"{name} goes on")
                    after = own_logs(node)
                    assert all(after[log] == seq for log, seq in before.items())
                    assert len(after) == len(before) + 1
                    await converged(node, b)


async def test_a_restored_snapshot_is_told_by_its_peer_before_it_writes(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await a.remember("in the snapshot")
        await converged(a, b)
    cluster.clone("earlier", of="a", with_witness=True)
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await a.remember("after the snapshot")
        await converged(a, b)
        written = own_logs(a)
    cluster.homes["a"] = cluster.home("earlier")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
        assert "rolled back" in await problems(a)
        await a.remember("after the restore")
        await converged(a, b)
        await all_synced(a, b)
        assert own_logs(a).items() > written.items()
        assert await contents(b) == ["after the restore", "after the snapshot", "in the snapshot"]
        assert "rolled back" not in await problems(b)


@pytest.mark.slow
async def test_of_two_long_histories_only_what_differs_is_sent(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        for number in range(150):
            await a.remember(f"common {number}")
        await converged(a, b)
    cluster.clone("again", of="a", with_witness=True)
    for name in ("a", "again"):
        async with cluster.open(name, online=False) as node:
            await node.remember(f"from {name}")
    async with cluster.open("a") as a, cluster.open("b", peers=["a"]) as b:
        await converged(a, b)
    cluster.tap = tap = Tap()
    async with cluster.open("again") as again, cluster.open("b", peers=["again"]) as b:
        await converged(again, b)
        assert len(await contents(b)) == 152
    frames = [m.frame for m in tap.messages("again", SyncResponse) if m.frame is not None]
    assert sum(map(len, frames)) < 4_000


class Machines(DirectoryHome):
    """A home on a disk with all that the snapshot of a machine has: the witness lies in it."""

    def take_witness(self, store_id: bytes) -> bytes | None:
        path = self.path / f"witness-{store_id.hex()}"
        found = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        return found

    def leave_witness(self, store_id: bytes, data: bytes) -> None:
        (self.path / f"witness-{store_id.hex()}").write_bytes(data)


def on(home: Path, *peers: str) -> AbstractAsyncContextManager[Node]:
    network = NetworkConfig(enabled=True, listen=("127.0.0.1:0",), peers=peers, mdns=False)
    return Node.open(
        config=Config(network=network),
        label=home.name,
        services=(),
        environment=Environment(discovery=configured_peers),
        storage=Machines(home),
    )


@pytest.mark.slow
async def test_over_tcp_and_disks_two_runs_of_one_snapshot_lose_nothing_either(
    tmp_path: Path,
) -> None:
    first, again, other = (tmp_path / name for name in ("a", "again", "b"))
    async with on(other) as b, on(first) as a:
        await a.join(await b.invite())
        await a.remember("common")
        await converged(a, b)
    shutil.copytree(first, again)
    for home in (first, again):
        async with on(home) as node:
            await node.remember(f"from {home.name}")
            assert len(own_logs(node)) == 1
    held: tuple[list[str], ...] = ()
    for home in (first, again, first):
        async with on(other) as b, on(home, *(await b.status()).listen) as node:
            await converged(node, b)
            held = await contents(node), await contents(b)
    assert held == (["common", "from a", "from again"],) * 2


async def test_what_is_refused_is_ratified_as_well_where_another_log_has_forked(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await both_branches(cluster, a, b)
        e = await a.remember("first", counters={"n": 1})
        await a.go_online()
        await converged(a, b)
        (forked,) = [m.id for m in await a.list() if m.content == "same"]
        await a.update(forked, title="of a", add_tags=["x"])
        await a.update(e.id, count={"n": 2})
        await converged(a, b)
        await b.update(forked, content="same, of b")
        await converged(a, b)
        before = (await agent_scope(a)).digest
        log, seq = own_log(a)
        assert await refuse(a, log, seq - 1)
        await converged(a, b)
        assert (await agent_scope(a)).digest == (await agent_scope(b)).digest == before
        for node in (a, b):
            assert (await node.get(e.id)).counters == {"n": 3}
            assert (await node.get(forked)).title == "of a"
            assert (await node.doctor()).checks[0].ok


@pytest.fixture
def threaded(cluster: Cluster, tmp_path: Path) -> Cluster:
    """Host a has a store on a disk, with a thread for the writer and one for the reader."""
    cluster.homes["a"] = DirectoryStorage(Home(tmp_path / "a"))
    cluster.clocks = {name: SimulatedClock(now_s=time.monotonic) for name in "ab"}
    return cluster


@asynccontextmanager
async def busy(node: Node) -> AsyncGenerator[None]:
    """The writer of a store with threads of its own does one job all the while."""
    token, begun, over = trio.lowlevel.current_trio_token(), trio.Event(), threading.Event()

    def job(_: Transaction) -> None:
        trio.from_thread.run_sync(begun.set, trio_token=token)
        over.wait(60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(node._core.write, job)
        await begun.wait()
        try:
            yield
        finally:
            over.set()


@pytest.mark.slow
async def test_reads_where_a_log_has_forked_do_not_wait_for_the_writer(
    threaded: Cluster,
) -> None:
    async with threaded.nodes() as (a, b):
        await both_branches(threaded, a, b)
        await a.go_online()
        await converged(a, b)
        (seen,) = [e for e in await a.list(scope="agent") if e.content == "one more"]
        await a.update(seen, content="one more, says a")
        async with busy(a):
            with trio.fail_after(20):
                assert await contents(a) == ["another", "one", "one more, says a", "same"]
                assert (await a.get(seen)).content == "one more, says a"
                assert len(await a.history(seen)) == 2
                assert list(await a.conflicts()) == []


def wrong_in(node: Node, reader: Reader, logs: LogDirectory) -> list[str]:
    """What rows of the agent say that its records do not, and logs that are not there yet."""
    row = reader.scope(node._core.path.ledger.scope_number(node._core.facts.agent_scope))
    assert row is not None
    rows = list(rows_of(reader, row.n, None, 100))
    held = reader.logs_of(row.n, closed=True)
    seen = {n for log in held for n in logs.seen(reader, row.id, log.n, log.seq)}
    later = [f"log {n}" for n in sorted(seen) if n > reader.last_log()]
    return later + compare_rows(Snapshot(reader, logs), row, rows).problems


@pytest.mark.slow
async def test_a_reader_that_holds_an_earlier_state_reads_no_later_branches(
    threaded: Cluster,
) -> None:
    async with threaded.open("a") as a:
        core = a._core
        rogue = await Speaker.dial(threaded)
        assert (await rogue.join(await a.invite())).accepted

        def history(*contents: str) -> Log:
            log = Log(a, rogue.identity)
            for content in contents:
                log.add(content)
            return log

        request = await rogue.serve(history("same", "one", "one more"))

        async def forked(*contents: str, into: int) -> None:
            frame = history(*contents).frame(0)
            await rogue.say(SyncResponse(request, SyncStatus.DATA, (), frame))
            await until(lambda: forks(into))

        async def forks(number: int) -> bool:
            return len(core.scopes[core.facts.agent_scope].forks) == number

        async def revise(content: str) -> None:
            (found,) = [e for e in await a.list(scope="agent") if e.content == content]
            await a.update(found, content=f"{content}, says a")

        await rogue.hear(SyncAck)
        await revise("one more")
        await forked("same", "another", "and on", into=1)
        await revise("and on")
        token, begun, over = trio.lowlevel.current_trio_token(), trio.Event(), threading.Event()

        def hold(reader: Reader) -> list[list[str]]:
            first = wrong_in(a, reader, core.path.logs_at(reader))
            trio.from_thread.run_sync(begun.set, trio_token=token)
            over.wait(60)
            return [first, wrong_in(a, reader, core.path.logs_at(reader))]

        found: list[list[str]] = []

        async def read(job: Callable[[Reader], list[list[str]]]) -> None:
            found.extend(await core.read(job))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, hold)
            await begun.wait()
            try:
                await forked("same", "one", "a third", into=2)
                await forked("same", "another", "a fourth", into=3)
            finally:
                over.set()
        await read(lambda reader: [wrong_in(a, reader, core.path.logs_at(reader))])
        assert found == [[], [], []]
        assert await core.write(lambda tx: wrong_in(a, tx, core.path.logs)) == []
