"""A node and its clients over a real socket in a temporary home."""

import io
import json
import logging
import os
import stat
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import pytest
import trio
import trio.testing

from engram_sync.control import METHODS, ControlClient, Endpoint, find_node, read_endpoint
from engram_sync.control._limits import FIRST_REQUEST_BYTES_MAX, REQUEST_BYTES_MAX
from engram_sync.control._messages import FrameStream
from engram_sync.control._server import serve_control
from engram_sync.errors import (
    CorruptError,
    DeadlineError,
    DegradedError,
    EngramError,
    LocalError,
    NotFoundError,
    PreconditionError,
)
from engram_sync.observe import configure_logging
from engram_sync.results import NewMemory
from tests.control.fake_node import FakeNode

NONE: dict[str, object] = {}
KINDS: list[Literal["unix", "tcp"]] = ["tcp"] if sys.platform == "win32" else ["unix", "tcp"]


@asynccontextmanager
async def served(
    node: FakeNode, kind: Literal["unix", "tcp"] | None = None
) -> AsyncGenerator[Endpoint]:
    async with trio.open_nursery() as nursery:
        endpoint: Endpoint = await nursery.start(partial(serve_control, node, kind=kind))
        yield endpoint
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def attached(node: FakeNode) -> AsyncGenerator[ControlClient]:
    async with served(node):
        client = await find_node(node.home)
        assert client is not None
        async with client:
            yield client


async def raw(endpoint: Endpoint) -> FrameStream:
    return FrameStream(await endpoint.connect())


def files(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def request(endpoint: Endpoint, method: str, params: object = NONE) -> bytes:
    return changed_request(endpoint, {"method": method, "params": params})


def changed_request(endpoint: Endpoint, changes: dict[str, object]) -> bytes:
    whole: dict[str, object] = {"v": 1, "id": 1, "token": endpoint.token, "method": "status"}
    return json.dumps(whole | changes).encode()


async def answer(frames: FrameStream) -> dict[str, object]:
    data = await frames.receive(bytes_max=1 << 20, seconds_max=5)
    assert data is not None
    return msgspec.json.decode(data, type=dict[str, object])


async def error(frames: FrameStream) -> dict[str, object]:
    return msgspec.convert((await answer(frames))["error"], dict[str, object])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_finds_the_node_of_a_home_and_calls_it(
    tmp_path: Path, kind: Literal["unix", "tcp"]
) -> None:
    node = FakeNode(tmp_path)
    async with served(node, kind):
        client = await find_node(tmp_path)
        assert client is not None
        async with client:
            assert client.pid == os.getpid()
            assert await client.identity() == await node.identity()


async def test_every_method_answers_what_the_node_answers(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with attached(node) as client:
        engram = await client.remember(
            "Deploys go out", tags={"ops"}, metadata={"a": [1, None]}, events=("seen",)
        )
        assert engram == node.engrams[engram.id]
        assert await client.get(engram.id[:8]) == engram
        assert await client.recall("deploys", tags=["ops"]) == await node.recall("deploys")
        assert list(await client.list(limit=3)) == [engram]
        updated = await client.update(engram, content="later", add_tags=["x"])
        assert (updated.content, updated.tags) == ("later", ("ops", "x"))
        assert (await client.archive(updated)).life == "archived"
        assert (await client.restore(engram.id)).life == "active"
        assert await client.history(engram.id) == await node.history(engram.id)
        assert await client.conflicts() == await node.conflicts()
        assert await client.sync(timeout_s=0) == await node.sync(timeout_s=0)
        assert await client.invite(ttl_s=60, uses=2) == "engram1.member-60-2"
        node.release.set()
        assert (await client.join("t", bring=True)).brought == 1
        assert await client.peers() == await node.peers()
        await client.go_offline()
        assert (await client.status()).network == "offline"
        forgotten = await client.forget(engram.id, reason="wrong")
        assert (forgotten.life, forgotten.reason) == ("deleted", "wrong")


def test_every_method_of_the_table_exists_on_the_client() -> None:
    internal = {"hello"}  # Every connection starts with it.
    assert all(hasattr(ControlClient, name) for name in METHODS.keys() - internal)


async def test_an_engram_as_reference_stands_for_the_version_its_holder_saw(
    tmp_path: Path,
) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        seen = await client.remember("a")
        await client.update(seen.id, content="b")
        with pytest.raises(PreconditionError, match="changed") as caught:
            await client.update(seen, content="c")
        assert caught.value.hint == "now: v1.1"


async def test_an_error_of_the_node_arrives_with_its_type_and_hint(tmp_path: Path) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        with pytest.raises(NotFoundError, match="no memory feedbeef") as caught:
            await client.get("feedbeef")
        assert caught.value.hint == "see: engram-sync list"


async def test_many_memories_travel_in_several_requests_and_keep_their_order(
    tmp_path: Path,
) -> None:
    node = FakeNode(tmp_path)
    async with attached(node) as client:
        large = [NewMemory("x" * 900_000), NewMemory("y" * 900_000), NewMemory("z" * 900_000)]
        many = [NewMemory(str(number)) for number in range(1_500)]
        ids = await client.remember_many(large + many)
    assert [node.engrams[key].content for key in ids] == [m.content for m in large + many]
    assert len(node.batches) > 2


async def test_several_tasks_call_at_once(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with attached(node) as client, trio.open_nursery() as nursery:
        nursery.start_soon(partial(client.sync, timeout_s=60))
        await node.entered.wait()
        assert (await client.identity()).label == "laptop"
        nursery.cancel_scope.cancel()


async def test_hanging_up_ends_a_read(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with served(node) as endpoint:
        frames = await raw(endpoint)
        await frames.send(request(endpoint, "sync", {"timeout_s": 60}))
        await node.entered.wait()
        await frames.aclose()
        with trio.fail_after(5):
            while not node.cancelled:
                await trio.lowlevel.checkpoint()
    assert node.cancelled == ["sync"]


async def test_hanging_up_does_not_end_a_write(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with served(node) as endpoint:
        frames = await raw(endpoint)
        await frames.send(request(endpoint, "join", {"token": "t"}))
        await node.entered.wait()
        await frames.aclose()
        await trio.testing.wait_all_tasks_blocked()
        node.release.set()
        await trio.testing.wait_all_tasks_blocked()
    assert (node.completed, node.cancelled) == (["join"], [])


async def test_a_write_in_progress_is_answered_before_the_node_leaves(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    replies: list[dict[str, object]] = []
    async with trio.open_nursery() as clients, served(node) as endpoint:
        frames = await raw(endpoint)
        await frames.send(request(endpoint, "join", {"token": "t"}))
        await node.entered.wait()

        async def finish() -> None:
            await trio.testing.wait_all_tasks_blocked()
            node.release.set()
            replies.append(await answer(frames))
            await frames.aclose()

        clients.start_soon(finish)
    assert replies[0]["result"] is not None


async def test_a_write_that_never_ends_does_not_keep_the_node_for_ever(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The socket is a pair in memory here, so that the clock may jump."""
    node = FakeNode(tmp_path)
    from engram_sync.control._methods import Served
    from engram_sync.control._server import _Server

    server = _Server(Served(node, 1, None), "token")
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        frames = FrameStream(ours)
        endpoint = Endpoint(1, 1, "token")
        await frames.send(request(endpoint, "join", {"token": "t"}))
        await node.entered.wait()
        server.drain()
        nursery.cancel_scope.cancel()
    assert node.cancelled == ["join"]


async def test_a_client_that_sends_half_a_request_loses_its_place(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    from engram_sync.control._methods import Served
    from engram_sync.control._server import _Server

    server = _Server(Served(FakeNode(tmp_path), 1, None), "token")
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        await ours.send_all(b"\0\0")
        assert await ours.receive_some(1) == b""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v": 2}, "not a control request"),
        ({"id": "x"}, "not a control request"),
        ({"more": 1}, "not a control request"),
        ({"token": "wrong"}, "wrong control token"),
        ({"method": "m" * 900}, "unknown method 'mmm"),
        ({"method": "get", "params": {}}, "wrong arguments: Object missing required field `ref`"),
        ({"method": "get", "params": {"ref": 1}}, "wrong arguments: Expected `str`"),
        ({"method": "get", "params": {"ref": "a", "b": 1}}, "wrong arguments: Object contains"),
        ({"method": "get", "params": []}, "wrong arguments"),
    ],
)
async def test_a_wrong_request_gets_one_clear_error(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    async with served(FakeNode(tmp_path)) as endpoint:
        frames = await raw(endpoint)
        await frames.send(changed_request(endpoint, changes))
        found = await error(frames)
        assert str(found["message"]).startswith(message)
        await trio.aclose_forcefully(frames)
        client = await find_node(tmp_path)
        assert client is not None
        await client.aclose()


@pytest.mark.parametrize(
    "data", [b"\0", b"{", b"[]", b"\xff\xfe", b"[" * 4000, b'{"v":1}', b"null"]
)
async def test_bytes_that_are_no_request_get_one_clear_error(tmp_path: Path, data: bytes) -> None:
    async with served(FakeNode(tmp_path)) as endpoint:
        frames = await raw(endpoint)
        await frames.send(data)
        assert str((await error(frames))["message"]).startswith("not a control request")
        assert await frames.receive(bytes_max=1, seconds_max=5) is None
        await frames.aclose()


@pytest.mark.parametrize("size", [0, FIRST_REQUEST_BYTES_MAX + 1, 0xFFFF_FFFF])
async def test_a_length_out_of_bounds_is_refused_before_a_byte_of_it_is_read(
    tmp_path: Path, size: int
) -> None:
    async with served(FakeNode(tmp_path)) as endpoint:
        stream = await endpoint.connect()
        await stream.send_all(size.to_bytes(4, "big"))
        frames = FrameStream(stream)
        assert "bytes" in str((await error(frames))["message"])
        await frames.aclose()


async def test_a_greeted_client_may_send_more_but_not_without_limit(tmp_path: Path) -> None:
    async with served(FakeNode(tmp_path)) as endpoint:
        frames = await raw(endpoint)
        await frames.send(request(endpoint, "hello"))
        assert "result" in await answer(frames)
        await frames.send(request(endpoint, "recall", {"query": "x" * 100_000, "limit": 1}))
        assert (await answer(frames))["result"] == []
        await frames._stream.send_all((REQUEST_BYTES_MAX + 1).to_bytes(4, "big"))
        assert "8,388,608 are allowed" in str((await error(frames))["message"])
        await frames.aclose()


async def test_a_request_too_large_to_send_is_refused_before_it_leaves(tmp_path: Path) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        with pytest.raises(EngramError, match="are allowed"):
            await client.remember("x" * (REQUEST_BYTES_MAX + 1))
        with pytest.raises(EngramError, match="cannot be written as JSON"):
            await client.remember("x", metadata={"a": object()})
        assert (await client.identity()).label == "laptop"


@pytest.fixture
def log_lines() -> Generator[io.StringIO]:
    """What a program with our logging writes."""
    stream = io.StringIO()
    before = list(logging.getLogger().handlers)
    configure_logging("info", json=False, stream=stream)
    yield stream
    logging.getLogger().handlers[:] = before


async def test_a_bug_in_one_request_is_answered_logged_without_text_and_survived(
    tmp_path: Path, log_lines: io.StringIO
) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        with pytest.raises(LocalError, match=r"go_online failed inside the node \(ValueError\)"):
            await client.go_online()
        assert (await client.identity()).label == "laptop"
    assert "method=go_online error=ValueError" in log_lines.getvalue()
    assert "text of a memory" not in log_lines.getvalue()


async def test_a_client_too_many_is_told_so_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engram_sync.control._server.CONNECTIONS_MAX", 1)
    async with attached(FakeNode(tmp_path)) as client:
        with pytest.raises(DegradedError, match="too many programs"):
            await find_node(tmp_path)
        assert (await client.identity()).label == "laptop"


async def test_stop_reaches_the_program_around_the_node(tmp_path: Path) -> None:
    stopped = trio.Event()
    node = FakeNode(tmp_path)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_control, node, on_stop=stopped.set))
        client = await find_node(tmp_path)
        assert client is not None
        async with client:
            await client.stop()
        await stopped.wait()
        nursery.cancel_scope.cancel()


async def test_stop_is_refused_by_a_node_inside_another_program(tmp_path: Path) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        with pytest.raises(PreconditionError, match=f"pid {os.getpid()}"):
            await client.stop()


async def test_nothing_is_left_in_the_home_after_the_node(tmp_path: Path) -> None:
    async with served(FakeNode(tmp_path)):
        assert read_endpoint(tmp_path) is not None
    assert files(tmp_path) == []
    assert await find_node(tmp_path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
async def test_the_file_and_the_socket_are_for_the_owner_only(tmp_path: Path) -> None:
    async with served(FakeNode(tmp_path)):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)}
    assert modes == {"control.json": 0o600, "control.sock": 0o600}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_killed_node_left_behind_counts_as_no_node(
    tmp_path: Path, kind: Literal["unix", "tcp"]
) -> None:
    async with served(FakeNode(tmp_path), kind):
        left = (tmp_path / "control.json").read_bytes()
    (tmp_path / "control.json").write_bytes(left)
    (tmp_path / "control.sock").touch()
    assert await find_node(tmp_path) is None
    async with served(FakeNode(tmp_path), kind):
        client = await find_node(tmp_path)
        assert client is not None
        await client.aclose()


async def test_a_stranger_on_the_port_of_a_killed_node_counts_as_no_node(tmp_path: Path) -> None:
    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.aclose()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listener.socket.getsockname()[1]
    (tmp_path / "control.json").write_text(
        json.dumps({"v": 1, "pid": 1, "token": "t", "tcp_port": port})
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, greet, [listener])
        assert await find_node(tmp_path) is None
        nursery.cancel_scope.cancel()


async def test_a_node_that_does_not_answer_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process still listens; starting a second node beside it would fail."""
    monkeypatch.setattr("engram_sync.control._client.CONNECT_SECONDS_MAX", 0.01)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listener.socket.getsockname()[1]
    (tmp_path / "control.json").write_text(
        json.dumps({"v": 1, "pid": 77, "token": "t", "tcp_port": port})
    )
    async with listener:
        with pytest.raises(DeadlineError, match="pid 77"):
            await find_node(tmp_path)


async def test_a_file_that_is_not_ours_is_reported_and_kept(tmp_path: Path) -> None:
    (tmp_path / "control.json").write_text("{}")
    with pytest.raises(CorruptError, match="is not a control file"):
        await find_node(tmp_path)
    assert (tmp_path / "control.json").read_text() == "{}"


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
@pytest.mark.parametrize("mode", [0o700, 0o755])
async def test_a_long_home_uses_a_private_runtime_directory_or_else_tcp(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    mode: int,
) -> None:
    home = tmp_path / ("h" * 120)
    home.mkdir()
    with trio.fail_after(10):
        runtime = Path("/tmp") / f"engram-test-{os.getpid()}-{mode:o}"
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        runtime.mkdir(mode=0o700)
        (runtime / "engram-sync").mkdir()
        (runtime / "engram-sync").chmod(mode)
        try:
            async with served(FakeNode(home)) as endpoint:
                assert (endpoint.unix is not None) == (mode == 0o700)
                client = await find_node(home)
                assert client is not None
                await client.aclose()
            assert files(runtime / "engram-sync") == []
        finally:
            (runtime / "engram-sync").rmdir()
            runtime.rmdir()


async def test_a_node_that_vanishes_during_a_request_is_reported(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with trio.open_nursery() as nursery, served(node):
        client = await find_node(tmp_path)
        assert client is not None

        async def wait() -> None:
            with pytest.raises(DegradedError, match="went away"):
                await client.sync(timeout_s=60)

        nursery.start_soon(wait)
        await node.entered.wait()
    with pytest.raises(DegradedError, match="has stopped"):
        await client.identity()
