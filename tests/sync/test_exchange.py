"""What two nodes say to each other, and what they never say."""

import pytest

from engram_sync.sync import (
    Accord,
    Diverged,
    FindPositions,
    Joined,
    ReadRuns,
    Refused,
    Send,
)
from engram_wire import (
    Announcement,
    ClockEntry,
    Credential,
    JoinRequest,
    Ping,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    encode_message,
)

from .pairs import OTHER, SCOPE, A, B, Book, Pair, books, entry_of, log_of, shown


def asked_to_read(pair: Pair, request: SyncRequest) -> ReadRuns:
    effects = pair.exchange(pair.a).on_message_untrusted(request, 0.0)
    for place in [effect for effect in effects if isinstance(effect, FindPositions)]:
        effects += pair.a.perform(place)
    (read,) = [effect for effect in effects if isinstance(effect, ReadRuns)]
    return read


def test_both_sides_catch_up_over_as_many_pages_as_it_takes() -> None:
    a, b = books(of_a=23, of_b=11)
    pair = Pair(a, b).start()
    assert pair.equal()
    for book, received, sent in ((a, 11, 23), (b, 23, 11)):
        exchange = pair.exchange(book)
        assert exchange.accord() is Accord.SYNCED
        assert exchange.received_records == received
        assert exchange.sent_records() == sent
        assert exchange.synced_scopes == {SCOPE}
        assert not exchange.receiving()


def test_after_the_backlog_new_records_are_pushed() -> None:
    a, b = books(of_a=3)
    pair = Pair(a, b).start()
    pair.forget()
    pair.write(a)
    assert pair.equal()
    assert len(pair.all(a, SyncResponse)) == 1
    assert not pair.all(a, SyncRequest) + pair.all(b, SyncRequest)
    for _ in range(3):
        pair.write(a, count=2)
        pair.write(b)
    assert pair.equal()


def test_what_came_from_the_peer_is_never_sent_back() -> None:
    a, b = books(of_a=9)
    pair = Pair(a, b).start()
    pair.write(a, count=5)
    assert not [r for r in pair.all(b, SyncResponse) if r.frame is not None]


@pytest.mark.parametrize("logs", [1, 39])
def test_equal_digests_end_in_one_small_round_trip_whatever_the_number_of_authors(
    logs: int,
) -> None:
    a, b = books()
    for book in (a, b):
        for number in range(logs):
            book.write(SCOPE, 1, log_of(A, number))
    remembered = {SCOPE: a.views[SCOPE].clock_digest}
    pair = Pair(a, b, remembered=remembered).start()
    assert pair.equal()
    for book in (a, b):
        (request,) = pair.all(book, SyncRequest)
        assert request.clock is None
        (response,) = pair.all(book, SyncResponse)
        assert response.status is SyncStatus.COMPLETE
        assert len(pair.sent[book.key]) == 2
        assert sum(len(encode_message(message)[1]) for message in pair.sent[book.key]) < 256


def test_a_long_clock_is_sent_only_when_it_is_needed() -> None:
    a, b = books()
    for number in range(39):
        a.write(SCOPE, 1, log_of(A, number))
    pair = Pair(a, b).start()
    assert pair.equal()
    asked = pair.all(a, SyncRequest)
    assert [request.clock is None for request in asked] == [True, False]
    assert SyncStatus.CLOCK_NEEDED in [r.status for r in pair.all(b, SyncResponse)]
    # A short one goes along at once.
    assert [request.clock is None for request in pair.all(b, SyncRequest)] == [False]


def test_a_reconnect_after_a_change_asks_again_with_the_clock() -> None:
    a, b = books(of_a=2)
    pair = Pair(a, b).start()
    remembered = {SCOPE: a.views[SCOPE].clock_digest}
    a.write(SCOPE, 3)
    pair = Pair(a, b, remembered=remembered).start()
    assert pair.equal()


def test_a_member_that_is_not_known_yet_shows_its_credentials() -> None:
    a, b = books(of_a=2, of_b=2)
    a.shelves[SCOPE].readers.discard(B)
    a.publish(SCOPE)
    pair = Pair(a, b).start()
    assert pair.equal()
    first, second = pair.all(b, SyncRequest)
    assert not first.credentials
    assert second.credentials
    assert a.presented == [SCOPE]


def test_credentials_are_shown_once_and_then_the_refusal_stands() -> None:
    a, b = Book(A), Book(B, SCOPE)
    pair = Pair(a, b).start()
    assert len(pair.all(b, SyncRequest)) == 2
    assert pair.exchange(b).shared() == frozenset()
    assert pair.exchange(b).accord() is Accord.REFUSED


def test_a_scope_that_the_peer_refuses_is_not_made_up_for_by_another_one_that_agrees() -> None:
    a, b = Book(A, OTHER), Book(B, SCOPE, OTHER)
    pair = Pair(a, b).start()
    assert pair.exchange(b).synced(OTHER)
    assert not pair.exchange(b).synced(SCOPE)
    assert pair.exchange(b).accord() is Accord.REFUSED
    assert pair.exchange(a).accord() is Accord.SYNCED


def test_a_refusal_is_forgotten_when_the_peer_asks_itself() -> None:
    a, b = Book(A), Book(B, SCOPE)
    b.write(SCOPE, 3)
    pair = Pair(a, b).start()
    joined = Book(A, SCOPE)
    a.shelves, a.views[SCOPE] = joined.shelves, joined.views[SCOPE]
    pair.do(a, pair.exchange(a).on_advanced(SCOPE))
    pair.run()
    assert pair.equal()


@pytest.mark.parametrize("clock", [None, ()])
@pytest.mark.parametrize("credentials", [(), (Credential(Announcement(0, 1, B, bytes(16)), b""),)])
def test_absent_and_forbidden_look_alike(
    clock: tuple[ClockEntry, ...] | None, credentials: tuple[Credential, ...]
) -> None:
    held, absent = Book(A, SCOPE), Book(A)
    held.write(SCOPE, 5)
    held.shelves[SCOPE].readers = {A}
    held.publish(SCOPE)
    heard: list[list[bytes]] = []
    for a in (held, absent):
        pair = Pair(a, Book(B)).start()
        answers = pair.answers(
            a,
            SyncRequest(1, SCOPE, bytes(32), clock, credentials),
            SyncRequest(2, SCOPE, a.key, clock),
            SyncRequest(2, SCOPE, held.views[SCOPE].clock_digest, clock),
            Ping(3),
        )
        pair.do(a, pair.exchange(a).probe(7, 0.0))
        heard.append([encode_message(message)[1] for message in (*answers, pair.sent[A][-1])])
    assert heard[0] == heard[1]


def test_no_scope_is_named_to_a_peer_that_may_not_read_it() -> None:
    a, b = Book(A, SCOPE, OTHER), Book(B, SCOPE)
    a.shelves[OTHER].readers = {A}
    a.publish(OTHER)
    pair = Pair(a, b).start()
    pair.write(a, OTHER)
    pair.do(a, pair.exchange(a).probe(1, 0.0))
    pair.run()
    pair.write(a)
    assert pair.equal()
    assert all(OTHER not in encode_message(message)[1] for message in pair.sent[A])


def test_a_scope_that_becomes_readable_is_asked_for() -> None:
    a, b = Book(A, SCOPE, OTHER), Book(B, SCOPE, OTHER)
    for book in (a, b):
        book.shelves[OTHER].readers = {A}
        book.publish(OTHER)
    pair = Pair(a, b).start()
    a.write(OTHER, 2)
    for book in (a, b):
        book.shelves[OTHER].readers = {A, B}
        book.publish(OTHER)
        pair.do(book, pair.exchange(book).on_advanced(OTHER))
    pair.run()
    assert pair.equal(OTHER)


def test_a_reader_that_is_one_no_more_gets_nothing_more() -> None:
    a, b = books(of_a=1)
    a.admits = False
    pair = Pair(a, b).start()
    pair.forget()
    a.write(SCOPE, 6)
    effects = pair.exchange(a).on_advanced(SCOPE)
    a.shelves[SCOPE].readers = {A}
    a.publish(SCOPE)
    pair.do(a, effects)
    pair.run()
    assert {r.status for r in pair.all(a, SyncResponse)} == {SyncStatus.REFUSED}
    # An acknowledgement that crossed the refusal harms nobody.
    assert pair.answers(a, SyncAck(1, ((0, 1),))) == []
    pair.write(a)
    assert b.shelves[SCOPE].clock == {log_of(A): 1}


def test_a_reader_that_is_one_again_gets_what_it_missed() -> None:
    a, b = books(of_a=3)
    pair = Pair(a, b).start()
    a.admits = False
    a.shelves[SCOPE].readers = {A}
    a.write(SCOPE, 3)
    pair.do(b, [Send(SyncRequest(1, SCOPE, bytes(32), b.views[SCOPE].clock))])
    pair.run()
    assert not pair.equal()
    a.shelves[SCOPE].readers = {A, B}
    a.publish(SCOPE)
    pair.do(a, pair.exchange(a).on_advanced(SCOPE))
    pair.do(b, [Send(SyncRequest(1, SCOPE, bytes(32), b.views[SCOPE].clock))])
    pair.run()
    assert a.shelves[SCOPE].clock == b.shelves[SCOPE].clock


def test_acknowledgements_say_what_is_held_and_end_with_a_summary() -> None:
    a, b = books(of_a=10)
    pair = Pair(a, b).start()
    acks = pair.all(b, SyncAck)
    assert acks[-1].received == ((0, 10),)
    assert acks[-1].summary == b.views[SCOPE].summary()
    assert pair.exchange(a).summaries()[SCOPE] == b.views[SCOPE].summary()


def test_a_side_that_lags_is_not_synced_until_its_documents_are_there() -> None:
    a, b = books(of_a=4)
    b.shelves[SCOPE].lagging = True
    b.publish(SCOPE)
    pair = Pair(a, b).start()
    assert a.shelves[SCOPE].clock == b.shelves[SCOPE].clock
    assert not pair.exchange(a).synced(SCOPE)
    assert pair.exchange(b).accord() is not Accord.SYNCED
    b.shelves[SCOPE].lagging = False
    b.publish(SCOPE)
    pair.do(b, pair.exchange(b).on_materialised(SCOPE))
    pair.run()
    assert pair.equal()


def test_equal_clocks_with_unequal_states_raise_the_alarm_on_both_sides() -> None:
    a, b = books(of_a=2)
    b.shelves[SCOPE].twisted = True
    b.publish(SCOPE)
    pair = Pair(a, b).start()
    for book in (a, b):
        pair.do(book, pair.exchange(book).probe(1, 0.0))
    pair.run()
    assert Diverged(SCOPE) in shown(a, Diverged)
    assert Diverged(SCOPE) in shown(b, Diverged)
    assert not pair.exchange(a).synced(SCOPE)
    assert pair.exchange(a).accord() is pair.exchange(b).accord() is Accord.DIVERGED


def test_a_contradiction_is_over_as_soon_as_both_agree() -> None:
    a, b = books(of_a=2)
    b.shelves[SCOPE].twisted = True
    b.publish(SCOPE)
    pair = Pair(a, b).start()
    b.shelves[SCOPE].twisted = False
    b.publish(SCOPE)
    for book in (a, b):
        pair.do(book, pair.exchange(book).probe(1, 0.0))
    pair.run()
    assert pair.exchange(a).accord() is pair.exchange(b).accord() is Accord.SYNCED


def test_a_log_that_is_refused_is_reported_and_not_sent_again() -> None:
    a, b = books(of_a=3)
    a.write(SCOPE, 2, log_of(A, 1))
    b.refuses.add(log_of(A))
    pair = Pair(a, b).start()
    assert b.shelves[SCOPE].clock == {log_of(A, 1): 2}
    reported = shown(a, Refused)
    assert {r.log for effect in reported for r in effect.rejected} == {log_of(A)}
    refs = {
        announced.ref: log_of(announced.author, announced.incarnation[0])
        for response in pair.all(a, SyncResponse)
        for announced in response.announcements
    }
    assert {refs[ref] for ack in pair.all(b, SyncAck) for ref, _ in ack.received} == {log_of(A, 1)}
    pair.forget()
    pair.write(a)
    request = SyncRequest(1, SCOPE, b.views[SCOPE].clock_digest, b.views[SCOPE].clock)
    pair.inbox[A].append(request)
    pair.run()
    assert not [r for r in pair.all(a, SyncResponse) if r.frame is not None]
    pair.write(b)
    assert a.shelves[SCOPE].clock[log_of(B)] == 1


def test_a_request_made_anew_while_a_page_is_read_is_answered_from_its_own_clock() -> None:
    a, b = books(of_a=6)
    pair = Pair(a, b)
    exchange = pair.exchange(a)
    first = asked_to_read(pair, SyncRequest(1, SCOPE, bytes(32), ()))
    clock = (entry_of(log_of(A), 5),)
    second = asked_to_read(pair, SyncRequest(1, SCOPE, bytes(32), clock))
    assert a.perform(first) == []
    (answer,) = [e for e in a.perform(second) if isinstance(e, Send)]
    assert isinstance(answer.message, SyncResponse)
    assert answer.message.status is SyncStatus.COMPLETE
    assert exchange.on_page(first, [], after=0, exhausted=True) == []


def test_a_difference_that_persists_starts_the_request_anew() -> None:
    a, b = books(of_a=2)
    pair = Pair(a, b).start()
    a.write(SCOPE)  # A step was lost: nobody was told.
    pair.forget()
    for _ in range(2):
        pair.do(b, pair.exchange(b).probe(0, 0.0))
        pair.run()
    assert pair.equal()
    assert len(pair.all(b, SyncRequest)) == 1


def test_a_join_is_decided_and_then_synced() -> None:
    a, b = Book(A, SCOPE), Book(B)
    a.shelves[SCOPE].readers = {A}
    a.write(SCOPE, 3)
    pair = Pair(a, b).start()
    pair.do(b, pair.exchange(b).join(JoinRequest(SCOPE, SCOPE, b"", bytes(64), "b")))
    pair.run()
    (joined,) = shown(b, Joined)
    assert joined.response.accepted
    taken = Book(B, SCOPE)
    b.shelves, b.views[SCOPE] = taken.shelves, taken.views[SCOPE]
    pair.do(b, pair.exchange(b).on_advanced(SCOPE))
    pair.run()
    assert pair.equal()
