"""Vectors of whole sessions: what two nodes say to each other, one story for each purpose."""

import hashlib

from engram_wire import (
    Announcement,
    ClockEntry,
    CloseCode,
    Goodbye,
    PayloadRequest,
    PayloadResponse,
    Probe,
    ProbeResponse,
    Range,
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    Role,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    clock_digest,
    encode_frame,
    range_fingerprint,
    sealed_digest,
    sign_head,
)
from tests.wire.vector_records import (
    DATA,
    DATA_RECORDS,
    SCOPE,
    clock_of,
    ids_of,
    log_of,
    signatures_of,
)
from tests.wire.vector_sessions import (
    BACKLOG,
    BACKLOG_FRAME,
    CLOCK_EMPTY,
    MEMBERS_ENTRY,
    NEWS_FRAME,
    SETUP,
    Recording,
    _summary,
)
from tests.wire.vector_values import ALICE, Json, Row


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
