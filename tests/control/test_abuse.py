"""Whatever a client sends, it ends at most its own connection."""

import io
import logging
from collections.abc import Generator
from pathlib import Path

import pytest
import trio
import trio.testing

from engram_sync.control import find_node
from engram_sync.control._limits import FIRST_REQUEST_BYTES_MAX, REQUEST_BYTES_MAX
from engram_sync.control._messages import FrameStream
from engram_sync.control._methods import Served
from engram_sync.control._server import _Server
from engram_sync.errors import (
    DegradedError,
    EngramError,
    LocalError,
)
from engram_sync.observe import configure_logging
from tests.control.fake_node import FakeNode
from tests.control.serving import (
    answer,
    attached,
    changed_request,
    error,
    raw,
    request,
    served,
)


async def test_a_client_that_sends_half_a_request_loses_its_place(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = _Server(Served(FakeNode(tmp_path), 1, "home", None), "token")
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
