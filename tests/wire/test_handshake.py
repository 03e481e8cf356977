"""The handshake: both sides know who is there, and nobody in between can pretend."""

import contextlib
import hashlib

import nacl.bindings
import pytest

from engram_wire import (
    NEED_DATA,
    DuplicateError,
    Established,
    HelloAck,
    LocalProtocolError,
    Ping,
    ProtocolError,
    Role,
    Session,
    SignatureError,
    State,
    StrangerError,
    VersionError,
    WireError,
    cbor,
    keyed_hash,
    verify_signature_untrusted,
)
from engram_wire.handshake import DOMAIN_HANDSHAKE, PERSON_TRANSCRIPT
from engram_wire.messages import decode_hello_ack_untrusted, encode_hello_ack
from tests.wire.parties import (
    ALICE,
    BOB,
    CHANNEL,
    MALLORY,
    NOW_MS,
    Pair,
    drain,
    frames_of,
    initiator,
    responder,
    with_length,
)
from tests.wire.test_records import SMALL_ORDER_KEYS


def refused(session: Session, data: bytes, error: type[WireError]) -> None:
    """``data`` ends the session with ``error``, and keeps ending it."""
    session.receive_data(data)
    for _ in range(2):
        with pytest.raises(error):
            drain(session)
        assert session.state is State.CLOSED
    assert session.peer is None
    assert session.session_id is None


def greeted(a: Session | None = None, b: Session | None = None) -> tuple[Session, bytes, bytes]:
    """An initiator before the responder's two frames, and these two frames."""
    a, b = a or initiator(), b or responder()
    b.receive_data(a.start())
    assert b.next_event() is NEED_DATA
    hello, ack = map(with_length, frames_of(b.data_to_send()))
    return a, hello, ack


def test_both_sides_learn_the_other_key_one_session_id_and_the_common_capabilities() -> None:
    pair = Pair(
        initiator(capabilities=["zstd", "probe"]), responder(capabilities=["future", "zstd"])
    )
    events_a, events_b = pair.establish()
    session_id = pair.a.session_id
    assert session_id is not None
    assert events_a == [Established(BOB.public_key, session_id, frozenset({"zstd"}))]
    assert events_b == [Established(ALICE.public_key, session_id, frozenset({"zstd"}))]
    assert pair.a.state is pair.b.state is State.ESTABLISHED
    assert (pair.a.peer, pair.b.peer) == (BOB.public_key, ALICE.public_key)


def test_the_handshake_costs_298_bytes_and_shows_no_key_in_a_hello() -> None:
    pair = Pair()
    pair.establish()
    assert len(pair.to_a + pair.to_b) == 298
    for stream, key in ((pair.to_b, ALICE.public_key), (pair.to_a, BOB.public_key)):
        hello, ack = frames_of(stream)
        assert key[:8] not in hello
        assert key in ack


def test_a_session_id_depends_on_both_nonces_both_keys_and_the_channel() -> None:
    other = b"9" * 32
    pairs = [
        Pair(),
        Pair(initiator(nonce=other)),
        Pair(b=responder(nonce=other)),
        Pair(initiator(MALLORY)),
        Pair(b=responder(MALLORY)),
        Pair(initiator(channel=other), responder(channel=other)),
    ]
    for pair in pairs:
        pair.establish()
    assert len({pair.a.session_id for pair in pairs}) == len(pairs)


def test_the_transcripts_are_those_of_the_specification() -> None:
    pair = Pair()
    pair.establish()
    hello_i, ack_i = frames_of(pair.to_b)
    hello_r, ack_r = frames_of(pair.to_a)
    t_r = keyed_hash(b"engram handshake", cbor.encode([CHANNEL, hello_i, hello_r, BOB.public_key]))
    t_i = keyed_hash(b"engram handshake", cbor.encode([t_r, ack_r, ALICE.public_key]))
    assert pair.a.session_id == pair.b.session_id == t_i
    domain = b"engram-sync/handshake/2\0"
    for ack, message in ((ack_r, domain + b"\x01" + t_r), (ack_i, domain + b"\x00" + t_i)):
        proof = decode_hello_ack_untrusted(ack)
        verify_signature_untrusted(proof.key, message, proof.signature, "proof")


def test_a_responder_says_nothing_first() -> None:
    session = responder()
    assert session.start() == b""
    assert session.state is State.ACCEPTED


def test_starting_twice_sends_one_hello() -> None:
    session = initiator()
    assert session.start()
    assert session.start() == b""


# ---- replay, reflection, splice ------------------------------------------------------------------


def test_a_replayed_initiator_is_rejected() -> None:
    pair = Pair()
    pair.establish()
    hello, ack = map(with_length, frames_of(pair.to_b))
    fresh = responder(nonce=b"3" * 32)
    fresh.receive_data(hello)
    assert fresh.next_event() is NEED_DATA
    refused(fresh, ack, SignatureError)


def test_a_replayed_responder_is_rejected() -> None:
    pair = Pair()
    pair.establish()
    fresh = initiator(nonce=b"3" * 32)
    fresh.start()
    refused(fresh, pair.to_a, SignatureError)


def test_a_reflected_hello_is_rejected_by_the_initiator() -> None:
    session = initiator()
    refused(session, session.start(), ProtocolError)


def test_a_nonce_sent_back_is_rejected_by_the_responder() -> None:
    refused(responder(nonce=b"5" * 32), initiator(nonce=b"5" * 32).start(), ProtocolError)


def test_a_reflected_proof_is_rejected() -> None:
    b = responder()
    b.receive_data(initiator().start())
    drain(b)
    _, own_ack = map(with_length, frames_of(b.data_to_send()))
    refused(b, own_ack, SignatureError)


@pytest.mark.parametrize("role", Role)
def test_a_proof_made_for_one_role_does_not_serve_the_other(role: Role) -> None:
    a = initiator()
    hello_i = frames_of(a.start())[0]
    b = responder()
    b.receive_data(with_length(hello_i))
    drain(b)
    hello_r = frames_of(b.data_to_send())[0]
    transcript = keyed_hash(
        PERSON_TRANSCRIPT, cbor.encode([CHANNEL, hello_i, hello_r, BOB.public_key])
    )
    message = DOMAIN_HANDSHAKE + role.byte + transcript
    signature = nacl.bindings.crypto_sign(message, BOB.secret_key)[:64]
    ack = encode_hello_ack(HelloAck(BOB.public_key, signature))
    data = with_length(hello_r) + with_length(ack)
    if role is Role.INITIATOR:
        refused(a, data, SignatureError)
    else:
        a.receive_data(data)
        assert len(drain(a)) == 1


def test_a_man_in_the_middle_of_two_channels_is_rejected_on_both() -> None:
    # Mallory terminates TLS on both sides and forwards every byte; each side binds its own channel.
    a, b = initiator(channel=b"a" * 32), responder(channel=b"b" * 32)
    b.receive_data(a.start())
    drain(b)
    refused(a, b.data_to_send(), SignatureError)


def test_a_man_in_the_middle_who_swaps_a_hello_is_rejected() -> None:
    a, _, ack = greeted()
    other = responder(MALLORY, nonce=b"8" * 32)
    other.receive_data(initiator().start())
    drain(other)
    swapped = with_length(frames_of(other.data_to_send())[0])
    refused(a, swapped + ack, SignatureError)


def test_capabilities_cannot_be_taken_out_of_a_hello() -> None:
    a = initiator(capabilities=["zstd"])
    b = responder(capabilities=["zstd"])
    a.start()
    b.receive_data(initiator(capabilities=[]).start())
    drain(b)
    refused(a, b.data_to_send(), SignatureError)


def test_a_key_cannot_be_replaced_in_a_proof() -> None:
    a, hello, ack = greeted()
    proof = decode_hello_ack_untrusted(ack[4:])
    forged = encode_hello_ack(HelloAck(MALLORY.public_key, proof.signature))
    refused(a, hello + with_length(forged), SignatureError)


def test_the_initiators_proof_names_the_session_of_its_responder() -> None:
    # Mallory answers Alice honestly, and dials Bob with what Alice proved to her.
    to_mallory = Pair(initiator(ALICE), responder(MALLORY))
    to_mallory.establish()
    b = responder(BOB)
    hello, ack = map(with_length, frames_of(to_mallory.to_b))
    b.receive_data(hello)
    drain(b)
    refused(b, ack, SignatureError)


# ---- keys and signatures -------------------------------------------------------------------------


def test_an_initiator_that_expects_another_peer_does_not_say_who_it_is() -> None:
    a, hello, ack = greeted(initiator(expected_peer=MALLORY.public_key))
    refused(a, hello + ack, StrangerError)
    assert a.data_to_send() == b""


def test_a_responder_may_expect_a_peer_as_well() -> None:
    pair = Pair(b=responder(expected_peer=MALLORY.public_key))
    with pytest.raises(StrangerError):
        pair.establish()


def test_the_expected_peer_is_accepted() -> None:
    pair = Pair(initiator(expected_peer=BOB.public_key), responder(expected_peer=ALICE.public_key))
    pair.establish()
    assert pair.a.state is pair.b.state is State.ESTABLISHED


def test_a_copy_of_this_node_is_reported_as_one() -> None:
    a, hello, ack = greeted(initiator(ALICE), responder(ALICE))
    refused(a, hello + ack, DuplicateError)


def test_somebody_who_only_claims_this_nodes_key_is_not() -> None:
    a, hello, ack = greeted()
    proof = decode_hello_ack_untrusted(ack[4:])
    forged = encode_hello_ack(HelloAck(ALICE.public_key, proof.signature))
    refused(a, hello + with_length(forged), SignatureError)


@pytest.mark.parametrize("key", SMALL_ORDER_KEYS, ids=bytes.hex)
def test_a_small_order_key_proves_nothing(key: bytes) -> None:
    for signature in (key + bytes(32), b"\x01" + bytes(63)):
        a, hello, _ = greeted()
        forged = encode_hello_ack(HelloAck(key, signature))
        refused(a, hello + with_length(forged), SignatureError)


def test_a_key_that_is_no_point_proves_nothing() -> None:
    key = next(
        bytes((number,)) + b"\x02" * 31
        for number in range(256)
        if not nacl.bindings.crypto_core_ed25519_is_valid_point(bytes((number,)) + b"\x02" * 31)
    )
    a, hello, _ = greeted()
    refused(a, hello + with_length(encode_hello_ack(HelloAck(key, bytes(64)))), SignatureError)


def test_a_key_outside_the_prime_order_group_proves_nothing() -> None:
    # A point of order 8 added to a real key gives seven more keys with one secret: the equation
    # holds whenever the challenge is a multiple of 8, so that a signature needs a few attempts.
    order_8 = SMALL_ORDER_KEYS[-1]
    secret = hashlib.sha512(MALLORY.secret_key[:32]).digest()[:32]
    secret = bytes((secret[0] & 0xF8,)) + secret[1:31] + bytes((secret[31] & 0x3F | 0x40,))
    key = nacl.bindings.crypto_core_ed25519_add(MALLORY.public_key, order_8)
    a = initiator()
    hello_i = frames_of(a.start())[0]
    hello_r = cbor.encode([0, [2], [], b"2" * 32])
    transcript = keyed_hash(PERSON_TRANSCRIPT, cbor.encode([CHANNEL, hello_i, hello_r, key]))
    message = DOMAIN_HANDSHAKE + Role.RESPONDER.byte + transcript
    signature = signature_of_mixed_order(secret, key, message)
    verify_signature_untrusted(key, message, signature, "libsodium alone accepts it")
    ack = encode_hello_ack(HelloAck(key, signature))
    refused(a, with_length(hello_r) + with_length(ack), SignatureError)


def signature_of_mixed_order(secret: bytes, key: bytes, message: bytes) -> bytes:
    order = 2**252 + 27742317777372353535851937790883648493
    for attempt in range(1, 1000):
        nonce = attempt.to_bytes(32, "little")
        point = nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = int.from_bytes(hashlib.sha512(point + key + message).digest(), "little") % order
        if challenge % 8 == 0:
            scalar = (attempt + challenge * int.from_bytes(secret, "little")) % order
            return point + scalar.to_bytes(32, "little")
    raise AssertionError("no multiple of 8 among a thousand challenges")


def test_a_proof_whose_scalar_was_raised_by_the_group_order_is_refused() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    a, hello, ack = greeted()
    proof = decode_hello_ack_untrusted(ack[4:])
    scalar = int.from_bytes(proof.signature[32:], "little") + order
    raised = HelloAck(proof.key, proof.signature[:32] + scalar.to_bytes(32, "little"))
    refused(a, hello + with_length(encode_hello_ack(raised)), SignatureError)


@pytest.mark.parametrize("byte", range(4 + 4, 43 + 106, 5))
def test_no_change_of_one_byte_of_the_responders_frames_passes(byte: int) -> None:
    a, hello, ack = greeted()
    data = bytearray(hello + ack)
    data[byte] ^= 0x10
    a.receive_data(bytes(data))
    with contextlib.suppress(WireError):
        assert drain(a) == []
    assert a.session_id is None


# ---- versions and shape of the flow --------------------------------------------------------------


def test_without_a_common_version_the_session_ends() -> None:
    hello = cbor.encode([0, [1, 7], [], b"n" * 32])
    refused(responder(), with_length(hello), VersionError)


def test_a_newer_node_that_still_speaks_our_version_is_welcome() -> None:
    session = responder()
    session.receive_data(with_length(cbor.encode([0, [2, 3], ["new"], b"n" * 32])))
    assert session.next_event() is NEED_DATA
    assert len(frames_of(session.data_to_send())) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"nonce": b"short"},
        {"channel_binding": b"short"},
        {"capabilities": ["x" * 33]},
        {"capabilities": [f"{number:02}" for number in range(17)]},
    ],
)
def test_wrong_sizes_are_the_callers_mistake(arguments: dict[str, object]) -> None:
    good: dict[str, object] = {"nonce": b"n" * 32, "channel_binding": CHANNEL}
    with pytest.raises(ValueError):
        Session(Role.INITIATOR, ALICE, **(good | arguments))  # type: ignore[arg-type]  # wrong on purpose


def test_nothing_can_be_sent_before_the_peer_is_proven() -> None:
    a, hello, _ = greeted()
    a.receive_data(hello)
    drain(a)
    for session in (initiator(), responder(), a):
        with pytest.raises(LocalProtocolError):
            session.send(Ping(1), timestamp_ms=NOW_MS)
        assert session.data_to_send() == b""
