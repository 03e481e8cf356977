"""Owed payloads are asked for until they are there, within bounds, and nothing is synced before."""

import pytest

from engram_sync.sync import Accord
from engram_sync.sync import _owed as owed_module
from engram_wire import PayloadRequest, PayloadResponse, ProtocolError, encode_message

from .pairs import SCOPE, A, B, Book, Pair, books, log_of


def owing(book: Book, count: int) -> list[tuple[bytes, int]]:
    positions = [(log_of(A), seq) for seq in range(1, count + 1)]
    book.shelves[SCOPE].owed = list(positions)
    book.publish(SCOPE)
    return positions


def equal_books(count: int) -> tuple[Book, Book]:
    a, b = books(of_a=count)
    b.write(SCOPE, count, log_of(A))
    return a, b


def test_what_is_owed_is_asked_for_after_the_backlog_and_only_then_all_is_synced() -> None:
    a, b = equal_books(700)
    for position in owing(b, 700):
        a.shelves[SCOPE].payloads[position] = b"%d" % position[1]
    pair = Pair(a, b)
    for book in (a, b):
        pair.do(book, pair.exchange(book).open())
    assert pair.exchange(b).accord() is not Accord.SYNCED
    pair.run()
    assert [len(request.wanted) for request in pair.all(b, PayloadRequest)] == [512, 188]
    assert b.shelves[SCOPE].payloads == a.shelves[SCOPE].payloads
    assert pair.equal()


def test_a_peer_is_synced_once_it_says_that_it_has_nothing_of_what_is_owed() -> None:
    a, b = equal_books(3)
    owing(b, 2)
    pair = Pair(a, b)
    for book in (a, b):
        pair.do(book, pair.exchange(book).open())
    while not pair.all(a, PayloadResponse):
        assert not pair.exchange(b).synced(SCOPE)
        pair.step(b if pair.inbox[b.key] or pair.work[b.key] else a)
    pair.run()
    assert pair.exchange(b).accord() is Accord.SYNCED
    assert pair.exchange(a).synced(SCOPE)


def test_what_is_owed_later_leaves_the_peer_unsynced_until_it_was_asked_for_that_too() -> None:
    a, b = equal_books(3)
    owing(b, 2)
    pair = Pair(a, b).start()
    owing(b, 1)
    pair.do(b, pair.exchange(b).on_advanced(SCOPE))
    owing(b, 2)
    assert not pair.exchange(b).synced(SCOPE)
    pair.do(b, pair.exchange(b).on_advanced(SCOPE))
    pair.run()
    assert pair.exchange(b).synced(SCOPE)


def test_an_answer_is_bounded_in_bytes_and_the_rest_is_asked_for_again() -> None:
    a, b = equal_books(7)
    for position in owing(b, 7):
        a.shelves[SCOPE].payloads[position] = bytes(400_000)
    pair = Pair(a, b).start()
    answers = pair.all(a, PayloadResponse)
    assert [len(answer.payloads) for answer in answers] == [2, 2, 2, 1]
    assert all(len(encode_message(answer)[1]) < 1 << 20 for answer in answers)
    assert pair.equal()


def test_what_one_peer_does_not_have_another_one_is_asked_for() -> None:
    a, b = equal_books(4)
    positions = owing(b, 4)
    a.shelves[SCOPE].payloads[positions[1]] = b"held"
    first = Pair(a, b).start()
    assert b.shelves[SCOPE].owed == [positions[0], *positions[2:]]
    assert len(first.all(b, PayloadRequest)) == 1
    c = Book(A, SCOPE)
    c.write(SCOPE, 4)
    c.shelves[SCOPE].payloads |= dict.fromkeys(positions, b"too")
    assert Pair(c, b).start().equal()


def test_a_peer_is_asked_again_now_and_then_for_what_it_did_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owed_module, "OWED_PATIENCE_MAX", 4)
    a, b = equal_books(2)
    owing(b, 2)
    pair = Pair(a, b).start()
    asked: list[int] = []
    for _ in range(16):
        pair.do(b, pair.exchange(b).probe(0, 0.0))
        pair.run()
        asked.append(len(pair.all(b, PayloadRequest)))
    assert asked == [2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6]
    a.shelves[SCOPE].payloads |= dict.fromkeys(b.shelves[SCOPE].owed, b"by now")
    for _ in range(4):
        pair.do(b, pair.exchange(b).probe(0, 0.0))
        pair.run()
    assert pair.equal()


def test_what_comes_to_be_owed_later_is_asked_for_at_once() -> None:
    a, b = equal_books(9)
    pair = Pair(a, b).start()
    for position in owing(b, 5):
        a.shelves[SCOPE].payloads[position] = b"x"
    pair.do(b, pair.exchange(b).on_advanced(SCOPE))
    pair.run()
    assert pair.equal()


@pytest.mark.parametrize(
    "payloads",
    [
        ((log_of(A), 2, b"x"),),
        ((log_of(B), 1, b"x"),),
        ((log_of(A), 1, b"x"), (log_of(A), 2, None), (log_of(A), 3, None), (log_of(A), 4, None)),
    ],
)
def test_a_payload_that_was_not_asked_for_is_a_protocol_error(
    payloads: tuple[tuple[bytes, int, bytes | None], ...],
) -> None:
    a, b = equal_books(4)
    owing(b, 3)
    pair = Pair(a, b)
    for book in (a, b):
        pair.do(book, pair.exchange(book).open())
    while not pair.all(b, PayloadRequest):
        pair.step(a)
        pair.step(b)
    (request,) = pair.all(b, PayloadRequest)
    with pytest.raises(ProtocolError):
        pair.exchange(b).on_message_untrusted(PayloadResponse(request.number, payloads), 0.0)


def test_whoever_may_not_read_is_asked_for_nothing_more() -> None:
    a, b = equal_books(4)
    for position in owing(b, 4):
        a.shelves[SCOPE].payloads[position] = bytes(900_000)
    pair = Pair(a, b)
    for book in (a, b):
        pair.do(book, pair.exchange(book).open())
    while not pair.all(a, PayloadResponse):
        pair.step(b)
        pair.step(a)
    b.shelves[SCOPE].readers = {B}
    b.publish(SCOPE)
    pair.run()
    assert len(pair.all(b, PayloadRequest)) == 1


def test_whoever_answers_one_by_one_is_not_asked_on_and_on() -> None:
    """What is stored of it costs as much as the whole memory that it belongs to, each time."""
    a, b = equal_books(600)
    owing(b, 600)
    pair = Pair(a, b)
    for book in (a, b):
        pair.do(book, pair.exchange(book).open())
    while not pair.all(b, PayloadRequest):
        for book in (a, b):
            pair.step(book)
    answered = 0
    while answered < len(pair.all(b, PayloadRequest)):
        request = pair.all(b, PayloadRequest)[answered]
        answered += 1
        (log, seq), *_ = request.wanted
        pair.inbox[A].clear()
        pair.inbox[B].append(PayloadResponse(request.number, ((log, seq, b"x"),)))
        pair.rest(b)
    assert answered <= 3
    assert len(b.shelves[SCOPE].owed) >= 597
