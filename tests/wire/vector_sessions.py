"""Vectors of messages, and of whole sessions from the first byte to the last."""

import hashlib

from engram_wire import (
    NEED_DATA,
    Announcement,
    ClockEntry,
    CloseCode,
    ConflictNotification,
    ConflictResolution,
    Credential,
    Credentials,
    Established,
    Extension,
    Goodbye,
    Hello,
    HelloAck,
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
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    Refusal,
    RefusalNotification,
    Rejection,
    Role,
    Session,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    cbor,
    clock_digest,
    encode_frame,
    encode_message,
    keyed_hash,
    sign_head,
)
from engram_wire.envelope import EnvelopeContext, signed_bytes
from engram_wire.handshake import DOMAIN_HANDSHAKE, PERSON_TRANSCRIPT
from engram_wire.messages import encode_hello, encode_hello_ack
from tests.wire.vector_records import (
    AGENT,
    DATA,
    DATA_RECORDS,
    ENGRAM,
    INVITE,
    MEMBER_RECORDS,
    MEMBERS,
    SCOPE,
    SECRET,
    SESSION,
    clock_of,
    ids_of,
    signatures_of,
)
from tests.wire.vector_values import (
    ALICE,
    BOB,
    CHANNEL,
    INCARNATION,
    NOW_MS,
    Json,
    Row,
    name_of,
    seed_of,
    shown,
)

NONCES = {Role.INITIATOR: b"1" * 32, Role.RESPONDER: b"2" * 32}
NAMES = {Role.INITIATOR: "bob", Role.RESPONDER: "alice"}
CAPABILITIES = {Role.INITIATOR: ["ahead", "audit"], Role.RESPONDER: ["audit"]}
STATE = hashlib.sha256(b"what the documents say").digest()

MEMBERS_FRAME = encode_frame(MEMBERS.ref, MEMBER_RECORDS, signatures_of(MEMBERS, MEMBER_RECORDS))
BACKLOG = DATA_RECORDS[:3]
BACKLOG_FRAME = encode_frame(DATA.ref, BACKLOG, signatures_of(DATA, BACKLOG))
NEWS_FRAME = encode_frame(
    DATA.ref,
    DATA_RECORDS[3:],
    [(len(DATA_RECORDS), sign_head(ALICE.secret_key, ids_of(DATA, DATA_RECORDS)[-1]))],
)
CLOCK_EMPTY = clock_digest([])
MEMBERS_ENTRY = clock_of(MEMBERS, MEMBER_RECORDS)
CREDENTIAL = Credential(MEMBERS, MEMBERS_FRAME)
BRANCH = Announcement(3, 0, ALICE.public_key, INCARNATION, ids_of(DATA, BACKLOG)[1])


def _summary(entries: list[ClockEntry], engrams: int) -> Summary:
    return Summary(clock_digest(entries), STATE, engrams, 1)


def messages() -> list[Message]:
    """Every message, with and without its optional parts."""
    entry = clock_of(DATA, DATA_RECORDS)
    clock = tuple(sorted([entry, MEMBERS_ENTRY], key=lambda item: item.log))
    summary, lagging = _summary(list(clock), 3), Summary(CLOCK_EMPTY, None, 0)
    proof = INVITE.proof(key=BOB.public_key, session=SESSION)
    return [
        SyncRequest(0, SCOPE, CLOCK_EMPTY, None),
        SyncRequest(4294967295, SCOPE, clock_digest(clock), clock, (CREDENTIAL,)),
        SyncRequest(1, SCOPE, CLOCK_EMPTY, (), sealed=(2, STATE)),
        SyncResponse(1, SyncStatus.DATA, (DATA,), BACKLOG_FRAME),
        SyncResponse(1, SyncStatus.COMPLETE, summary=summary),
        SyncResponse(1, SyncStatus.CLOCK_NEEDED),
        SyncResponse(1, SyncStatus.REFUSED),
        SyncResponse(1, SyncStatus.RANGES_FOLLOW),
        SyncResponse(4294967295, SyncStatus.DATA, (DATA, BRANCH)),
        SyncAck(1),
        SyncAck(1, ((DATA.ref, 3),), summary, (Refusal(DATA.ref, 4, CloseCode.INVALID_RECORD),)),
        JoinRequest(SCOPE, AGENT, INVITE.signed.encode(), proof, "Laptop"),
        JoinResponse(False, "the invite has expired"),
        JoinResponse(True, None, SECRET, (CREDENTIAL,)),
        Ping(18446744073709551615, ((SCOPE, summary),)),
        Ping(0),
        Pong(1, ((SCOPE, lagging),)),
        *_repairs(entry),
        Credentials(SCOPE, (CREDENTIAL,)),
        RefusalNotification(SCOPE, (Rejection(entry.log, 4, CloseCode.INVALID_RECORD),)),
        Extension("example/hello", True, b"body"),
        Extension("ex ä", False, b""),
        Goodbye(CloseCode.OK),
        Goodbye(255, "ein Gruß"),
    ]


def _repairs(entry: ClockEntry) -> list[Message]:
    low, high, digest = bytes(32), b"\xff" * 32, b"f" * 16
    conflict, version = b"i" * 32, b"v" * 32
    return [
        ConflictNotification(SCOPE, (OpenConflict(conflict, version, ENGRAM, 255),)),
        ConflictResolution(SCOPE, ((conflict, version),), (DATA,), (BACKLOG_FRAME,)),
        ConflictResolution(SCOPE, ((conflict, version),)),
        LeaveNotification(SCOPE, "moving out"),
        PayloadRequest(0, SCOPE, ((entry.log, 1), (entry.log, 1099511627775))),
        PayloadResponse(0, ((entry.log, 1, b"payload"), (entry.log, 1099511627775, None))),
        Probe(1, SCOPE, entry.log, (1, 17, 256)),
        ProbeResponse(1, (entry.head, STATE, None)),
        RangeRequest(1, (Range(low, entry.log, digest, 0), Range(high, None, digest, 4294967295))),
        RangeResponse(
            1,
            (
                None,
                RangeEntries(()),
                RangeEntries((entry,)),
                RangeParts((RangePart(low, digest, 9), RangePart(high, digest, 0))),
            ),
        ),
    ]


def messages_vectors() -> Json:
    """Fields of messages and their bytes: the payload of an envelope, or the whole of a Hello."""
    hellos = [
        Hello((2,), (), NONCES[Role.INITIATOR]),
        Hello((2, 3, 255), ("!audit", "zstd"), NONCES[Role.RESPONDER]),
    ]
    ack = HelloAck(ALICE.public_key, bytes(range(64)))
    rows = [_message_row(hello, 0, encode_hello(hello)) for hello in hellos]
    rows.append(_message_row(ack, 1, encode_hello_ack(ack)))
    rows += [_message_row(message, *encode_message(message)) for message in messages()]
    return rows


def _message_row(message: object, kind: int, data: bytes) -> Row:
    return {"message": name_of(message), "type": kind, "fields": shown(message), "hex": data.hex()}


# ---- sessions ------------------------------------------------------------------------------------


def identity_for(role: Role) -> KeyPair:
    return BOB if role is Role.INITIATOR else ALICE


def session_for(role: Role, *, expected_peer: bytes | None = None) -> Session:
    """One side of every session in the vectors."""
    return Session(
        role,
        identity_for(role),
        nonce=NONCES[role],
        channel_binding=CHANNEL,
        expected_peer=expected_peer,
        capabilities=CAPABILITIES[role],
    )


def frames_of(stream: bytes) -> list[bytes]:
    """The frames of a byte stream, with their lengths."""
    frames: list[bytes] = []
    while stream:
        end = 4 + int.from_bytes(stream[:4], "big")
        frames.append(stream[:end])
        stream = stream[end:]
    return frames


class Recording:
    """A session between Bob, who dials, and Alice, and every byte of it."""

    def __init__(self) -> None:
        self.sides = {role: session_for(role) for role in Role}
        self.steps: list[Row] = []
        self.streams = dict.fromkeys(Role, b"")
        """What each side has sent."""
        self._counters = dict.fromkeys(Role, 0)
        hello_i = self.sides[Role.INITIATOR].start()
        hello_r, ack_r = frames_of(self._deliver(Role.INITIATOR, hello_i))
        ack_i = self._deliver(Role.RESPONDER, hello_r + ack_r)
        self._deliver(Role.INITIATOR, ack_i)
        sides = [(Role.INITIATOR, hello_i), (Role.RESPONDER, hello_r)]
        for role, data in sides:
            nonce, capabilities = NONCES[role], tuple(CAPABILITIES[role])
            self._step(role, data, "Hello", shown(Hello((2,), capabilities, nonce)))
        self._proofs(hello_i[4:], hello_r[4:], ack_r, ack_i)

    def _proofs(self, hello_i: bytes, hello_r: bytes, ack_r: bytes, ack_i: bytes) -> None:
        parts_r = cbor.encode([CHANNEL, hello_i, hello_r, ALICE.public_key])
        t_r = keyed_hash(PERSON_TRANSCRIPT, parts_r)
        parts_i = cbor.encode([t_r, ack_r[4:], BOB.public_key])
        t_i = keyed_hash(PERSON_TRANSCRIPT, parts_i)
        self.session_id = t_i
        for role, data, parts, transcript in (
            (Role.RESPONDER, ack_r, parts_r, t_r),
            (Role.INITIATOR, ack_i, parts_i, t_i),
        ):
            row = self._step(
                role, data, "HelloAck", shown(HelloAck(identity_for(role).public_key, data[-64:]))
            )
            row["transcript_bytes"] = parts.hex()
            row["T_r" if role is Role.RESPONDER else "T_i"] = transcript.hex()
            row["signed"] = (DOMAIN_HANDSHAKE + role.byte + transcript).hex()

    def _deliver(self, sender: Role, data: bytes) -> bytes:
        """Hand over ``data``; what the other side answers by itself."""
        self.streams[sender] += data
        side = self.sides[sender.peer]
        side.receive_data(data)
        while side.next_event() is not NEED_DATA:
            pass
        return side.data_to_send()

    def _step(self, sender: Role, data: bytes, name: str, fields: Json) -> Row:
        row: Row = {
            "from": sender.name.lower(),
            "message": name,
            "fields": fields,
            "hex": data.hex(),
        }
        self.steps.append(row)
        return row

    def say(self, sender: Role, message: Message) -> bytes:
        """Send one message; its bytes."""
        timestamp_ms = NOW_MS + len(self.steps)
        data = self.sides[sender].send(message, timestamp_ms=timestamp_ms)
        self._deliver(sender, data)
        row = self._step(sender, data, name_of(message), shown(message))
        row["timestamp"] = timestamp_ms
        row["counter"] = self._counters[sender]
        place = EnvelopeContext(self.session_id, sender, self._counters[sender])
        row["signed"] = signed_bytes(place, data[5:-66]).hex()
        self._counters[sender] += 1
        return data


SETUP: Row = {
    "binding": CHANNEL.hex(),
    **{
        role.name.lower(): {
            "seed": seed_of(NAMES[role]).hex(),
            "public_key": identity_for(role).public_key.hex(),
            "nonce": NONCES[role].hex(),
            "capabilities": list(CAPABILITIES[role]),
        }
        for role in Role
    },
}


def established_for(role: Role) -> Established:
    peer = identity_for(role.peer).public_key
    return Established(peer, Recording().session_id, frozenset({"audit"}))
