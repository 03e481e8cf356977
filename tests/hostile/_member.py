"""One connection of a member: it has a key, joined with an invite, and says what it wants."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import trio
from nacl.bindings import crypto_sign_keypair

from engram_sync.membership import parse_token
from engram_sync.node.network.authentication import authenticate
from engram_sync.transport import Address, Link, TcpTransport
from engram_wire import (
    NEED_DATA,
    Established,
    JoinRequest,
    JoinResponse,
    KeyPair,
    LocalProtocolError,
    LogDomain,
    Message,
    Role,
    Session,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    clock_digest,
    decode_frame_untrusted,
    extend,
    log_id,
)

from ._forge import Forged

M = TypeVar("M", bound=Message)


class Ended(Exception):
    """The node closed the connection."""


class Member:
    """A member with a key of its own."""

    def __init__(self, address: str, identity: KeyPair | None = None) -> None:
        self.identity = identity or KeyPair(*crypto_sign_keypair())
        self.scope = b""
        self.membership: list[bytes] = []
        """Heads at which it may write."""
        self.others: list[tuple[bytes, bytes]] = []
        """Name and head of each data log that the node had when it joined."""
        self.request = 0
        """The node's own request for the scope, once it was heard."""
        self._address = Address.parse(address)
        self._link: Link
        self._session: Session
        self._sent = 0

    def twin(self) -> "Member":
        """Another node with this one's key; not connected yet."""
        other = Member(str(self._address), self.identity)
        other.scope, other.membership = self.scope, self.membership
        return other

    async def dial(self) -> None:
        """Connect and prove the key; the connection before ends here, if the node left it open."""
        await self.close()
        self._link = await TcpTransport().connect(self._address)
        self._session = Session(
            Role.INITIATOR,
            self.identity,
            nonce=bytes(32),
            channel_binding=self._link.channel_binding,
        )
        await authenticate(self._link, self._session)
        await self._flush()
        self.request = 0

    async def join(self, text: str) -> None:
        """Use an invite, and learn the heads that everything refers to."""
        token = parse_token(text, now_ms=0)
        self.scope = token.scope
        session_id = self._session.session_id
        assert session_id is not None
        proof = token.proof(key=self.identity.public_key, session=session_id)
        await self.say(
            JoinRequest(token.scope, token.scope, token.signed.encode(), proof, "mallory")
        )
        assert (await self.hear(JoinResponse)).accepted
        await self._learn()

    async def _learn(self) -> None:
        await self.say(SyncRequest(1, self.scope, clock_digest(()), ()))
        heads: dict[bytes, bytes] = {}
        members: set[bytes] = set()
        logs: dict[int, bytes] = {}
        while True:
            response = await self.hear(SyncResponse)
            for said in response.announcements:
                name = log_id(said.domain, self.scope, said.author, said.incarnation)
                logs[said.ref] = name
                heads.setdefault(name, name)
                if said.domain == LogDomain.MEMBERS:
                    members.add(name)
            if response.frame is not None:
                frame = decode_frame_untrusted(response.frame)
                name = logs[frame.ref]
                for record in frame.records:
                    heads[name] = extend(heads[name], record)
            if response.status is SyncStatus.COMPLETE:
                break
        self.membership = [head for log, head in heads.items() if log in members]
        self.others = [(log, head) for log, head in heads.items() if log not in members]

    def log(self) -> Forged:
        """A new log of its own."""
        return Forged(self.scope, self.identity, self.membership)

    def statements(self) -> Forged:
        """A new log of its own about members."""
        return Forged(self.scope, self.identity, self.membership, LogDomain.MEMBERS)

    async def requested(self) -> int:
        """The number of the node's request for the scope, which answers go to."""
        while not self.request:
            asked = await self.hear(SyncRequest)
            if asked.scope == self.scope:
                self.request = asked.request
        return self.request

    async def serve(self, logs: Iterable[Forged], *, payloads: bool = True) -> None:
        """Push those logs, as fast as the node reads."""
        request = await self.requested()
        for log in logs:
            ref = self._sent
            self._sent += 1
            said: Sequence[object] = (log.announcement(ref),)
            for frame in log.frames(ref, payloads=payloads):
                await self.say(SyncResponse(request, SyncStatus.DATA, tuple(said), frame))  # type: ignore[arg-type]
                said = ()
        await self.say(SyncResponse(request, SyncStatus.COMPLETE))

    async def say(self, *messages: Message) -> None:
        """Send messages, one after the other."""
        for message in messages:
            try:
                data = self._session.send(message, timestamp_ms=0)
            except LocalProtocolError as error:
                raise Ended from error  # The node has said goodbye.
            await self.raw(data)

    async def raw(self, data: bytes) -> None:
        """Send whatever bytes."""
        try:
            await self._link.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Ended from error

    async def hear(self, kind: type[M]) -> M:
        """The next message of that type; the node's request is remembered, others are dropped."""
        with trio.fail_after(60):
            while True:
                event = self._session.next_event()
                if event is NEED_DATA:
                    await self._receive()
                    continue
                if isinstance(event, SyncRequest) and event.scope == self.scope:
                    self.request = event.request
                if isinstance(event, kind):
                    return event
                assert not isinstance(event, Established)

    async def drain(self) -> None:
        """Read and drop whatever comes, until the node closes."""
        try:
            while True:
                while self._session.next_event() is not NEED_DATA:
                    pass
                await self._receive()
        except Ended:
            return

    async def _receive(self) -> None:
        await self._flush()
        try:
            data = await self._link.stream.receive_some(1 << 16)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Ended from error
        if not data:
            raise Ended
        self._session.receive_data(bytes(data))

    async def _flush(self) -> None:
        data = self._session.data_to_send()
        if data:
            await self.raw(data)

    async def close(self) -> None:
        """Hang up without a word."""
        if hasattr(self, "_link"):
            await trio.aclose_forcefully(self._link.stream)
