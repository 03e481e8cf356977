"""What a peer cannot make an exchange say, remember or do, whatever legal messages it sends."""

from collections.abc import Iterable

import pytest

from engram_sync.sync import (
    Accord,
    CollectCredentials,
    FindPositions,
    FrameStored,
    ReadOwed,
    ReadPayloads,
    ReadRuns,
    Send,
    _serving,
)
from engram_sync.sync._limits import (
    QUESTIONS_MAX,
    SUBSCRIPTIONS_MAX,
    WITHDRAWN_MAX,
)
from engram_wire import (
    ClockEntry,
    LimitError,
    Message,
    PayloadRequest,
    PayloadResponse,
    Ping,
    Pong,
    Probe,
    ProbeResponse,
    ProtocolError,
    RangeEntries,
    RangePart,
    RangeParts,
    RangeRequest,
    RangeResponse,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)

from .pairs import OTHER, SCOPE, A, B, Book, Pair, books, entry_of, log_of, revoke


def stated(request: int, *entries: ClockEntry, scope: bytes = SCOPE) -> SyncRequest:
    return SyncRequest(request, scope, bytes(32), tuple(sorted(entries, key=lambda e: e.log)))


# -- after a revocation ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        SyncResponse(1, SyncStatus.CLOCK_NEEDED),
        SyncResponse(1, SyncStatus.RANGES_FOLLOW),
        SyncResponse(1, SyncStatus.REFUSED),
    ],
)
def test_a_peer_that_was_revoked_gets_no_clock_and_no_credentials(message: Message) -> None:
    a, b = books(of_a=40)
    pair = Pair(a, b)
    pair.do(a, pair.exchange(a).open())
    revoke(a, B)
    assert pair.answers(a, message) == []
    assert not [effect for effect in pair.work[A] if isinstance(effect, CollectCredentials)]
    # What was being read when it was revoked is not sent either.
    assert pair.exchange(a).on_credentials(SCOPE, ()) == []


def test_a_peer_that_was_revoked_hears_nothing_of_what_is_held_now() -> None:
    a, b = books(of_a=4)
    pair = Pair(a, b).start()
    exchange = pair.exchange(a)
    exchange.on_message_untrusted(SyncResponse(1, SyncStatus.DATA, (), b"frame"), 0.0)
    revoke(a, B)
    (ack, *_) = exchange.on_stored([FrameStored(1, 0, log_of(B), 1, 1)])
    assert ack == Send(SyncAck(1, ((0, 1),), None, ()))
    assert exchange.on_materialised(SCOPE) == []
    theirs = Summary(bytes(32), None, 9)
    for number in range(4):
        exchange.probe(number, 0.0)
        answers = pair.answers(a, Ping(1, ((SCOPE, theirs),)), Pong(number, ((SCOPE, theirs),)))
        assert answers == [Pong(1, ())]
    assert SCOPE not in exchange.shared()
    assert exchange.accord() is not Accord.SYNCED


def test_of_payloads_that_were_read_for_a_peer_that_was_revoked_not_even_the_size_shows() -> None:
    a, b = books(of_a=3)
    pair = Pair(a, b).start()
    wanted = tuple((log_of(A), seq) for seq in (1, 2, 3))
    read = pair.exchange(a).on_message_untrusted(PayloadRequest(1, SCOPE, wanted), 0.0)[0]
    assert isinstance(read, ReadPayloads)
    revoke(a, B)
    (sent,) = pair.exchange(a).on_payloads(read, [bytes(500_000), bytes(600_000)])
    assert sent == Send(PayloadResponse(1, tuple((log, seq, None) for log, seq in wanted)))


def test_a_page_of_one_scope_never_leaves_under_a_request_for_another() -> None:
    """The scope was revoked while the page was read, and its number asks for another one now."""
    a, b = Book(A, SCOPE, OTHER), Book(B, SCOPE, OTHER)
    a.write(SCOPE, 3)
    pair = Pair(a, b)
    exchange = pair.exchange(a)
    (read,) = exchange.on_message_untrusted(stated(1), 0.0)[:1]
    assert isinstance(read, ReadRuns)
    revoke(a, B)
    exchange.on_message_untrusted(stated(1), 0.0)
    exchange.on_message_untrusted(stated(1, scope=OTHER), 0.0)
    assert a.read(read) == []
    assert not exchange.wants(read)


def test_a_number_stands_for_one_scope_whether_the_other_one_is_held_or_not() -> None:
    for scope in (OTHER, bytes(32)):
        a, b = Book(A, SCOPE, OTHER), Book(B, SCOPE, OTHER)
        pair = Pair(a, b)
        exchange = pair.exchange(a)
        exchange.on_message_untrusted(stated(1), 0.0)
        with pytest.raises(ProtocolError):
            exchange.on_message_untrusted(stated(1, scope=scope), 0.0)


# -- what may be believed --------------------------------------------------------------------------


def test_what_was_only_sent_is_not_confirmed_because_a_log_forked_meanwhile() -> None:
    a, b = books(of_a=2)
    pair = Pair(a, b).start()
    a.write(SCOPE)
    pair.do(a, pair.exchange(a).on_advanced(SCOPE))
    while pair.work[A]:
        pair.step(a)
    assert frames_of(pair.inbox[B]) == [3]
    a.publish(SCOPE, epoch=1, trunks={log_of(B): 7})
    pair.exchange(a).on_advanced(SCOPE)
    assert pair.exchange(a).held(SCOPE)[log_of(A)] == 2


def frames_of(messages: Iterable[Message]) -> list[int]:
    return [
        int.from_bytes(m.frame[1:], "big")
        for m in messages
        if isinstance(m, SyncResponse) and m.frame is not None
    ]


def test_nobody_confirms_what_it_was_not_sent() -> None:
    a, b = books(of_a=2)
    pair = Pair(a, b).start()
    exchange = pair.exchange(a)
    exchange.on_message_untrusted(SyncAck(1, ((0, 1 << 39),)), 0.0)
    assert exchange.sent_records() == 2
    a.write(SCOPE)
    assert exchange.held(SCOPE)[log_of(A)] == 2
    pair.do(a, exchange.on_advanced(SCOPE))
    pair.run()
    assert pair.equal()


# -- what costs this node more than the peer -------------------------------------------------------


def test_a_clock_that_was_stated_is_not_stated_again_at_the_peers_wish() -> None:
    a, b = books(of_a=40)
    pair = Pair(a, b)
    pair.do(a, pair.exchange(a).open())
    with pytest.raises(ProtocolError):
        pair.exchange(a).on_message_untrusted(SyncResponse(1, SyncStatus.CLOCK_NEEDED), 0.0)


def test_a_ping_of_ours_is_answered_once() -> None:
    pair = Pair(*books()).start()
    exchange = pair.exchange(pair.a)
    exchange.probe(0, 0.0)
    exchange.probe(0, 0.0)
    for _ in range(2):
        exchange.on_message_untrusted(Pong(0), 0.0)
    with pytest.raises(ProtocolError):
        exchange.on_message_untrusted(Pong(0), 0.0)


def test_pings_without_end_make_no_work() -> None:
    a, b = books(of_a=3)
    pair = Pair(a, b).start()
    a.shelves[SCOPE].owed = [(log_of(A), 1)]
    a.publish(SCOPE)
    other = Summary(bytes(32), None, 9)
    before = len(pair.sent[A])
    answers = pair.answers(a, *[Ping(n, ((SCOPE, other),)) for n in range(300)])
    assert [type(answer) for answer in answers] == [Pong] * 300
    assert len(pair.sent[A]) == before + 300
    assert not [effect for effect in pair.work[A] if isinstance(effect, ReadOwed)]


def test_one_scope_is_subscribed_to_a_few_times_only() -> None:
    pair = Pair(*books(of_a=3))
    exchange = pair.exchange(pair.a)
    for number in range(SUBSCRIPTIONS_MAX):
        exchange.on_message_untrusted(stated(number), 0.0)
    exchange.on_message_untrusted(stated(0), 0.0)
    with pytest.raises(LimitError):
        exchange.on_message_untrusted(stated(SUBSCRIPTIONS_MAX), 0.0)


def test_questions_that_are_never_answered_do_not_pile_up() -> None:
    a, b = books(of_a=1)
    for number in range(2, 40):
        a.write(SCOPE, 1, log_of(A, number))
    pair = Pair(a, b)
    lies = [entry_of(log_of(A, number), 1, B) for number in range(2, 40)]
    lies = [replace_seq(lie, 1_000) for lie in lies]
    asked = [m for _ in range(250) for m in pair.answers(a, stated(1, *lies))]
    probes = [message for message in asked if isinstance(message, Probe)]
    assert len(probes) == QUESTIONS_MAX
    # The others wait for an answer, and end nothing.
    more = pair.answers(a, ProbeResponse(probes[-1].number, (None,) * len(probes[-1].seqs)))
    assert [type(message) for message in more] == [Probe]


def replace_seq(entry: ClockEntry, seq: int) -> ClockEntry:
    return ClockEntry(entry.log, seq, entry.head)


def test_requests_that_come_and_go_leave_no_trace() -> None:
    a, b = books(of_a=1)
    pair = Pair(a, b)
    exchange = pair.exchange(a)
    for number in range(3 * WITHDRAWN_MAX):
        a.shelves[SCOPE].readers.add(B)
        a.publish(SCOPE)
        exchange.on_message_untrusted(stated(number), 0.0)
        revoke(a, B)
        exchange.on_message_untrusted(stated(number), 0.0)
    assert len(exchange._serving._withdrawn) <= WITHDRAWN_MAX
    # The newest may still be acknowledged: that crossed the refusal.
    exchange.on_message_untrusted(SyncAck(3 * WITHDRAWN_MAX - 1), 0.0)


def test_positions_are_bounded_over_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_serving, "POSITIONS_MAX", 100)
    a, b = Book(A, SCOPE, OTHER), Book(B, SCOPE, OTHER)
    a.write(SCOPE)
    a.write(OTHER)
    exchange = Pair(a, b).exchange(a)
    many = tuple(sorted((entry_of(log_of(B, n), 1) for n in range(60)), key=lambda e: e.log))
    split = RangeParts((RangePart(bytes(32), bytes(16), 5), RangePart(many[-1].log, bytes(16), 5)))
    for number, scope in ((1, SCOPE), (2, OTHER)):
        request = SyncRequest(number, scope, bytes(32), (), sealed=(7, bytes(32)))
        exchange.on_message_untrusted(request, 0.0)
        exchange.on_message_untrusted(RangeResponse(number, (split,)), 0.0)
    below = RangeEntries(many[:-1])
    still_open = RangeParts((RangePart(many[-1].log, bytes(16), 5),))
    exchange.on_message_untrusted(RangeResponse(1, (below, still_open)), 0.0)
    # Nothing more is asked about, and what was not compared is sent.
    effects = exchange.on_message_untrusted(RangeResponse(2, (below, still_open)), 0.0)
    assert not [e for e in effects if isinstance(e, Send) and isinstance(e.message, RangeRequest)]
    assert [effect for effect in effects if isinstance(effect, FindPositions)]
