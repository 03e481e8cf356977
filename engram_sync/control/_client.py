"""The calling side: the methods of a Node, answered by the node that runs for a home."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import GenericAlias, TracebackType
from typing import Any, Self, TypeVar, cast, get_args, get_origin

import msgspec
import trio

from engram_sync.api import Page
from engram_sync.api.arguments import NewMemory
from engram_sync.api.calls import Call, NodeApi, RememberManyCall
from engram_sync.errors import DeadlineError, DegradedError, DeniedError, UsageError

from ._endpoint import Endpoint, read_endpoint
from ._limits import (
    BATCH_BYTES_MAX,
    BATCH_MEMORIES_MAX,
    CONNECT_SECONDS_MAX,
    CONTROL_VERSION,
    FRAME_SECONDS_MAX,
    REPLY_BYTES_MAX,
    REQUEST_BYTES_MAX,
    REUSE_SECONDS_MAX,
)
from ._messages import (
    FrameSizeError,
    FrameStream,
    UnreadableReplyError,
    decode_reply,
    error_of,
)
from ._methods import Greeting, HelloCall, StopCall

R = TypeVar("R")

REQUEST_ID = 1
"""A connection carries one request at a time, so any number but zero tells it from a refusal."""


class LostNodeError(DegradedError):
    """The node went away between a request and its answer."""

    def __init__(self) -> None:
        super().__init__(
            "the node went away before it answered",
            hint="a write may or may not have happened: look before you repeat it",
        )


async def find_node(home: Path) -> "ControlClient | None":
    """The node that runs for ``home``, or None when none does.

    What a killed node left behind counts as none.

    Raises:
        DeadlineError: Something listens there and does not answer.
        DeniedError: The home belongs to somebody else.
        CorruptError: ``control.json`` is not ours.
    """
    endpoint = read_endpoint(home)
    if endpoint is None:
        return None
    try:
        with trio.fail_after(CONNECT_SECONDS_MAX):
            frames = FrameStream(await endpoint.connect())
    except PermissionError as error:
        raise DeniedError(
            f"may not talk to the node of {home}", hint="run as the user that owns this home"
        ) from error
    except OSError:
        return None
    except trio.TooSlowError as error:
        raise _silent(endpoint) from error
    client = ControlClient(home, endpoint)
    try:
        with trio.fail_after(CONNECT_SECONDS_MAX):
            greeting = await client.greet(frames)
    except trio.TooSlowError as error:
        raise _silent(endpoint) from error
    except (LostNodeError, UnreadableReplyError, FrameSizeError):
        # A node on its way out, or a stranger who was given the port of a killed one.
        return None
    if greeting.home != endpoint.home:
        await client.aclose()  # The node of another home was given it.
        return None
    return client


def _silent(endpoint: Endpoint) -> DeadlineError:
    return DeadlineError(
        f"the node of this home (pid {endpoint.pid}) does not answer",
        hint=f"it may be stopped or overloaded; end process {endpoint.pid} if it stays like this",
    )


class ControlClient(NodeApi):
    """Calls the node that runs for a home, with the methods of ``Node``.

    Each call takes a connection of its own from a pool, so several tasks may call at once.
    Cancelling a call closes its connection: the node gives up reads and waits, and completes
    writes.  Close it with ``aclose`` or ``async with``.
    """

    def __init__(self, home: Path, endpoint: Endpoint) -> None:
        self._home = home
        self._endpoint = endpoint
        self._idle: list[tuple[float, FrameStream]] = []
        self._unstored = ""

    @property
    def home(self) -> Path:
        """The home whose node answers."""
        return self._home

    @property
    def unstored(self) -> str:
        """Why the node could store nothing when it was found."""
        return self._unstored

    @property
    def pid(self) -> int:
        """Process id of the node."""
        return self._endpoint.pid

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every idle connection."""
        while self._idle:
            _, frames = self._idle.pop()
            await trio.aclose_forcefully(frames)

    async def greet(self, frames: FrameStream) -> Greeting:
        """Prove to the node on a fresh connection that we may talk, and keep the connection."""
        greeting = await self._exchange(frames, self._encode(HelloCall()), Greeting)
        self._unstored = greeting.unstored
        return greeting

    async def perform(self, call: Call[R]) -> R:
        """Let the node do what a call asks, and hand on its answer."""
        if isinstance(call, RememberManyCall):
            ids: list[str] = []
            for batch in _batches(call.memories):
                some: list[str] = await self._perform(RememberManyCall(batch))
                ids += some
            return cast(R, ids)
        return await self._perform(call)

    async def stop(self) -> None:
        """Ask the program around the node to shut down; returns before it has."""
        await self._perform(StopCall())

    async def _perform(self, call: Call[R]) -> R:
        data = self._encode(call)  # What cannot be sent needs no connection.
        return await self._exchange(await self._connection(), data, call.result())

    async def _connection(self) -> FrameStream:
        while self._idle:
            since, frames = self._idle.pop()
            if time.monotonic() - since < REUSE_SECONDS_MAX:
                return frames
            await trio.aclose_forcefully(frames)
        try:
            with trio.fail_after(CONNECT_SECONDS_MAX):
                frames = FrameStream(await self._endpoint.connect())
        except OSError as error:
            raise DegradedError("the node has stopped", hint="run the command again") from error
        except trio.TooSlowError as error:
            raise _silent(self._endpoint) from error
        await self.greet(frames)
        return self._idle.pop()[1]

    def _encode(self, call: Call[Any]) -> bytes:
        request = {
            "v": CONTROL_VERSION,
            "id": REQUEST_ID,
            "token": self._endpoint.token,
            "method": call.name(),
            "params": call,
        }
        try:
            data = msgspec.json.encode(request)
        except (TypeError, ValueError) as error:
            raise UsageError(f"cannot be written as JSON: {error}") from error
        if len(data) > REQUEST_BYTES_MAX:
            raise UsageError(
                f"a request of {len(data):,} bytes; {REQUEST_BYTES_MAX:,} are allowed",
                hint="split it into several memories",
            )
        return data

    async def _exchange(self, frames: FrameStream, data: bytes, result: type[R]) -> R:
        keep = False
        try:
            await frames.send(data)
            answer = await frames.receive(bytes_max=REPLY_BYTES_MAX, seconds_max=FRAME_SECONDS_MAX)
            if answer is None:
                raise LostNodeError
            reply = decode_reply(answer)
            keep = reply.id == REQUEST_ID  # Anything else precedes a hang-up.
            if reply.error is not None:
                raise error_of(reply.error)
            return _decode(reply.result, result)
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            raise LostNodeError from error
        finally:
            if keep:
                self._idle.append((time.monotonic(), frames))
            else:
                await trio.aclose_forcefully(frames)


class _PagedAnswer(msgspec.Struct):
    """A page as it travels."""

    items: msgspec.Raw
    next: str | None


def _decode(data: msgspec.Raw, result: type[R]) -> R:
    try:
        if get_origin(result) is Page:
            paged = msgspec.json.decode(data, type=_PagedAnswer)
            of_one_kind = cast(type[list[Any]], GenericAlias(list, get_args(result)))
            return cast(R, Page(msgspec.json.decode(paged.items, type=of_one_kind), paged.next))
        return msgspec.json.decode(data, type=result)
    except msgspec.MsgspecError as error:
        raise UnreadableReplyError(str(error)) from error


def _batches(memories: Sequence[NewMemory]) -> Iterable[Sequence[NewMemory]]:
    """Consecutive slices that fit into one request each."""
    start = size = 0
    for place, memory in enumerate(memories):
        weight = len(memory.content.encode("utf-8", "surrogatepass")) + 256
        if place > start and (
            size + weight > BATCH_BYTES_MAX or place - start >= BATCH_MEMORIES_MAX
        ):
            yield memories[start:place]
            start, size = place, 0
        size += weight
    if start < len(memories):
        yield memories[start:]
