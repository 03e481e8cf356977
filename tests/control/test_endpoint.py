"""Where the control connection is, and what is left of it afterwards."""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Literal

import pytest
import trio

from engram_sync.control import find_node, read_endpoint
from engram_sync.control._endpoint import directory_id
from engram_sync.errors import (
    CorruptError,
    DeadlineError,
    DeniedError,
)
from tests.control.fake_node import FakeNode
from tests.control.serving import KINDS, files, served

NAMED = {"v": 1, "token": "t"}


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


@pytest.mark.parametrize("kind", KINDS)
async def test_a_copy_of_a_home_does_not_reach_the_node_of_the_original(
    tmp_path: Path, kind: Literal["unix", "tcp"]
) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    copy.mkdir()
    async with served(FakeNode(home), kind):
        announced = (home / "control.json").read_text()
        (copy / "control.json").write_text(announced)
        assert await find_node(copy) is None
        # Not even when the file says that it is about the copy: the node says what it serves.
        claimed = json.loads(announced) | {"home": directory_id(copy)}
        (copy / "control.json").write_text(json.dumps(claimed))
        assert await find_node(copy) is None
        client = await find_node(home)
        assert client is not None
        await client.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
def test_a_node_is_not_looked_for_where_anybody_may_name_one(tmp_path: Path) -> None:
    (tmp_path / "control.json").write_text("{}")
    tmp_path.chmod(0o777)
    with pytest.raises(DeniedError, match="other users may write"):
        read_endpoint(tmp_path)


async def test_a_stranger_on_the_port_of_a_killed_node_counts_as_no_node(tmp_path: Path) -> None:
    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.aclose()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listener.socket.getsockname()[1]
    (tmp_path / "control.json").write_text(
        json.dumps({**NAMED, "home": directory_id(tmp_path), "pid": 1, "tcp_port": port})
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
        json.dumps({**NAMED, "home": directory_id(tmp_path), "pid": 77, "tcp_port": port})
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    home = tmp_path / ("h" * 120)
    home.mkdir()
    with trio.fail_after(10):
        # A path of its own: that of a test is too long for a socket.
        runtime = Path("/tmp") / f"engram-test-{os.getpid()}-{mode:o}"
        monkeypatch.setenv("ENGRAM_SYNC_RUNTIME_DIR", str(runtime))
        runtime.mkdir()
        runtime.chmod(mode)
        try:
            async with served(FakeNode(home)) as endpoint:
                assert (endpoint.unix is not None) == (mode == 0o700)
                client = await find_node(home)
                assert client is not None
                await client.aclose()
            assert files(runtime) == []
        finally:
            runtime.rmdir()
