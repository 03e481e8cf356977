"""Two nodes, their sessions over a fake link, and the records they write."""

import hashlib
from collections.abc import Sequence

import nacl.bindings
import pytest

from engram_wire import (
    AUTH_UNCHANGED,
    NEED_DATA,
    NO_IDS,
    NO_SUPERSEDED,
    CloseCode,
    ConflictNotification,
    ConflictResolution,
    Established,
    Goodbye,
    JoinRequest,
    JoinResponse,
    KeyPair,
    LeaveNotification,
    Message,
    OpenConflict,
    PayloadRequest,
    PayloadResponse,
    Ping,
    Pong,
    Probe,
    ProbeResponse,
    Range,
    RangeRequest,
    RangeResponse,
    Record,
    RecordKind,
    RefusalNotification,
    Rejection,
    Role,
    Session,
    State,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    WireError,
    cbor,
    encode_frame,
    encode_ids,
    encode_payload,
    extend,
    log_id,
    payload_hash,
    shape_of,
    sign_head,
)

NOW_MS = 1_760_000_000_000
CHANNEL = b"c" * 32
SCOPE = b"s" * 32
INCARNATION = b"i" * 16
DIGEST = b"d" * 32


def identity(name: str) -> KeyPair:
    return KeyPair(*nacl.bindings.crypto_sign_seed_keypair(hashlib.sha256(name.encode()).digest()))


ALICE = identity("alice")
BOB = identity("bob")
MALLORY = identity("mallory")
ALICE_LOG = log_id(0, SCOPE, ALICE.public_key, INCARNATION)

ONE_OF_EACH: list[Message] = [
    SyncRequest(1, b"s" * 32, DIGEST, None),
    SyncResponse(1, SyncStatus.COMPLETE, summary=Summary(DIGEST, DIGEST, 3)),
    SyncAck(1),
    JoinRequest(b"s" * 32, b"a" * 32, b"grant", b"p" * 64, "Laptop"),
    JoinResponse(False, "no"),
    Ping(1),
    Pong(1),
    ConflictNotification(b"s" * 32, (OpenConflict(b"i" * 32, b"v" * 32, b"e" * 16, 1),)),
    ConflictResolution(b"s" * 32, ((b"i" * 32, b"v" * 32),)),
    LeaveNotification(b"s" * 32, "moving"),
    RefusalNotification(b"s" * 32, (Rejection(b"l" * 32, 4, 7),)),
    PayloadRequest(1, b"s" * 32, ((b"l" * 32, 4),)),
    PayloadResponse(1, ((b"l" * 32, 4, b"payload"),)),
    Probe(1, b"s" * 32, b"l" * 32, (1, 16)),
    ProbeResponse(1, (b"h" * 32, None)),
    RangeRequest(1, (Range(bytes(32), None, b"f" * 16, 9000),)),
    RangeResponse(1, (None,)),
    Goodbye(CloseCode.OK),
]

Event = Established | Message


def initiator(
    who: KeyPair = ALICE,
    *,
    nonce: bytes = b"1" * 32,
    channel: bytes = CHANNEL,
    expected_peer: bytes | None = None,
    capabilities: Sequence[str] = (),
) -> Session:
    return Session(
        Role.INITIATOR,
        who,
        nonce=nonce,
        channel_binding=channel,
        expected_peer=expected_peer,
        capabilities=capabilities,
    )


def responder(
    who: KeyPair = BOB,
    *,
    nonce: bytes = b"2" * 32,
    channel: bytes = CHANNEL,
    expected_peer: bytes | None = None,
    capabilities: Sequence[str] = (),
) -> Session:
    return Session(
        Role.RESPONDER,
        who,
        nonce=nonce,
        channel_binding=channel,
        expected_peer=expected_peer,
        capabilities=capabilities,
    )


def drain(session: Session) -> list[Event]:
    """Every event there is now."""
    events: list[Event] = []
    while (event := session.next_event()) is not NEED_DATA:
        events.append(event)
    return events


def drain_or_error(session: Session) -> list[object]:
    """Every event there is now, and the type of the error that ended them."""
    events: list[object] = []
    try:
        while (event := session.next_event()) is not NEED_DATA:
            events.append(event)
    except WireError as error:
        events.append(type(error))
    return events


class Pair:
    """Both ends of one link; ``to_a`` and ``to_b`` record every byte that crossed it."""

    def __init__(self, a: Session | None = None, b: Session | None = None) -> None:
        self.a = a or initiator()
        self.b = b or responder()
        self.to_a = b""
        self.to_b = b""

    def deliver_to_a(self, data: bytes) -> list[Event]:
        self.to_a += data
        self.a.receive_data(data)
        return drain(self.a)

    def deliver_to_b(self, data: bytes) -> list[Event]:
        self.to_b += data
        self.b.receive_data(data)
        return drain(self.b)

    def establish(self) -> tuple[list[Event], list[Event]]:
        """Run the handshake; the events of both sides."""
        self.deliver_to_b(self.a.start() + self.b.start())
        events_a = self.deliver_to_a(self.b.data_to_send())
        events_b = self.deliver_to_b(self.a.data_to_send())
        return events_a, events_b


def established() -> Pair:
    pair = Pair()
    pair.establish()
    return pair


def refused(pair: Pair, data: bytes, error: type[WireError]) -> None:
    """Bob refuses ``data``, and tells Alice with which code he left."""
    pair.b.receive_data(data)
    for _ in range(2):
        with pytest.raises(error):
            drain(pair.b)
        assert pair.b.state is State.CLOSED
    assert pair.deliver_to_a(pair.b.data_to_send()) == [Goodbye(error.code)]


def frames_of(stream: bytes) -> list[bytes]:
    """The frames of a byte stream, without their lengths."""
    frames: list[bytes] = []
    while stream:
        size = int.from_bytes(stream[:4], "big")
        frames.append(stream[4 : 4 + size])
        stream = stream[4 + size :]
    return frames


def with_length(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def record(
    seq: int,
    *,
    kind: int = RecordKind.CREATE,
    collections: Sequence[str] = ("r/content", "s/tags"),
    values: Sequence[cbor.Encodable] = ("Deploys go out on Tuesdays", "ops"),
    superseded: bytes = NO_SUPERSEDED,
    deps: bytes = NO_IDS,
    auth: bytes | None = None,
    hlc: int | None = None,
    held: bool = True,
    marked: bool = True,
) -> Record:
    """Record ``seq`` of a log; the first one names what it relies on, as it must."""
    salt = hashlib.sha256(b"salt %d" % seq).digest()[:16]
    payload = encode_payload(salt, [cbor.encode(value) for value in values])
    if auth is None:
        auth = encode_ids([b"m" * 32]) if seq == 1 else AUTH_UNCHANGED
    return Record(
        seq=seq,
        engram=hashlib.sha256(b"engram %d" % seq).digest()[:16],
        hlc=(NOW_MS + seq) << 16 if hlc is None else hlc,
        shape=shape_of(kind, collections),
        superseded=superseded,
        payload=payload if held else None,
        payload_hash=payload_hash(payload),
        deps=deps,
        auth=auth,
        marked=marked,
    )


def heads_of(records: Sequence[Record], head: bytes = ALICE_LOG) -> list[bytes]:
    """The id at each record."""
    heads: list[bytes] = []
    for item in records:
        head = extend(head, item)
        heads.append(head)
    return heads


def signed(
    records: Sequence[Record], *, at: Sequence[int] | None = None, who: KeyPair = ALICE
) -> list[tuple[int, bytes]]:
    """Signatures at these seqs, the last record's by default."""
    heads = heads_of(records)
    seqs = [records[-1].seq] if at is None else at
    return [(s, sign_head(who.secret_key, heads[s - records[0].seq])) for s in seqs]


def frame_of(records: Sequence[Record], *, at: Sequence[int] | None = None) -> bytes:
    return encode_frame(1, records, signed(records, at=at))
