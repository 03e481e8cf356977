"""Links that pass through somebody else's hands, who may read along or meddle."""

from collections.abc import Awaitable, Callable, Sequence

import trio
from trio.abc import Stream

from engram_sync.transport import Address, Link, Transport, TransportStatistics


class TappedStream(Stream):
    """A stream that shows what is sent.

    Args:
        stream: Carries the bytes.
        hear: Gets each piece before it leaves.
    """

    def __init__(self, stream: Stream, hear: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._hear = hear

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        self._hear(bytes(data))
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """See `trio.abc.ReceiveStream`."""
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        """See `trio.abc.AsyncResource`."""
        await self._stream.aclose()


def _untouched(link: Link) -> Link:
    return link


class WrappedTransport:
    """Another transport, with something done to each link that it opens or accepts.

    Args:
        transport: The other one.
        dialled: What is done to the links that its host dials.
        accepted: What is done to those that others dial.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        dialled: Callable[[Link], Link] = _untouched,
        accepted: Callable[[Link], Link] = _untouched,
    ) -> None:
        self._transport = transport
        self._dialled = dialled
        self._accepted = accepted

    @property
    def statistics(self) -> TransportStatistics:
        """See `Transport.statistics`."""
        return self._transport.statistics

    async def serve(
        self,
        addresses: Sequence[Address],
        handler: Callable[[Link], Awaitable[None]],
        *,
        task_status: "trio.TaskStatus[list[Address]]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """See `Transport.serve`."""

        async def wrapped(link: Link) -> None:
            await handler(self._accepted(link))

        await self._transport.serve(addresses, wrapped, task_status=task_status)

    async def connect(self, address: Address) -> Link:
        """See `Transport.connect`."""
        return self._dialled(await self._transport.connect(address))
