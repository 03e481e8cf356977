"""Two nodes on a link that may cut, damage and repeat, beside a plain model of what must arrive.

Each side is two sessions that are told the same: one reads what arrives as it comes, the other one
byte at a time.  Whatever one of them does, the other has to do too.
"""

import hashlib
from collections.abc import Sequence

from engram_wire import (
    CloseCode,
    Established,
    Goodbye,
    KeyPair,
    LocalProtocolError,
    Message,
    Role,
    Session,
    State,
    WireError,
)
from tests.wire.parties import ALICE, BOB, CHANNEL, drain_or_error

IDENTITY = {Role.INITIATOR: ALICE, Role.RESPONDER: BOB}
STREAM_BYTES_MAX = 64 << 10


class BrokenClaimError(Exception):
    """The sessions did what the model does not allow."""


def claim(holds: bool, what: str) -> None:
    """Raise unless ``holds``; unlike ``assert`` it survives ``python -O``."""
    if not holds:
        raise BrokenClaimError(what)


class Side:
    """One node: a session that reads in pieces as they come, and its twin that reads bytes."""

    def __init__(
        self, role: Role, identity: KeyPair, nonce: bytes, capabilities: Sequence[str]
    ) -> None:
        self.role = role
        self.whole, self.single = (
            Session(role, identity, nonce=nonce, channel_binding=CHANNEL, capabilities=capabilities)
            for _ in range(2)
        )
        self.error: type[WireError] | None = None
        self.events: list[object] = []

    @property
    def messages(self) -> list[object]:
        return [event for event in self.events if not isinstance(event, Established)]

    def start(self) -> bytes:
        return self._same(self.whole.start(), self.single.start())

    def send(self, message: Message, timestamp_ms: int) -> bytes | None:
        """The bytes; None when the session does not allow this message now."""
        data: list[bytes | None] = []
        for session in (self.whole, self.single):
            try:
                data.append(session.send(message, timestamp_ms=timestamp_ms))
            except LocalProtocolError:
                data.append(None)
        claim(data[0] == data[1], "both send the same, or neither sends")
        return data[0]

    def receive(self, data: bytes) -> bytes:
        """Take bytes; what is to be sent in return."""
        self.whole.receive_data(data)
        found = drain_or_error(self.whole)
        one_by_one: list[object] = []
        for at in range(len(data)):
            self.single.receive_data(data[at : at + 1])
            one_by_one += drain_or_error(self.single)
            if one_by_one and isinstance(one_by_one[-1], type):
                break
        if self.error is not None:
            claim(found == [self.error], "a failed session goes on to fail in the same way")
            return b""
        claim(found == one_by_one, "the pieces do not change the events")
        claim(self.whole.state is self.single.state, "nor the state")
        claim(self.whole.peer_timestamp_ms == self.single.peer_timestamp_ms, "nor the time")
        if found and isinstance(found[-1], type):
            self.error = found.pop()  # type: ignore[assignment]  # drain_or_error gives WireErrors
            claim(self.whole.state is State.CLOSED, "an error closes the session")
        self.events += found
        return self._same(self.whole.data_to_send(), self.single.data_to_send())

    def _same(self, left: bytes, right: bytes) -> bytes:
        claim(left == right, "both answer with the same bytes")
        return left


class World:
    """A link between two sides, and what each of them must hear.

    Every step may come at any time; those that make no sense then do nothing.
    """

    def __init__(self, capabilities: Sequence[str] = ()) -> None:
        self._capabilities = capabilities
        self._serial = 0
        self.now_ms = 1_760_000_000_000
        self.old = b""
        """The last bytes that crossed a link which was cut since."""
        self._connect()

    def _connect(self) -> None:
        self._serial += 1
        nonces = {
            role: hashlib.sha256(b"%d%b" % (self._serial, role.byte)).digest() for role in Role
        }
        self.sides = {
            role: Side(role, IDENTITY[role], nonces[role], self._capabilities) for role in Role
        }
        self.towards = {role: bytearray() for role in Role}
        self.expected: dict[Role, list[Message]] = {role: [] for role in Role}
        self.stamps: dict[Role, list[int]] = {role: [] for role in Role}
        self.damaged = False
        for role in Role:
            self.towards[role.peer] += self.sides[role].start()

    def _nonce(self, role: Role) -> bytes:
        return hashlib.sha256(b"%d%b" % (self._serial, role.byte)).digest()

    # ---- steps -----------------------------------------------------------------------------------

    def wait(self, ms: int) -> None:
        """Time passes, or a clock is set back."""
        self.now_ms = max(0, self.now_ms + ms)

    def send(self, role: Role, message: Message) -> None:
        """One side says something."""
        if len(self.towards[role.peer]) > STREAM_BYTES_MAX:
            return
        data = self.sides[role].send(message, self.now_ms)
        if data is not None:
            self.towards[role.peer] += data
            self.expected[role.peer].append(message)
            self.stamps[role.peer].append(self.now_ms)

    def deliver(self, role: Role, size: int) -> None:
        """The next bytes arrive at one side, any number of messages or a part of one."""
        side, waiting = self.sides[role], self.towards[role]
        data = bytes(waiting[:size])
        del waiting[:size]
        self.old = (self.old + data)[-4096:]
        failed_before = side.error is not None
        self.towards[role.peer] += side.receive(data)
        if side.error is not None and not failed_before and side.whole.peer is not None:
            self.expected[role.peer].append(Goodbye(side.error.code))
            self.stamps[role.peer].append(-1)
        self._check(role)

    def damage(self, role: Role, at: int, mask: int) -> None:
        """A bit or more of what is under way changes."""
        waiting = self.towards[role]
        if waiting and mask % 256:
            waiting[at % len(waiting)] ^= mask % 256
            self.damaged = True

    def repeat(self, role: Role, size: int) -> None:
        """Somebody puts bytes of earlier, of this link or of one before, into the stream."""
        if old := self.old[:size]:
            self.towards[role][:0] = old
            self.damaged = True

    def cut(self) -> None:
        """The link breaks and the same nodes meet on another one."""
        self._connect()

    def settle(self) -> None:
        """Everything under way arrives; on an honest link nothing is missing then."""
        for _ in range(4):
            for role in Role:
                self.deliver(role, len(self.towards[role]))
        if self.damaged:
            return
        for role, side in self.sides.items():
            claim(side.whole.peer == IDENTITY[role.peer].public_key, "the peer is who it is")
            heard = len(side.messages)
            claim(
                heard == len(self.expected[role]) or side.whole.state is State.CLOSED,
                "only a Goodbye keeps a message from arriving",
            )

    # ---- claims ----------------------------------------------------------------------------------

    def _check(self, role: Role) -> None:
        side = self.sides[role]
        heard, expected = side.messages, self.expected[role]
        claim(heard == expected[: len(heard)], "messages arrive as sent, in order, and no others")
        if heard and self.stamps[role][len(heard) - 1] >= 0:
            stamp = self.stamps[role][len(heard) - 1]
            claim(side.whole.peer_timestamp_ms == stamp, "and with the time of their sender")
        claim(side.error is None or self.damaged, "an honest link gives no error")
        first = [isinstance(event, Established) for event in side.events]
        claim(sum(first) == (side.whole.peer is not None), "a session is established once")
        claim(not any(first[1:]), "before anything else")
        ids = {s.whole.session_id for s in self.sides.values() if s.whole.session_id is not None}
        claim(len(ids) <= 1, "both sides have the same session")
        if any(isinstance(message, Goodbye) for message in heard):
            claim(side.whole.state is State.CLOSED, "a Goodbye is the end")


OK_GOODBYE = Goodbye(CloseCode.OK)
