"""A scope with more logs than one message can name goes on being replicated."""

from engram_sync.sync import Exchange, ScopeView, Send
from engram_wire import (
    CLOCK_ENTRIES_MAX,
    ClockEntry,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    decode_message_untrusted,
    encode_message,
)

PEER = b"p" * 32
SCOPE = b"s" * 32


def test_of_too_many_logs_the_longest_are_named() -> None:
    clock = tuple(
        ClockEntry(number.to_bytes(32, "big"), 1 + number % 7, bytes(32))
        for number in range(CLOCK_ENTRIES_MAX + 700)
    )
    view = ScopeView(SCOPE, 1, 1, clock, b"d" * 32, None, 0, frozenset({PEER}))
    exchange = Exchange(PEER, {SCOPE: view}, now=0.0)
    (opening,) = exchange.open()
    assert isinstance(opening, Send)
    assert isinstance(opening.message, SyncRequest)
    needed = SyncResponse(opening.message.request, SyncStatus.CLOCK_NEEDED)
    (asked,) = exchange.on_message_untrusted(needed, 0.0)
    assert isinstance(asked, Send)
    assert decode_message_untrusted(*encode_message(asked.message)) == asked.message
    assert isinstance(asked.message, SyncRequest)
    stated = asked.message.clock
    assert stated is not None
    assert len(stated) == CLOCK_ENTRIES_MAX
    left_out = set(clock) - set(stated)
    assert {entry.seq for entry in left_out} == {1}
