"""What two nodes do when clocks do not tell: forks, ranges, own logs that were rolled back."""

import pytest

from engram_sync.sync import RolledBack, Send
from engram_wire import (
    CLOCK_ENTRIES_MAX,
    ClockEntry,
    ConflictNotification,
    ConflictResolution,
    LeaveNotification,
    Message,
    PayloadRequest,
    PayloadResponse,
    Probe,
    ProbeResponse,
    ProtocolError,
    Range,
    RangeRequest,
    RangeResponse,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    encode_message,
)

from .pairs import OTHER, SCOPE, A, B, Book, Pair, books, entry_of, log_of, shown


def frames(pair: Pair, book: Book) -> list[int]:
    """The positions that one side sent, in order."""
    responses = pair.all(book, SyncResponse)
    return [int.from_bytes(r.frame[1:], "big") for r in responses if r.frame is not None]


def stated(*entries: ClockEntry) -> SyncRequest:
    return SyncRequest(1, SCOPE, bytes(32), tuple(sorted(entries, key=lambda e: e.log)))


# -- forks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("common", [0, 1, 37, 38, 199])
def test_of_a_forked_log_only_what_follows_the_fork_is_sent(common: int) -> None:
    a, b = books(of_a=200)
    b.write(SCOPE, 200, log_of(A))
    b.shelves[SCOPE].branches[log_of(A)] = common
    b.publish(SCOPE)
    pair = Pair(a, b)
    # Only one direction: what b does with another branch is for its ledger to say.
    pair.inbox[A].append(SyncRequest(1, SCOPE, bytes(32), b.views[SCOPE].clock))
    while pair.inbox[A]:
        pair.rest(a)
        questions = [m for m in pair.inbox[B] if isinstance(m, Probe)]
        pair.inbox[B].clear()
        pair.inbox[B].extend(questions)
        pair.rest(b)
    assert frames(pair, a) == list(range(common + 1, 201))
    assert len(pair.all(a, Probe)) <= 2


def test_nothing_is_sent_of_a_log_before_it_is_known_where_it_forks() -> None:
    a, b = books(of_a=100)
    pair = Pair(a, b)
    other = entry_of(log_of(A), 90, B)
    pair.inbox[A].append(stated(other))
    for _ in range(3):
        pair.step(a)
    pair.do(a, pair.exchange(a).on_advanced(SCOPE))
    pair.step(a)
    assert not pair.all(a, SyncResponse)
    (probe,) = pair.all(a, Probe)
    heads = tuple(entry_of(log_of(A), seq).head if seq <= 40 else None for seq in probe.seqs)
    pair.inbox[A].append(ProbeResponse(probe.number, heads))
    pair.step(a)
    pair.step(a)
    assert len(pair.all(a, Probe)) == 2


def test_a_peer_that_is_ahead_on_another_branch_gets_it_before_what_depends_on_it() -> None:
    a, b = books(of_a=10)
    b.write(SCOPE, 30, log_of(A))
    b.shelves[SCOPE].branches[log_of(A)] = 4
    b.publish(SCOPE)
    a.write(SCOPE, 3, log_of(A, 2))
    pair = Pair(a, b)
    pair.inbox[A].append(SyncRequest(1, SCOPE, bytes(32), b.views[SCOPE].clock))
    while pair.inbox[A]:
        pair.rest(a)
        questions = [m for m in pair.inbox[B] if isinstance(m, Probe)]
        pair.inbox[B].clear()
        pair.inbox[B].extend(questions)
        pair.rest(b)
    assert frames(pair, a) == [5, 6, 7, 8, 9, 10, 1, 2, 3]


def test_a_peer_that_is_ahead_on_the_same_branch_is_asked_once_and_sent_nothing_of_it() -> None:
    a, b = books(of_a=10)
    b.write(SCOPE, 30, log_of(A))
    a.write(SCOPE, 3, log_of(A, 2))
    pair = Pair(a, b).start()
    assert frames(pair, a) == [1, 2, 3]
    assert [probe.seqs for probe in pair.all(a, Probe)] == [(10,)]


def test_of_a_log_that_the_peer_holds_further_nothing_is_asked_if_nothing_is_to_be_sent() -> None:
    a, b = books(of_a=10)
    pair = Pair(a, b)
    pair.inbox[A].append(stated(entry_of(log_of(B), 4), entry_of(log_of(A), 30)))
    pair.rest(a)
    (complete,) = pair.all(a, SyncResponse)
    assert complete.status is SyncStatus.COMPLETE
    assert not pair.all(a, Probe)


def test_a_fork_that_turns_up_restarts_the_feeds_and_ends_what_is_known_of_the_trunk() -> None:
    a, b = books(of_a=8)
    pair = Pair(a, b).start()
    pair.forget()
    shelf = a.shelves[SCOPE]
    # What was one log beyond 5 has another name now; the other branch has just arrived.
    moved = log_of(A, 7)
    shelf.runs = [(log_of(A), n) for n in range(1, 6)] + [(moved, n) for n in range(6, 9)]
    a.publish(SCOPE, epoch=1, trunks={log_of(A): 5})
    pair.do(a, pair.exchange(a).on_advanced(SCOPE))
    pair.rest(a)
    assert frames(pair, a) == [6, 7, 8]


def test_answers_to_questions_of_before_a_fork_change_nothing() -> None:
    a, b = books(of_a=100)
    pair = Pair(a, b)
    pair.inbox[A].append(stated(entry_of(log_of(A), 90, B)))
    pair.rest(a)
    (probe,) = pair.all(a, Probe)
    a.publish(SCOPE, epoch=1)
    pair.do(a, pair.exchange(a).on_advanced(SCOPE))
    late = ProbeResponse(probe.number, (bytes(32),) * len(probe.seqs))
    assert pair.exchange(a).on_message_untrusted(late, 0.0) == []
    pair.rest(a)
    assert frames(pair, a) == list(range(1, 101))


# -- ranges ----------------------------------------------------------------------------------------


def many(book: Book, logs: range, seq: int = 1) -> None:
    for number in logs:
        book.write(SCOPE, seq, log_of(A, number))


def test_sealed_logs_stay_out_of_the_clock_and_are_compared_by_their_digest() -> None:
    a, b = books()
    for book in (a, b):
        many(book, range(30))
        book.shelves[SCOPE].sealed = {log_of(A, number) for number in range(20)}
        book.publish(SCOPE)
    a.write(SCOPE, 1, log_of(A, 35))
    pair = Pair(a, b).start()
    assert pair.equal()
    assert max(len(r.clock or ()) for r in pair.all(b, SyncRequest)) == 10
    assert not pair.all(a, RangeRequest) + pair.all(b, RangeRequest)
    assert frames(pair, a) == [1]


def test_where_sealed_logs_differ_ranges_tell_what_is_lacking() -> None:
    a, b = books()
    many(a, range(39))
    many(b, range(30))
    a.shelves[SCOPE].sealed = {log_of(A, number) for number in range(25)}
    b.shelves[SCOPE].sealed = {log_of(A, number) for number in range(20)}
    for book in (a, b):
        book.publish(SCOPE)
    pair = Pair(a, b).start()
    assert pair.exchange(a).summaries()
    statuses = [r.status for r in pair.all(a, SyncResponse)]
    assert SyncStatus.RANGES_FOLLOW in statuses
    assert len(frames(pair, a)) == 9
    assert frames(pair, b) == []
    assert a.shelves[SCOPE].clock == b.shelves[SCOPE].clock


def test_a_clock_that_was_cut_is_completed_by_ranges() -> None:
    a, _ = books()
    many(a, range(39))
    pair = Pair(a, Book(B))
    cut = tuple(
        ClockEntry(number.to_bytes(32, "big"), 1, bytes(32)) for number in range(CLOCK_ENTRIES_MAX)
    )
    status, asked, *_ = pair.answers(a, SyncRequest(1, SCOPE, bytes(32), cut))
    assert isinstance(status, SyncResponse)
    assert status.status is SyncStatus.RANGES_FOLLOW
    assert isinstance(asked, RangeRequest)
    assert asked.ranges[0].count == 39


def test_a_difference_that_outlives_two_comparisons_is_looked_for_by_ranges() -> None:
    a, b = books(of_a=2)
    pair = Pair(a, b).start()
    a.write(SCOPE)  # A step was lost: nobody was told.
    pair.forget()
    for _ in range(2):
        pair.do(b, pair.exchange(b).probe(0, 0.0))
        pair.run()
    assert pair.equal()
    assert pair.all(a, RangeRequest)


@pytest.mark.parametrize(
    "message",
    [
        RangeRequest(1, (Range(bytes(32), None, bytes(16), 0),)),
        RangeRequest(9, (Range(bytes(32), None, bytes(16), 0),)),
        RangeResponse(1, (None,)),
        ProbeResponse(1, (None,)),
        PayloadResponse(1, ((bytes(32), 1, None),)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_an_answer_to_nothing_is_a_protocol_error(message: Message) -> None:
    pair = Pair(*books(of_a=1)).start()
    with pytest.raises(ProtocolError):
        pair.exchange(pair.a).on_message_untrusted(message, 0.0)


def test_a_reader_that_is_one_no_more_learns_nothing_from_ranges() -> None:
    a, b = books(of_a=3)
    pair = Pair(a, b).start()
    b.shelves[SCOPE].readers = {B}
    b.write(SCOPE, 5)
    held = pair.exchange(b).on_message_untrusted(
        RangeRequest(1, (Range(bytes(32), None, bytes(16), 0),)), 0.0
    )
    (answer,) = [e.message for e in held if isinstance(e, Send)]
    assert isinstance(answer, RangeResponse)
    assert all(not getattr(item, "entries", None) for item in answer.answers)


# -- what may be said ------------------------------------------------------------------------------


def test_questions_about_absent_and_forbidden_scopes_are_answered_alike() -> None:
    heard: list[list[bytes]] = []
    for a in (Book(A, SCOPE), Book(A)):
        if a.shelves:
            a.write(SCOPE, 5)
            a.shelves[SCOPE].payloads[log_of(A), 1] = b"secret"
            a.shelves[SCOPE].readers = {A}
            a.publish(SCOPE)
        answers = Pair(a, Book(B)).answers(
            a,
            Probe(1, SCOPE, log_of(A), (1, 2, 3)),
            PayloadRequest(2, SCOPE, ((log_of(A), 1), (log_of(A), 9))),
            Probe(3, OTHER, log_of(A), (1,)),
        )
        heard.append([encode_message(message)[1] for message in answers])
    assert heard[0] == heard[1]
    assert len(heard[0]) == 3


def test_a_reader_that_is_revoked_while_its_question_is_looked_up_learns_nothing() -> None:
    a, b = books(of_a=4)
    a.shelves[SCOPE].payloads[log_of(A), 1] = b"secret"
    pair = Pair(a, b).start()
    pair.forget()
    pair.inbox[A].extend(
        [Probe(1, SCOPE, log_of(A), (1, 2)), PayloadRequest(2, SCOPE, ((log_of(A), 1),))]
    )
    exchange = pair.exchange(a)
    asked = [exchange.on_message_untrusted(message, 0.0) for message in pair.inbox[A]]
    pair.inbox[A].clear()
    a.shelves[SCOPE].readers = {A}
    a.publish(SCOPE)
    for effects in asked:
        pair.do(a, [e for effect in effects for e in a.perform(effect)])
    heads, payloads = pair.all(a, ProbeResponse), pair.all(a, PayloadResponse)
    assert heads[0].heads == (None, None)
    assert payloads[0].payloads == ((log_of(A), 1, None),)


def test_hints_are_counted_and_do_nothing_else() -> None:
    pair = Pair(*books(of_a=1)).start()
    exchange = pair.exchange(pair.a)
    hints = (
        ConflictNotification(SCOPE, ()),
        ConflictResolution(SCOPE, ((bytes(32), bytes(32)),), (), (b"frame",)),
        LeaveNotification(OTHER, "bye"),
    )
    for hint in hints:
        assert exchange.on_message_untrusted(hint, 0.0) == []
    assert exchange.notices == 3
    assert pair.equal()


# -- own logs --------------------------------------------------------------------------------------


def test_a_peer_that_knows_more_of_an_own_log_says_that_this_node_was_rolled_back() -> None:
    a, b = books(of_a=3)
    pair = Pair(a, b)
    pair.answers(a, stated(entry_of(log_of(A), 9), entry_of(log_of(B), 2)))
    assert shown(a, RolledBack) == [RolledBack(SCOPE, log_of(A))]


def test_a_peer_that_knows_as_much_or_less_says_nothing_of_the_kind() -> None:
    for seq in (1, 3):
        a, b = books(of_a=3)
        Pair(a, b).answers(a, stated(entry_of(log_of(A), seq), entry_of(log_of(B), 2)))
        assert shown(a, RolledBack) == []


def test_it_is_noticed_before_anything_is_pushed() -> None:
    a, b = books(of_a=3)
    effects = Pair(a, b).exchange(a).on_message_untrusted(stated(entry_of(log_of(A), 9)), 0.0)
    assert isinstance(effects[0], RolledBack)
