"""Envelopes: every byte is signed for one place in one session, and nothing else passes."""

import nacl.bindings
import pytest

from engram_wire import (
    KeyPair,
    LocalProtocolError,
    Message,
    Ping,
    ProtocolError,
    Role,
    SignatureError,
    SyncResponse,
    SyncStatus,
    VersionError,
    WireError,
    cbor,
    encode_message,
)
from engram_wire.envelope import Envelope, EnvelopeContext, open_untrusted, seal, signed_bytes
from tests.wire.parties import (
    ALICE,
    BOB,
    DIGEST,
    MALLORY,
    NOW_MS,
    Pair,
    drain,
    established,
    initiator,
    refused,
    with_length,
)


def envelope(
    pair: Pair,
    message: Message,
    *,
    who: KeyPair = ALICE,
    counter: int = 0,
    role: Role = Role.INITIATOR,
) -> bytes:
    """A frame as Alice would send it, made by hand."""
    assert pair.a.session_id is not None
    place = EnvelopeContext(pair.a.session_id, role, counter)
    return with_length(seal(who, place, Envelope(*_parts(message))))


def _parts(message: Message) -> tuple[int, int, bytes]:
    kind, payload = encode_message(message)
    return kind, NOW_MS, payload


def test_a_replayed_envelope_is_rejected() -> None:
    pair = established()
    data = pair.a.send(Ping(1), timestamp_ms=NOW_MS)
    pair.deliver_to_b(data)
    refused(pair, data, SignatureError)


def test_an_envelope_left_out_is_noticed() -> None:
    pair = established()
    pair.a.send(Ping(1), timestamp_ms=NOW_MS)
    refused(pair, pair.a.send(Ping(2), timestamp_ms=NOW_MS), SignatureError)


def test_envelopes_in_another_order_are_rejected() -> None:
    pair = established()
    first = pair.a.send(Ping(1), timestamp_ms=NOW_MS)
    second = pair.a.send(Ping(2), timestamp_ms=NOW_MS)
    refused(pair, second + first, SignatureError)


def test_a_reflected_envelope_is_rejected() -> None:
    pair = established()
    refused(pair, envelope(pair, Ping(1), who=BOB, role=Role.RESPONDER), SignatureError)


def test_an_envelope_is_good_in_one_direction_only() -> None:
    place = EnvelopeContext(DIGEST, Role.INITIATOR, 0)
    frame = seal(ALICE, place, Envelope(7, NOW_MS, b""))
    open_untrusted(frame, place, ALICE.public_key)
    with pytest.raises(SignatureError):
        open_untrusted(frame, place._replace(sender=Role.RESPONDER), ALICE.public_key)


def test_an_envelope_of_another_session_is_rejected() -> None:
    other = Pair(initiator(nonce=b"7" * 32))
    other.establish()
    refused(established(), other.a.send(Ping(1), timestamp_ms=NOW_MS), SignatureError)


def test_an_envelope_of_another_node_is_rejected() -> None:
    pair = established()
    refused(pair, envelope(pair, Ping(1), who=MALLORY), SignatureError)


def test_an_envelope_made_by_hand_is_the_one_that_is_sent() -> None:
    pair = established()
    assert envelope(pair, Ping(1)) == pair.a.send(Ping(1), timestamp_ms=NOW_MS)


@pytest.mark.parametrize("at", range(98))
def test_no_change_of_one_byte_of_an_envelope_passes(at: int) -> None:
    pair = established()
    frame = bytearray(envelope(pair, Ping(1))[4:])
    assert len(frame) == 91
    frame[at % 91] ^= 1 + at // 91
    pair.b.receive_data(with_length(bytes(frame)))
    with pytest.raises(WireError):
        drain(pair.b)


def test_an_envelope_that_names_another_sender_is_rejected() -> None:
    pair = established()
    forged = KeyPair(BOB.public_key, ALICE.secret_key)
    refused(pair, envelope(pair, Ping(1), who=forged), SignatureError)


def test_an_envelope_of_another_version_is_rejected() -> None:
    pair = established()
    frame = bytearray(envelope(pair, Ping(1)))
    frame[4 + 1] = 3
    refused(pair, bytes(frame), VersionError)


def signed_items(pair: Pair, items: bytes) -> bytes:
    """Items of Alice's choice behind her valid signature: only decoding can refuse them."""
    assert pair.a.session_id is not None
    place = EnvelopeContext(pair.a.session_id, Role.INITIATOR, 0)
    message = signed_bytes(place, items)
    signature = nacl.bindings.crypto_sign(message, ALICE.secret_key)[:64]
    return with_length(b"\x86" + items + b"\x58\x40" + signature)


SENDER = b"\x48" + ALICE.public_key[:8]
PING = cbor.encode(encode_message(Ping(1))[1])


@pytest.mark.parametrize(
    "items",
    [
        b"\x01\x07" + SENDER + b"\x20" + PING,
        b"\x01\x07" + SENDER + b"\xf9\x00\x00" + PING,
        b"\x01\x07" + SENDER + b"\x1b" + b"\xff" * 8 + PING,
        b"\x01\x07" + SENDER + b"\x18\x01" + PING,
        b"\x01\x07" + SENDER + b"\x01" + b"\xf6",
        b"\x01\x07" + SENDER + b"\x01" + b"\x80",
        b"\x01\x07" + SENDER + b"\x01" + PING + b"\x00",
        b"\x01\x07" + SENDER + b"\x01",
        b"\x01\x07" + b"\x47" + ALICE.public_key[:7] + b"\x01" + PING,
        b"\x01\x07" + b"\x00\x01" + PING,
        b"\x01\x07" + SENDER + b"\x01" + b"\x58\x00",
        b"\x01\x07" + SENDER + b"\x01" + cbor.encode(b"\x82\x01"),
    ],
)
def test_a_signed_envelope_with_other_items_is_still_refused(items: bytes) -> None:
    pair = established()
    pair.b.receive_data(signed_items(pair, items))
    with pytest.raises(WireError):
        drain(pair.b)


def test_a_payload_that_swallows_the_signature_is_refused() -> None:
    # The last item must be the 64 bytes that were verified, not the tail of a longer string.
    pair = established()
    items = b"\x01\x07" + SENDER + b"\x01" + PING + b"\x58\x43\x00"
    pair.b.receive_data(signed_items(pair, items))
    with pytest.raises(WireError):
        drain(pair.b)


@pytest.mark.parametrize("kind", [10, 15, 23])
def test_a_message_type_that_was_not_agreed_on_is_refused(kind: int) -> None:
    pair = established()
    assert pair.a.session_id is not None
    place = EnvelopeContext(pair.a.session_id, Role.INITIATOR, 0)
    frame = seal(ALICE, place, Envelope(kind, NOW_MS, b"\x80"))
    assert open_untrusted(frame, place, ALICE.public_key) == Envelope(kind, NOW_MS, b"\x80")
    refused(pair, with_length(frame), ProtocolError)


@pytest.mark.parametrize(
    "parts", [(24, 0, b""), (-1, 0, b""), (7, -1, b""), (7, 1 << 63, b""), (7, 0, bytes(1 << 20))]
)
def test_an_envelope_out_of_range_is_the_callers_mistake(parts: tuple[int, int, bytes]) -> None:
    with pytest.raises(LocalProtocolError):
        seal(ALICE, EnvelopeContext(DIGEST, Role.INITIATOR, 0), Envelope(*parts))


def test_what_is_refused_to_the_caller_leaves_the_session_as_it_was() -> None:
    pair = established()
    with pytest.raises(LocalProtocolError):
        pair.a.send(SyncResponse(1, SyncStatus.DATA, frame=bytes(1 << 20)), timestamp_ms=NOW_MS)
    with pytest.raises(LocalProtocolError):
        pair.a.send(Ping(1), timestamp_ms=-1)
    assert pair.deliver_to_b(pair.a.send(Ping(1), timestamp_ms=NOW_MS)) == [Ping(1)]
