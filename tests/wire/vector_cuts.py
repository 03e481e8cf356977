"""Vectors of what ends a session: the bytes before, the bytes that are refused, and the code."""

from collections.abc import Iterator

import nacl.bindings

from engram_wire import (
    CloseCode,
    Hello,
    HelloAck,
    KeyPair,
    Ping,
    Role,
    cbor,
    encode_message,
    keyed_hash,
)
from engram_wire.envelope import Envelope, EnvelopeContext, seal
from engram_wire.handshake import DOMAIN_HANDSHAKE, PERSON_TRANSCRIPT
from engram_wire.messages import encode_hello, encode_hello_ack
from tests.wire.test_records import SMALL_ORDER_KEYS
from tests.wire.vector_refusals import raised, refused
from tests.wire.vector_sessions import NONCES, Recording, frames_of, session_for
from tests.wire.vector_values import ALICE, BOB, CHANNEL, MALLORY, NOW_MS, Json, Row

ROLE = {Role.INITIATOR: "initiator", Role.RESPONDER: "responder"}
SIGNATURE = CloseCode.SIGNATURE


def with_length(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def _cut(
    receiver: Role, name: str, before: bytes, data: bytes, code: CloseCode, **context: Json
) -> Row:
    """``receiver`` accepts ``before``, and leaves with ``code`` at the end of ``data``."""
    more: dict[str, Json] = {"receiver": ROLE[receiver], "before": before.hex(), **context}
    return refused("stream", name, data, code, **more)


def _before_authentication() -> Iterator[Row]:
    hello_i = session_for(Role.INITIATOR).start()
    ping = Recording().say(Role.INITIATOR, Ping(1))
    ack = with_length(encode_hello_ack(HelloAck(BOB.public_key, bytes(64))))
    mirrored = with_length(encode_hello(Hello((2,), (), NONCES[Role.RESPONDER])))
    future = with_length(encode_hello(Hello((1, 3), (), NONCES[Role.INITIATOR])))
    alice = Role.RESPONDER
    yield _cut(alice, "a length of 0", b"", bytes(4), CloseCode.PROTOCOL)
    yield _cut(alice, "a length of 4097", b"", (4097).to_bytes(4, "big"), CloseCode.LIMIT)
    yield _cut(alice, "a length of 2^32 - 1", b"", b"\xff" * 4, CloseCode.LIMIT)
    yield _cut(alice, "the beginning of HTTP", b"", b"GET / HTTP/1.1\r\n", CloseCode.LIMIT)
    yield _cut(alice, "a frame like no message", b"", with_length(b"\x80"), CloseCode.PROTOCOL)
    yield _cut(alice, "a HelloAck before a Hello", b"", ack, CloseCode.PROTOCOL)
    yield _cut(alice, "an envelope before a Hello", b"", ping, CloseCode.PROTOCOL)
    yield _cut(alice, "a second Hello", hello_i, hello_i, CloseCode.PROTOCOL)
    yield _cut(alice, "an envelope before a HelloAck", hello_i, ping, CloseCode.PROTOCOL)
    yield _cut(alice, "its own nonce", b"", mirrored, CloseCode.PROTOCOL)
    yield _cut(alice, "no common version", b"", future, CloseCode.VERSION)
    demand = with_length(encode_hello(Hello((2,), ("!later",), NONCES[Role.INITIATOR])))
    yield _cut(alice, "an unknown mandatory capability", b"", demand, CloseCode.VERSION)
    large = (4097).to_bytes(4, "big")
    yield _cut(alice, "a length of 4097 after a Hello", hello_i, large, CloseCode.LIMIT)


def _ack_of(
    signer: KeyPair, byte: bytes, *, channel: bytes = CHANNEL, key: bytes | None = None
) -> bytes:
    """A responder's HelloAck for the Hellos of the transcripts."""
    story = Recording()
    hello_i = frames_of(story.streams[Role.INITIATOR])[0][4:]
    hello_r = frames_of(story.streams[Role.RESPONDER])[0][4:]
    named = signer.public_key if key is None else key
    transcript = keyed_hash(PERSON_TRANSCRIPT, cbor.encode([channel, hello_i, hello_r, named]))
    message = DOMAIN_HANDSHAKE + byte + transcript
    signature = nacl.bindings.crypto_sign(message, signer.secret_key)[:64]
    return with_length(encode_hello_ack(HelloAck(named, signature)))


def _proofs() -> Iterator[Row]:
    story = Recording()
    hello, ack = frames_of(story.streams[Role.RESPONDER])
    bob = Role.INITIATOR
    small = SMALL_ORDER_KEYS[2]
    forged = with_length(encode_hello_ack(HelloAck(small, small + bytes(32))))
    malleated = ack[:-64] + raised(ack[-64:])
    wrong = ack[:-1] + bytes((ack[-1] ^ 1,))
    one = Role.RESPONDER.byte
    other = _ack_of(ALICE, one, channel=b"m" * 32)
    named = _ack_of(MALLORY, one, key=ALICE.public_key)
    yield _cut(bob, "a signature with one bit changed", hello, wrong, SIGNATURE)
    yield _cut(bob, "a signature with S + L", hello, malleated, SIGNATURE)
    yield _cut(bob, "a key of small order", hello, forged, SIGNATURE)
    yield _cut(bob, "a proof for the other role", hello, _ack_of(ALICE, b"\0"), SIGNATURE)
    yield _cut(bob, "a proof for another certificate", hello, other, SIGNATURE)
    yield _cut(bob, "a proof by another key than it names", hello, named, SIGNATURE)
    yield _cut(bob, "its own key", hello, _ack_of(BOB, one), CloseCode.DUPLICATE)
    expected: dict[str, Json] = {"expected_peer": ALICE.public_key.hex()}
    stranger = _ack_of(MALLORY, one)
    yield _cut(bob, "another peer", hello, stranger, CloseCode.STRANGER, **expected)
    hello_i, ack_i = frames_of(story.streams[bob])
    changed = ack_i[:-1] + bytes((ack_i[-1] ^ 1,))
    yield _cut(Role.RESPONDER, "an initiator's wrong signature", hello_i, changed, SIGNATURE)
    yield _cut(Role.RESPONDER, "its own proof sent back", hello_i, ack, SIGNATURE)


def _sealed(
    story: Recording,
    kind: int,
    payload: bytes,
    *,
    sender: Role = Role.INITIATOR,
    counter: int = 0,
    who: KeyPair = BOB,
) -> bytes:
    place = EnvelopeContext(story.session_id, sender, counter)
    return with_length(seal(who, place, Envelope(kind, NOW_MS, payload)))


def _signed_again(story: Recording, frame: bytes) -> bytes:
    """``frame``, an envelope with its length, with the signature that its items need."""
    items = frame[5:-66]
    prefix = story.session_id + b"\0" + bytes(8)
    message = b"engram-sync/envelope/2\0" + keyed_hash(b"engram envelope", prefix + items)
    return with_length(frame[4:-64] + nacl.bindings.crypto_sign(message, BOB.secret_key)[:64])


def _after_authentication() -> Iterator[Row]:
    story = Recording()
    before = story.streams[Role.INITIATOR]
    kind, payload = encode_message(Ping(1))
    ping = _sealed(story, kind, payload)
    hello, ack = frames_of(before)
    mallory = _sealed(story, kind, payload, who=MALLORY)
    liar = _sealed(story, kind, payload, who=KeyPair(MALLORY.public_key, BOB.secret_key))
    backwards = _sealed(story, kind, payload, sender=Role.RESPONDER)
    skipped = _sealed(story, kind, payload, counter=1)
    newer = _signed_again(story, ping[:5] + b"\x03" + ping[6:])
    more = with_length(ping[4:10] + b"\0" + ping[10:])
    long = with_length(ping[4:7] + b"\x58\x08" + ping[8:])
    cases = [
        ("a length of 2^20 + 1", (0x100001).to_bytes(4, "big"), CloseCode.LIMIT),
        ("a length of 0 after the handshake", bytes(4), CloseCode.PROTOCOL),
        ("a Hello in an established session", hello, CloseCode.PROTOCOL),
        ("a HelloAck in an established session", ack, CloseCode.PROTOCOL),
        ("an envelope signed by another key", mallory, SIGNATURE),
        ("an envelope that names another sender", liar, SIGNATURE),
        ("an envelope of the other direction", backwards, SIGNATURE),
        ("an envelope with its counter one ahead", skipped, SIGNATURE),
        ("an envelope sent twice", ping + ping, SIGNATURE),
        ("an envelope with S + L", ping[:-64] + raised(ping[-64:]), SIGNATURE),
        ("an envelope with a changed timestamp", _changed(ping, 20), SIGNATURE),
        ("an envelope with one byte too many", more, SIGNATURE),
        ("an envelope of version 3", newer, CloseCode.VERSION),
        ("a reserved type", _sealed(story, 22, payload), CloseCode.PROTOCOL),
        ("an envelope of seven items", with_length(b"\x87" + ping[5:]), CloseCode.PROTOCOL),
        ("fields of another message", _sealed(story, 2, payload), CloseCode.PROTOCOL),
        ("a field in two bytes", _sealed(story, kind, b"\x82\x18\x01\x80"), CloseCode.PROTOCOL),
        ("a sender whose length takes two bytes", _signed_again(story, long), CloseCode.PROTOCOL),
    ]
    for name, data, code in cases:
        yield _cut(Role.RESPONDER, name, before, data, code)


def _changed(frame: bytes, at: int) -> bytes:
    return frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :]


def cuts() -> list[Row]:
    """Everything that is refused because of where in a session it stands."""
    return [*_before_authentication(), *_proofs(), *_after_authentication()]
