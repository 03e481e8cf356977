"""Slow readers, huge scopes and floods: each pays for itself, in bounded memory."""

import gc
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from engram_sync.address import Address
from engram_sync.api import Scope
from engram_sync.api.arguments import NewMemory
from engram_sync.node import Node
from engram_sync.node.limits import OUTBOUND_ROOM_BYTES, PAGE_BYTES
from engram_sync.node.network import budget as _budget
from engram_sync.node.network.authentication import authenticate
from engram_sync.node.network.budget import Budget
from engram_sync.node.network.connection import Connection, ConnectionEnded, Ingested
from engram_sync.node.network.inbox import Received
from engram_sync.node.network.network_parts import PeerMemory
from engram_sync.sync import Exchange
from engram_sync.testing import PORT, Cluster, converged, until
from engram_sync.transport import Link
from engram_wire import (
    HANDSHAKE_BYTES_MAX,
    NEED_DATA,
    ConflictNotification,
    LeaveNotification,
    OpenConflict,
    Ping,
    Pong,
    Role,
    Session,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    cbor,
)

from .speaker import Log, Speaker, key_of
from .tap import Tap
from .views import all_synced, contents

LARGE = [NewMemory(content=f"{n} " + "x" * 10_000) for n in range(600)]
"""6 MB: many times what all buffers on the way hold."""


async def rogue_member(cluster: Cluster, node: Node) -> Speaker:
    rogue = await Speaker.dial(cluster)
    assert (await rogue.join(await node.invite())).accepted
    return rogue


def connection_of(node: Node, key: bytes) -> Connection:
    return node._controller.network.connections[key]


# -- slow readers ----------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_peer_that_stops_reading_costs_the_others_nothing(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b), cluster.open("c") as c:
        await c.join(await a.invite())
        rogue = await rogue_member(cluster, a)
        own = await rogue.hear(SyncRequest)
        await rogue.say(SyncRequest(1, own.scope, own.clock_digest, ()))
        await converged(a, b, c)
        await a.remember_many(LARGE)
        before = trio.current_time()
        stuck = connection_of(a, rogue.identity.public_key)
        await converged(a, b, c)
        assert len(await c.list(limit=1000)) == len(LARGE)
        # In virtual time whatever does not wait takes no time; and it still lives.
        assert trio.current_time() - before < 1
        assert 0 < stuck._outbound_bytes <= OUTBOUND_ROOM_BYTES + PAGE_BYTES + (128 << 10)
        for number in range(20):
            await a.remember(f"meanwhile {number}")
            await converged(a, b, c)
        assert stuck._outbound_bytes <= OUTBOUND_ROOM_BYTES + PAGE_BYTES + (128 << 10)
        assert len(stuck._work) <= 2
        assert connection_of(a, rogue.identity.public_key) is stuck


async def test_a_peer_that_reads_again_gets_everything(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await rogue_member(cluster, a)
        own = await rogue.hear(SyncRequest)
        await rogue.say(SyncRequest(1, own.scope, own.clock_digest, ()))
        await a.remember_many(LARGE)
        await trio.sleep(20)
        seen = 0
        while seen < 6_000_000:
            response = await rogue.hear(SyncResponse)
            seen += len(response.frame or b"")


@asynccontextmanager
async def two_scopes(cluster: Cluster) -> AsyncGenerator[tuple[Node, Node, bytes, bytes]]:
    """a and b, which share the agent of a, and another one; both are its members."""
    async with cluster.open("a") as a, cluster.open("b") as b, cluster.open("c") as c:
        await b.join(await a.invite())
        first = a._core.facts.agent_scope
        await b.sync()
        for node in (a, b):
            await node.join(await c.invite())
            await node.sync()
        await converged(a, b, c)
        yield a, b, first, c._core.facts.agent_scope


@pytest.mark.slow
async def test_a_huge_scope_does_not_starve_a_small_one_on_the_same_connection(
    autojump_clock: MockClock,
) -> None:
    """Whichever was asked for first: they take turns, page by page."""
    cluster = Cluster()
    cluster.tap = tap = Tap()
    async with two_scopes(cluster) as (a, b, first, second):
        await b.go_offline()
        await until(lambda: parted(a, b))
        cluster.network.partition("b", "c")
        await a.remember("small")
        a._core.facts.current[Scope.AGENT] = first
        await a.remember_many(LARGE)
        tap.streams.clear()
        tap.sends.clear()
        await b._controller.start(())
        await b._controller.network.connect(
            Address("a", PORT), via="token", expected=a._core.key.public
        )
        await until(lambda: holds(b, a, first))
        asked = {m.request: m.scope for m in tap.messages("b", SyncRequest)}
        assert set(asked.values()) == {first, second}
        frames = [
            (asked[m.request], len(m.frame))
            for m in tap.messages("a", SyncResponse)
            if m.frame is not None
        ]
        small = next(i for i, (scope, _) in enumerate(frames) if scope == second)
        assert sum(size for _, size in frames) > 6_000_000
        # What was on its way when the small one was asked for, and a page of the huge one.
        before = sum(size for _, size in frames[:small])
        assert before <= OUTBOUND_ROOM_BYTES + 2 * (PAGE_BYTES + (128 << 10))
    cluster.close()


async def parted(a: Node, b: Node) -> bool:
    return b._core.key.public not in a._controller.network.connections


async def holds(node: Node, other: Node, scope: bytes) -> bool:
    return node._core.scopes[scope].clock_digest == other._core.scopes[scope].clock_digest


# -- floods ----------------------------------------------------------------------------------


def test_what_waits_is_bounded_for_each_peer_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "HELD_PER_PEER_BYTES_MAX", 100)
    monkeypatch.setattr(_budget, "HELD_BYTES_MAX", 250)
    budget = Budget()
    greedy = [budget.share() for _ in range(4)]
    for share in greedy:
        while not share.spent:
            share.take(60)
    assert [share.held_bytes for share in greedy] == [120, 120, 60, 60]
    modest = budget.share()
    said = [modest.spent]  # Whoever has nothing waiting is always heard.
    modest.take(1)
    said.append(modest.spent)
    greedy[0].give(120)
    said.append(modest.spent)
    assert said == [False, True, False]
    for share in (*greedy, modest):
        share.close()
    assert budget.held_bytes == 0


class Gate:
    """Keeps what peers send from the store of a node until it is opened."""

    def __init__(self, node: Node) -> None:
        self.opened = trio.Event()
        services = node._controller.network._services
        self._ingest, services.ingest = services.ingest, self._wait

    async def _wait(self, connection: Connection, batch: Sequence[Received]) -> Ingested:
        await self.opened.wait()
        return await self._ingest(connection, batch)


@pytest.mark.slow
async def test_a_flood_of_frames_waits_outside_while_the_store_is_busy(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_budget, "HELD_PER_PEER_BYTES_MAX", 64 << 10)
    async with cluster.nodes() as (a, b):
        rogue = await rogue_member(cluster, a)
        request = await rogue.hear(SyncRequest)
        budget = a._controller.network._services.budget
        logs = [Log(a, rogue.identity, n).add(f"{n} " + "y" * 30_000) for n in range(1, 60)]

        async def flood() -> None:
            for ref, log in enumerate(logs):
                await rogue.say(log.response(request.request, ref))
            await rogue.say(SyncResponse(request.request, SyncStatus.COMPLETE))

        gate = Gate(a)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await trio.sleep(5)
            assert 64 << 10 < budget.held_bytes <= (64 << 10) + 31_000
            gate.opened.set()
            await until(lambda: has(a, len(logs)))
        await until(lambda: idle(budget))
        await converged(a, b)


async def has(node: Node, count: int) -> bool:
    return len(await contents(node)) == count


async def idle(budget: Budget) -> bool:
    return budget.held_bytes == 0


async def test_nothing_is_held_any_more_once_a_peer_has_gone(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await rogue_member(cluster, a)
        Gate(a)
        await rogue.serve(*[Log(a, rogue.identity, n).add(f"{n}") for n in range(1, 30)])
        budget = a._controller.network._services.budget
        await trio.sleep(1)
        assert budget.held_bytes
        await trio.aclose_forcefully(rogue.link.stream)
        await until(lambda: idle(budget))


# -- before a signature ----------------------------------------------------------------------


def made(*kinds: type) -> int:
    """How many objects of these types there are."""
    gc.collect()
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())


async def half_open(cluster: Cluster, number: int) -> trio.abc.Stream:
    """A link on which the node has said who it is, and the other side has proven nothing."""
    name = f"stranger-{number}"
    link = await cluster.network.transport(name).connect(Address("a", PORT))
    session = Session(
        Role.INITIATOR,
        key_of(name),
        nonce=number.to_bytes(32, "big"),
        channel_binding=link.channel_binding,
    )
    await link.stream.send_all(session.start())
    while session.next_event() is NEED_DATA:
        session.receive_data(bytes(await link.stream.receive_some()))
    return link.stream


@pytest.mark.slow
@pytest.mark.parametrize("garbage", [b"", b"\x00\x00\x10\x00", cbor.encode([1, bytes(32)])])
async def test_nothing_is_kept_of_a_peer_before_a_valid_signature(
    cluster: Cluster, autojump_clock: MockClock, garbage: bytes
) -> None:
    async with cluster.open("a") as a:
        network = a._controller.network
        before = made(Exchange, Connection, PeerMemory, _budget.Share)
        async with AsyncExitStack() as stack:
            for number in range(40):
                stream = await half_open(cluster, number)
                stack.push_async_callback(trio.aclose_forcefully, stream)
                await stream.send_all(garbage)
            await trio.sleep(1)
            assert network._transport is not None
            assert network._transport.statistics.accepted == 40
            assert made(Exchange, Connection, PeerMemory, _budget.Share) == before
            assert (network.connections, network.memory) == ({}, {})
            assert not list(network.table.contacts())
            readers = [s._reader._buffer for s in sessions()]
            assert all(len(held) <= 2 * HANDSHAKE_BYTES_MAX for held in readers)
        await trio.sleep(10)
        assert made(Exchange, Connection, PeerMemory, _budget.Share) == before
        assert not sessions()


def sessions() -> Sequence[Session]:
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, Session)]


class Asked(trio.abc.Stream):
    """A stream that notes how much is asked of it at once."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.asked: list[int | None] = []

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        self.asked.append(max_bytes)
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


async def test_a_stranger_is_not_read_further_than_a_handshake_may_be_long() -> None:
    near, far = memory_stream_pair()
    await near.send_all(HANDSHAKE_BYTES_MAX.to_bytes(4, "big") + bytes(1 << 20))
    asked = Asked(far)
    link = Link(asked, bytes(32), False, Address("a", 1))
    session = Session(Role.RESPONDER, key_of("a"), nonce=bytes(32), channel_binding=bytes(32))
    with pytest.raises(ConnectionEnded):
        await authenticate(link, session)
    assert set(asked.asked) == {HANDSHAKE_BYTES_MAX}
    assert len(asked.asked) <= 2


# -- notices ---------------------------------------------------------------------------------


async def test_notices_are_taken_and_change_nothing(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        rogue = await rogue_member(cluster, a)
        scope = a._core.facts.agent_scope
        before = a._core.scopes[scope]
        conflict = OpenConflict(bytes(32), bytes(32), bytes(16), 1)
        await rogue.say(ConflictNotification(scope, (conflict,)))
        await rogue.say(LeaveNotification(scope, "bye"), Ping(9))
        assert (await rogue.hear(Pong)).nonce == 9
        assert connection_of(a, rogue.identity.public_key).exchange.notices == 2
        assert a._core.scopes[scope] == before
        await a.remember("still here")
        await converged(a, b)
