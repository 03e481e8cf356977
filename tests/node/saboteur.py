"""A hostile middle on the links of one host: cuts, flips, repeats and swaps, once per order."""

from dataclasses import dataclass, field
from enum import Enum

import trio

from engram_sync.testing import WrappedTransport
from engram_sync.transport import Link, Transport


class Way(Enum):
    """Whose bytes are meddled with."""

    OUT = "sent by the host that dials"
    IN = "sent to it"


class Deed(Enum):
    """What is done to them."""

    CUT = "the connection breaks after so many bytes"
    FLIP = "one bit of that byte is another"
    REPEAT = "that piece comes twice"
    SWAP = "that piece comes after the next one"


@dataclass(frozen=True)
class Order:
    """One deed.  A place is a byte of that way for CUT and FLIP, a send for REPEAT and SWAP."""

    deed: Deed
    way: Way
    place: int


@dataclass
class Saboteur:
    """Does what it was told to the next link that its host dials; to all others nothing."""

    order: Order | None = None
    done: int = 0
    """Deeds that had something to be done to."""
    seen: dict[Way, int] = field(default_factory=dict[Way, int])
    """Bytes of each way on the link that was dialled last."""
    pieces: dict[Way, int] = field(default_factory=dict[Way, int])

    def __call__(self, transport: Transport) -> Transport:
        """The transport with the saboteur in the middle."""
        return WrappedTransport(transport, dialled=self._meddle_with)

    def _meddle_with(self, link: Link) -> Link:
        order, self.order = self.order, None
        out, into = (_Channel(self, way, order) for way in Way)
        link.stream = _Stream(link.stream, out, into)
        return link


@dataclass
class _Channel:
    """One way of one link."""

    saboteur: Saboteur
    way: Way
    order: Order | None
    passed: int = 0
    count: int = 0
    held: bytes = b""

    def meddle(self, data: bytes) -> tuple[bytes, bool]:
        """What passes on of one piece, and whether the link breaks then."""
        start, self.passed = self.passed, self.passed + len(data)
        number, self.count = self.count, self.count + 1
        self.saboteur.seen[self.way] = self.passed
        self.saboteur.pieces[self.way] = self.count
        order = self.order
        if order is None or order.way is not self.way:
            return data, False
        if self.held:
            data, self.held = data + self.held, b""
            return data, False
        match order.deed:
            case Deed.CUT | Deed.FLIP if start <= order.place < self.passed:
                self.saboteur.done += 1
                at = order.place - start
                if order.deed is Deed.CUT:
                    return data[:at], True
                return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :], False
            case Deed.REPEAT if number == order.place:
                self.saboteur.done += 1
                return data + data, False
            case Deed.SWAP if number == order.place:
                self.saboteur.done += 1
                self.held = data
                return b"", False
            case _:
                return data, False


class _Stream(trio.abc.Stream):
    def __init__(self, stream: trio.abc.Stream, out: _Channel, into: _Channel) -> None:
        self._stream = stream
        self._out = out
        self._in = into

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        passed, breaks = self._out.meddle(bytes(data))
        if passed:
            await self._stream.send_all(passed)
        if breaks:
            await self._break()

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        while True:
            data = bytes(await self._stream.receive_some(max_bytes))
            if not data:
                return data
            passed, breaks = self._in.meddle(data)
            if breaks:
                await self._break()
            if passed:
                return passed

    async def _break(self) -> None:
        await trio.aclose_forcefully(self._stream)
        raise trio.BrokenResourceError("the connection was cut")

    async def aclose(self) -> None:
        await self._stream.aclose()
