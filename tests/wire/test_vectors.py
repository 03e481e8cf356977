"""The vectors in ``wire/vectors`` are what this code writes, reads and refuses."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import nacl.bindings
import pytest

from engram_sync.membership import Charter, Grant, SignedGrant, parse_token
from engram_wire import (
    NEED_DATA,
    CloseCode,
    Established,
    Role,
    Session,
    WireError,
    body_of,
    branch_id,
    cbor,
    check_key_untrusted,
    clock_digest,
    decode_auth_untrusted,
    decode_edit_untrusted,
    decode_frame_untrusted,
    decode_ids_untrusted,
    decode_message_untrusted,
    decode_superseded_untrusted,
    encode_frame,
    encode_message,
    extend,
    keyed_hash,
    log_id,
    parse_shape_untrusted,
    payload_hash,
    range_fingerprint,
    sealed_digest,
    split_payload_untrusted,
    verify_frame_untrusted,
    verify_signature_untrusted,
)
from engram_wire._compression import expand_untrusted
from engram_wire.messages import (
    ClockEntry,
    decode_hello_ack_untrusted,
    decode_hello_untrusted,
    encode_hello,
    encode_hello_ack,
)
from tests.wire.make_vectors import FOLDER, VECTORS, text_of
from tests.wire.vector_values import NOW_MS, blob, identity_of, name_of, shown

FILES: dict[str, Any] = {
    name: json.loads((FOLDER / name).read_text(encoding="utf-8")) for name in VECTORS
}
SETUP = FILES["sessions.json"]["setup"]
INVITATION = FILES["invitation.json"]


@pytest.mark.parametrize("name", VECTORS)
def test_every_file_is_what_the_generator_writes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text_of(name)


def test_there_is_no_other_file_of_vectors() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(VECTORS)


# ---- what must be read ---------------------------------------------------------------------------


@pytest.mark.parametrize("row", FILES["messages.json"], ids=lambda row: row["message"])
def test_every_message_is_read_and_written_as_the_vector_says(row: Mapping[str, Any]) -> None:
    data = blob(row, "hex")
    if row["message"] == "Hello":
        hello = decode_hello_untrusted(data)
        assert (shown(hello), encode_hello(hello)) == (row["fields"], data)
    elif row["message"] == "HelloAck":
        ack = decode_hello_ack_untrusted(data)
        assert (shown(ack), encode_hello_ack(ack)) == (row["fields"], data)
    else:
        message = decode_message_untrusted(row["type"], data)
        assert (name_of(message), shown(message)) == (row["message"], row["fields"])
        assert encode_message(message) == (row["type"], data)


@pytest.mark.parametrize("log", FILES["records.json"]["logs"], ids=["members", "data"])
def test_every_record_has_the_body_the_id_and_the_signature_of_the_vector(
    log: Mapping[str, Any],
) -> None:
    name = log["announcement"]
    author = blob(name, "author")
    parts = name["domain"], blob(log, "scope"), author, blob(name, "incarnation")
    head = log_id(*parts)
    assert head == blob(log, "id") == keyed_hash(b"engram log", blob(log, "name"))
    frame = decode_frame_untrusted(blob(log, "frame"))
    signatures = [(row["seq"], blob(row, "signature")) for row in log["signatures"]]
    proven = verify_frame_untrusted(frame, author, head)
    assert [(at.seq, at.signature) for at in proven if at.signature] == signatures
    assert frame.signatures == signatures
    assert [at.seq for at in proven] == [row["seq"] for row in log["records"] if row["mark"]]
    for record, row in zip(frame.records, log["records"], strict=True):
        assert record.payload == blob(row, "payload")
        assert payload_hash(blob(row, "payload")) == blob(row, "payload_hash")
        body = cbor.decode_untrusted(blob(row, "body"))
        assert cbor.is_list(body)
        shape = body.pop(5)
        names = ("kind", "engram", "hlc", "deps", "auth", "superseded", "mark")
        assert shown(body) == [row[name] for name in names]
        assert cbor.dump_canonical(shape) == blob(row, "shape")
        assert body_of(record) == blob(row, "body")
        head = extend(head, record)
        assert head == blob(row, "id")
    for row in log["signatures"]:
        verify_signature_untrusted(author, blob(row, "message"), blob(row, "signature"), "vector")


@pytest.mark.parametrize("log", FILES["records.json"]["logs"], ids=["members", "data"])
def test_frames_with_and_without_payloads_are_written_again_and_prove_the_same(
    log: Mapping[str, Any],
) -> None:
    proofs: list[object] = []
    for column in ("frame", "frame_without_payloads"):
        frame = decode_frame_untrusted(blob(log, column))
        assert encode_frame(frame.ref, frame.records, frame.signatures) == blob(log, column)
        author = blob(log["announcement"], "author")
        proofs.append(verify_frame_untrusted(frame, author, blob(log, "id")))
    assert proofs[0] == proofs[1]


def test_clocks_sealed_logs_ranges_and_branches_have_the_digests_of_the_vectors() -> None:
    file = FILES["records.json"]
    clock, sealed = (
        [ClockEntry(blob(row, "log"), row["seq"], blob(row, "head")) for row in file[name]]
        for name in ("clock", "sealed")
    )
    digest = sealed_digest(sealed)
    assert clock_digest(clock) == blob(file, "clock_digest")
    assert digest == blob(file, "sealed_digest")
    assert clock_digest(clock, digest) == blob(file, "clock_digest_with_sealed")
    mark = range_fingerprint(blob(file, "session_id"), [*clock, *sealed])
    assert mark == blob(file, "range_fingerprint")
    assert branch_id(blob(file["branch"], "first")) == blob(file["branch"], "name")


def test_the_invitation_is_read_as_the_vector_says() -> None:
    statement = cbor.decode_untrusted(blob(INVITATION, "statement"))
    assert cbor.is_list(statement)
    charter = Charter.parse_untrusted(statement)
    assert shown(charter) == INVITATION["charter"]
    assert charter.scope_id() == blob(INVITATION, "scope")
    signed = SignedGrant.decode_untrusted(blob(INVITATION, "signed_grant"))
    assert signed.open_untrusted() == Grant.decode_untrusted(blob(INVITATION, "grant_bytes"))
    assert shown(signed.open_untrusted()) == INVITATION["grant"]
    assert signed.signature == blob(INVITATION, "grant_signature")
    token = parse_token(INVITATION["token"], now_ms=NOW_MS)
    assert (token.seed, token.signed) == (blob(INVITATION, "seed"), signed)
    assert list(token.addresses) == INVITATION["addresses"]
    joiner, session = blob(INVITATION, "joiner"), blob(INVITATION, "session_id")
    assert token.proof(key=joiner, session=session) == blob(INVITATION, "proof")
    for key, message, signature in (
        (signed.issuer, "grant_message", "grant_signature"),
        (blob(INVITATION, "invite"), "proof_message", "proof"),
    ):
        proof = blob(INVITATION, signature)
        verify_signature_untrusted(key, blob(INVITATION, message), proof, signature)


@pytest.mark.parametrize("row", FILES["zstd.json"], ids=lambda row: row["name"])
def test_what_is_compressed_expands_to_the_message(row: Mapping[str, Any]) -> None:
    data = expand_untrusted(blob(row, "compressed"))
    assert data == blob(row, "hex")
    decode_message_untrusted(row["type"], data)


# ---- whole sessions ------------------------------------------------------------------------------


def session_of(side: str, *, expected_peer: bytes | None = None) -> Session:
    return Session(
        Role[side.upper()],
        identity_of(blob(SETUP[side], "seed")),
        nonce=blob(SETUP[side], "nonce"),
        channel_binding=blob(SETUP, "binding"),
        expected_peer=expected_peer,
        capabilities=SETUP[side]["capabilities"],
    )


@pytest.mark.parametrize(
    "story", FILES["sessions.json"]["sessions"], ids=lambda story: story["name"]
)
def test_both_sides_of_a_session_read_and_write_every_byte_of_its_transcript(
    story: Mapping[str, Any],
) -> None:
    sides = {side: session_of(side) for side in ("initiator", "responder")}
    waiting = {side: session.start() for side, session in sides.items()}
    for row in story["steps"]:
        sender = row["from"]
        receiver = "responder" if sender == "initiator" else "initiator"
        data = blob(row, "hex")
        sides[receiver].receive_data(data)
        event = sides[receiver].next_event()
        if row["message"].startswith("Hello"):
            assert event is NEED_DATA or isinstance(event, Established)
            waiting[receiver] += sides[receiver].data_to_send()
        else:
            assert event is not NEED_DATA
            assert not isinstance(event, Established)
            assert (name_of(event), shown(event)) == (row["message"], row["fields"])
            assert sides[receiver].peer_timestamp_ms == row["timestamp"]
            waiting[sender] += sides[sender].send(event, timestamp_ms=row["timestamp"])
        assert waiting[sender][: len(data)] == data
        waiting[sender] = waiting[sender][len(data) :]
    assert set(waiting.values()) == {b""}
    for session in sides.values():
        assert session.session_id == blob(story, "session_id")


@pytest.mark.parametrize(
    "story", FILES["sessions.json"]["sessions"], ids=lambda story: story["name"]
)
def test_every_signature_of_a_transcript_covers_the_bytes_that_it_names(
    story: Mapping[str, Any],
) -> None:
    proven = {"T_r": "", "T_i": ""}
    for row in story["steps"]:
        if row["message"] == "Hello":
            continue
        key = blob(SETUP[row["from"]], "public_key")
        verify_signature_untrusted(key, blob(row, "signed"), blob(row, "hex")[-64:], "vector")
        for name in proven.keys() & row.keys():
            proven[name] = row[name]
            assert keyed_hash(b"engram handshake", blob(row, "transcript_bytes")).hex() == row[name]
    assert proven["T_i"] == story["session_id"]
    assert proven["T_r"]


# ---- what must be refused ------------------------------------------------------------------------


def read_stream(data: bytes, row: Mapping[str, Any]) -> None:
    expected = blob(row, "expected_peer") if "expected_peer" in row else None
    session = session_of(row["receiver"], expected_peer=expected)
    session.start()
    session.receive_data(blob(row, "before"))
    try:
        while session.next_event() is not NEED_DATA:
            pass
    except WireError as error:
        raise AssertionError(f"refused already what stands before: {error}") from error
    session.receive_data(data)
    while session.next_event() is not NEED_DATA:
        pass


def read_run(data: bytes, row: Mapping[str, Any]) -> None:
    verify_frame_untrusted(decode_frame_untrusted(data), blob(row, "author"), blob(row, "head"))


def read_signature(data: bytes, row: Mapping[str, Any]) -> None:
    verify_signature_untrusted(blob(row, "key"), blob(row, "message"), data, "vector")


READERS: dict[str, Callable[[bytes, Mapping[str, Any]], object]] = {
    "value": lambda data, row: cbor.decode_untrusted(data),
    "hello": lambda data, row: decode_hello_untrusted(data),
    "hello ack": lambda data, row: decode_hello_ack_untrusted(data),
    "message": lambda data, row: decode_message_untrusted(row["type"], data),
    "shape": lambda data, row: parse_shape_untrusted(data),
    "superseded": lambda data, row: decode_superseded_untrusted(
        data, kind=row["kind"], puts=row["puts"]
    ),
    "edit": lambda data, row: decode_edit_untrusted(data, puts=row["puts"]),
    "deps": lambda data, row: decode_ids_untrusted(data),
    "auth": lambda data, row: decode_auth_untrusted(data),
    "payload": lambda data, row: split_payload_untrusted(data),
    "frame": lambda data, row: decode_frame_untrusted(data),
    "run": read_run,
    "zstd": lambda data, row: expand_untrusted(data),
    "key": lambda data, row: check_key_untrusted(data),
    "signature": read_signature,
    "stream": read_stream,
}
REFUSALS: list[Mapping[str, Any]] = FILES["refusals.json"]["refusals"]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row['reader']}: {row['name']}")
def test_what_must_be_refused_is_refused_with_its_code(row: Mapping[str, Any]) -> None:
    with pytest.raises(WireError) as refusal:
        READERS[row["reader"]](blob(row, "hex"), row)
    assert refusal.value.code is CloseCode(row["code"]) is CloseCode[row["code_name"]]


def test_every_code_that_bytes_alone_can_earn_has_a_vector() -> None:
    earned = {CloseCode(row["code"]) for row in REFUSALS}
    assert earned == {
        CloseCode.PROTOCOL,
        CloseCode.VERSION,
        CloseCode.SIGNATURE,
        CloseCode.LIMIT,
        CloseCode.INVALID_RECORD,
        CloseCode.DUPLICATE,
        CloseCode.STRANGER,
    }


def test_the_published_seeds_make_the_published_keys() -> None:
    for side in ("initiator", "responder"):
        key, _ = nacl.bindings.crypto_sign_seed_keypair(blob(SETUP[side], "seed"))
        assert key == blob(SETUP[side], "public_key")
