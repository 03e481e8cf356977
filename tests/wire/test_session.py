"""Established sessions: envelopes, limits, endings, and the same events in whatever pieces."""

import copy
from collections.abc import Callable

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    TRANSITIONS,
    CloseCode,
    Goodbye,
    Identity,
    Input,
    JoinRequest,
    JoinResponse,
    LimitError,
    LocalProtocolError,
    Message,
    MessageType,
    Ping,
    Pong,
    ProtocolError,
    Role,
    Session,
    SignatureError,
    State,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    VersionError,
    WireError,
    cbor,
    encode_message,
)
from engram_wire._state import RECEIVE
from engram_wire.envelope import Envelope, Place, open_untrusted, seal, signed_bytes
from tests.wire.parties import (
    ALICE,
    BOB,
    MALLORY,
    NOW_MS,
    Pair,
    drain,
    drain_or_error,
    established,
    frames_of,
    initiator,
    responder,
    with_length,
)

DIGEST = b"d" * 32
ONE_OF_EACH: list[Message] = [
    SyncRequest(1, b"s" * 32, DIGEST, None),
    SyncResponse(1, SyncStatus.COMPLETE, summary=Summary(DIGEST, DIGEST, 3)),
    SyncAck(1),
    JoinRequest(b"s" * 32, b"grant", b"p" * 64, "Laptop"),
    JoinResponse(False, "no"),
    Ping(1),
    Pong(1),
    Goodbye(CloseCode.OK),
]


def envelope(
    pair: Pair,
    message: Message,
    *,
    who: Identity = ALICE,
    counter: int = 0,
    role: Role = Role.INITIATOR,
) -> bytes:
    """A frame as Alice would send it, made by hand."""
    assert pair.a.session_id is not None
    place = Place(pair.a.session_id, role, counter)
    return with_length(seal(who, place, Envelope(*_parts(message))))


def _parts(message: Message) -> tuple[int, int, bytes]:
    kind, payload = encode_message(message)
    return kind, NOW_MS, payload


def refused(pair: Pair, data: bytes, error: type[WireError]) -> None:
    """Bob refuses ``data``, and tells Alice with which code he left."""
    pair.b.receive_data(data)
    for _ in range(2):
        with pytest.raises(error):
            drain(pair.b)
        assert pair.b.state is State.CLOSED
    assert pair.deliver_to_a(pair.b.data_to_send()) == [Goodbye(error.code)]


# ---- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
def test_each_message_arrives_as_it_was_sent_in_both_directions(message: Message) -> None:
    pair = established()
    assert pair.deliver_to_b(pair.a.send(message, timestamp_ms=NOW_MS)) == [message]
    assert pair.b.peer_timestamp_ms == NOW_MS
    pair = established()
    assert pair.deliver_to_a(pair.b.send(message, timestamp_ms=NOW_MS + 5)) == [message]
    assert pair.a.peer_timestamp_ms == NOW_MS + 5


def test_many_messages_keep_their_order_in_both_directions() -> None:
    pair = established()
    for number in range(300):
        assert pair.deliver_to_b(pair.a.send(Ping(number), timestamp_ms=1)) == [Ping(number)]
        assert pair.deliver_to_a(pair.b.send(Pong(number), timestamp_ms=2)) == [Pong(number)]


def test_what_the_session_still_held_goes_before_the_message() -> None:
    a, b = initiator(), responder()
    b.receive_data(a.start())
    drain(b)
    a.receive_data(b.data_to_send())
    drain(a)
    b.receive_data(a.send(Ping(1), timestamp_ms=NOW_MS))
    assert drain(b)[1:] == [Ping(1)]
    assert a.data_to_send() == b""


def test_a_reconnect_with_no_change_costs_less_than_a_kilobyte() -> None:
    pair = established()
    summary = Summary(DIGEST, DIGEST, 10_000)
    for message in (
        SyncRequest(1, b"s" * 32, DIGEST, None),
        SyncResponse(1, SyncStatus.COMPLETE, summary=summary),
    ):
        pair.deliver_to_b(pair.a.send(message, timestamp_ms=NOW_MS))
        pair.deliver_to_a(pair.b.send(message, timestamp_ms=NOW_MS))
    assert len(pair.to_a + pair.to_b) <= 968


# ---- envelopes -----------------------------------------------------------------------------------


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
    place = Place(DIGEST, Role.INITIATOR, 0)
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
    forged = Identity(BOB.public_key, ALICE.secret_key)
    refused(pair, envelope(pair, Ping(1), who=forged), SignatureError)


def test_an_envelope_of_another_version_is_rejected() -> None:
    pair = established()
    frame = bytearray(envelope(pair, Ping(1)))
    frame[4 + 1] = 2
    refused(pair, bytes(frame), VersionError)


def signed_items(pair: Pair, items: bytes) -> bytes:
    """Items of Alice's choice behind her valid signature: only decoding can refuse them."""
    assert pair.a.session_id is not None
    place = Place(pair.a.session_id, Role.INITIATOR, 0)
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
    place = Place(pair.a.session_id, Role.INITIATOR, 0)
    frame = seal(ALICE, place, Envelope(kind, NOW_MS, b"\x80"))
    assert open_untrusted(frame, place, ALICE.public_key) == Envelope(kind, NOW_MS, b"\x80")
    refused(pair, with_length(frame), ProtocolError)


@pytest.mark.parametrize(
    "parts", [(24, 0, b""), (-1, 0, b""), (7, -1, b""), (7, 1 << 63, b""), (7, 0, bytes(1 << 20))]
)
def test_an_envelope_out_of_range_is_the_callers_mistake(parts: tuple[int, int, bytes]) -> None:
    with pytest.raises(LocalProtocolError):
        seal(ALICE, Place(DIGEST, Role.INITIATOR, 0), Envelope(*parts))


def test_what_is_refused_to_the_caller_leaves_the_session_as_it_was() -> None:
    pair = established()
    with pytest.raises(LocalProtocolError):
        pair.a.send(SyncResponse(1, SyncStatus.DATA, frame=bytes(1 << 20)), timestamp_ms=NOW_MS)
    with pytest.raises(LocalProtocolError):
        pair.a.send(Ping(1), timestamp_ms=-1)
    assert pair.deliver_to_b(pair.a.send(Ping(1), timestamp_ms=NOW_MS)) == [Ping(1)]


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [initiator, responder])
def test_a_stranger_is_refused_at_the_length_of_a_large_frame(make: Callable[[], Session]) -> None:
    session = make()
    session.start()
    session.receive_data((4097).to_bytes(4, "big"))
    with pytest.raises(LimitError):
        session.next_event()
    assert session.data_to_send() == b""


def test_a_stranger_may_send_a_frame_of_four_kilobytes() -> None:
    session = responder()
    session.receive_data((4096).to_bytes(4, "big"))
    assert drain(session) == []


def test_a_proven_peer_is_refused_at_the_length_of_a_frame_above_one_megabyte() -> None:
    refused(established(), ((1 << 20) + 1).to_bytes(4, "big"), LimitError)


def test_the_largest_message_passes() -> None:
    pair = established()
    frame = bytes((1 << 20) - 128 - 10)
    message = SyncResponse(1, SyncStatus.DATA, frame=frame)
    data = pair.a.send(message, timestamp_ms=(1 << 63) - 1)
    assert len(data) - 4 <= 1 << 20
    assert pair.deliver_to_b(data) == [message]


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\x86", b"\x86\x01", b"\x86\x01\x18", b"x" * 99])
def test_a_frame_that_starts_like_no_message_is_refused(frame: bytes) -> None:
    refused(established(), with_length(frame), ProtocolError)


@pytest.mark.parametrize(
    "frame", [b"\x86\x01\x07", b"\x86\x01\x07" + bytes(64), b"\x86\x01\x09" * 40]
)
def test_a_frame_that_only_starts_like_an_envelope_is_refused(frame: bytes) -> None:
    refused(established(), with_length(frame), ProtocolError)


# ---- legality ------------------------------------------------------------------------------------


def in_state(state: State) -> Session | None:
    """A session that rests in ``state``; None for states that pass within one call."""
    pair = Pair()
    if state is State.DIALLED:
        return pair.a
    if state is State.ACCEPTED:
        return pair.b
    pair.deliver_to_b(pair.a.start())
    if state is State.HELLO_SENT:
        return pair.a
    if state is State.ACK_SENT:
        return pair.b
    hello, ack = map(with_length, frames_of(pair.b.data_to_send()))
    pair.deliver_to_a(hello)
    if state is State.HELLO_ANSWERED:
        return pair.a
    pair.deliver_to_a(ack)
    pair.deliver_to_b(pair.a.data_to_send())
    if state in {State.GOODBYE_SENT, State.CLOSED}:
        goodbye = pair.b.send(Goodbye(CloseCode.OK), timestamp_ms=NOW_MS)
        if state is State.CLOSED:
            pair.deliver_to_a(goodbye)
            return pair.a
        return pair.b
    return pair.b if state is State.ESTABLISHED else None


RESTING = [state for state in State if in_state(state) is not None]


def test_only_states_in_which_we_act_ourselves_are_passed_within_a_call() -> None:
    passing = set(State) - set(RESTING)
    assert passing == {State.PEER_PROVEN, State.HELLO_RECEIVED, State.HELLO_RETURNED}


FIRST_BYTES = {
    MessageType.HELLO: b"\x84\x00",
    MessageType.HELLO_ACK: b"\x83\x01",
    **{kind: bytes((0x86, 1, kind)) for kind in MessageType if kind > 1},
}


@pytest.mark.parametrize("kind", MessageType)
@pytest.mark.parametrize("state", RESTING)
def test_a_session_receives_exactly_what_the_table_allows(state: State, kind: MessageType) -> None:
    session = in_state(state)
    assert session is not None
    assert session.state is state
    session.receive_data(with_length(FIRST_BYTES[kind] + b"\x00" * 90))
    if state is State.CLOSED:
        assert drain(session) == []
        return
    with pytest.raises(WireError) as caught:
        drain(session)
    # The frame is broken either way; when it is illegal nothing of it was looked at.
    illegal = RECEIVE[kind] not in TRANSITIONS[state]
    assert ("is not legal when the session is" in str(caught.value)) is illegal


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("state", RESTING)
def test_a_session_sends_exactly_what_the_table_allows(state: State, message: Message) -> None:
    session = in_state(state)
    assert session is not None
    kind = MessageType(encode_message(message)[0])
    if Input[f"SEND_{kind.name}"] in TRANSITIONS[state]:
        assert session.send(message, timestamp_ms=NOW_MS)
        return
    with pytest.raises(LocalProtocolError):
        session.send(message, timestamp_ms=NOW_MS)
    assert session.state is state


# ---- endings -------------------------------------------------------------------------------------


def test_after_our_goodbye_we_still_hear_what_was_under_way() -> None:
    pair = established()
    under_way = pair.b.send(Ping(1), timestamp_ms=NOW_MS)
    goodbye = pair.a.send(Goodbye(CloseCode.SHUTDOWN, "restarting"), timestamp_ms=NOW_MS)
    assert pair.deliver_to_a(under_way) == [Ping(1)]
    assert pair.deliver_to_b(goodbye) == [Goodbye(CloseCode.SHUTDOWN, "restarting")]
    assert pair.b.state is State.CLOSED
    assert pair.a.state is State.GOODBYE_SENT


def test_two_goodbyes_that_cross_close_both_sides() -> None:
    pair = established()
    from_a = pair.a.send(Goodbye(CloseCode.OK), timestamp_ms=NOW_MS)
    from_b = pair.b.send(Goodbye(CloseCode.OK), timestamp_ms=NOW_MS)
    pair.deliver_to_b(from_a)
    pair.deliver_to_a(from_b)
    assert pair.a.state is pair.b.state is State.CLOSED


def test_what_follows_a_goodbye_is_dropped() -> None:
    pair = established()
    goodbye = pair.a.send(Goodbye(CloseCode.OK), timestamp_ms=NOW_MS)
    assert pair.deliver_to_b(goodbye + b"\xff" * 99) == [Goodbye(CloseCode.OK)]
    assert pair.deliver_to_b(b"\xff" * 99) == []


def test_a_failure_after_our_goodbye_says_nothing_more() -> None:
    pair = established()
    pair.b.send(Goodbye(CloseCode.OK), timestamp_ms=NOW_MS)
    pair.b.receive_data(with_length(b"junk"))
    with pytest.raises(ProtocolError):
        drain(pair.b)
    assert pair.b.data_to_send() == b""


def test_a_failed_session_drops_what_arrives() -> None:
    pair = established()
    refused(pair, with_length(b"junk") + bytes(1 << 20), ProtocolError)
    pair.b.receive_data(b"more")
    assert not pair.b._reader._buffer
    with pytest.raises(ProtocolError):
        pair.b.next_event()


# ---- pieces --------------------------------------------------------------------------------------


def conversation() -> tuple[bytes, bytes]:
    """Everything that crossed in one session, towards each side."""
    pair = established()
    for message in ONE_OF_EACH[:-1]:
        pair.deliver_to_b(pair.a.send(message, timestamp_ms=NOW_MS))
        pair.deliver_to_a(pair.b.send(message, timestamp_ms=NOW_MS))
    pair.deliver_to_b(pair.a.send(Goodbye(CloseCode.OK), timestamp_ms=NOW_MS))
    return pair.to_a, pair.to_b


TO_A, TO_B = conversation()


def events_in_pieces(make: Callable[[], Session], data: bytes, cuts: list[int]) -> list[object]:
    session = make()
    session.start()
    events: list[object] = []
    ends = [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    start = 0
    for end in ends:
        session.receive_data(data[start:end])
        events += drain_or_error(session)
        start = end
        if events and isinstance(events[-1], type):
            break
    return events


@pytest.mark.parametrize(("make", "data"), [(initiator, TO_A), (responder, TO_B)])
def test_byte_by_byte_gives_the_same_events_as_all_at_once(
    make: Callable[[], Session], data: bytes
) -> None:
    whole = events_in_pieces(make, data, [])
    assert len(whole) >= 8
    assert not isinstance(whole[-1], type)
    assert events_in_pieces(make, data, list(range(len(data)))) == whole


@given(st.data())
def test_the_pieces_do_not_change_the_events_of_damaged_input_either(data: st.DataObject) -> None:
    stream = bytearray(TO_B)
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= data.draw(st.integers(1, 255))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    whole = events_in_pieces(responder, bytes(stream), [])
    assert events_in_pieces(responder, bytes(stream), cuts) == whole


def test_sessions_share_nothing() -> None:
    pair = established()
    twin = copy.deepcopy(pair)
    pair.deliver_to_b(pair.a.send(Ping(1), timestamp_ms=NOW_MS))
    assert twin.deliver_to_b(twin.a.send(Ping(2), timestamp_ms=NOW_MS)) == [Ping(2)]
