"""Messages that find and mend differences: nothing empty, nothing that contradicts itself."""

import pytest

from engram_wire import (
    EMPTY_SEALED,
    ClockEntry,
    ConflictNotification,
    ConflictResolution,
    Message,
    MessageType,
    OpenConflict,
    PayloadRequest,
    PayloadResponse,
    Probe,
    ProbeResponse,
    ProtocolError,
    Range,
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    SyncRequest,
    WireError,
    cbor,
    decode_message_untrusted,
    encode_message,
)
from tests.wire.test_messages import ENTRY

F16 = b"f" * 16


@pytest.mark.parametrize(
    "message",
    [
        ConflictNotification(b"s" * 32, ()),
        ConflictResolution(b"s" * 32, ()),
        PayloadRequest(1, b"s" * 32, ()),
        PayloadResponse(1, ()),
        Probe(1, b"s" * 32, b"l" * 32, ()),
        Probe(1, b"s" * 32, b"l" * 32, (2, 1)),
        Probe(1, b"s" * 32, b"l" * 32, (1, 1)),
        Probe(1, b"s" * 32, b"l" * 32, (0,)),
        ProbeResponse(1, ()),
        RangeRequest(1, ()),
        RangeRequest(1, (Range(b"m" * 32, b"l" * 32, F16, 1),)),
        RangeRequest(1, (Range(b"m" * 32, b"m" * 32, F16, 1),)),
        RangeRequest(1, (Range(b"m" * 32, None, F16, 1), Range(b"n" * 32, None, F16, 1))),
        RangeRequest(1, (Range(b"a" * 32, b"m" * 32, F16, 1), Range(b"l" * 32, None, F16, 1))),
        RangeRequest(1, (Range(bytes(32), None, F16[1:], 1),)),
        RangeRequest(1, (Range(bytes(32), None, F16, 1 << 32),)),
        RangeResponse(1, ()),
        RangeResponse(1, (RangeParts(()),)),
        RangeResponse(1, (RangeParts((RangePart(bytes(32), F16, 1),) * 2),)),
        RangeResponse(1, (RangeEntries((ENTRY, ENTRY)),)),
        SyncRequest(1, b"s" * 32, b"d" * 32, None, sealed=(0, b"z" * 32)),
        SyncRequest(1, b"s" * 32, b"d" * 32, None, sealed=(1, EMPTY_SEALED)),
    ],
    ids=repr,
)
def test_a_message_that_says_nothing_or_contradicts_itself_is_refused(message: Message) -> None:
    with pytest.raises(ProtocolError):
        decode_message_untrusted(*encode_message(message))


@pytest.mark.parametrize("answer", [[], [0, []], [1], [2], [3], [3, []], [None], [1, [], []]])
def test_an_answer_to_a_range_has_one_of_three_forms(answer: list[cbor.Encodable]) -> None:
    with pytest.raises(WireError):
        decode_message_untrusted(MessageType.RANGE_RESPONSE, cbor.encode([1, [answer]]))


def test_the_largest_messages_of_each_kind_fit_an_envelope() -> None:
    log, most = b"l" * 32, 2**32 - 1
    bounds = [n.to_bytes(32, "big") for n in range(256)]
    split = RangeParts(tuple(RangePart(bound, F16, most) for bound in bounds[:16]))
    entries = tuple(ClockEntry(n.to_bytes(32, "big"), 2**40 - 1, log) for n in range(1, 8193))
    for message in (
        ConflictNotification(log, (OpenConflict(log, log, b"e" * 16, 255),) * 1024),
        PayloadResponse(most, ((log, 2**40 - 1, bytes(512 << 10)),)),
        RangeResponse(most, (*[split] * 255, RangeEntries(entries))),
        SyncRequest(most, log, log, entries, sealed=(most, log)),
    ):
        assert decode_message_untrusted(*encode_message(message)) == message
