"""One session between two nodes: bytes in, events out, no I/O, clock or randomness.

    session.receive_data(data)
    while (event := session.next_event()) is not NEED_DATA:
        ...
    await stream.send_all(session.data_to_send())

A driver owns the stream and the deadlines of ``_limits``, and sends what ``start``,
``data_to_send`` and ``send`` return, in that order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from ._compression import COMPRESSIBLE, ZSTD, available_capabilities, compressed, expand_untrusted
from ._message_types import Goodbye, Message, MessageType
from ._reader import FrameReader, with_length
from ._state import RECEIVE, SEND, TRANSITIONS, Input, State, frame_bytes_max, next_state
from .envelope import Envelope, EnvelopeContext, open_untrusted, seal
from .errors import LocalProtocolError, ProtocolError, WireError
from .handshake import Handshake, KeyPair, Role
from .messages import decode_message_untrusted, encode_message

_ENVELOPED: Final = {bytes((kind,)): kind for kind in MessageType if kind > MessageType.HELLO_ACK}
"""The type byte of an envelope."""


class NeedData(Enum):
    """The type of ``NEED_DATA``."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA
"""``Session.next_event`` has nothing more until more bytes arrive."""


@dataclass(frozen=True, slots=True)
class Established:
    """Both sides have proven who they are; the first event of every session."""

    peer: bytes
    """The peer's public key, 32 bytes."""
    session_id: bytes
    """32 bytes that no other session has, on either side."""
    capabilities: frozenset[str]
    """What both sides offered, without the mark of mandatory ones."""


Event: TypeAlias = Established | Message | Literal[NeedData.NEED_DATA]


class Session:
    """The protocol of one connection, for either side.

    Args:
        role: Which side opened the connection.
        identity: This node's keys.
        nonce: 32 fresh unpredictable bytes, never used before.
        channel_binding: 32 bytes that both ends of one channel share and no other channel has:
            the SHA-256 of the server's certificate (DER).
        expected_peer: Refuse any other key than this one.
        capabilities: Names of optional features offered; a peer that does not offer one with a
            "!" before its name is refused.

    Raises:
        ValueError: an argument has another size than the protocol gives it, or a capability that
            needs a library is offered without it, see ``available_capabilities``.
    """

    def __init__(
        self,
        role: Role,
        identity: KeyPair,
        *,
        nonce: bytes,
        channel_binding: bytes,
        expected_peer: bytes | None = None,
        capabilities: Sequence[str] = (),
    ) -> None:
        self.state = State.DIALLED if role is Role.INITIATOR else State.ACCEPTED
        """For others to read."""
        self.peer: bytes | None = None
        """The peer's public key, set with ``Established``."""
        self.session_id: bytes | None = None
        """Set with ``Established``."""
        self.peer_timestamp_ms: int | None = None
        """The peer's wall clock when it sent its last message, as it claims."""
        self.message_bytes = 0
        """Size of the last message that arrived, uncompressed."""
        self._role = role
        self._identity = identity
        self._handshake = Handshake(
            role,
            identity,
            nonce=nonce,
            channel_binding=channel_binding,
            expected_peer=expected_peer,
            capabilities=capabilities,
        )
        if ZSTD in self._handshake.offered and ZSTD not in available_capabilities():
            raise ValueError("the library for zstd is not installed")
        self._reader = FrameReader()
        self._outbound = bytearray()
        self._sent = self._received = 0
        self._timestamp_ms = 0
        self._failure: WireError | None = None

    # ---- bytes in --------------------------------------------------------------------------------

    def start(self) -> bytes:
        """The first bytes to send: the initiator's Hello; nothing for the responder."""
        self._continue_handshake()
        return self.data_to_send()

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes of the stream; never fails.  A closed session drops them."""
        if self.state is not State.CLOSED:
            self._reader.feed(data)

    @property
    def within_message(self) -> bool:
        """Whether part of a message has arrived and its rest has not, once all events were taken.

        The driver ends a session of which this stays true for ``MESSAGE_DEADLINE_S``.
        """
        return self._reader.begun

    def next_event(self) -> Event:
        """The next event in what has arrived, or ``NEED_DATA``.

        Raises:
            WireError: the peer broke the protocol.  The session is CLOSED, every later call raises
                the same error, and when the peer was authenticated ``data_to_send`` ends with a
                Goodbye that carries the error's code.
        """
        if self._failure is not None:
            raise self._failure
        try:
            while self.state is not State.CLOSED:
                frame = self._reader.next_untrusted(frame_bytes_max(self.state))
                if frame is None:
                    return NEED_DATA
                event = self._receive_untrusted(frame)
                if event is not None:
                    return event
        except WireError as error:
            self._fail(error)
            raise
        return NEED_DATA

    def _receive_untrusted(self, frame: bytes) -> Established | Message | None:
        kind = _kind_untrusted(frame)
        after = next_state(self.state, RECEIVE[kind])
        if after is None:
            raise ProtocolError(f"{kind.name} is not legal when the session is {self.state.value}")
        message: Message | None = None
        if kind is MessageType.HELLO:
            self._handshake.receive_hello_untrusted(frame)
        elif kind is MessageType.HELLO_ACK:
            self._handshake.receive_ack_untrusted(frame)
        else:
            message = self._open_untrusted(frame)
        self.state = after
        if message is not None:
            return message
        self._continue_handshake()
        return self._established()

    def _open_untrusted(self, frame: bytes) -> Message:
        peer, place = self._place(self._role.peer, self._received)
        compression = ZSTD in self._handshake.capabilities
        envelope = open_untrusted(frame, place, peer, compression=compression)
        self._received += 1
        self.peer_timestamp_ms = envelope.timestamp_ms
        payload = envelope.payload
        if envelope.compressed:
            if envelope.type not in COMPRESSIBLE:
                raise ProtocolError(f"a message of type {envelope.type} is never compressed")
            payload = expand_untrusted(payload)
        self.message_bytes = len(payload)
        return decode_message_untrusted(envelope.type, payload)

    def _established(self) -> Established | None:
        proven = self._handshake
        if self.state is not State.ESTABLISHED or proven.peer is None or proven.session_id is None:
            return None
        self.peer, self.session_id = proven.peer, proven.session_id
        return Established(proven.peer, proven.session_id, proven.capabilities)

    def _fail(self, error: WireError) -> None:
        if next_state(self.state, Input.SEND_GOODBYE) is not None:
            self._emit(Goodbye(error.code), self._timestamp_ms)
        self._advance(Input.FAIL)
        self._reader.drop()
        self._failure = error

    # ---- bytes out -------------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """What the session itself wants to send: handshake frames, or the Goodbye of a failure."""
        data = bytes(self._outbound)
        self._outbound.clear()
        return data

    def send(self, message: Message, *, timestamp_ms: int) -> bytes:
        """The bytes of ``message``, after whatever ``data_to_send`` still held.

        Args:
            message: What to send.
            timestamp_ms: This node's wall clock.

        Raises:
            LocalProtocolError: not allowed in this state, too large, or with a field that cannot
                be encoded; nothing has changed then.
        """
        self._emit(message, timestamp_ms)
        return self.data_to_send()

    def _emit(self, message: Message, timestamp_ms: int) -> None:
        kind, payload = encode_message(message)
        event = SEND[MessageType(kind)]
        if next_state(self.state, event) is None:
            raise LocalProtocolError(f"cannot {event.value} when the session is {self.state.value}")
        _, place = self._place(self._role, self._sent)
        packed: bytes | None = None
        if kind in COMPRESSIBLE and ZSTD in self._handshake.capabilities:
            packed = compressed(payload)
        envelope = Envelope(kind, timestamp_ms, packed or payload, packed is not None)
        frame = seal(self._identity, place, envelope)
        self._advance(event)
        self._timestamp_ms = timestamp_ms
        self._sent += 1
        self._outbound += with_length(frame)

    def _continue_handshake(self) -> None:
        """Send whatever part of the handshake is ours to send now."""
        if next_state(self.state, Input.SEND_HELLO) is not None:
            self._outbound += with_length(self._handshake.hello)
            self._advance(Input.SEND_HELLO)
        if next_state(self.state, Input.SEND_HELLO_ACK) is not None:
            self._outbound += with_length(self._handshake.prove())
            self._advance(Input.SEND_HELLO_ACK)

    def _place(self, sender: Role, counter: int) -> tuple[bytes, EnvelopeContext]:
        assert self.peer is not None  # the table lets envelopes pass only once both are set
        assert self.session_id is not None
        return self.peer, EnvelopeContext(self.session_id, sender, counter)

    def _advance(self, event: Input) -> None:
        self.state = TRANSITIONS[self.state][event]


def _kind_untrusted(frame: bytes) -> MessageType:
    """What a frame claims to be, from its first three bytes, before anything is decoded."""
    if frame[:2] == b"\x84\x00":
        return MessageType.HELLO
    if frame[:2] == b"\x83\x01":
        return MessageType.HELLO_ACK
    kind = _ENVELOPED.get(frame[2:3])
    if frame[:1] != b"\x86" or kind is None:
        raise ProtocolError(f"a frame of {len(frame)} bytes starts like no message")
    return kind
