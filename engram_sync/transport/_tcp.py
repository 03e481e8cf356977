"""Links over TCP and TLS 1.3."""

import errno
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NoReturn, cast

import trio

from engram_sync.address import Address
from engram_sync.errors import DegradedError, UsageError

from ._authority import Authority
from ._connection_limiter import ConnectionLimiter
from ._limits import (
    CONNECT_S_MAX,
    HANDSHAKE_S_MAX,
    LINKS_PER_ADDRESS_MAX,
    STRANGERS_MAX,
    STRANGERS_PER_ADDRESS_MAX,
)
from ._link import CertificateError, Link, TransportStatistics, UnreachableError
from ._tls import ServerIdentity, TlsStream, certificate_problem, client_context

logger = logging.getLogger(__name__)

_LISTEN_HINTS = {
    errno.EADDRINUSE: "another node or program listens there; stop it or choose another port",
    errno.EACCES: "ports below 1024 belong to the system; choose a higher one",
    errno.EADDRNOTAVAIL: "it is not an address of this machine; 0.0.0.0 listens on all of them",
}


class TcpTransport:
    """Opens and accepts links over TCP and TLS 1.3.

    All listeners of one transport share one certificate, made when it first listens, hence one
    channel binding; it never leaves the process.

    Args:
        handshake_s: How long the TLS handshake may take, at either end.
        connect_s: How long reaching the peer may take before that.
        strangers_max: Inbound links whose peer has not been authenticated.
        strangers_per_address_max: The same for one address (one /64 for IPv6).
        links_per_address_max: All inbound links of one address.
        authority: Certificates to show and to demand; without it nobody's is checked.

    Raises:
        UsageError: A file of the authority cannot be used.
    """

    def __init__(
        self,
        *,
        authority: Authority | None = None,
        handshake_s: float = HANDSHAKE_S_MAX,
        connect_s: float = CONNECT_S_MAX,
        strangers_max: int = STRANGERS_MAX,
        strangers_per_address_max: int = STRANGERS_PER_ADDRESS_MAX,
        links_per_address_max: int = LINKS_PER_ADDRESS_MAX,
    ) -> None:
        self._handshake_s = handshake_s
        self._connect_s = connect_s
        self._authority = authority
        self._client_context = client_context(authority)
        self._server: ServerIdentity | None = None
        self._limiter = ConnectionLimiter(
            strangers_max=strangers_max,
            strangers_per_address_max=strangers_per_address_max,
            links_per_address_max=links_per_address_max,
        )

    @property
    def statistics(self) -> TransportStatistics:
        """Live counters."""
        return self._limiter.statistics

    async def serve(
        self,
        addresses: Sequence[Address],
        handler: Callable[[Link], Awaitable[None]],
        *,
        task_status: "trio.TaskStatus[list[Address]]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """See `Transport.serve`.  A host name listens on every address it stands for."""
        if self._server is None:
            self._server = await trio.to_thread.run_sync(ServerIdentity, self._authority)
        server = self._server

        async def accept(tcp: trio.SocketStream) -> None:
            await self._accept(tcp, server, handler)

        async with AsyncExitStack() as stack:
            listeners: list[trio.SocketListener] = []
            for address in addresses:
                opened = await _listen(address)
                for listener in opened:
                    stack.push_async_exit(listener)
                listeners += opened
            async with trio.open_nursery() as nursery:
                for listener in listeners:
                    await nursery.start(trio.serve_listeners, accept, [listener])
                task_status.started([_local_address(listener) for listener in listeners])

    async def _accept(
        self,
        tcp: trio.SocketStream,
        server: ServerIdentity,
        handler: Callable[[Link], Awaitable[None]],
    ) -> None:
        try:
            remote = _address(tcp.socket.getpeername())
        except OSError:
            return  # Gone between its SYN and our accept; trio closes the socket.
        place = self._limiter.admit(remote)
        if place is None:
            return
        try:
            stream = TlsStream(tcp, server.context, server_side=True)
            try:
                with trio.fail_after(self._handshake_s):
                    await stream.do_handshake()
            except (trio.BrokenResourceError, trio.TooSlowError) as error:
                self._handshake_failed(remote, error)
                return
            names = None if self._authority is None else stream.nodes_named()

            def authenticated() -> None:
                place.prove()
                stream.widen()

            link = Link(stream, server.channel_binding, False, remote, authenticated, names)
            try:
                await self._limiter.hand_over(link, handler)
            finally:
                await link.aclose()
        finally:
            place.leave()

    def _handshake_failed(self, remote: Address, error: Exception) -> None:
        self.statistics.handshakes_failed += 1
        if problem := certificate_problem(error):
            self.statistics.certificates_refused += 1
            logger.info("the certificate of %s is refused: %s", remote, problem)

    async def connect(self, address: Address) -> Link:
        """See `Transport.connect`.  A host name is tried at each of its addresses."""
        if address.port == 0:
            raise UsageError(
                "port 0 cannot be dialled", hint="use the port that the other node listens on"
            )
        try:
            with trio.fail_after(self._connect_s):
                tcp = await self.open_tcp(address)
        except trio.TooSlowError as error:
            raise UnreachableError(
                f"cannot reach {address}: no answer within {self._connect_s:g} s",
                hint="check the address, and that no firewall is in between",
            ) from error
        except OSError as error:
            raise UnreachableError(
                f"cannot reach {address}: {_reason(error)}",
                hint="check the address, and that the other node is running",
            ) from error
        async with AsyncExitStack() as stack:
            stack.push_async_callback(trio.aclose_forcefully, tcp)
            stream = TlsStream(tcp, self._client_context, server_side=False)
            try:
                with trio.fail_after(self._handshake_s):
                    await stream.do_handshake()
            except (trio.BrokenResourceError, trio.TooSlowError) as error:
                raise self._no_link(address, error) from error
            stack.pop_all()
        names = None if self._authority is None else stream.nodes_named()
        return Link(stream, stream.server_binding(), True, address, stream.widen, names)

    def _no_link(self, address: Address, error: Exception) -> UnreachableError:
        if problem := certificate_problem(error):
            return CertificateError(
                f"cannot open a link to {address}: its certificate is refused: {problem}",
                hint="both nodes need certificates of the same authority, and valid ones",
            )
        return UnreachableError(
            f"cannot open a link to {address}: it does not speak TLS 1.3 or is overloaded",
            hint="check that the port is a node's; if it is, try again later",
        )

    async def open_tcp(self, address: Address) -> trio.SocketStream:
        """The TCP connection under an outbound link; a place to count bytes or bind a source."""
        return await trio.open_tcp_stream(address.host, address.port)


async def _listen(address: Address) -> list[trio.SocketListener]:
    try:
        return list(await trio.open_tcp_listeners(address.port, host=address.host))
    except OSError as error:
        _raise_cannot_listen(address, error)


def _raise_cannot_listen(address: Address, error: OSError) -> NoReturn:
    hint = _LISTEN_HINTS.get(error.errno or 0, "check the address in the configuration")
    raise DegradedError(f"cannot listen on {address}: {_reason(error)}", hint=hint) from error


def _local_address(listener: trio.SocketListener) -> Address:
    return _address(listener.socket.getsockname())


def _address(sockaddr: "tuple[str, int] | tuple[str, int, int, int]") -> Address:
    host, port = sockaddr[0], sockaddr[1]
    # A link-local IPv6 address means nothing without its interface.
    if len(sockaddr) == 4 and sockaddr[3] and "%" not in host:
        host = f"{host}%{sockaddr[3]}"
    return Address(host, port)


def _reason(error: BaseException) -> str:
    """The operating system's own words, from inside the group that trio makes of all attempts."""
    if isinstance(error, socket.gaierror):
        return f"the name does not resolve ({error.strerror})"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    if isinstance(error, BaseExceptionGroup):
        attempts = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return ", ".join(dict.fromkeys(map(_reason, attempts)))
    return _reason(error.__cause__) if error.__cause__ is not None else str(error)
