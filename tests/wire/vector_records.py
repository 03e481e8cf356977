"""Vectors of records: bodies, chains, signatures, payloads and the frames that carry them."""

import hashlib
from collections.abc import Sequence

from engram_sync.membership import (
    Admission,
    Charter,
    Cutoff,
    Epoch,
    MemberRole,
    Revoke,
    SetRole,
    commitment_to,
    found,
    make_invite,
)
from engram_wire import (
    AUTH_UNCHANGED,
    HLC_MIN,
    INSERTED_TEXT,
    NO_IDS,
    NO_SUPERSEDED,
    OPTIONAL,
    Announcement,
    ClockEntry,
    Edit,
    EditInsert,
    Record,
    RecordKind,
    Reference,
    Span,
    Superseded,
    body_of,
    branch_id,
    cbor,
    clock_digest,
    decode_auth_untrusted,
    decode_ids_untrusted,
    encode_edit,
    encode_frame,
    encode_ids,
    encode_payload,
    encode_superseded,
    extend,
    log_id,
    payload_hash,
    range_fingerprint,
    sealed_digest,
    shape_of,
    sign_head,
    statement_shape,
)
from engram_wire.records import DOMAIN_LOG, DOMAIN_RECORD
from tests.wire.vector_values import (
    ALICE,
    BOB,
    INCARNATION,
    NOW_MS,
    Json,
    Row,
    identity_of,
    seed_of,
    shown,
)

SECRET = hashlib.sha256(b"secret").digest()
CHARTER: Charter = found(
    "collective", ALICE.public_key, nonce=b"n" * 16, commitment=commitment_to(SECRET)
)
SCOPE = CHARTER.scope_id()
MEMBERS = Announcement(2, 1, ALICE.public_key, INCARNATION)
DATA = Announcement(1, 0, ALICE.public_key, INCARNATION)
ENGRAM = hashlib.sha256(b"engram").digest()[:16]
AGENT = hashlib.sha256(b"agent").digest()
SESSION = hashlib.sha256(b"session").digest()
INVITE = make_invite(
    SCOPE,
    issuer=ALICE.public_key,
    secret_key=ALICE.secret_key,
    seed=seed_of("invite"),
    role=MemberRole.MEMBER,
    expires_ms=NOW_MS + 900_000,
    addresses=["192.0.2.1:7463", "[2001:db8::1]:7463"],
)


def log_of(name: Announcement) -> bytes:
    return log_id(name.domain, SCOPE, name.author, name.incarnation)


def _record(
    seq: int,
    shape: bytes,
    values: Sequence[cbor.Encodable],
    *,
    superseded: bytes = NO_SUPERSEDED,
    deps: bytes = NO_IDS,
    auth: bytes = AUTH_UNCHANGED,
    hlc: int = 0,
    engram: bytes = ENGRAM,
) -> Record:
    salt = hashlib.sha256(b"salt %d" % seq).digest()[:16]
    payload = encode_payload(salt, [cbor.encode(value) for value in values])
    clock = hlc or (NOW_MS + seq) << 16
    digest = payload_hash(payload)
    return Record(seq, engram, clock, shape, superseded, payload, digest, deps, auth)


def _marked(records: Sequence[Record]) -> list[Record]:
    """Signed after every third record and at the last; the second is marked and sent without."""
    last = len(records)
    return [r._replace(marked=r.seq in {2, last} or r.seq % 3 == 0) for r in records]


def ids_of(name: Announcement, records: Sequence[Record]) -> list[bytes]:
    """The id at each record of a log."""
    ids = [log_of(name)]
    for record in records:
        ids.append(extend(ids[-1], record))
    return ids[1:]


def members_records() -> list[Record]:
    """A membership log: one record of each kind that has a statement."""
    none = bytes(16)
    proof = INVITE.proof(key=BOB.public_key, session=SESSION)
    invite = INVITE.grant.invite
    admit = Admission(BOB.public_key, MemberRole.MEMBER, AGENT, invite, 1, proof, SESSION)
    records = [
        _record(1, statement_shape(16, CHARTER.statement()), ["Desk"], engram=none, hlc=HLC_MIN),
        _record(2, statement_shape(17, admit.statement()), ["Laptop"], engram=none),
        _record(3, statement_shape(23, [ALICE.public_key]), ["Desk 2"], engram=none),
        *(
            _record(seq, statement_shape(kind, statement), [label], engram=none)
            for seq, (kind, statement, label) in enumerate(_taking_away(), 4)
        ),
    ]
    return _marked(records)


def _taking_away() -> list[tuple[int, list[object], str]]:
    bob = BOB.public_key
    log = log_id(0, SCOPE, bob, INCARNATION)
    ends = tuple(sorted([Cutoff(OLDER, 300, SESSION), Cutoff(log, 9, SCOPE), Cutoff(log, 0, log)]))
    box = hashlib.sha512(b"box").digest() + hashlib.sha256(b"box").digest()[:16]
    epoch = Epoch(1, commitment_to(AGENT), ((bob, box),))
    return [
        (18, SetRole(bob, MemberRole.OBSERVER, ends).statement(), "Laptop"),
        (19, Revoke(bob, ends).statement(), "Laptop"),
        (21, epoch.statement(), ""),
        (22, ["example/quorum", {"of": 3}], ""),
        (22 | OPTIONAL, ["example/colour", "red"], ""),
        (20, [ALICE.public_key], "Desk 2"),
    ]


OLDER = log_id(0, SCOPE, ALICE.public_key, INCARNATION[::-1])
MEMBER_RECORDS = members_records()


def data_records() -> list[Record]:
    """One record of each form that a body can take."""
    head = ids_of(MEMBERS, MEMBER_RECORDS)[-1]
    other = log_id(0, SCOPE, BOB.public_key, INCARNATION)
    create = shape_of(RecordKind.CREATE, ["r/content", "r/title", "s/tags", "m/meta"])
    update = shape_of(RecordKind.UPDATE, ["r/content", "o/confidence"])
    dots = [Superseded(0, None, 0), Superseded(0, other, 7), Superseded(2, None, 2)]
    until = [Superseded(0, None, 6), Superseded(0, other, 8)]
    values: list[cbor.Encodable] = ["Deploys go out on Tuesdays", "Deploys", "ops", ["team", "ü"]]
    resolve = encode_superseded([Superseded(0, None, 4)])
    return [
        _record(1, create, values, auth=encode_ids([head])),
        _record(
            2,
            update,
            ["Deploys go out on Wednesdays", 0.5],
            superseded=encode_superseded(dots),
            deps=encode_ids([other, hashlib.sha256(b"a signed position").digest()]),
        ),
        _record(3, shape_of(RecordKind.RESOLVE, ["r/content"]), ["Daily"], superseded=resolve),
        _record(4, shape_of(RecordKind.JOIN, []), [], deps=encode_ids([other])),
        _record(
            5,
            shape_of(RecordKind.DELETE, ["r/life"]),
            [["deleted", "obsolete"]],
            superseded=encode_superseded(until, kind=RecordKind.DELETE),
            hlc=(NOW_MS + 5) << 16 | 3,
        ),
        # The author's wall clock has been set back since the record before.
        _record(
            6,
            shape_of(RecordKind.EXTENSION | OPTIONAL, ["r/mood"]),
            ["calm"],
            superseded=cbor.encode(["example/mood", [1, {"future": True}]]),
            hlc=(NOW_MS - 3_600_000) << 16,
        ),
        *_text_records(),
        _record(
            9,
            shape_of(RecordKind.ERASE, []),
            [],
            superseded=encode_superseded(
                [Superseded(0, None, 1), Superseded(0, other, 9)], kind=RecordKind.ERASE
            ),
        ),
        _record(
            10,
            shape_of(RecordKind.SEAL, []),
            [],
            superseded=encode_superseded([Superseded(0, OLDER, 300)], kind=RecordKind.SEAL),
            deps=encode_ids([hashlib.sha256(b"where the older log ends").digest()]),
        ),
        *_void_records(),
    ]


def _void_records() -> list[Record]:
    """The end of a log is void, and a record of it counts all the same."""
    return [
        _record(
            11,
            shape_of(RecordKind.VOID, []),
            [],
            superseded=encode_superseded([Superseded(0, OLDER, 299)], kind=RecordKind.VOID),
        ),
        _record(
            12,
            shape_of(RecordKind.RATIFY, []),
            [],
            superseded=encode_superseded([Superseded(0, OLDER, 300)], kind=RecordKind.RATIFY),
        ),
    ]


def _text_records() -> list[Record]:
    """A text is begun, and written in: after a unit of Bob's, and over two units of Alice's."""
    other = log_id(0, SCOPE, BOB.public_key, INCARNATION)
    edit = Edit(
        Reference(None, 9),
        (
            EditInsert(None, None, 5),
            EditInsert(Reference(other, 70), Reference(None, 12), 2),
        ),
        (Span(None, 10, 2), Span(other, 65536, 65536)),
    )
    return [
        _record(7, shape_of(RecordKind.UPDATE, ["r/body"]), [""]),
        _record(
            8,
            shape_of(RecordKind.EDIT, [INSERTED_TEXT] * 2),
            ["Grüße", "\N{WAVING HAND SIGN}"],
            superseded=encode_edit(edit),
        ),
    ]


DATA_RECORDS = _marked(data_records())


def signatures_of(name: Announcement, records: Sequence[Record]) -> list[tuple[int, bytes]]:
    """Signatures after every third record, and at the last one."""
    ids = ids_of(name, records)
    last = len(records)
    return [
        (seq, sign_head(ALICE.secret_key, ids[seq - 1]))
        for seq in range(1, last + 1)
        if seq % 3 == 0 or seq == last
    ]


def clock_of(name: Announcement, records: Sequence[Record]) -> ClockEntry:
    return ClockEntry(log_of(name), len(records), ids_of(name, records)[-1])


def _row_of(record: Record, head: bytes) -> Row:
    return {
        "seq": record.seq,
        "kind": shown(cbor.decode_untrusted(record.shape[:1])),
        "engram": record.engram.hex(),
        "hlc": record.hlc,
        "deps": shown(decode_ids_untrusted(record.deps)),
        "auth": shown(decode_auth_untrusted(record.auth)),
        "shape": record.shape[1:].hex(),
        "superseded": shown(cbor.decode_untrusted(record.superseded)),
        "mark": int(record.marked),
        "payload": shown(record.payload),
        "payload_hash": record.payload_hash.hex(),
        "body": body_of(record).hex(),
        "id": head.hex(),
    }


def _log_row(name: Announcement, records: Sequence[Record]) -> Row:
    ids = ids_of(name, records)
    signatures = signatures_of(name, records)
    dropped = [record._replace(payload=None) for record in records]
    parts: list[cbor.Encodable] = [name.domain, SCOPE, name.author, name.incarnation]
    return {
        "announcement": shown(name),
        "scope": SCOPE.hex(),
        "name": cbor.encode([DOMAIN_LOG, *parts]).hex(),
        "id": log_of(name).hex(),
        "records": [_row_of(*pair) for pair in zip(records, ids, strict=True)],
        "signatures": [
            {
                "seq": seq,
                "message": (DOMAIN_RECORD + ids[seq - 1]).hex(),
                "signature": proof.hex(),
            }
            for seq, proof in signatures
        ],
        "frame": encode_frame(name.ref, records, signatures).hex(),
        "frame_without_payloads": encode_frame(name.ref, dropped, signatures).hex(),
    }


def records_vectors() -> Json:
    """Two logs, record by record, and the frames that carry them."""
    clock = sorted(
        [clock_of(DATA, DATA_RECORDS), clock_of(MEMBERS, MEMBER_RECORDS)], key=lambda e: e.log
    )
    sealed = [ClockEntry(OLDER, 300, hashlib.sha256(b"where the older log ends").digest())]
    return {
        "logs": [_log_row(MEMBERS, MEMBER_RECORDS), _log_row(DATA, DATA_RECORDS)],
        "clock": shown(clock),
        "clock_digest": clock_digest(clock).hex(),
        "sealed": shown(sealed),
        "sealed_digest": sealed_digest(sealed).hex(),
        "clock_digest_with_sealed": clock_digest(clock, sealed_digest(sealed)).hex(),
        "session_id": SESSION.hex(),
        "range_fingerprint": range_fingerprint(SESSION, [*clock, *sealed]).hex(),
        "branch": {"first": sealed[0].head.hex(), "name": branch_id(sealed[0].head).hex()},
    }


def invitation_vectors() -> Json:
    """How a scope is named, and how somebody is invited into it."""
    proof = INVITE.proof(key=BOB.public_key, session=SESSION)
    message = b"engram-sync/join/2\0" + cbor.encode([SCOPE, BOB.public_key, SESSION])
    grant = INVITE.signed.grant
    return {
        "charter": shown(CHARTER),
        "statement": cbor.dump_canonical(CHARTER.statement()).hex(),
        "scope": SCOPE.hex(),
        "seed": INVITE.seed.hex(),
        "invite": identity_of(INVITE.seed).public_key.hex(),
        "grant": shown(INVITE.grant),
        "grant_bytes": grant.hex(),
        "grant_message": (b"engram-sync/invite/2\0" + grant).hex(),
        "grant_signature": INVITE.signed.signature.hex(),
        "signed_grant": INVITE.signed.encode().hex(),
        "joiner": BOB.public_key.hex(),
        "session_id": SESSION.hex(),
        "proof_message": message.hex(),
        "proof": proof.hex(),
        "addresses": list(INVITE.addresses),
        "token": INVITE.text(),
    }
