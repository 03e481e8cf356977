"""Links whose bytes somebody reads along: before encryption there is nothing else to look at."""

from collections.abc import Awaitable, Callable, Sequence

import trio
from trio.abc import Stream

from engram_sync.transport import Address, Link, MemoryTransport, TransportStatistics


class OverheardStream(Stream):
    """A stream that shows what is sent, with the end of what was sent before it.

    Args:
        stream: Carries the bytes.
        overhear: Gets each piece before it leaves, preceded by up to ``overlap`` bytes of the
            pieces before, so that nothing hides by lying across two of them.
    """

    overlap = 64

    def __init__(self, stream: Stream, overhear: Callable[[bytes, int], None]) -> None:
        self._stream = stream
        self._overhear = overhear
        self._tail = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        seen = self._tail + bytes(data)
        self._overhear(seen, len(self._tail))
        self._tail = seen[-self.overlap :]
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


class OverheardTransport:
    """The transport of one host, overheard in the direction that leaves the host."""

    def __init__(self, transport: MemoryTransport, overhear: Callable[[bytes, int], None]) -> None:
        self._transport = transport
        self._overhear = overhear

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

        async def overheard(link: Link) -> None:
            await handler(self._tapped(link))

        await self._transport.serve(addresses, overheard, task_status=task_status)

    async def connect(self, address: Address) -> Link:
        """See `Transport.connect`."""
        return self._tapped(await self._transport.connect(address))

    def _tapped(self, link: Link) -> Link:
        link.stream = OverheardStream(link.stream, self._overhear)
        return link
