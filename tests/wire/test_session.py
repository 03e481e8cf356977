"""Established sessions: messages, limits, endings, and the same events in whatever pieces."""

import copy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    CloseCode,
    Goodbye,
    LimitError,
    Message,
    Ping,
    Pong,
    ProtocolError,
    Session,
    State,
    Summary,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)
from tests.wire.parties import (
    DIGEST,
    NOW_MS,
    ONE_OF_EACH,
    drain,
    drain_or_error,
    established,
    initiator,
    refused,
    responder,
    with_length,
)

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
    assert len(pair.to_a + pair.to_b) <= 972


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


@pytest.mark.slow
@given(st.data())
def test_the_pieces_do_not_change_the_events_of_damaged_input_either(data: st.DataObject) -> None:
    stream = bytearray(TO_B)
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= data.draw(st.integers(1, 255))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    whole = events_in_pieces(responder, bytes(stream), [])
    assert events_in_pieces(responder, bytes(stream), cuts) == whole


def test_a_message_is_begun_until_all_of_it_has_arrived() -> None:
    pair = established()
    data = pair.a.send(Ping(1), timestamp_ms=NOW_MS)
    begun = [pair.b.within_message]
    for byte in data:
        pair.b.receive_data(bytes((byte,)))
        drain(pair.b)
        begun.append(pair.b.within_message)
    assert begun == [False, *(True for _ in data[1:]), False]


def test_sessions_share_nothing() -> None:
    pair = established()
    twin = copy.deepcopy(pair)
    pair.deliver_to_b(pair.a.send(Ping(1), timestamp_ms=NOW_MS))
    assert twin.deliver_to_b(twin.a.send(Ping(2), timestamp_ms=NOW_MS)) == [Ping(2)]
