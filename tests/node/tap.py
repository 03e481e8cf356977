"""Listens on the links of a cluster, where nothing is encrypted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from engram_sync.testing import TappedStream, WrappedTransport
from engram_sync.transport import Link, Transport
from engram_wire import (
    Message,
    MessageType,
    SyncAck,
    SyncRequest,
    SyncResponse,
    cbor,
    decode_message_untrusted,
    log_id,
)

M = TypeVar("M")


@dataclass
class Tap:
    """Everything that hosts have sent."""

    streams: list[tuple[str, bytearray]] = field(default_factory=list[tuple[str, bytearray]])
    """(sending host, bytes), one per link and direction."""
    stamp: Callable[[], int] = int
    """What is noted with each send."""
    sends: list[tuple[str, int, bytes]] = field(default_factory=list[tuple[str, int, bytes]])
    """(sending host, stamp, bytes): whole messages, as a connection sends them."""

    def __call__(self, host: str, transport: Transport) -> Transport:
        def listen(link: Link) -> Link:
            heard = bytearray()
            self.streams.append((host, heard))

            def hear(data: bytes) -> None:
                heard.extend(data)
                self.sends.append((host, self.stamp(), data))

            link.stream = TappedStream(link.stream, hear)
            return link

        return WrappedTransport(transport, dialled=listen, accepted=listen)

    def bytes_of(self, host: str) -> bytes:
        return b"".join(data for sender, data in self.streams if sender == host)

    def stamped(self, host: str, kind: type[M]) -> list[tuple[int, M]]:
        """Every message of that type that ``host`` sent, with its stamp."""
        return [
            (stamp, message)
            for sender, stamp, data in self.sends
            if sender == host
            for message in _messages(data)
            if isinstance(message, kind)
        ]

    def acknowledged(self, host: str, scope: bytes) -> list[tuple[int, dict[bytes, int]]]:
        """What ``host`` acknowledged of one scope, by log, with the stamp of each message."""
        asked = {m.request for _, m in self.stamped(host, SyncRequest) if m.scope == scope}
        names = {
            (response.request, log.ref): log_id(log.domain, scope, log.author, log.incarnation)
            for sender in {sender for sender, _, _ in self.sends} - {host}
            for _, response in self.stamped(sender, SyncResponse)
            if response.request in asked
            for log in response.announcements
        }
        return [
            (stamp, {names[ack.request, ref]: seq for ref, seq in ack.received})
            for stamp, ack in self.stamped(host, SyncAck)
            if ack.request in asked and ack.received
        ]

    def messages(self, host: str, kind: type[M]) -> list[M]:
        """Every message of that type that ``host`` sent."""
        found: list[Message] = []
        for sender, data in self.streams:
            if sender == host:
                found += _messages(bytes(data))
        return [message for message in found if isinstance(message, kind)]


def _messages(data: bytes) -> list[Message]:
    found: list[Message] = []
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        frame, at = data[at + 4 : at + 4 + size], at + 4 + size
        if len(frame) < size:
            break
        match cbor.decode_untrusted(frame):
            case [2, int(kind), bytes(), int(), bytes(payload), bytes()]:
                if kind > MessageType.HELLO_ACK:
                    found.append(decode_message_untrusted(kind, payload))
            case _:
                pass  # The handshake.
    return found
