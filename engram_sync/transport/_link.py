"""What every transport offers, whatever carries the bytes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import trio
from trio.abc import Stream

from engram_sync.address import Address
from engram_sync.errors import DegradedError


class UnreachableError(DegradedError):
    """No link to that address came about; nothing was sent to the peer.  Trying later is fine."""


class CertificateError(UnreachableError):
    """No link came about because one side does not accept the certificate of the other."""


def _nobody_counts() -> None:
    """An outbound link takes nobody's place."""


@dataclass(slots=True, eq=False)
class Link:
    """One open connection to a peer whose identity is not known yet."""

    stream: Stream
    """Ordered bytes.  ``b""`` means that the peer closed on purpose; a connection that was cut
    raises `trio.BrokenResourceError` instead.  One task may send while another receives."""
    channel_binding: bytes
    """32 bytes that both ends of this link, and no man in the middle, hold in common."""
    initiator: bool
    """Whether this end dialled."""
    remote: Address
    """As it was dialled, or where it came from: good for messages and limits, proves nothing."""
    _on_authenticated: Callable[[], None] = field(default=_nobody_counts, repr=False)
    names: frozenset[str] | None = None
    """Ids of the nodes that the peer's certificate names, with an authority; None without one."""

    def authenticated(self) -> None:
        """Say that the peer has proven its key: it no longer counts among the strangers.

        Until then an inbound link takes one of the places that `Transport.serve` keeps for
        strangers, and is one of the few that its address may have.  Idempotent.
        """
        self._on_authenticated()

    def permits(self, node: str) -> bool:
        """Whether the peer's certificate, if one was demanded, is for the node of that id."""
        return self.names is None or node in self.names

    async def aclose(self) -> None:
        """Close gracefully within `CLOSE_S_MAX` seconds, at once when cancelled.  Idempotent."""
        await self.stream.aclose()


@dataclass(slots=True)
class TransportStatistics:
    """What became of inbound connections since the transport was made."""

    accepted: int = 0
    """Reached the handler."""
    refused: int = 0
    """Closed at once: no place left among the strangers."""
    refused_for_address: int = 0
    """Closed at once: their address had all the places one address may have."""
    certificates_refused: int = 0
    """Of the handshakes that failed: with no certificate, or one that was not accepted."""
    handshakes_failed: int = 0
    """Sent something that is not our channel's handshake, or nothing in time."""
    cut: int = 0
    """Ended because the connection broke, and the handler left it at that."""
    handlers_failed: int = 0
    """Ended by any other exception of the handler."""


class Transport(Protocol):
    """Opens links, and accepts them."""

    @property
    def statistics(self) -> TransportStatistics:
        """Live counters."""
        ...

    async def serve(
        self,
        addresses: Sequence[Address],
        handler: Callable[[Link], Awaitable[None]],
        *,
        task_status: "trio.TaskStatus[list[Address]]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen on every address and run ``handler`` in a task of its own for each link.

        Reports the addresses really listened on, ports filled in, and only once all listen.
        Runs until cancelled.

        Resource handling: closes its listeners, and each link when its handler ends.

        Error handling: an exception of ``handler`` ends that link only; it is counted and logged.
        `trio.Cancelled` and other exceptions that are no ``Exception`` pass.

        Raises:
            DegradedError: One address cannot be listened on; then none is.
        """
        ...

    async def connect(self, address: Address) -> Link:
        """Open a link.  The caller closes it.

        Raises:
            UnreachableError: Nothing answers there, or something that is no node, or not in time.
            UsageError: Port 0 cannot be dialled.
        """
        ...
