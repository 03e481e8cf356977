"""How long an exchange waits, what it answers, and what it does not put up with."""

from dataclasses import replace

import pytest

from engram_sync.sync import (
    Close,
    Diverged,
    Effect,
    FrameStored,
    Joined,
    Present,
    Refused,
    Send,
    Timing,
)
from engram_sync.sync._limits import (
    CREDENTIAL_PAGES_MAX,
    STRANGER_S,
    SUMMARIES_AT_ONCE,
)
from engram_wire import (
    Announcement,
    CloseCode,
    Credential,
    Credentials,
    Extension,
    Goodbye,
    JoinRequest,
    JoinResponse,
    LimitError,
    Message,
    Ping,
    Pong,
    ProtocolError,
    RefusalNotification,
    Rejection,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    VersionError,
    encode_message,
)

from .pairs import OTHER, SCOPE, A, B, Book, Pair, books, log_of, shown


def test_a_stranger_is_left_after_a_while_unless_it_is_joining() -> None:
    for joining in (False, True):
        pair = Pair(Book(A, SCOPE), Book(B))
        exchange = pair.exchange(pair.b)
        if joining:
            exchange.join(JoinRequest(SCOPE, SCOPE, b"", bytes(64), "b"))
        assert (exchange.next_deadline() == STRANGER_S) is not joining
        assert exchange.on_tick(STRANGER_S - 0.1) == []
        left = exchange.on_tick(STRANGER_S)
        assert [e.code for e in left if isinstance(e, Close)] == [CloseCode.NOT_FOUND] * (
            not joining
        )


def test_whoever_was_refused_is_a_stranger_again() -> None:
    pair = Pair(Book(A, SCOPE), Book(B))
    exchange = pair.exchange(pair.b)
    exchange.join(JoinRequest(SCOPE, SCOPE, b"", bytes(64), "b"))
    exchange.on_message_untrusted(JoinResponse(False, "no"), 20.0)
    assert exchange.on_tick(20.0 + STRANGER_S - 0.1) == []
    assert isinstance(exchange.on_tick(20.0 + STRANGER_S)[0], Close)


def test_a_silent_peer_is_asked_and_then_given_up() -> None:
    pair = Pair(*books()).start()
    exchange = pair.exchange(pair.a)
    intervals = Timing()
    assert exchange.next_deadline() == intervals.ping_s
    assert exchange.on_tick(14.9) == []
    (probe,) = exchange.on_tick(15.0)
    assert isinstance(probe, Send)
    assert isinstance(probe.message, Ping)
    assert exchange.next_deadline() == 30.0
    assert isinstance(exchange.on_tick(30.0)[0], Send)
    assert exchange.next_deadline() == intervals.dead_s
    (close,) = exchange.on_tick(45.0)
    assert isinstance(close, Close)
    assert close.code is CloseCode.TIMEOUT


def test_bytes_are_life_however_slowly_they_come() -> None:
    pair = Pair(*books()).start()
    exchange = pair.exchange(pair.a)
    exchange.on_tick(15.0)
    exchange.on_bytes(44.0)
    assert not [e for e in exchange.on_tick(45.0) if isinstance(e, Close)]


def test_a_talking_peer_is_still_compared_with_now_and_then() -> None:
    pair = Pair(*books()).start()
    exchange = pair.exchange(pair.a)
    for now in range(5, 30, 5):
        exchange.on_bytes(float(now))
        assert exchange.on_tick(float(now)) == []
    assert isinstance(exchange.on_tick(30.0)[0], Send)


def test_a_ping_is_answered_with_its_nonce_and_both_learn() -> None:
    pair = Pair(*books(of_a=2)).start()
    pair.do(pair.a, pair.exchange(pair.a).probe(77, 0.0))
    pair.run()
    assert pair.exchange(pair.a).pongs == {77}
    (pong,) = pair.all(pair.b, Pong)
    assert pong.summaries == ((SCOPE, pair.b.views[SCOPE].summary()),)


def test_summaries_of_scopes_that_are_not_shared_are_ignored() -> None:
    pair = Pair(*books()).start()
    exchange = pair.exchange(pair.a)
    exchange.on_message_untrusted(Ping(1, ((OTHER, Summary(bytes(32), None, 1)),)), 0.0)
    assert OTHER not in exchange.summaries()


@pytest.mark.parametrize(
    "message",
    [
        SyncResponse(99, SyncStatus.DATA, (), b"x"),
        SyncResponse(99, SyncStatus.REFUSED),
        SyncAck(99),
        SyncAck(1, ((99, 1),)),
        JoinResponse(True),
        Pong(1234),
        SyncResponse(
            1,
            SyncStatus.DATA,
            (Announcement(0, 0, A, bytes(16)), Announcement(0, 0, B, bytes(16))),
        ),
    ],
)
def test_what_nobody_asked_for_is_a_protocol_error(message: Message) -> None:
    pair = Pair(*books()).start()
    with pytest.raises(ProtocolError):
        pair.exchange(pair.a).on_message_untrusted(message, 0.0)


def test_a_goodbye_needs_no_answer() -> None:
    pair = Pair(*books()).start()
    assert pair.exchange(pair.a).on_message_untrusted(Goodbye(0), 0.0) == []


@pytest.mark.slow
def test_a_peer_may_ask_for_every_scope_that_it_may_read_however_many() -> None:
    scopes = [number.to_bytes(32, "big") for number in range(1, 1_201)]
    pair = Pair(Book(A, *scopes), Book(B, *scopes)).start()
    assert pair.exchange(pair.a).shared() == frozenset(scopes)
    told: set[bytes] = set()
    for nonce in (1, 2):
        (ping,) = pair.exchange(pair.a).probe(nonce, 0.0)
        assert isinstance(ping, Send)
        assert isinstance(ping.message, Ping)
        assert len(ping.message.summaries) == SUMMARIES_AT_ONCE
        told |= {scope for scope, _ in ping.message.summaries}
    assert told == set(scopes)


def test_what_a_scope_does_not_hold_is_not_asked_twice_as_often_as_it_can_be() -> None:
    pair = Pair(Book(A, SCOPE), Book(B))
    exchange = pair.exchange(pair.a)
    for number in range(2):
        exchange.on_message_untrusted(SyncRequest(number, SCOPE, bytes(32), ()), 0.0)
    with pytest.raises(LimitError):
        exchange.on_message_untrusted(SyncRequest(2, SCOPE, bytes(32), ()), 0.0)


def test_an_extension_is_ignored_unless_it_is_mandatory() -> None:
    pair = Pair(*books()).start()
    exchange = pair.exchange(pair.a)
    assert exchange.on_message_untrusted(Extension("example", False, b""), 0.0) == []
    with pytest.raises(VersionError):
        exchange.on_message_untrusted(Extension("example", True, b""), 0.0)


def test_credentials_that_do_not_fit_one_message_go_ahead_in_pages() -> None:
    announcement = Announcement(1, 1, A, bytes(16))
    many = tuple(Credential(announcement, bytes(100_000)) for _ in range(30))
    a, b = Pair(Book(A, SCOPE), Book(B)), Pair(Book(A, SCOPE), Book(B))
    sender, joiner = a.exchange(a.a), b.exchange(b.b)
    joiner.join(JoinRequest(SCOPE, SCOPE, b"", bytes(64), "b"))
    effects = sender.on_admitted(SCOPE, JoinResponse(True, None, A, many))
    told: list[Effect] = []
    for effect in effects:
        if isinstance(effect, Send) and not isinstance(effect.message, SyncRequest):
            encode_message(effect.message)
            told += joiner.on_message_untrusted(effect.message, 0.0)
    assert told == [Joined(JoinResponse(True, None, A, many))]
    # Nobody else's pages are kept; they are looked at as they come.
    page = Credentials(SCOPE, many[:1])
    assert joiner.on_message_untrusted(page, 0.0) == [Present(page)]
    joiner.join(JoinRequest(SCOPE, SCOPE, b"", bytes(64), "b"))
    for _ in range(CREDENTIAL_PAGES_MAX):
        joiner.on_message_untrusted(page, 0.0)
    with pytest.raises(LimitError):
        joiner.on_message_untrusted(page, 0.0)


def test_a_peer_that_announces_more_logs_than_are_kept_goes_on_over_another_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from engram_sync.sync import _pull

    monkeypatch.setattr(_pull, "ANNOUNCEMENTS_MAX", 3)
    pair = Pair(*books()).start()
    exchange = pair.exchange(pair.a)
    logs = [Announcement(ref, 0, B, bytes([ref]) * 16) for ref in range(4)]
    exchange.on_message_untrusted(SyncResponse(1, SyncStatus.DATA, tuple(logs[:3])), 0.0)
    (end,) = exchange.on_message_untrusted(SyncResponse(1, SyncStatus.DATA, (logs[3],)), 0.0)
    assert isinstance(end, Close)
    assert end.code is CloseCode.BUSY


def test_frames_of_one_batch_are_acknowledged_together() -> None:
    a, b = books()
    pair = Pair(a, b).start()
    exchange = pair.exchange(b)
    for _ in range(3):
        exchange.on_message_untrusted(SyncResponse(1, SyncStatus.DATA, (), b"frame"), 0.0)
    assert exchange.receiving()
    log = log_of(A)
    (part,) = exchange.on_stored([FrameStored(1, 0, log, 1, 1), FrameStored(1, 0, log, 2, 1)])
    assert isinstance(part, Send)
    assert part.message == SyncAck(1, ((0, 2),), None, ())
    last = exchange.on_stored([FrameStored(1, 0, log, 3, 1)])[0]
    assert isinstance(last, Send)
    assert last.message == SyncAck(1, ((0, 3),), b.views[SCOPE].summary(), ())
    assert exchange.received_records == 3


def test_what_another_member_refuses_is_heard_and_the_peer_goes_on_being_sent_that_log() -> None:
    a, b = books(of_a=3)
    pair = Pair(a, b).start()
    why = Rejection(log_of(A), 2, 7)
    pair.do(b, [Send(RefusalNotification(SCOPE, (why,)))])
    pair.run()
    assert shown(a, Refused) == [Refused(SCOPE, (why,), by_others=True)]
    pair.write(a)
    assert b.shelves[SCOPE].clock[log_of(A)] == 4, "of a log that the peer itself takes"
    assert pair.equal()


def test_an_advance_of_a_scope_that_nobody_shares_says_nothing() -> None:
    pair = Pair(*books()).start()
    assert pair.exchange(pair.a).on_advanced(OTHER) == []
    assert not pair.exchange(pair.a).synced(OTHER)


@pytest.mark.parametrize(("rules", "agrees"), [(1, False), (2, True)])
def test_states_are_compared_only_where_they_were_made_by_the_same_rules(
    rules: int, agrees: bool
) -> None:
    pair = Pair(*books()).start()
    view = replace(pair.a.views[SCOPE], rules=1, state_digest=b"a" * 32)
    pair.a.views[SCOPE] = view
    theirs = Summary(view.clock_digest, b"b" * 32, view.engrams, rules)
    effects = pair.exchange(pair.a).on_message_untrusted(Ping(1, ((SCOPE, theirs),)), 0.0)
    assert (Diverged(SCOPE) in effects) is not agrees
    assert pair.exchange(pair.a).synced(SCOPE) is agrees


def test_with_a_peer_that_makes_no_states_equal_clocks_are_enough() -> None:
    pair = Pair(*books()).start()
    view = replace(pair.a.views[SCOPE], rules=1)
    pair.a.views[SCOPE] = view
    exchange = pair.exchange(pair.a)
    for digest, agrees in ((view.clock_digest, True), (bytes(32), False)):
        theirs = Summary(digest, None, 0, 0)
        exchange.on_message_untrusted(Ping(1, ((SCOPE, theirs),)), 0.0)
        assert exchange.synced(SCOPE) is agrees


def test_a_state_that_is_not_made_yet_agrees_with_none() -> None:
    pair = Pair(*books()).start()
    view = replace(pair.a.views[SCOPE], rules=1)
    pair.a.views[SCOPE] = view
    theirs = Summary(view.clock_digest, None, 0, 2)
    pair.exchange(pair.a).on_message_untrusted(Ping(1, ((SCOPE, theirs),)), 0.0)
    assert not pair.exchange(pair.a).synced(SCOPE)
