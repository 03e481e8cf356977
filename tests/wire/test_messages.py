"""Messages: one canonical encoding each, and every field checked."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    Announcement,
    ClockEntry,
    CloseCode,
    Credential,
    Goodbye,
    Hello,
    HelloAck,
    JoinRequest,
    JoinResponse,
    LimitError,
    LocalProtocolError,
    Message,
    MessageType,
    Ping,
    Pong,
    ProtocolError,
    Rejection,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    WireError,
    cbor,
    clock_digest,
    decode_message_untrusted,
    encode_message,
)
from engram_wire.messages import (
    decode_hello_ack_untrusted,
    decode_hello_untrusted,
    encode_hello,
    encode_hello_ack,
)

ids32 = st.binary(min_size=32, max_size=32)
ids64 = st.binary(min_size=64, max_size=64)
small = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
seqs = st.integers(1, 2**40 - 1)
labels = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64)
announcements = st.builds(
    Announcement, small, st.sampled_from([0, 1]), ids32, st.binary(min_size=16, max_size=16)
)
credentials = st.lists(st.builds(Credential, announcements, st.binary()), max_size=3).map(tuple)
summaries = st.builds(Summary, ids32, st.none() | ids32, u64)
named_summaries = st.lists(st.tuples(ids32, summaries), max_size=3).map(tuple)
clocks = st.dictionaries(ids32, st.tuples(seqs, ids32), max_size=4).map(
    lambda logs: tuple(ClockEntry(log, *logs[log]) for log in sorted(logs))
)
messages = (
    st.builds(SyncRequest, small, ids32, ids32, st.none() | clocks, credentials)
    | st.builds(
        SyncResponse,
        small,
        st.sampled_from(SyncStatus),
        st.lists(announcements, max_size=3).map(tuple),
        st.none() | st.binary(),
        st.none() | summaries,
    )
    | st.builds(
        SyncAck,
        small,
        st.lists(st.tuples(ids32, seqs), max_size=3).map(tuple),
        st.none() | summaries,
        st.lists(st.builds(Rejection, ids32, seqs, st.integers(0, 255)), max_size=3).map(tuple),
    )
    | st.builds(JoinRequest, ids32, st.binary(max_size=99), ids64, labels)
    | st.builds(JoinResponse, st.booleans(), st.none() | labels, st.none() | ids32, credentials)
    | st.builds(Ping, u64, named_summaries)
    | st.builds(Pong, u64, named_summaries)
    | st.builds(Goodbye, st.integers(0, 255), labels)
)

ONE = Announcement(1, 0, b"a" * 32, b"i" * 16)
SUMMARY = Summary(b"c" * 32, None, 3)
EXAMPLES: list[Message] = [
    SyncRequest(
        1, b"s" * 32, b"d" * 32, (ClockEntry(b"l" * 32, 1, b"h" * 32),), (Credential(ONE, b"f"),)
    ),
    SyncRequest(1, b"s" * 32, b"d" * 32, None),
    SyncResponse(1, SyncStatus.DATA, (ONE,), b"frame", SUMMARY),
    SyncAck(1, ((b"l" * 32, 4),), SUMMARY, (Rejection(b"l" * 32, 5, CloseCode.INVALID_RECORD),)),
    JoinRequest(b"s" * 32, b"grant", b"p" * 64, "Laptop"),
    JoinResponse(True, None, b"x" * 32, (Credential(ONE, b"f"),)),
    JoinResponse(False, "the invitation has expired"),
    Ping(7, ((b"s" * 32, SUMMARY),)),
    Pong(7, ((b"s" * 32, SUMMARY),)),
    Goodbye(CloseCode.SHUTDOWN, "restarting"),
]


@given(messages)
def test_a_message_decodes_to_itself(message: Message) -> None:
    kind, payload = encode_message(message)
    assert decode_message_untrusted(kind, payload) == message
    assert len(fields(message)) == len(cbor.decode_untrusted(payload))  # type: ignore[arg-type]  # a message is an array


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_changed_byte_gives_another_message_or_an_error(
    message: Message, data: st.DataObject
) -> None:
    kind, payload = encode_message(message)
    changed = bytearray(payload)
    changed[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = decode_message_untrusted(kind, bytes(changed))
    except WireError:
        return
    assert other != message
    assert encode_message(other) == (kind, bytes(changed))


JUNK: list[cbor.Value] = [
    None,
    True,
    -1,
    2**64 - 1,
    1.5,
    b"",
    b"x" * 33,
    "",
    "\x1b[2J",
    "x" * 65,
    "é" * 33,
    [0],
    [[0]],
    [[b"x" * 32, 0]],
    [[b"x" * 32, 0, b"x" * 32]],
    [[b"x" * 32, 1, 256]],
    {},
]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_field_of_another_kind_is_refused_or_read_back_as_it_is(
    message: Message, junk: cbor.Value
) -> None:
    kind, payload = encode_message(message)
    row = cbor.decode_untrusted(payload)
    assert isinstance(row, list)
    for index in range(len(row)):
        data = cbor.encode([*row[:index], junk, *row[index + 1 :]])
        try:
            other = decode_message_untrusted(kind, data)
        except WireError:
            continue
        assert encode_message(other) == (kind, data)


@pytest.mark.parametrize("kind", [0, 1, 10, 19, 23, -1])
def test_an_unknown_type_is_refused(kind: int) -> None:
    with pytest.raises(ProtocolError):
        decode_message_untrusted(kind, b"\x80")


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\xf6", b"\x82\x00", b"\x82\x00\x80\x00"])
@pytest.mark.parametrize("kind", [k for k in MessageType if k > 1])
def test_a_payload_that_is_not_the_messages_array_is_refused(kind: int, payload: bytes) -> None:
    with pytest.raises(WireError):
        decode_message_untrusted(kind, payload)


def test_a_clock_must_be_sorted_and_name_each_log_once() -> None:
    entries = (ClockEntry(b"a" * 32, 1, b"h" * 32), ClockEntry(b"b" * 32, 1, b"h" * 32))
    for clock in (entries[::-1], entries[:1] * 2):
        with pytest.raises(ProtocolError):
            decode_message_untrusted(*encode_message(SyncRequest(1, b"s" * 32, b"d" * 32, clock)))


def test_lists_are_bounded_in_number() -> None:
    entry = (b"l" * 32, 1)
    rejection = Rejection(b"l" * 32, 1, 7)
    credential = Credential(ONE, b"")
    too_long: list[Message] = [
        SyncAck(1, received=(entry,) * 8193),
        SyncAck(1, rejected=(rejection,) * 8193),
        SyncRequest(1, b"s" * 32, b"d" * 32, (), (credential,) * 257),
        SyncResponse(1, SyncStatus.DATA, (ONE,) * 8193),
        Ping(1, ((b"s" * 32, SUMMARY),) * 4097),
    ]
    for message in too_long:
        with pytest.raises(WireError):
            decode_message_untrusted(*encode_message(message))


def test_a_grant_is_bounded_in_bytes() -> None:
    for size in (4096, 4097):
        kind, payload = encode_message(JoinRequest(b"s" * 32, bytes(size), b"p" * 64, ""))
        if size <= 4096:
            decode_message_untrusted(kind, payload)
            continue
        with pytest.raises(LimitError):
            decode_message_untrusted(kind, payload)


def test_text_is_bounded_in_bytes_not_characters() -> None:
    decode_message_untrusted(*encode_message(Goodbye(0, "é" * 32)))
    with pytest.raises(WireError):
        decode_message_untrusted(*encode_message(Goodbye(0, "é" * 33)))


def test_a_message_that_does_not_fit_an_envelope_is_the_callers_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        encode_message(SyncResponse(1, SyncStatus.DATA, frame=bytes(1 << 20)))


def test_a_field_that_cannot_be_encoded_is_the_callers_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        encode_message(Ping(1 << 64))


def test_the_clock_digest_does_not_depend_on_order_and_does_on_every_entry() -> None:
    a, b = ClockEntry(b"a" * 32, 1, b"h" * 32), ClockEntry(b"b" * 32, 2, b"h" * 32)
    assert clock_digest([a, b]) == clock_digest([b, a])
    others = [ClockEntry(b"b" * 32, 3, b"h" * 32), ClockEntry(b"b" * 32, 2, b"i" * 32)]
    assert len({clock_digest([a, other]) for other in [b, *others]} | {clock_digest([a])}) == 4


def test_hellos_and_acks_decode_to_themselves() -> None:
    hello = Hello((1, 2), ("a", "zstd"), b"n" * 32)
    assert decode_hello_untrusted(encode_hello(hello)) == hello
    ack = HelloAck(b"k" * 32, b"s" * 64)
    assert decode_hello_ack_untrusted(encode_hello_ack(ack)) == ack


@pytest.mark.parametrize(
    "row",
    [
        [1, [1], [], b"n" * 32],
        [False, [1], [], b"n" * 32],
        [0, [], [], b"n" * 32],
        [0, [2, 1], [], b"n" * 32],
        [0, [1, 1], [], b"n" * 32],
        [0, [0], [], b"n" * 32],
        [0, [256], [], b"n" * 32],
        [0, list(range(1, 10)), [], b"n" * 32],
        [0, [1], ["b", "a"], b"n" * 32],
        [0, [1], ["a", "a"], b"n" * 32],
        [0, [1], ["x" * 33], b"n" * 32],
        [0, [1], [b"a"], b"n" * 32],
        [0, [1], [f"{n:02}" for n in range(17)], b"n" * 32],
        [0, [1], [], b"n" * 31],
        [0, [1], [], "n" * 32],
        [0, [1], []],
    ],
)
def test_another_hello_is_refused(row: list[cbor.Encodable]) -> None:
    with pytest.raises(WireError):
        decode_hello_untrusted(cbor.encode(row))


@pytest.mark.parametrize(
    "row",
    [
        [0, b"k" * 32, b"s" * 64],
        [1, b"k" * 31, b"s" * 64],
        [1, b"k" * 32, b"s" * 63],
        [1, b"k" * 32],
        [1, b"k" * 32, b"s" * 64, 0],
    ],
)
def test_another_hello_ack_is_refused(row: list[cbor.Encodable]) -> None:
    with pytest.raises(WireError):
        decode_hello_ack_untrusted(cbor.encode(row))
