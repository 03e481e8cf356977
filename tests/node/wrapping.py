"""A transport whose links pass through somebody else's hands."""

from collections.abc import Awaitable, Callable, Sequence

import trio

from engram_sync.transport import Address, Link, Transport, TransportStatistics

Hands = Callable[[Link], Link]


def untouched(link: Link) -> Link:
    return link


class WrappedTransport:
    """Another transport, with something done to each link that it opens or accepts.

    Args:
        transport: The other one.
        dialled: What is done to the links that its host dials.
        accepted: What is done to those that others dial.
    """

    def __init__(
        self, transport: Transport, *, dialled: Hands = untouched, accepted: Hands = untouched
    ) -> None:
        self._transport = transport
        self._dialled = dialled
        self._accepted = accepted

    @property
    def statistics(self) -> TransportStatistics:
        return self._transport.statistics

    async def serve(
        self,
        addresses: Sequence[Address],
        handler: Callable[[Link], Awaitable[None]],
        *,
        task_status: "trio.TaskStatus[list[Address]]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        async def wrapped(link: Link) -> None:
            await handler(self._accepted(link))

        await self._transport.serve(addresses, wrapped, task_status=task_status)

    async def connect(self, address: Address) -> Link:
        return self._dialled(await self._transport.connect(address))
