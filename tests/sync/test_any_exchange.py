"""Exchanges of honest peers under way, and of one that sends anything at all that is legal."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from engram_sync.sync import Exchange, Ingest, Survey, _pull, _serving
from engram_wire import (
    NOTHING_SEALED,
    Announcement,
    ClockEntry,
    Message,
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
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
    WireError,
    decode_message_untrusted,
    encode_message,
)

from .pairs import OTHER, SCOPE, A, B, Book, Pair, books, entry_of, log_of, revoke

# -- two honest peers ------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_written_while_ranges_are_compared_does_not_end_the_comparison() -> None:
    a, b = books(of_a=1)
    for number in range(1, 33):
        a.write(SCOPE, 5, log_of(A, number))
        b.write(SCOPE, 3, log_of(B, number))
    for number in range(33, 40):
        a.write(SCOPE, 5, log_of(A, number))
        b.write(SCOPE, 3, log_of(B, number))
    pair = Pair(a, b).start()
    assert pair.equal()
    a.write(SCOPE, 1, log_of(A, 3))  # A step was lost: nobody was told.
    for _ in range(2):
        pair.do(b, pair.exchange(b).probe(0, 0.0))
        for _ in range(200):
            if pair.all(a, RangeRequest):
                pair.write_only(a)
            for book in (a, b):
                pair.step(book)
    pair.run()
    assert pair.equal()
    assert len(pair.all(a, RangeRequest)) > 1


def books_with_logs(count: int) -> tuple[Book, Book]:
    a, b = books()
    for number in range(1, count + 1):
        a.write(SCOPE, 2, log_of(A, number))
        b.write(SCOPE, 2, log_of(B, number))
    return a, b


def surveys(pair: Pair, book: Book) -> list[Survey]:
    return [effect for effect in pair.work[book.key] if isinstance(effect, Survey)]


def test_many_positions_are_prepared_in_turns_before_they_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (_serving, _pull):
        monkeypatch.setattr(module, "POSITIONS_PER_TURN", 5)
    a, b = books_with_logs(30)
    for book in (a, b):
        book.shelves[SCOPE].sealed |= {log_of(A, 1), log_of(B, 1)}
        book.publish(SCOPE)
    pair = Pair(a, b)
    for book in (a, b):
        pair.do(book, pair.exchange(book).open())
    request = pair.inbox[A].popleft()
    assert isinstance(request, SyncRequest)
    clocked = replace(request, clock=b.views[SCOPE].clock)
    pair.do(a, pair.exchange(a).on_message_untrusted(clocked, 0.0))
    assert len(surveys(pair, a)) == 1
    assert not pair.all(a, RangeRequest)
    pair.run()
    assert pair.equal()


def test_one_question_waits_until_it_can_be_answered_and_no_second_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_pull, "POSITIONS_PER_TURN", 5)
    for revoked in (False, True):
        a, b = books_with_logs(30)
        pair = Pair(a, b)
        exchange = pair.exchange(a)
        pair.do(a, exchange.open())
        pair.do(a, exchange.on_message_untrusted(SyncResponse(1, SyncStatus.RANGES_FOLLOW), 0.0))
        question = RangeRequest(1, (Range(bytes(32), None, bytes(16), 3),))
        assert exchange.on_message_untrusted(question, 0.0) == []
        with pytest.raises(ProtocolError):
            exchange.on_message_untrusted(question, 0.0)
        if revoked:
            revoke(a, B)
        pair.forget()
        pair.rest(a)
        (answer,) = pair.all(a, RangeResponse)
        (listed,) = answer.answers
        assert isinstance(listed, RangeEntries)
        assert len(listed.entries) == (0 if revoked else 30)


# -- anything at all -------------------------------------------------------------------------------

LOGS = [log_of(key, number) for key in (A, B) for number in range(4)] + [bytes(32)]
SCOPES = [SCOPE, SCOPE, SCOPE, OTHER, b"?" * 32]


class Mischief:
    """A member that says whatever a session lets through."""

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck

    def number(self) -> int:
        return self.luck.choice([1, 1, 1, 2, 3, self.luck.randrange(1 << 32)])

    def seq(self) -> int:
        return self.luck.choice([1, 2, 3, 7, 60, (1 << 40) - 1])

    def entries(self, most: int = 6) -> tuple[ClockEntry, ...]:
        logs = sorted(self.luck.sample(LOGS, self.luck.randrange(min(most, len(LOGS)))))
        held = [entry_of(log, self.seq()) for log in logs]
        return tuple(e if self.luck.random() < 0.6 else replace(e, head=bytes(32)) for e in held)

    def summary(self) -> Summary:
        return Summary(self.luck.choice([bytes(32), b"x" * 32]), None, self.luck.randrange(9))

    def ranges(self) -> tuple[Range, ...]:
        bounds = sorted({bytes(32), *(self.luck.randbytes(32) for _ in range(3))})
        uppers = [*bounds[1:], None]
        return tuple(
            Range(low, up, bytes(16), self.luck.randrange(5))
            for low, up in zip(bounds, uppers, strict=True)
        )

    def answer(self) -> RangeEntries | RangeParts | None:
        lowers = sorted({bytes(32), *(self.luck.randbytes(32) for _ in range(4))})
        parts = RangeParts(tuple(RangePart(low, bytes(16), 2) for low in lowers))
        return self.luck.choice([None, RangeEntries(self.entries()), parts])

    def message(self, asked: Message | None) -> Message:
        """Something legal; what was asked is often answered, and not always well."""
        luck = self.luck
        match asked:
            case Probe(number, _, log, seqs) if luck.random() < 0.9:
                heads = [luck.choice([None, bytes(32), entry_of(log, s).head]) for s in seqs]
                return ProbeResponse(number, tuple(heads))
            case RangeRequest(request, ranges) if luck.random() < 0.9:
                return RangeResponse(request, tuple(self.answer() for _ in ranges))
            case PayloadRequest(number, _, wanted) if luck.random() < 0.9:
                some = wanted[: luck.randrange(1, len(wanted) + 1)]
                return PayloadResponse(
                    number, tuple((log, s, luck.choice([None, b"%d" % s])) for log, s in some)
                )
            case Ping(nonce) if luck.random() < 0.9:
                return Pong(nonce, ((SCOPE, self.summary()),))
            case _:
                return self.unasked()

    def unasked(self) -> Message:
        luck, request = self.luck, self.number()
        choices: list[Callable[[], Message]] = [
            lambda: SyncRequest(
                request,
                luck.choice(SCOPES),
                luck.randbytes(32),
                luck.choice([None, self.entries()]),
                sealed=luck.choice([NOTHING_SEALED, (2, b"s" * 32)]),
            ),
            lambda: SyncResponse(1, luck.choice(list(SyncStatus))),
            lambda: SyncResponse(1, SyncStatus.DATA, (), b"\0" + self.seq().to_bytes(8, "big")),
            lambda: SyncResponse(
                1,
                SyncStatus.DATA,
                (Announcement(luck.randrange(4), 0, B, bytes([luck.randrange(4)]) + bytes(15)),),
            ),
            lambda: SyncAck(1, ((0, self.seq()),), luck.choice([None, self.summary()])),
            lambda: SyncAck(1, (), None, (Refusal(0, 1, 7),)),
            lambda: Ping(request, ((SCOPE, self.summary()),)),
            lambda: Probe(request, luck.choice(SCOPES), luck.choice(LOGS), (1, 2, 3)),
            lambda: PayloadRequest(request, luck.choice(SCOPES), ((luck.choice(LOGS), 1),)),
            lambda: RangeRequest(1, self.ranges()),
            lambda: RangeResponse(1, (self.answer(),)),
            lambda: PayloadResponse(1, ((luck.choice(LOGS), 1, None),)),
        ]
        return luck.choice(choices)()


def held_by(exchange: Exchange) -> int:
    """How many things an exchange remembers of its peer."""
    serving, asking = exchange._serving, exchange._asking
    feeds = serving._feeds.values()
    return (
        sum(len(f.known) + len(f.acknowledged) + len(f.searches) + len(f.refused) for f in feeds)
        + sum(len(item.ranges.theirs) for item in serving._comparisons.values())
        + len(serving._withdrawn)
        + len(serving._probes)
        + sum(len(fetch.queue) + len(fetch.absent) for fetch in asking._fetches.values())
        + len(exchange.summaries())
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_legal_messages_end_in_an_error_of_the_peer_or_leave_little_behind(
    seed: int,
) -> None:
    luck = random.Random(seed)
    rogue = Mischief(luck)
    a, b = Book(A, SCOPE, OTHER), Book(B)
    a.shelves[OTHER].readers.discard(B)
    for number in range(4):
        a.write(SCOPE, 5, log_of(A, number))
    a.write(SCOPE, 3, log_of(B, 1))
    if luck.random() < 0.5:
        a.shelves[SCOPE].owed = [(log_of(A), 1), (log_of(A), 2)]
    a.shelves[SCOPE].payloads[log_of(A), 3] = b"something"
    a.publish(SCOPE)
    a.publish(OTHER)
    pair = Pair(a, b)
    exchange = pair.exchange(a)
    pair.do(a, exchange.open())
    for turn in range(400):
        asked = pair.inbox[B].popleft() if pair.inbox[B] else None
        message = rogue.message(asked)
        assert decode_message_untrusted(*encode_message(message)) == message
        try:
            pair.do(a, exchange.on_message_untrusted(message, 0.0))
            while pair.work[A] and luck.random() < 0.8:
                effect = pair.work[A].popleft()
                if isinstance(effect, Ingest) and 0 not in effect.announcements:
                    continue  # A node finds that out when it decodes the frame.
                pair.do(a, a.perform(effect))
        except WireError:
            pass  # A node ends the connection here; this goes on, to reach more states.
        if turn % 50 == 49:
            pair.do(a, exchange.probe(turn, 0.0))
            a.write(SCOPE, 1)
            if luck.random() < 0.3:
                a.publish(SCOPE, epoch=turn, trunks={log_of(A, 1): 2})
            pair.do(a, exchange.on_advanced(SCOPE))
        exchange.accord()
        exchange.held(SCOPE)
    assert held_by(exchange) < 2_000
    told: list[Ping | Pong] = [*pair.all(a, Ping), *pair.all(a, Pong)]
    assert {scope for message in told for scope, _ in message.summaries} <= {SCOPE}
