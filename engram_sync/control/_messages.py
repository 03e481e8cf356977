"""Requests and replies as JSON, and the frames that carry them.

A frame is a big-endian u32 length and that many bytes of UTF-8 JSON::

    {"v":1,"id":7,"token":"…","method":"recall","params":{"query":"deploys"}}
    {"v":1,"id":7,"result":[…]}
    {"v":1,"id":7,"error":{"exit_code":3,"message":"…","hint":"…"}}

One connection carries one request at a time; a client that wants more opens more connections.
"""

from typing import Literal

import msgspec
import trio

from engram_sync.errors import (
    DegradedError,
    EngramError,
    RemoteError,
    UsageError,
    error_for_exit_code,
)

from ._limits import CONTROL_VERSION, LENGTH_PREFIX_BYTES

RECEIVE_BYTES = 64 << 10


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One call of one method."""

    v: Literal[1]
    id: int
    token: str
    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")


class Failure(msgspec.Struct, omit_defaults=True):
    """An ``EngramError`` as it crosses the connection."""

    exit_code: int
    message: str
    hint: str = ""
    code: int | None = None
    """The close code of the wire protocol when a peer is to blame."""


class Reply(msgspec.Struct, omit_defaults=True):
    """The answer to the request of the same id: exactly one of result and error."""

    v: Literal[1]
    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Failure | None = None


_REQUEST = msgspec.json.Decoder(Request)
_REPLY = msgspec.json.Decoder(Reply)


def failure_of(error: EngramError) -> Failure:
    """The failure that ``error_of`` turns back into an equal error."""
    code = error.code if isinstance(error, RemoteError) else None
    return Failure(error.exit_code, error.message, error.hint, code)


def error_of(failure: Failure) -> EngramError:
    """The error that the other side raised."""
    if failure.code is not None:
        return RemoteError(failure.message, code=failure.code, hint=failure.hint)
    return error_for_exit_code(failure.exit_code, failure.message, failure.hint)


def encode_result(request: int, result: object) -> bytes:
    """The reply that carries ``result``, any value of ``engram_sync.api`` or plain JSON."""
    return msgspec.json.encode({"v": CONTROL_VERSION, "id": request, "result": result})


def encode_failure(request: int, error: EngramError) -> bytes:
    """The reply that says why there is no result."""
    return msgspec.json.encode(Reply(1, request, error=failure_of(error)))


def decode_request_untrusted(data: bytes) -> Request:
    """The request in ``data``; whatever is wrong with it is a UsageError with the place."""
    try:
        return _REQUEST.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"not a control request: {error}",
            hint='send {"v":1,"id":1,"token":"…","method":"status","params":{}}',
        ) from error


def decode_reply(data: bytes) -> Reply:
    """The reply in ``data``; a node of another version speaks something else."""
    try:
        return _REPLY.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableReplyError(str(error)) from error


class UnreadableReplyError(DegradedError):
    """What answers is no node, or one of another version.

    Args:
        reason: What is wrong with the reply.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the node answered something unexpected: {reason}",
            hint="it may be of another version: restart it with this one",
        )


class FrameSizeError(UsageError):
    """A length prefix announces more than is allowed here; the stream cannot be continued."""


class FrameStream(trio.abc.AsyncResource):
    """Frames over a byte stream that belongs to it.

    Args:
        stream: Connected; closed by ``aclose``.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def send(self, frame: bytes) -> None:
        """Send one frame; trio's stream errors escape."""
        await self._stream.send_all(len(frame).to_bytes(LENGTH_PREFIX_BYTES, "big") + frame)

    async def receive(self, *, bytes_max: int, seconds_max: float) -> bytes | None:
        """The next frame, or None when the other side closed between two frames.

        Args:
            bytes_max: A longer frame raises ``FrameSizeError`` before any of it is buffered.
            seconds_max: From the first byte to the last; waiting for the first one is free.

        Raises:
            FrameSizeError: The length prefix is above ``bytes_max``, or zero.
            trio.TooSlowError: The frame started and did not end in time.
            trio.BrokenResourceError: The stream broke, or ended inside a frame.
        """
        if not self._buffer and not await self._fill():
            return None
        with trio.fail_after(seconds_max):
            await self._fill_to(LENGTH_PREFIX_BYTES)
            size = int.from_bytes(self._buffer[:LENGTH_PREFIX_BYTES], "big")
            if not 0 < size <= bytes_max:
                raise FrameSizeError(
                    f"a control frame of {size:,} bytes; 1 to {bytes_max:,} are allowed here",
                    hint="send less at once, and greet first",
                )
            await self._fill_to(LENGTH_PREFIX_BYTES + size)
        frame = bytes(self._buffer[LENGTH_PREFIX_BYTES : LENGTH_PREFIX_BYTES + size])
        del self._buffer[: LENGTH_PREFIX_BYTES + size]
        return frame

    async def wait_closed(self) -> bool:
        """Wait for the other side to hang up (True) or to send early (False)."""
        if self._buffer:
            return False
        try:
            return not await self._fill()
        except trio.BrokenResourceError:
            return True

    async def aclose(self) -> None:
        """Close the stream; pending bytes are dropped."""
        await self._stream.aclose()

    async def _fill(self) -> bool:
        data = await self._stream.receive_some(RECEIVE_BYTES)
        self._buffer += data
        return bool(data)

    async def _fill_to(self, size: int) -> None:
        while len(self._buffer) < size:
            if not await self._fill():
                raise trio.BrokenResourceError("the stream ended inside a control frame")
