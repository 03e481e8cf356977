"""Whatever a peer says ends at most its own connection, and everything else goes on."""

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from engram_sync.address import Address
from engram_sync.node import Node
from engram_sync.node.limits import WORK_MAX
from engram_sync.node.network import connection as _connection
from engram_sync.testing import PORT, Cluster, converged, until
from engram_wire import (
    CloseCode,
    Credential,
    Goodbye,
    JoinRequest,
    LogDomain,
    Message,
    Ping,
    Pong,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)

from .speaker import Log, Speaker
from .views import all_synced, contents


async def admitted(cluster: Cluster, node: Node) -> Speaker:
    """A member of the agent of ``node`` that is no node."""
    rogue = await Speaker.dial(cluster)
    assert (await rogue.join(await node.invite())).accepted
    return rogue


async def problems(node: Node) -> str:
    return "\n".join((await node.status()).problems)


async def test_an_invalid_record_is_refused_and_reported_and_all_else_goes_on(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        rogue = await admitted(cluster, a)
        good = Log(a, rogue.identity, 1).add("good")
        bad = Log(a, rogue.identity, 2).add("fine so far").add("bad", valid=False)
        await rogue.serve(bad, good)

        async def taken() -> bool:
            return await contents(a) == ["fine so far", "good"]

        await until(taken)
        ack = await rogue.hear(SyncAck)
        assert [(r.ref, r.seq, r.code) for r in ack.rejected] == [(0, 2, CloseCode.INVALID_RECORD)]
        assert "record 2" in await problems(a)
        await a.remember("still here")
        await converged(a, b)
        assert await contents(b) == ["fine so far", "good", "still here"]
        await rogue.say(Ping(7))
        assert (await rogue.hear(Pong)).nonce == 7


async def test_what_builds_on_a_refused_record_waits_and_all_else_goes_on(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        bad = Log(a, rogue.identity, 1).add("fine so far").add("bad", valid=False).add("behind")
        on_it = Log(a, rogue.identity, 2).add("before").add("on it", deps=[bad.heads[2]])
        behind_it = Log(a, rogue.identity, 3).add("behind it", deps=[bad.heads[3]])
        on_that = Log(a, rogue.identity, 4).add("on that", deps=[on_it.heads[2]])
        free = Log(a, rogue.identity, 5).add("free", deps=[on_it.heads[1], bad.heads[1]])
        request = await rogue.serve(bad, on_it, behind_it, on_that, free)
        await rogue.say(SyncResponse(request, SyncStatus.DATA, (), on_it.add("more").frame(1, 3)))

        async def taken() -> bool:
            return await contents(a) == ["before", "fine so far", "free"]

        await until(taken)
        await rogue.say(Ping(7))
        assert (await rogue.hear(Pong)).nonce == 7
        rejected = {r for m in rogue.heard if isinstance(m, SyncAck) for r in m.rejected}
        assert {(r.ref, r.seq, r.code) for r in rejected} == {
            (0, 2, CloseCode.INVALID_RECORD),
            (1, 2, CloseCode.NOT_FOUND),
            (2, 1, CloseCode.NOT_FOUND),
            (3, 1, CloseCode.NOT_FOUND),
        }
        assert "build on refused ones" in await problems(a)
        rogue = await Speaker.dial(cluster)
        await rogue.serve(bad, on_it)
        await rogue.say(Ping(8))
        assert (await rogue.hear(Pong)).nonce == 8


async def test_what_names_a_record_that_was_never_sent_ends_the_session(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        await rogue.serve(Log(a, rogue.identity).add("early", deps=[bytes(32)]))
        heard = await rogue.hear_end()
        assert [m.code for m in heard if isinstance(m, Goodbye)] == [CloseCode.PROTOCOL]


async def test_a_log_whose_first_record_is_invalid_can_be_refused(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        bad = Log(a, rogue.identity).add("never", valid=False)
        await rogue.serve(bad)
        ack = await rogue.hear(SyncAck)
        assert [(r.ref, r.seq) for r in ack.rejected] == [(0, 1)]
        assert ack.received == ()
        assert await contents(a) == []


@pytest.mark.parametrize(
    "message",
    [
        Goodbye(200, "from the future"),
        Pong(5),
        SyncAck(9, ((0, 1),)),
        SyncResponse(9, SyncStatus.COMPLETE),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_a_message_out_of_place_ends_that_connection_only(
    cluster: Cluster, autojump_clock: MockClock, message: Message
) -> None:
    async with cluster.nodes() as (a, b):
        await all_synced(a, b)
        rogue = await Speaker.dial(cluster)
        await rogue.say(message)
        heard = await rogue.hear_end()
        if not isinstance(message, Goodbye):
            assert [m.code for m in heard if isinstance(m, Goodbye)] == [CloseCode.PROTOCOL]
        await a.remember("still here")
        await converged(a, b)


async def test_a_dialled_peer_with_an_unknown_goodbye_does_not_end_the_node(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        connection = next(iter(b._controller.network.connections.values()))
        peer = next(iter(a._controller.network.connections.values()))
        assert connection.initiator
        peer._queue(Goodbye(200))

        async def replaced() -> bool:
            now = b._controller.network.connections.values()
            return bool(now) and connection not in now

        await until(replaced)
        await a.remember("still here")
        await converged(a, b)


async def test_a_garbled_signature_is_answered_with_its_code(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a"):
        rogue = await Speaker.dial(cluster)
        data = bytearray(rogue.session.send(Ping(1), timestamp_ms=1))
        data[-1] ^= 1
        await rogue.link.stream.send_all(bytes(data))
        heard = await rogue.hear_end()
        assert [m.code for m in heard if isinstance(m, Goodbye)] == [CloseCode.SIGNATURE]


async def test_garbage_before_the_handshake_costs_nothing(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.nodes() as (a, b):
        for number in range(40):
            link = await cluster.network.transport(f"noise-{number}").connect(Address("a", PORT))
            with trio.move_on_after(60), pytest.raises(trio.BrokenResourceError):
                await link.stream.send_all(b"GET / HTTP/1.1\r\n\r\n" * 300)
                while await link.stream.receive_some(1000):
                    pass
                raise trio.BrokenResourceError
        await a.remember("still here")
        await converged(a, b)
        assert len(a._controller.network.memory) == 1


async def test_strangers_leave_no_trace_once_they_are_gone(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        for number in range(5):
            stranger = await Speaker.dial(cluster, name=f"stranger {number}")
            heard = await stranger.hear_end()
            assert [m.code for m in heard if isinstance(m, Goodbye)] == [CloseCode.NOT_FOUND]
        network = a._controller.network
        assert not network.connections
        assert not network.memory
        assert not network.table._connected
        assert not (await a.status()).problems


async def test_absent_and_forbidden_scopes_look_alike_even_with_credentials(
    cluster: Cluster, autojump_clock: MockClock
) -> None:
    async with cluster.open("a") as a:
        held = a._core.facts.agent_scope
        own = a._core.facts.instance_scope
        garbled = Log(a, (await Speaker.dial(cluster, name="x")).identity).add("no").response(1)
        assert garbled.frame is not None
        announcement = replace(garbled.announcements[0], domain=int(LogDomain.MEMBERS))
        shown = (Credential(announcement, garbled.frame),)
        answers: list[list[Message]] = []
        for scope in (bytes(32), held, own):
            rogue = await Speaker.dial(cluster)
            answer: list[Message] = []
            for request in (
                SyncRequest(1, scope, bytes(32), ()),
                SyncRequest(1, scope, bytes(32), None),
            ):
                await rogue.say(replace(request, credentials=shown))
                answer.append(await rogue.hear(SyncResponse))
                await rogue.say(replace(request, request=2))
                answer.append(await rogue.hear(SyncResponse))
            await rogue.say(Ping(3))
            answers.append([*answer, *await rogue.hear_end()])
        assert answers[0] == answers[1] == answers[2]
        assert [type(m) for m in answers[0][-2:]] == [Pong, Goodbye]


@pytest.mark.slow
async def test_a_peer_that_asks_and_does_not_read_is_held_back_and_cut_off(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_connection, "OUTBOUND_BYTES_MAX", 64 << 10)
    async with cluster.open("a") as a:
        rogue = await admitted(cluster, a)
        connection = next(iter(a._controller.network.connections.values()))
        request = JoinRequest(bytes(32), bytes(32), b"x", bytes(64), "rogue")
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await rogue.say(*[request] * 100)
                assert len(connection._work) <= WORK_MAX + 1
        assert not a._controller.network.connections
