"""Two exchanges over a fake link and fake books: every send is also a receive."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

from engram_sync.sync import (
    CollectCredentials,
    DecideJoin,
    Effect,
    Exchange,
    FindPositions,
    FrameStored,
    Ingest,
    PageEntry,
    Placed,
    Present,
    ReadHeads,
    ReadOwed,
    ReadPayloads,
    ReadRuns,
    ScopeView,
    Send,
    StorePayloads,
    Survey,
    Timing,
)
from engram_wire import (
    Announcement,
    ClockEntry,
    Credential,
    JoinResponse,
    Message,
    Rejection,
    clock_digest,
    sealed_digest,
)

M = TypeVar("M")
E = TypeVar("E")

SCOPE, OTHER = b"S" * 32, b"O" * 32
A, B = b"a" * 32, b"b" * 32
PAGE_RUNS = 4


def digest(*parts: object) -> bytes:
    return blake2b(repr(parts).encode(), digest_size=32).digest()


def log_of(author: bytes, number: int = 0) -> bytes:
    return digest("log", author, number)


def entry_of(log: bytes, seq: int, branch: bytes = b"") -> ClockEntry:
    return ClockEntry(log, seq, digest("head", log, seq, branch))


@dataclass
class Shelf:
    """One scope as one side holds it: each run is one record, a frame its log and position."""

    number: int
    readers: set[bytes] = field(default_factory=lambda: {A, B})
    runs: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    lagging: bool = False
    branches: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """By log: the position after which this side holds another branch than the other one."""
    sealed: set[bytes] = field(default_factory=set[bytes])
    owed: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    payloads: dict[tuple[bytes, int], bytes] = field(default_factory=dict[tuple[bytes, int], bytes])
    twisted: bool = False
    """Whether a defect makes this side compute another state from the same records."""

    @property
    def clock(self) -> dict[bytes, int]:
        return dict(sorted(self.runs, key=lambda run: run[1]))


class Book:
    """What one side holds and does."""

    def __init__(self, key: bytes, *scopes: bytes) -> None:
        self.key = key
        self.shelves = {scope: Shelf(number) for number, scope in enumerate(scopes, 1)}
        self.views: dict[bytes, ScopeView] = {}
        self.refuses: set[bytes] = set()
        self.presented: list[bytes] = []
        self.admits = True
        """Whether credentials that are shown here are worth anything."""
        self.exchange: Exchange | None = None
        self.done: list[Effect] = []
        """Effects that a node would show to a person."""
        for scope in scopes:
            self.publish(scope)

    def entry(self, scope: bytes, log: bytes, seq: int) -> ClockEntry:
        """A position as this side holds it."""
        common = self.shelves[scope].branches.get(log, seq)
        return entry_of(log, seq, self.key if seq > common else b"")

    def publish(
        self, scope: bytes, *, epoch: int = 0, trunks: dict[bytes, int] | None = None
    ) -> None:
        shelf = self.shelves[scope]
        held = [self.entry(scope, log, seq) for log, seq in sorted(shelf.clock.items())]
        clock = tuple(entry for entry in held if entry.log not in shelf.sealed)
        seals = tuple(entry for entry in held if entry.log in shelf.sealed)
        state = digest("state", held, self.key if shelf.twisted else b"")
        self.views[scope] = ScopeView(
            scope=scope,
            number=shelf.number,
            arrival=len(shelf.runs),
            clock=clock,
            clock_digest=clock_digest(clock, sealed_digest(seals)),
            state_digest=None if shelf.lagging else state,
            engrams=len(shelf.runs),
            readers=frozenset(shelf.readers),
            sealed=(len(seals), sealed_digest(seals)),
            seals=seals,
            owed=len(shelf.owed),
            epoch=epoch,
            trunks=trunks or {},
            own=frozenset({log_of(self.key)}),
        )

    def write(self, scope: bytes, count: int = 1, log: bytes | None = None) -> None:
        """Append own records without telling anybody."""
        shelf, log = self.shelves[scope], log or log_of(self.key)
        for _ in range(count):
            shelf.runs.append((log, shelf.clock.get(log, 0) + 1))
        self.publish(scope)

    def perform(self, effect: Effect) -> list[Effect]:
        assert self.exchange is not None
        match effect:
            case Ingest():
                return self._ingest(effect)
            case ReadRuns():
                return self.read(effect)
            case CollectCredentials(scope):
                shown = (Credential(Announcement(0, 1, self.key, bytes(16)), self.key),)
                return self.exchange.on_credentials(scope, shown)
            case Present(request):
                shelf = self.shelves.get(request.scope)
                self.presented.append(request.scope)
                if shelf is not None and self.admits:
                    shelf.readers |= {shown.frame for shown in request.credentials}
                    self.publish(request.scope)
                return self.exchange.on_presented(request)
            case DecideJoin(request):
                shelf = self.shelves.get(request.scope)
                if shelf is None:
                    return self.exchange.on_admitted(SCOPE, JoinResponse(False, "no"))
                shelf.readers.add(self.exchange.peer)
                self.publish(request.scope)
                return self.exchange.on_admitted(SCOPE, JoinResponse(True, secret=bytes(32)))
            case FindPositions(_, scope, positions):
                return self.exchange.on_placed(effect, [self._place(scope, p) for p in positions])
            case ReadHeads() | ReadPayloads() | ReadOwed() | StorePayloads() | Survey():
                return self._repair(effect)
            case _:
                self.done.append(effect)
                return []

    def _place(self, scope: bytes, position: ClockEntry) -> Placed:
        held = self.shelves[scope].clock.get(position.log, 0)
        alike = position == self.entry(scope, position.log, position.seq)
        path = ((position.log, position.seq),) if alike and position.seq <= held else None
        return Placed(held, False, path)

    def _repair(
        self, effect: ReadHeads | ReadPayloads | ReadOwed | StorePayloads | Survey
    ) -> list[Effect]:
        assert self.exchange is not None
        if isinstance(effect, Survey):
            while not effect.positions.prepare(7):
                pass
            return self.exchange.on_surveyed(effect)
        shelf = self.shelves[effect.scope]
        match effect:
            case ReadHeads(_, scope, log, seqs):
                held = shelf.clock.get(log, 0)
                heads = [self.entry(scope, log, s).head if s <= held else None for s in seqs]
                return self.exchange.on_heads(effect, heads)
            case ReadPayloads():
                found = [shelf.payloads.get(position) for position in effect.wanted]
                return self.exchange.on_payloads(effect, found)
            case ReadOwed(scope, limit):
                return self.exchange.on_owed(scope, shelf.owed[:limit])
            case StorePayloads(scope, payloads):
                for log, seq, payload in payloads:
                    if (log, seq) in shelf.owed:
                        shelf.owed.remove((log, seq))
                        shelf.payloads[log, seq] = payload
                if payloads:
                    self.publish(scope)
                    advanced = self.exchange.on_advanced(scope)
                    return advanced + self.exchange.on_payloads_stored(scope)
                return self.exchange.on_payloads_stored(scope)

    def _ingest(self, effect: Ingest) -> list[Effect]:
        assert self.exchange is not None
        ref, seq = effect.frame[0], int.from_bytes(effect.frame[1:], "big")
        author = effect.announcements[ref].author
        log = log_of(author, effect.announcements[ref].incarnation[0])
        shelf = self.shelves[effect.scope]
        if log in self.refuses:
            held = shelf.clock.get(log, 0)
            why = (Rejection(log, held + 1, 7),)
            stored = FrameStored(effect.request, ref, log, held, 0, why, effect.turn)
            return self.exchange.on_stored([stored])
        new = seq == shelf.clock.get(log, 0) + 1
        effects: list[Effect] = []
        if new:
            shelf.runs.append((log, seq))
            self.publish(effect.scope)
            effects += self.exchange.on_advanced(effect.scope)
        stored = FrameStored(effect.request, ref, log, seq, int(new), (), effect.turn)
        return effects + self.exchange.on_stored([stored])

    def read(self, effect: ReadRuns) -> list[Effect]:
        assert self.exchange is not None
        shelf, refs = self.shelves[effect.scope], dict(effect.refs)
        entries: list[PageEntry] = []
        after = effect.after or 0
        while after < len(shelf.runs) and len(entries) < PAGE_RUNS:
            log, seq = shelf.runs[after]
            after += 1
            if seq <= effect.known.get(log, 0):
                continue
            announcement = None
            if log not in refs:
                ref = refs[log] = len(refs)
                author, number = next(
                    (author, n) for author in (A, B) for n in range(40) if log_of(author, n) == log
                )
                announcement = Announcement(ref, 0, author, bytes([number]) + bytes(15))
            frame = bytes([refs[log]]) + seq.to_bytes(8, "big")
            entries.append(PageEntry(announcement, frame, log, seq))
        exhausted = after == len(shelf.runs)
        return self.exchange.on_page(effect, entries, after=after, exhausted=exhausted)


class Pair:
    """The two ends of one connection."""

    def __init__(
        self,
        a: Book,
        b: Book,
        *,
        remembered: dict[bytes, bytes] | None = None,
        intervals: Timing | None = None,
    ) -> None:
        self.a, self.b = a, b
        self.now = 0.0
        self.sent: dict[bytes, list[Message]] = {a.key: [], b.key: []}
        self.inbox: dict[bytes, deque[Message]] = {a.key: deque(), b.key: deque()}
        self.work: dict[bytes, deque[Effect]] = {a.key: deque(), b.key: deque()}
        for book, peer in ((a, b), (b, a)):
            book.exchange = Exchange(
                peer.key, book.views, now=0.0, remembered=remembered, intervals=intervals
            )

    def start(self) -> "Pair":
        for book in (self.a, self.b):
            self.do(book, self.exchange(book).open())
        return self.run()

    def exchange(self, book: Book) -> Exchange:
        assert book.exchange is not None
        return book.exchange

    def do(self, book: Book, effects: Sequence[Effect]) -> None:
        other = self.b if book is self.a else self.a
        for effect in effects:
            if isinstance(effect, Send):
                self.sent[book.key].append(effect.message)
                self.inbox[other.key].append(effect.message)
            else:
                self.work[book.key].append(effect)

    def run(self, steps: int = 10_000) -> "Pair":
        """Deliver and perform until nothing is left to do."""
        while steps and any([*self.inbox.values(), *self.work.values()]):
            steps -= 1
            for book in (self.a, self.b):
                self.step(book)
        assert steps, "the two never come to rest"
        return self

    def step(self, book: Book) -> None:
        """One side takes one message and does one thing."""
        if self.inbox[book.key]:
            message = self.inbox[book.key].popleft()
            self.do(book, self.exchange(book).on_message_untrusted(message, self.now))
        if self.work[book.key]:
            self.do(book, book.perform(self.work[book.key].popleft()))

    def rest(self, book: Book) -> None:
        """One side does everything that it can do without the other."""
        while self.inbox[book.key] or self.work[book.key]:
            self.step(book)

    def answers(self, book: Book, *messages: Message) -> list[Message]:
        """What one side says to messages that the other has not sent."""
        before = len(self.sent[book.key])
        for message in messages:
            self.do(book, self.exchange(book).on_message_untrusted(message, self.now))
        while self.work[book.key]:
            self.do(book, book.perform(self.work[book.key].popleft()))
        return self.sent[book.key][before:]

    def write(self, book: Book, scope: bytes = SCOPE, count: int = 1) -> None:
        book.write(scope, count)
        self.do(book, self.exchange(book).on_advanced(scope))
        self.run()

    def write_only(self, book: Book, scope: bytes = SCOPE) -> None:
        """One side writes and tells its exchange; nothing is delivered yet."""
        book.write(scope)
        self.do(book, self.exchange(book).on_advanced(scope))

    def all(self, book: Book, kind: type[M]) -> list[M]:
        return [message for message in self.sent[book.key] if isinstance(message, kind)]

    def forget(self) -> None:
        for sent in self.sent.values():
            sent.clear()

    def equal(self, scope: bytes = SCOPE) -> bool:
        mine, theirs = self.a.shelves[scope], self.b.shelves[scope]
        synced = [self.exchange(book).synced(scope) for book in (self.a, self.b)]
        return mine.clock == theirs.clock and all(synced)


def shown(book: Book, kind: type[E]) -> list[E]:
    """The effects of that kind that a person would see."""
    return [effect for effect in book.done if isinstance(effect, kind)]


def books(*, of_a: int = 0, of_b: int = 0) -> tuple[Book, Book]:
    """Two sides of one scope that have written that many records each."""
    a, b = Book(A, SCOPE), Book(B, SCOPE)
    a.write(SCOPE, of_a)
    b.write(SCOPE, of_b)
    return a, b


def revoke(book: Book, key: bytes, scope: bytes = SCOPE) -> None:
    """Take from a key the right to read a scope."""
    book.shelves[scope].readers.discard(key)
    book.publish(scope)
