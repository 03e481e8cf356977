"""Two ends of a connection in memory that behave like sockets: bounded, delayed, cuttable."""

import math
from collections import deque
from collections.abc import Callable
from operator import index

import trio
from trio.abc import Stream


class Pipe:
    """One direction of a connection: bytes in flight, at most ``bytes_max`` of them.

    Args:
        bytes_max: What it holds before the sender waits.
        delay_s: How long the next piece travels; asked once per piece.  Order is kept.
    """

    def __init__(self, bytes_max: int, delay_s: Callable[[], float]) -> None:
        self._bytes_max = bytes_max
        self._delay_s = delay_s
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._lot = trio.lowlevel.ParkingLot()
        self.clogged = False
        self.finished = False
        """The sender closed on purpose; what is in flight still arrives."""
        self.cut = False
        """The connection is gone; what is in flight is lost."""
        self.abandoned = False
        """The receiver closed."""

    def wake(self) -> None:
        """Let both ends look again after a flag changed."""
        self._lot.unpark_all()

    async def put(self, data: memoryview) -> int:
        """Take some of ``data``, waiting for room; returns how much."""
        await self.wait_room()
        room = min(self._bytes_max - self._size, len(data))
        # A later piece that travels faster waits behind the earlier ones, as in TCP.
        self._pieces.append((trio.current_time() + self._delay_s(), bytes(data[:room])))
        self._size += room
        self.wake()
        return room

    async def wait_room(self) -> None:
        """Wait until something can be put.

        Raises:
            trio.BrokenResourceError: The connection is cut, or the receiver closed.
            trio.ClosedResourceError: The sender closed.
        """
        while True:
            if self.finished:
                raise trio.ClosedResourceError
            if self.cut or self.abandoned:
                raise trio.BrokenResourceError("the connection was cut")
            if self._size < self._bytes_max:
                return
            await self._lot.park()

    async def get(self, max_bytes: int) -> bytes:
        """What has arrived, at most ``max_bytes`` of it; ``b""`` after the sender's close.

        Raises:
            trio.BrokenResourceError: The connection is cut.
            trio.ClosedResourceError: The receiver closed.
        """
        while True:
            if self.abandoned:
                raise trio.ClosedResourceError
            if self.cut:
                raise trio.BrokenResourceError("the connection was cut")
            arrival = self._pieces[0][0] if self._pieces else math.inf
            if not self.clogged:
                if arrival <= trio.current_time():
                    return self._take(max_bytes)
                if self.finished and not self._pieces:
                    return b""
            with trio.move_on_at(math.inf if self.clogged else arrival):
                await self._lot.park()

    def _take(self, max_bytes: int) -> bytes:
        taken = bytearray()
        while self._pieces and len(taken) < max_bytes:
            arrival, piece = self._pieces[0]
            if arrival > trio.current_time():
                break
            room = max_bytes - len(taken)
            taken += piece[:room]
            if len(piece) > room:
                self._pieces[0] = (arrival, piece[room:])
            else:
                self._pieces.popleft()
        self._size -= len(taken)
        self.wake()
        return bytes(taken)


class _OneTask:
    """Refuses a second task where the interface allows one, as trio's own streams do."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._busy = False

    def __enter__(self) -> None:
        if self._busy:
            raise trio.BusyResourceError(f"another task is already {self._doing}")
        self._busy = True

    def __exit__(self, *_: object) -> None:
        self._busy = False


class MemoryStream(Stream):
    """One end of a connection in memory.

    Args:
        outgoing: Where this end puts bytes.
        incoming: Where this end gets bytes.
        before_send: Called before each piece is sent; may cut the connection.
        read_bytes_max: Most that one receive returns, whatever the caller asks for.
    """

    def __init__(
        self,
        outgoing: Pipe,
        incoming: Pipe,
        *,
        before_send: Callable[[], None],
        read_bytes_max: Callable[[], int],
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._before_send = before_send
        self._read_bytes_max = read_bytes_max
        self._sending = _OneTask("sending")
        self._receiving = _OneTask("receiving")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            await self._outgoing.wait_room()
            with memoryview(data) as view:
                sent = 0
                while sent < len(view):
                    self._before_send()
                    sent += await self._outgoing.put(view[sent:])

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            await self._outgoing.wait_room()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream`."""
        with self._receiving:
            limit = self._read_bytes_max()
            if max_bytes is not None:
                limit = min(limit, index(max_bytes))
            if limit < 1:
                raise ValueError(f"max_bytes is {max_bytes}, must be at least 1")
            await trio.lowlevel.checkpoint()
            return await self._incoming.get(limit)

    async def aclose(self) -> None:
        """Close; the peer sees an end, or a cut when this was cancelled."""
        if self._outgoing.finished:
            await trio.lowlevel.checkpoint()
            return
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            # As a TLS connection that is dropped without its closing notice.
            self._outgoing.cut = True
            raise
        finally:
            self._outgoing.finished = True
            self._incoming.abandoned = True
            self._outgoing.wake()
            self._incoming.wake()
