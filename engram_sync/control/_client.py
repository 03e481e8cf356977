"""The calling side: the methods of a Node, answered by the node that runs for a home."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec
import trio

from engram_sync.api import (
    Compaction,
    Doctor,
    Identity,
    JoinResult,
    PeerStatus,
    Status,
    SyncResult,
)
from engram_sync.errors import DeadlineError, DegradedError, DeniedError, UsageError

from ._endpoint import Endpoint, read_endpoint
from ._limits import (
    CONNECT_SECONDS_MAX,
    CONTROL_VERSION,
    FRAME_SECONDS_MAX,
    REPLY_BYTES_MAX,
    REQUEST_BYTES_MAX,
    REUSE_SECONDS_MAX,
)
from ._memory_requests import MemoryRequests
from ._messages import (
    FrameSizeError,
    FrameStream,
    UnreadableReplyError,
    decode_reply,
    error_of,
)
from ._methods import Greeting

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
    client.unstored = greeting.unstored
    if greeting.home != endpoint.home:
        await client.aclose()  # The node of another home was given it.
        return None
    return client


def _silent(endpoint: Endpoint) -> DeadlineError:
    return DeadlineError(
        f"the node of this home (pid {endpoint.pid}) does not answer",
        hint=f"it may be stopped or overloaded; end process {endpoint.pid} if it stays like this",
    )


class ControlClient(MemoryRequests):
    """Calls the node that runs for a home, with the methods of ``Node``.

    Each call takes a connection of its own from a pool, so several tasks may call at once.
    Cancelling a call closes its connection: the node gives up reads and waits, and completes
    writes.  Close it with ``aclose`` or ``async with``.
    """

    def __init__(self, home: Path, endpoint: Endpoint) -> None:
        self._home = home
        self._endpoint = endpoint
        self._idle: list[tuple[float, FrameStream]] = []
        self.unstored = ""
        """Why the node could store nothing when it was found."""

    @property
    def home(self) -> Path:
        """The home whose node answers."""
        return self._home

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
        return await self._exchange(frames, self._encode("hello", {}), Greeting)

    async def identity(self) -> Identity:
        return await self._call("identity", {}, Identity)

    async def relabel(self, label: str) -> Identity:
        return await self._call("relabel", {"label": label}, Identity)

    async def sync(self, *, timeout_s: float = 30.0) -> SyncResult:
        return await self._call("sync", {"timeout_s": timeout_s}, SyncResult)

    async def invite(self, *, ttl_s: float = 900.0, role: str = "member", uses: int = 1) -> str:
        return await self._call("invite", {"ttl_s": ttl_s, "role": role, "uses": uses}, str)

    async def join(self, token: str, *, bring: bool = False) -> JoinResult:
        return await self._call("join", {"token": token, "bring": bring}, JoinResult)

    async def peers(self) -> list[PeerStatus]:
        return await self._call("peers", {}, list[PeerStatus])

    async def status(self) -> Status:
        return await self._call("status", {}, Status)

    async def doctor(self) -> Doctor:
        return await self._call("doctor", {}, Doctor)

    async def compact(self, *, keep_days: float = 30.0, dry_run: bool = False) -> Compaction:
        return await self._call("compact", {"keep_days": keep_days, "dry_run": dry_run}, Compaction)

    async def go_offline(self) -> None:
        await self._call("go_offline", {}, type(None))

    async def go_online(self) -> None:
        await self._call("go_online", {}, type(None))

    async def stop(self) -> None:
        """Ask the program around the node to shut down; returns before it has."""
        await self._call("stop", {}, type(None))

    async def _call(self, method: str, params: Mapping[str, object], result: type[R]) -> R:
        data = self._encode(method, params)
        return await self._exchange(await self._connection(), data, result)

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

    def _encode(self, method: str, params: Mapping[str, object]) -> bytes:
        request = {
            "v": CONTROL_VERSION,
            "id": REQUEST_ID,
            "token": self._endpoint.token,
            "method": method,
            "params": params,
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


def _decode(data: msgspec.Raw, result: type[R]) -> R:
    try:
        return msgspec.json.decode(data, type=result)
    except msgspec.MsgspecError as error:
        raise UnreadableReplyError(str(error)) from error
