"""A peer made of a key and a session: it says whatever a test wants."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeVar
from zlib import crc32

import trio
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.address import Address
from engram_sync.membership import parse_token
from engram_sync.node import Node
from engram_sync.testing import EPOCH_MS, PORT, Cluster
from engram_sync.transport import Link
from engram_wire import (
    NEED_DATA,
    NO_SUPERSEDED,
    Announcement,
    Established,
    JoinRequest,
    JoinResponse,
    KeyPair,
    LogDomain,
    Message,
    Record,
    Role,
    Session,
    Superseded,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    cbor,
    encode_frame,
    encode_ids,
    encode_payload,
    encode_superseded,
    extend,
    log_id,
    payload_hash,
    shape_of,
    sign_head,
)

M = TypeVar("M", bound=Message)


_NEVER_THERE = encode_superseded([Superseded(0, None, 99)], kind=0)


class Hung(Exception):
    """The node closed the connection."""


def key_of(name: str) -> KeyPair:
    """A key pair that belongs to no node."""
    return KeyPair(*crypto_sign_seed_keypair(name.encode().ljust(32, b"\0")))


class Speaker:
    """One authenticated connection to a node."""

    def __init__(self, link: Link, session: Session, identity: KeyPair) -> None:
        self.link = link
        self.session = session
        self.identity = identity
        self.heard: list[Message] = []
        """Received, and not asked for yet."""

    @classmethod
    async def dial(
        cls,
        cluster: Cluster,
        to: str = "a",
        name: str = "rogue",
        capabilities: Sequence[str] = (),
    ) -> "Speaker":
        link = await cluster.network.transport(name).connect(Address(to, PORT))
        identity = key_of(name)
        session = Session(
            Role.INITIATOR,
            identity,
            nonce=bytes(32),
            channel_binding=link.channel_binding,
            capabilities=capabilities,
        )
        speaker = cls(link, session, identity)
        await link.stream.send_all(session.start())
        assert isinstance(await speaker._event(), Established)
        return speaker

    async def _event(self) -> Established | Message:
        while (event := self.session.next_event()) is NEED_DATA:
            await self._flush()
            data = await self.link.stream.receive_some()
            if not data:
                raise Hung
            self.session.receive_data(bytes(data))
        await self._flush()
        return event

    async def _flush(self) -> None:
        data = self.session.data_to_send()
        if data:
            await self.link.stream.send_all(data)

    async def say(self, *messages: Message) -> None:
        for message in messages:
            await self.link.stream.send_all(self.session.send(message, timestamp_ms=EPOCH_MS))

    async def hear(self, kind: type[M]) -> M:
        """The next message of that type; others wait in ``heard``."""
        with trio.fail_after(60):
            while True:
                for message in self.heard:
                    if isinstance(message, kind):
                        self.heard.remove(message)
                        return message
                await self._hear_one()

    async def hear_end(self) -> list[Message]:
        """Everything until the node closes."""
        with trio.fail_after(60), suppress(Hung):
            while True:
                await self._hear_one()
        return self.heard

    async def _hear_one(self) -> None:
        message = await self._event()
        assert not isinstance(message, Established)
        self.heard.append(message)

    async def join(self, token_text: str) -> JoinResponse:
        token = parse_token(token_text, now_ms=EPOCH_MS)
        session_id = self.session.session_id
        assert session_id is not None
        proof = token.proof(key=self.identity.public_key, session=session_id)
        await self.say(JoinRequest(token.scope, token.scope, token.signed.encode(), proof, "rogue"))
        return await self.hear(JoinResponse)

    async def serve(self, *logs: "Log") -> int:
        """Answer the node's request with those logs; returns the request's number."""
        request = await self.hear(SyncRequest)
        for ref, log in enumerate(logs):
            await self.say(log.response(request.request, ref))
        await self.say(SyncResponse(request.request, SyncStatus.COMPLETE))
        return request.request


class Log:
    """A log of ``author`` in the agent scope of ``node``, written by hand."""

    def __init__(self, node: Node, author: KeyPair, incarnation: int = 1) -> None:
        scope = node._core.facts.agent_scope
        self.author = author
        self.incarnation = incarnation.to_bytes(16, "big")
        self.id = log_id(int(LogDomain.DATA), scope, author.public_key, self.incarnation)
        self.heads = [self.id]
        self.records: list[Record] = []
        self._auth = encode_ids(sorted(node._core.path.charters.of(scope).heads))

    def add(self, content: str, *, valid: bool = True, deps: Sequence[bytes] = ()) -> "Log":
        """Append a record that creates a memory, or one that replaces what never was."""
        seq = len(self.records) + 1
        payload = encode_payload(bytes(16), [cbor.encode(content)])
        record = Record(
            seq=seq,
            engram=self.incarnation[8:] + crc32(content.encode()).to_bytes(8, "big"),
            hlc=(EPOCH_MS + seq) << 16,
            shape=shape_of(0, ["r/content"]),
            superseded=NO_SUPERSEDED if valid else _NEVER_THERE,
            payload=payload,
            payload_hash=payload_hash(payload),
            deps=encode_ids(sorted(deps)),
            auth=self._auth if seq == 1 else b"\xf6",
            marked=True,
        )
        self.records.append(record)
        self.heads.append(extend(self.heads[-1], record))
        return self

    def frame(self, ref: int = 0, first: int = 1) -> bytes:
        """The records from ``first`` on, each signed."""
        signatures = [
            (record.seq, sign_head(self.author.secret_key, self.heads[record.seq]))
            for record in self.records[first - 1 :]
        ]
        return encode_frame(ref, self.records[first - 1 :], signatures)

    def response(self, request: int, ref: int = 0) -> SyncResponse:
        announcement = Announcement(
            ref, int(LogDomain.DATA), self.author.public_key, self.incarnation
        )
        return SyncResponse(request, SyncStatus.DATA, (announcement,), self.frame(ref))
