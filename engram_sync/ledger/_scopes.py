"""The logs of one scope, and the digests by which two nodes compare how far they hold them."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from engram_wire import ClockEntry, LogDomain, clock_sum, clock_term, sealed_sum, sealed_term

from ._logs import LogState

_log = attrgetter("log")


@dataclass(frozen=True, slots=True)
class Closed:
    """The logs of one scope that are held exactly to their seal; they change seldom."""

    entries: tuple[ClockEntry, ...]
    """In no particular order; not all of them while nobody compares them."""
    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Clocks:
    """The positions of one scope, in the two parts in which they are compared."""

    open: tuple[ClockEntry, ...]
    """Logs that may go on, sorted by id."""
    closed: Closed
    digest: bytes
    """Over both parts."""


@dataclass(slots=True)
class ScopeState:
    """The logs of one scope."""

    n: int
    id: bytes
    logs: dict[bytes, LogState] = field(default_factory=dict[bytes, LogState])
    tips: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    """By domain, the numbers of the logs whose newest position no other log of that domain has
    seen; computed when first asked for, then kept up to date."""
    going: list[ClockEntry] = field(default_factory=list[ClockEntry])
    """Positions of the logs that are not held exactly to a seal, and hold something, sorted by
    id."""
    going_total: int = 0
    """The sum of the terms of them."""
    sealed: dict[bytes, ClockEntry] = field(default_factory=dict[bytes, ClockEntry])
    """By id, the positions of all others, as far as they were looked at."""
    unread: int = 0
    """How many others there are whose positions nobody has looked at."""
    sealed_total: int = 0
    """The sum of the terms of all of them."""
    archived: bool = False
    """Whether some of the logs are only in the store."""
    clocks: Clocks | None = None
    closed: Closed | None = None
    """The part of ``clocks`` that outlives the advance of a log."""
    trunks: dict[bytes, LogState] = field(default_factory=dict[bytes, LogState])
    """By id, the logs that have branches."""
    branches: int = 0
    """How many of the logs are branches."""
    voids: dict[tuple[bytes, bytes], int] = field(default_factory=dict[tuple[bytes, bytes], int])
    """By log id and author, the last position that stands: also of logs that are not held yet."""

    def void(self, name: bytes, author: bytes, last: int | None) -> LogState | None:
        """Let what follows a position of an author's log be void, or nothing of it.

        Returns:
            The log, if it is held and that author's.
        """
        if last is None:
            del self.voids[name, author]
        else:
            self.voids[name, author] = last
        log = self.logs.get(name)
        if log is None or log.author != author or log.domain != LogDomain.DATA:
            return None
        log.void_after = last
        self.tips.clear()
        return log

    def read(self, entries: Iterable[ClockEntry]) -> None:
        """Take note of positions that are counted among the sealed ones already."""
        for entry in entries:
            if entry.log not in self.sealed:
                self.sealed[entry.log] = entry
                self.unread -= 1
                self.closed = self.clocks = None

    def sealed_summary(self) -> tuple[int, bytes]:
        """How many logs are held exactly to their seal, and their digest; looks at none of them."""
        return len(self.sealed) + self.unread, sealed_sum(self.sealed_total)

    def measured(self) -> Clocks:
        """Every position, and the digests over them; hashes none of them again."""
        if self.clocks is None:
            if self.closed is None:
                self.closed = Closed(tuple(self.sealed.values()), *self.sealed_summary())
            digest = clock_sum(self.going_total, self.closed.digest)
            self.clocks = Clocks(tuple(self.going), self.closed, digest)
        return self.clocks

    def file(self, log: LogState) -> None:
        """Count ``log`` among those that go on, are sealed, or have branches, as it is now.

        What was changed about it is undone by calling this again.
        """
        registered = self.logs.get(log.id) is log and log.seq > 0
        ended = registered and log.seq <= log.sealed
        before, now = self.sealed.get(log.id), log.entry if ended else None
        if before != now:
            if before is not None:
                del self.sealed[log.id]
                self.sealed_total -= sealed_term(before)
            if now is not None:
                self.sealed[log.id] = now
                self.sealed_total += sealed_term(now)
            self.closed = None
        if log.children and self.logs.get(log.id) is log:
            self.trunks[log.id] = log
        else:
            self.trunks.pop(log.id, None)
        self._go_on(log.id, log.entry if registered and not ended else None)
        self.clocks = None

    def _go_on(self, name: bytes, now: ClockEntry | None) -> None:
        """Let a log that is not sealed stand there now, or nowhere."""
        place = bisect_left(self.going, name, key=_log)
        end = place + (place < len(self.going) and self.going[place].log == name)
        before, after = self.going[place:end], [] if now is None else [now]
        if before != after:
            self.going_total += sum(map(clock_term, after)) - sum(map(clock_term, before))
            self.going[place:end] = after
