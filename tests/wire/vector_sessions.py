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
    Established,
    Goodbye,
    Hello,
    HelloAck,
    Identity,
    JoinRequest,
    JoinResponse,
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
    range_fingerprint,
    sealed_digest,
    sign_head,
)
from engram_wire.envelope import Place, signed_bytes
from engram_wire.handshake import DOMAIN_HANDSHAKE, PERSON_TRANSCRIPT
from engram_wire.messages import encode_hello, encode_hello_ack
from tests.wire.vector_records import (
    DATA,
    DATA_RECORDS,
    ENGRAM,
    INVITE,
    MEMBER_RECORDS,
    MEMBERS,
    SCOPE,
    SESSION,
    clock_of,
    ids_of,
    log_of,
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
    return Summary(clock_digest(entries), STATE, engrams)


def messages() -> list[Message]:
    """Every message, with and without its optional parts."""
    entry = clock_of(DATA, DATA_RECORDS)
    clock = tuple(sorted([entry, MEMBERS_ENTRY], key=lambda item: item.log))
    summary, lagging = _summary(list(clock), 3), Summary(CLOCK_EMPTY, None, 0)
    proof = INVITE.proof(key=BOB.public_key, session=SESSION)
    secret = hashlib.sha256(b"secret").digest()
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
        JoinRequest(SCOPE, INVITE.signed.encode(), proof, "Laptop"),
        JoinResponse(False, "the invite has expired"),
        JoinResponse(True, None, secret, (CREDENTIAL,)),
        Ping(18446744073709551615, ((SCOPE, summary),)),
        Ping(0),
        Pong(1, ((SCOPE, lagging),)),
        *_repairs(entry),
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
        Hello((1,), (), NONCES[Role.INITIATOR]),
        Hello((1, 2, 255), ("!audit", "zstd"), NONCES[Role.RESPONDER]),
    ]
    ack = HelloAck(ALICE.public_key, bytes(range(64)))
    rows = [_message_row(hello, 0, encode_hello(hello)) for hello in hellos]
    rows.append(_message_row(ack, 1, encode_hello_ack(ack)))
    rows += [_message_row(message, *encode_message(message)) for message in messages()]
    return rows


def _message_row(message: object, kind: int, data: bytes) -> Row:
    return {"message": name_of(message), "type": kind, "fields": shown(message), "hex": data.hex()}


# ---- sessions ------------------------------------------------------------------------------------


def identity_for(role: Role) -> Identity:
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
            self._step(role, data, "Hello", shown(Hello((1,), capabilities, nonce)))
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
        place = Place(self.session_id, sender, self._counters[sender])
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


def catch_up() -> Recording:
    """Bob, who holds only the membership, gets three records, and three more as they are made."""
    story = Recording()
    bob, alice = Role.INITIATOR, Role.RESPONDER
    held = [MEMBERS_ENTRY]
    digest = clock_digest(held)
    backlog = [*held, clock_of(DATA, BACKLOG)]
    news = [*held, clock_of(DATA, DATA_RECORDS)]
    story.say(bob, SyncRequest(1, SCOPE, digest, None))
    story.say(alice, SyncResponse(1, SyncStatus.CLOCK_NEEDED))
    story.say(bob, SyncRequest(1, SCOPE, digest, tuple(held)))
    story.say(alice, SyncResponse(1, SyncStatus.DATA, (DATA,), BACKLOG_FRAME))
    story.say(alice, SyncResponse(1, SyncStatus.COMPLETE, summary=_summary(backlog, 1)))
    story.say(bob, SyncAck(1, ((DATA.ref, 3),), _summary(backlog, 1)))
    story.say(alice, SyncResponse(1, SyncStatus.DATA, (), NEWS_FRAME))
    story.say(bob, SyncAck(1, ((DATA.ref, len(DATA_RECORDS)),), _summary(news, 0)))
    story.say(bob, Goodbye(CloseCode.OK))
    return story


def payloads_owed() -> Recording:
    """Bob gets records without their payloads, and asks for these; one of them nobody has."""
    story = Recording()
    bob, alice = Role.INITIATOR, Role.RESPONDER
    entry = clock_of(DATA, BACKLOG)
    log, clock = entry.log, [MEMBERS_ENTRY, entry]
    bare = [record._replace(payload=None) for record in BACKLOG]
    frame = encode_frame(DATA.ref, bare, signatures_of(DATA, BACKLOG))
    story.say(bob, SyncRequest(1, SCOPE, clock_digest([MEMBERS_ENTRY]), (MEMBERS_ENTRY,)))
    response = SyncResponse(1, SyncStatus.COMPLETE, (DATA,), frame, _summary(clock, 1))
    story.say(alice, response)
    story.say(bob, SyncAck(1, ((DATA.ref, 3),), Summary(clock_digest(clock), None, 0)))
    story.say(bob, PayloadRequest(1, SCOPE, ((log, 1), (log, 2), (log, 3))))
    story.say(alice, PayloadResponse(1, ((log, 1, BACKLOG[0].payload),)))
    story.say(bob, PayloadRequest(2, SCOPE, ((log, 2), (log, 3))))
    story.say(alice, PayloadResponse(2, ((log, 2, None), (log, 3, BACKLOG[2].payload))))
    story.say(bob, Goodbye(CloseCode.OK))
    return story


def fork() -> Recording:
    """Bob's third record of a log is another one than Alice's; he finds out where they part."""
    story = Recording()
    bob, alice = Role.INITIATOR, Role.RESPONDER
    log, heads = log_of(DATA), ids_of(DATA, DATA_RECORDS)
    others = ids_of(DATA, [*BACKLOG[:2], BACKLOG[2]._replace(hlc=BACKLOG[2].hlc + 1)])
    stated = (ClockEntry(log, 3, others[2]),)
    story.say(alice, SyncRequest(1, SCOPE, clock_digest([clock_of(DATA, DATA_RECORDS)]), None))
    story.say(bob, SyncResponse(1, SyncStatus.CLOCK_NEEDED))
    story.say(bob, SyncRequest(1, SCOPE, clock_digest(stated), stated))
    story.say(alice, Probe(1, SCOPE, log, (1, 2, 3)))
    story.say(bob, ProbeResponse(1, (others[0], others[1], others[2])))
    branch = Announcement(DATA.ref, 0, DATA.author, DATA.incarnation, heads[2])
    frame = encode_frame(DATA.ref, BACKLOG[2:], [(3, sign_head(ALICE.secret_key, heads[2]))])
    story.say(alice, SyncResponse(1, SyncStatus.DATA, (branch,), frame))
    story.say(bob, SyncAck(1, ((DATA.ref, 3),)))
    story.say(bob, Probe(1, SCOPE, log, (2, 1099511627775)))
    story.say(alice, ProbeResponse(1, (heads[1], None)))
    return story


def ranges() -> Recording:
    """Alice compares ranges before she serves: Bob lacks one log of the upper half."""
    story = Recording()
    bob, alice = Role.INITIATOR, Role.RESPONDER
    middle = b"\x80" + bytes(31)
    logs = [bytes((n,)) * 32 for n in (0x11, 0x44, 0x99, 0xCC)]
    entries = [ClockEntry(log, 7, hashlib.sha256(log).digest()) for log in logs]
    held = entries[:3]

    def whole(lower: bytes, upper: bytes | None, items: list[ClockEntry]) -> Range:
        return Range(lower, upper, range_fingerprint(story.session_id, items), len(items))

    def part(lower: bytes, items: list[ClockEntry]) -> RangePart:
        return RangePart(lower, range_fingerprint(story.session_id, items), len(items))

    digest = sealed_digest(entries[1:2])
    stated = (held[0], held[2])
    request = SyncRequest(1, SCOPE, clock_digest(stated, digest), stated, sealed=(1, digest))
    story.say(bob, request)
    story.say(alice, SyncResponse(1, SyncStatus.RANGES_FOLLOW))
    story.say(alice, RangeRequest(1, (whole(bytes(32), None, entries),)))
    parts = RangeParts((part(bytes(32), held[:2]), part(middle, held[2:])))
    story.say(bob, RangeResponse(1, (parts,)))
    lower = whole(bytes(32), middle, entries[:2])
    story.say(alice, RangeRequest(1, (lower, whole(middle, None, entries[2:]))))
    story.say(bob, RangeResponse(1, (None, RangeEntries((held[2],)))))
    story.say(alice, SyncResponse(1, SyncStatus.COMPLETE, summary=_summary(entries, 1)))
    return story


def refusal() -> Recording:
    """Bob asks for a scope that is absent, or that he may not read: he cannot tell which."""
    story = Recording()
    story.say(Role.INITIATOR, SyncRequest(1, b"x" * 32, CLOCK_EMPTY, None))
    story.say(Role.RESPONDER, SyncResponse(1, SyncStatus.REFUSED))
    story.say(Role.INITIATOR, Goodbye(CloseCode.OK))
    return story


def sessions_vectors() -> Json:
    """Transcripts: what each side sends, in order."""
    stories = {
        "handshake": Recording(),
        "catch-up and push": catch_up(),
        "refusal": refusal(),
        "payloads that are owed": payloads_owed(),
        "a fork": fork(),
        "ranges": ranges(),
    }
    sessions: list[Row] = []
    for name, story in stories.items():
        row: Row = {"name": name, "session_id": story.session_id.hex(), "steps": story.steps}
        sessions.append(row)
    return {"setup": SETUP, "sessions": sessions}


def established_for(role: Role) -> Established:
    peer = identity_for(role.peer).public_key
    return Established(peer, Recording().session_id, frozenset({"audit"}))
