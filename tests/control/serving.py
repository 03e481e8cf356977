"""A fake node served over a real socket, and clients that may send anything."""

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import trio

from engram_sync.control import ControlClient, Endpoint, find_node
from engram_sync.control._messages import FrameStream
from engram_sync.control._server import serve_control
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
