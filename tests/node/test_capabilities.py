"""What two versions of a node can do without each other, and what they cannot."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from engram_sync.config import Config, NetworkConfig
from engram_sync.errors import UsageError
from engram_sync.node import Node
from engram_sync.node.home import environment as _machine
from engram_sync.node.network.authentication import authenticate
from engram_sync.node.network.connection import ConnectionEnded
from engram_sync.testing import Cluster, converged
from engram_sync.transport import Address, Link
from engram_wire import ZSTD, CloseCode, Established, Ping, Pong, Role, Session

from .speaker import Hung, Speaker, key_of
from .tap import Tap
from .views import all_synced

TEXT = "the same words again and again " * 40


@pytest.mark.parametrize("offered_by", ["", "a", "b", "ab"], ids=lambda who: who or "nobody")
async def test_messages_are_compressed_when_both_offer_it_and_travel_either_way(
    cluster: Cluster, autojump_clock: MockClock, offered_by: str
) -> None:
    cluster.tap = tap = Tap()
    compression = {name: ZSTD if name in offered_by else "none" for name in "ab"}
    async with (
        cluster.open("a", compression=compression["a"]) as a,
        cluster.open("b", compression=compression["b"]) as b,
    ):
        await b.join(await a.invite())
        one = await a.remember(TEXT)
        two = await b.remember(TEXT + "back")
        await all_synced(a, b)
        assert (await b.get(one.id)).content == TEXT
        assert (await a.get(two.id)).content == TEXT + "back"
        for name in "ab":
            assert (TEXT.encode() in tap.bytes_of(name)) == (offered_by != "ab")


@pytest.mark.parametrize("offered", [("future",), ("future", ZSTD), ("!zstd", "future")])
async def test_a_capability_that_is_not_known_is_ignored(
    cluster: Cluster, autojump_clock: MockClock, offered: Sequence[str]
) -> None:
    async with cluster.open("a", compression=ZSTD):
        newer = await Speaker.dial(cluster, capabilities=offered)
        await newer.say(Ping(7))
        assert (await newer.hear(Pong)).nonce == 7


@pytest.mark.parametrize("demanded", ["!future", "!zstd"])
async def test_a_node_that_lacks_what_a_peer_demands_hangs_up_and_goes_on(
    cluster: Cluster, autojump_clock: MockClock, demanded: str
) -> None:
    async with cluster.nodes() as (a, b):
        with pytest.raises((Hung, trio.BrokenResourceError)):
            await Speaker.dial(cluster, capabilities=(demanded,))
        await a.remember("still here")
        await converged(a, b)


async def both_ends(
    offered: Sequence[str], answered: Sequence[str]
) -> tuple[Established | ConnectionEnded, Established | ConnectionEnded]:
    """How a handshake ends at the side that dialled, and at the other one."""
    near, far = memory_stream_pair()
    ends: dict[Role, Established | ConnectionEnded] = {}

    async def run(role: Role, stream: trio.abc.Stream, capabilities: Sequence[str]) -> None:
        session = Session(
            role,
            key_of(role.name),
            nonce=role.name.encode().ljust(32),
            channel_binding=bytes(32),
            capabilities=capabilities,
        )
        link = Link(stream, bytes(32), role is Role.INITIATOR, Address("a", 1))
        try:
            ends[role] = await authenticate(link, session)
            await stream.send_all(session.data_to_send())
        except ConnectionEnded as error:
            ends[role] = error
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, Role.INITIATOR, near, offered)
        nursery.start_soon(run, Role.RESPONDER, far, answered)
    return ends[Role.INITIATOR], ends[Role.RESPONDER]


@pytest.mark.parametrize(
    ("offered", "answered"), [(("!future",), ()), ((), ("!future",)), (("!zstd",), ("future",))]
)
async def test_what_is_demanded_and_not_offered_is_refused_with_version(
    offered: Sequence[str], answered: Sequence[str]
) -> None:
    ends = await both_ends(offered, answered)
    codes = {end.code for end in ends if isinstance(end, ConnectionEnded)}
    assert CloseCode.VERSION in codes
    assert codes <= {CloseCode.VERSION, CloseCode.OK}, "the other one only sees the end"
    assert not any(isinstance(end, Established) for end in ends)


@pytest.mark.parametrize(
    ("offered", "answered", "used"),
    [
        ((), (), set[str]()),
        ((ZSTD,), (), set[str]()),
        ((), (ZSTD,), set[str]()),
        ((ZSTD,), ("future", ZSTD), {ZSTD}),
        (("!future", ZSTD), ("future",), {"future"}),
    ],
)
async def test_what_both_offer_is_used(
    offered: Sequence[str], answered: Sequence[str], used: set[str]
) -> None:
    for end in await both_ends(offered, answered):
        assert isinstance(end, Established)
        assert end.capabilities == used


async def test_compressed_and_plain_nodes_sync_over_real_sockets(tmp_path: Path) -> None:
    network = NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False)
    packed, plain = (Config(network=replace(network, compression=c)) for c in (ZSTD, "none"))
    async with (
        Node.open(tmp_path / "a", config=packed, services=(), label="a") as a,
        Node.open(tmp_path / "b", config=packed, services=(), label="b") as b,
        Node.open(tmp_path / "c", config=plain, services=(), label="c") as c,
    ):
        await b.join(await a.invite())
        await c.join(await a.invite())
        await a.remember(TEXT)
        assert (await a.sync(timeout_s=60)).state in ("clean", "merged")
        for node in (b, c):
            assert [engram.content for engram in await node.list()] == [TEXT]


async def test_a_node_that_shall_compress_and_cannot_says_what_to_install(
    cluster: Cluster, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_machine, "available_capabilities", tuple)
    async with cluster.open("a", online=False, compression=ZSTD) as a:
        with pytest.raises(UsageError, match="its library is not installed") as error:
            await a.go_online()
        assert error.value.hint.startswith("pip install '.[zstd]' from your checkout")
        assert (await a.remember("works locally")).content == "works locally"
