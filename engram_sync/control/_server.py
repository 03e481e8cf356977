"""The serving side: one task per connection, one request at a time on each.

Whatever a client sends or fails to send, and however slowly, ends at most its own connection.
"""

import hmac
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import inf
from typing import Any, Literal

import trio

from engram_sync.api.calls import Call, NodeApi
from engram_sync.errors import DegradedError, DeniedError, EngramError, LocalError, UsageError
from engram_sync.observe import Logger

from ._endpoint import Endpoint, Listening
from ._limits import (
    CONNECTIONS_MAX,
    DRAIN_SECONDS_MAX,
    FIRST_REQUEST_BYTES_MAX,
    FRAME_SECONDS_MAX,
    GREETING_SECONDS_MAX,
    IDLE_SECONDS_MAX,
    METHOD_CHARACTERS_SHOWN_MAX,
    REPLY_BYTES_MAX,
    REQUEST_BYTES_MAX,
)
from ._messages import (
    FrameSizeError,
    FrameStream,
    Request,
    decode_request_untrusted,
    encode_failure,
    encode_result,
)
from ._methods import METHODS, Served, decode_call_untrusted

log = Logger("control")

NO_REQUEST = 0
"""The id in a reply to something that was not a request."""


async def serve_control(
    node: NodeApi,
    *,
    on_stop: Callable[[], None] | None = None,
    kind: Literal["unix", "tcp"] | None = None,
    task_status: trio.TaskStatus[Endpoint] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``node`` to other local programs until cancelled.

    Args:
        node: An open node; the caller holds the lock of ``node.home``.
        on_stop: Called when a client asks the node to shut down; without it that is refused.
        kind: ``unix`` or ``tcp``; None chooses what suits the platform and the path.
        task_status: Started with the endpoint once it accepts connections.

    Resource handling: the socket and ``control.json`` are removed on the way out, and requests
    that write get ``DRAIN_SECONDS_MAX`` to finish first.

    Error handling: errors of clients and unexpected exceptions of single requests are answered,
    logged and swallowed; ``LocalError`` is raised when the endpoint cannot be created.
    """
    listening = await Listening.open(node.home, kind)
    try:
        endpoint = listening.endpoint
        server = _Server(Served(node, os.getpid(), endpoint.home, on_stop), endpoint.token)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, server.serve_stream, [listening.listener])
            task_status.started(endpoint)
            try:
                await trio.sleep_forever()
            finally:
                server.drain()
    finally:
        listening.close()


class _Server:
    """What all connections share."""

    def __init__(self, served: Served, token: str) -> None:
        self._served = served
        self._token = token.encode()
        self._connections = 0
        self._unabandoned: set[trio.CancelScope] = set()
        self._deadline = inf

    def drain(self) -> None:
        """Give requests that write a deadline; everything else was cancelled already."""
        self._deadline = trio.current_time() + DRAIN_SECONDS_MAX
        for scope in self._unabandoned:
            scope.deadline = self._deadline

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end; lets no error out."""
        frames = FrameStream(stream)
        self._connections += 1
        try:
            if self._connections > CONNECTIONS_MAX:
                await _refuse(
                    frames, DegradedError("too many programs use this node", hint="try again")
                )
            else:
                await self._converse(frames)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            log.debug("a control connection ended", reason=type(error).__name__)
        finally:
            self._connections -= 1
            with trio.move_on_after(0, shield=True):
                await frames.aclose()

    async def _converse(self, frames: FrameStream) -> None:
        bytes_max, wait_s = FIRST_REQUEST_BYTES_MAX, GREETING_SECONDS_MAX
        while True:
            with trio.fail_after(wait_s):
                try:
                    data = await frames.receive(bytes_max=bytes_max, seconds_max=FRAME_SECONDS_MAX)
                except FrameSizeError as error:
                    await _refuse(frames, error)
                    return
            if data is None:
                return
            try:
                request = decode_request_untrusted(data)
                self._check_token(request)
            except EngramError as error:
                await _refuse(frames, error)
                return
            with self._carried_to_its_end(request.method):
                reply = await self._answer(request, frames)
                if reply is None:
                    return
                await _send(frames, reply)
            bytes_max, wait_s = REQUEST_BYTES_MAX, IDLE_SECONDS_MAX

    @contextmanager
    def _carried_to_its_end(self, method: str) -> Generator[None]:
        """Shield a write and its reply from the end of the node, until ``drain`` runs out."""
        known = METHODS.get(method)
        if known is None or not known.writes:
            yield
            return
        with trio.CancelScope(shield=True, deadline=self._deadline) as scope:
            self._unabandoned.add(scope)
            try:
                yield
            finally:
                self._unabandoned.discard(scope)

    def _check_token(self, request: Request) -> None:
        if not hmac.compare_digest(request.token.encode("utf-8", "replace"), self._token):
            raise DeniedError("wrong control token", hint="read it from control.json in the home")

    async def _answer(self, request: Request, frames: FrameStream) -> bytes | None:
        """The reply, or None when the client hung up and the work was given up."""
        method = METHODS.get(request.method)
        try:
            if method is None:
                raise _unknown_method(request.method)
            call = decode_call_untrusted(method, request.params)
            if method.writes:
                return _encode_reply(request.id, await self._served.perform(call))
            return await self._answer_while_connected(request.id, call, frames)
        except EngramError as error:
            return encode_failure(request.id, error)
        except Exception as error:  # noqa: BLE001 - reported and answered
            # A bug in one request must not take the node away from everybody else.
            log.error("a control request failed", cause=error, method=request.method)
            return encode_failure(
                request.id,
                LocalError(
                    f"{request.method} failed inside the node ({type(error).__name__})",
                    hint="the node's log has the place; please report it",
                ),
            )

    async def _answer_while_connected(
        self, request: int, call: Call[Any], frames: FrameStream
    ) -> bytes | None:
        reply: bytes | None = None
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:

            async def give_up_when_closed() -> None:
                if await frames.wait_closed():
                    nursery.cancel_scope.cancel()

            nursery.start_soon(give_up_when_closed)
            try:
                reply = _encode_reply(request, await self._served.perform(call))
            except Exception as error:  # noqa: BLE001 - raised again below
                failure = error  # Out of the nursery, which would wrap it in a group.
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return reply


def _encode_reply(request: int, result: object) -> bytes:
    reply = encode_result(request, result)
    if len(reply) > REPLY_BYTES_MAX:
        raise LocalError(
            f"the answer has {len(reply):,} bytes; {REPLY_BYTES_MAX:,} are allowed",
            hint="ask for less at once; and please report it",
        )
    return reply


def _unknown_method(name: str) -> UsageError:
    shown = name[:METHOD_CHARACTERS_SHOWN_MAX]
    return UsageError(f"unknown method {shown!r}", hint="there are: " + ", ".join(sorted(METHODS)))


async def _refuse(frames: FrameStream, error: EngramError) -> None:
    await _send(frames, encode_failure(NO_REQUEST, error))


async def _send(frames: FrameStream, reply: bytes) -> None:
    with trio.fail_after(FRAME_SECONDS_MAX):
        await frames.send(reply)
