"""Messages: one canonical encoding each, and every field checked."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    NOTHING_SEALED,
    Announcement,
    ClockEntry,
    CloseCode,
    ConflictNotification,
    ConflictResolution,
    Credential,
    Credentials,
    Extension,
    Goodbye,
    Hello,
    HelloAck,
    JoinRequest,
    JoinResponse,
    LeaveNotification,
    LimitError,
    LocalProtocolError,
    Message,
    MessageType,
    OpenConflict,
    PayloadRequest,
    PayloadResponse,
    Ping,
    Pong,
    Probe,
    ProbeResponse,
    ProtocolError,
    Range,
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    Refusal,
    RefusalNotification,
    Rejection,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    WireError,
    cbor,
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
codes = st.integers(0, 255)
T = TypeVar("T")
labels = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64)
ids16 = st.binary(min_size=16, max_size=16)
announcements = st.builds(
    Announcement, small, st.sampled_from([0, 1]), ids32, ids16, st.none() | ids32
)
credentials = st.lists(st.builds(Credential, announcements, st.binary()), max_size=3).map(tuple)
summaries = st.builds(Summary, ids32, st.none() | ids32, u64, small)
named_summaries = st.lists(st.tuples(ids32, summaries), max_size=3).map(tuple)
clocks = st.dictionaries(ids32, st.tuples(seqs, ids32), max_size=4).map(
    lambda logs: tuple(ClockEntry(log, *logs[log]) for log in sorted(logs))
)
sealed = st.just(NOTHING_SEALED) | st.tuples(st.integers(1, 2**32 - 1), ids32)
parts = st.builds(RangePart, ids32, ids16, small)


def some(items: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    """One to three of them."""
    return st.lists(items, min_size=1, max_size=3).map(tuple)


def ascending(items: Iterable[RangePart]) -> tuple[RangePart, ...]:
    return tuple(sorted({item.lower: item for item in items}.values(), key=lambda i: i.lower))


def ranges_between(bounds: list[bytes]) -> tuple[Range, ...]:
    pairs = zip(bounds, [*bounds[1:], None], strict=True)
    return tuple(Range(lower, upper, lower[:16], 3) for lower, upper in pairs)


repairs = (
    st.builds(
        ConflictNotification, ids32, some(st.builds(OpenConflict, ids32, ids32, ids16, codes))
    )
    | st.builds(
        ConflictResolution,
        ids32,
        some(st.tuples(ids32, ids32)),
        st.lists(announcements, max_size=3).map(tuple),
        st.lists(st.binary(), max_size=3).map(tuple),
    )
    | st.builds(LeaveNotification, ids32, labels)
    | st.builds(PayloadRequest, small, ids32, some(st.tuples(ids32, seqs)))
    | st.builds(PayloadResponse, small, some(st.tuples(ids32, seqs, st.none() | st.binary())))
    | st.builds(Probe, small, ids32, ids32, some(seqs).map(lambda s: tuple(sorted(set(s)))))
    | st.builds(ProbeResponse, small, some(st.none() | ids32))
    | st.builds(
        RangeRequest,
        small,
        st.lists(ids32, min_size=1, max_size=4, unique=True).map(sorted).map(ranges_between),
    )
    | st.builds(
        RangeResponse,
        small,
        some(st.none() | clocks.map(RangeEntries) | some(parts).map(ascending).map(RangeParts)),
    )
)
messages = repairs | (
    st.builds(SyncRequest, small, ids32, ids32, st.none() | clocks, credentials, sealed)
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
        st.lists(st.tuples(small, seqs), max_size=3).map(tuple),
        st.none() | summaries,
        st.lists(st.builds(Refusal, small, seqs, st.integers(0, 255)), max_size=3).map(tuple),
    )
    | st.builds(JoinRequest, ids32, ids32, st.binary(max_size=99), ids64, labels)
    | st.builds(JoinResponse, st.booleans(), st.none() | labels, st.none() | ids32, credentials)
    | st.builds(Credentials, ids32, credentials.filter(bool))
    | st.builds(RefusalNotification, ids32, some(st.builds(Rejection, ids32, seqs, codes)))
    | st.builds(Extension, labels.filter(bool), st.booleans(), st.binary())
    | st.builds(Ping, u64, named_summaries)
    | st.builds(Pong, u64, named_summaries)
    | st.builds(Goodbye, st.integers(0, 255), labels)
)

ONE = Announcement(1, 0, b"a" * 32, b"i" * 16)
BRANCH = Announcement(2, 0, b"a" * 32, b"i" * 16, b"b" * 32)
ENTRY = ClockEntry(b"l" * 32, 1, b"h" * 32)
SUMMARY = Summary(b"c" * 32, None, 3)
EXAMPLES: list[Message] = [
    SyncRequest(1, b"s" * 32, b"d" * 32, (ENTRY,), (Credential(BRANCH, b"f"),), (2, b"z" * 32)),
    SyncRequest(1, b"s" * 32, b"d" * 32, None),
    SyncResponse(1, SyncStatus.DATA, (ONE,), b"frame", SUMMARY),
    SyncAck(1, ((3, 4),), SUMMARY, (Refusal(3, 5, CloseCode.INVALID_RECORD),)),
    JoinRequest(b"s" * 32, b"a" * 32, b"grant", b"p" * 64, "Laptop"),
    JoinResponse(True, None, b"x" * 32, (Credential(ONE, b"f"),)),
    JoinResponse(False, "the invitation has expired"),
    Ping(7, ((b"s" * 32, SUMMARY),)),
    Pong(7, ((b"s" * 32, SUMMARY),)),
    Goodbye(CloseCode.SHUTDOWN, "restarting"),
    ConflictNotification(b"s" * 32, (OpenConflict(b"i" * 32, b"v" * 32, b"e" * 16, 2),)),
    ConflictResolution(b"s" * 32, ((b"i" * 32, b"v" * 32),), (ONE, BRANCH), (b"f", b"g")),
    LeaveNotification(b"s" * 32, "moving out"),
    PayloadRequest(3, b"s" * 32, ((b"l" * 32, 4), (b"m" * 32, 1))),
    PayloadResponse(3, ((b"l" * 32, 4, b"payload"), (b"m" * 32, 1, None))),
    Probe(4, b"s" * 32, b"l" * 32, (1, 17, 256)),
    ProbeResponse(4, (b"h" * 32, b"i" * 32, None)),
    RangeRequest(
        1, (Range(bytes(32), b"m" * 32, b"f" * 16, 8), Range(b"m" * 32, None, b"g" * 16, 0))
    ),
    RangeResponse(
        1,
        (
            None,
            RangeEntries((ENTRY,)),
            RangeEntries(()),
            RangeParts((RangePart(bytes(32), b"f" * 16, 3), RangePart(b"m" * 32, b"g" * 16, 5))),
        ),
    ),
]


@given(messages)
def test_a_message_decodes_to_itself(message: Message) -> None:
    kind, payload = encode_message(message)
    assert decode_message_untrusted(kind, payload) == message
    row = cbor.decode_untrusted(payload)
    assert cbor.is_list(row)
    assert len(fields(message)) == len(row)


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
    [[2, []]],
    [[3]],
    [0, b"x" * 32],
    [[b"x" * 32, None, b"x" * 16, -1]],
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


@pytest.mark.parametrize("kind", [0, 1, 19, 23, -1])
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
    entry, refusal, credential = (1, 1), Refusal(1, 1, 7), Credential(ONE, b"")
    scope, log = b"s" * 32, b"l" * 32
    bounds = [n.to_bytes(32, "big") for n in range(257)]
    entries = tuple(ClockEntry(n.to_bytes(32, "big"), 1, log) for n in range(1, 4098))
    split = RangeParts(tuple(RangePart(bound, b"f" * 16, 1) for bound in bounds[:17]))
    too_long: list[Message] = [
        SyncAck(1, received=(entry,) * 8193),
        SyncAck(1, rejected=(refusal,) * 8193),
        RefusalNotification(scope, (Rejection(log, 1, 7),) * 65),
        SyncRequest(1, b"s" * 32, b"d" * 32, (), (credential,) * 257),
        SyncResponse(1, SyncStatus.DATA, (ONE,) * 8193),
        Ping(1, ((b"s" * 32, SUMMARY),) * 4097),
        ConflictNotification(scope, (OpenConflict(log, log, b"e" * 16, 1),) * 1025),
        ConflictResolution(scope, ((log, log),) * 1025),
        ConflictResolution(scope, ((log, log),), (), (b"",) * 65),
        PayloadRequest(1, scope, ((log, 1),) * 513),
        PayloadResponse(1, ((log, 1, None),) * 513),
        PayloadResponse(1, ((log, 1, bytes((512 << 10) + 1)),)),
        Probe(1, scope, log, tuple(range(1, 66))),
        ProbeResponse(1, (None,) * 65),
        RangeRequest(1, ranges_between(bounds)),
        RangeResponse(1, (None,) * 257),
        RangeResponse(1, (split,)),
        RangeResponse(1, (RangeEntries(entries), RangeEntries(entries))),
    ]
    for message in too_long:
        with pytest.raises(WireError):
            decode_message_untrusted(*encode_message(message))


def test_a_grant_is_bounded_in_bytes() -> None:
    for size in (4096, 4097):
        kind, payload = encode_message(
            JoinRequest(b"s" * 32, b"a" * 32, bytes(size), b"p" * 64, "")
        )
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
