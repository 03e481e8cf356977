"""Which scopes and logs there are, how far each log reaches, and what is at the tips."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engram_sync.errors import NotFoundError
from engram_wire import ClockEntry, clock_digest, sealed_digest

from ._journal import Journal
from ._logs import LogState
from ._past import Past


@dataclass(frozen=True, slots=True)
class Advance:
    """A log's move to a new signed position."""

    seq: int
    head: bytes
    hlc: int
    past: Past


@dataclass(frozen=True, slots=True)
class Closed:
    """The logs of one scope that are held exactly to their seal; they change seldom."""

    entries: tuple[ClockEntry, ...]
    """Sorted by id."""
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
    clocks: Clocks | None = None
    closed: Closed | None = None
    """The part of ``clocks`` that outlives the advance of a log."""
    branches: int = 0
    """How many of the logs are branches."""


class Registry:
    """The logs of all scopes, changed only through its methods and undone through its journal."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.branches = 0
        """How many logs of all scopes are branches."""
        self._scopes: dict[bytes, ScopeState] = {}
        self._by_number: dict[int, LogState] = {}
        self._heads: dict[bytes, LogState] = {}
        self._scope_next = 1
        self._log_next = 1
        self._orphans: dict[int, list[LogState]] = {}
        """While rebuilding: branches by the number of their parent, which comes later."""

    # -- scopes and logs ---------------------------------------------------------------------

    def scope(self, scope: bytes) -> ScopeState:
        """The scope of that id.

        Raises:
            NotFoundError: It was never opened.
        """
        state = self._scopes.get(scope)
        if state is None:
            raise NotFoundError(f"no scope {scope.hex()[:16]} here")
        return state

    def scopes(self) -> Iterator[bytes]:
        """Ids of all scopes."""
        return iter(self._scopes)

    def open_scope(self, scope: bytes, n: int | None = None) -> int:
        """Register a scope (under number ``n``, or the next free one) and return its number."""
        known = self._scopes.get(scope)
        if known is not None:
            return known.n
        number = self._scope_next if n is None else n
        before = self._scope_next
        self._scopes[scope] = ScopeState(number, scope)
        self._scope_next = max(before, number + 1)

        def undo() -> None:
            del self._scopes[scope]
            self._scope_next = before

        self.journal.record(undo)
        return number

    def add(self, log: LogState, parent: int | None) -> None:
        """Register a log as the store holds it; its scope is open.

        Args:
            log: With its number; logs come in the order of their numbers.
            parent: Number of the log that it branches off, which may come later.
        """
        scope = self.scope(log.scope)
        scope.logs[log.id] = log
        scope.tips.clear()
        scope.clocks = scope.closed = None
        self._by_number[log.n] = log
        self._log_next = max(self._log_next, log.n + 1)
        if log.seq:
            self._heads[log.head] = log
        for child in self._orphans.pop(log.n, ()):
            self._hang(child, log)
        trunk = None if parent is None else self._by_number.get(parent)
        if trunk is not None:
            self._hang(log, trunk)
        elif parent is not None:
            self._orphans.setdefault(parent, []).append(log)
        log.past = self.settled(log.past)
        for divided in (log, trunk):
            if divided is not None and divided.children:
                self.settle(divided)

    def _hang(self, log: LogState, trunk: LogState) -> None:
        assert log.branch is not None, "whoever adds a branch names its first record"
        log.parent, log.root = trunk, trunk.root
        trunk.children[log.branch] = log
        self.scope(log.scope).branches += 1
        self.branches += 1
        for member in log.family():
            member.root = trunk.root

    def log(self, log: bytes, scope: bytes) -> LogState | None:
        """The log of that id in ``scope``; None when nothing of it is held."""
        return self.scope(scope).logs.get(log)

    def by_number(self, n: int) -> LogState:
        """The log of that local number."""
        return self._by_number[n]

    def at_head(self, head: bytes) -> LogState | None:
        """The log whose newest position is ``head``."""
        return self._heads.get(head)

    def settled(self, past: Past) -> Past:
        """``past`` as logs are divided now, though it was written down before they forked."""
        beyond = [n for n, seq in past.seen.items() if self._ends_before(n, seq)]
        if not beyond:
            return past
        seen = dict(past.seen)
        while beyond:
            log = self._by_number[beyond.pop()]
            seq = seen.pop(log.n)  # Its branches have the trunk behind them.
            heir = log.heir()
            seen[heir.n] = max(seq, seen.get(heir.n, 0))
            if self._ends_before(heir.n, seen[heir.n]):
                beyond.append(heir.n)
        return Past(seen, past.auth)

    def settle(self, trunk: LogState) -> list[tuple[LogState, Past]]:
        """Let every past in memory name the branches of ``trunk`` for what lies beyond its end.

        Returns:
            The logs for which this was news, and what their pasts were.
        """
        changed: list[tuple[LogState, Past]] = []
        for log in self.scope(trunk.scope).logs.values():
            if log.past.seen.get(trunk.n, 0) > trunk.seq:
                changed.append((log, log.past))
                log.past = self.settled(log.past)
        return changed

    def _ends_before(self, n: int, seq: int) -> bool:
        log = self._by_number.get(n)
        return log is not None and bool(log.children) and log.seq < seq

    # -- tips and clocks ---------------------------------------------------------------------

    def tips(self, scope: bytes, domain: int) -> Iterator[LogState]:
        """Logs whose newest position no other log of the same domain has seen."""
        state = self.scope(scope)
        tips = state.tips.get(domain)
        if tips is None:
            tips = state.tips[domain] = _tips_of(state.logs.values(), domain)
        return (self._by_number[n] for n in tips)

    def clocks(self, scope: bytes) -> Clocks:
        """Every position of the scope, and the digests over them."""
        state = self.scope(scope)
        if state.clocks is None:
            if state.closed is None:
                entries = _entries(log for log in state.logs.values() if 0 < log.seq <= log.sealed)
                state.closed = Closed(entries, sealed_digest(entries))
            going = _entries(log for log in state.logs.values() if log.seq > log.sealed)
            digest = clock_digest(going, state.closed.digest)
            state.clocks = Clocks(going, state.closed, digest)
        return state.clocks

    # -- change ------------------------------------------------------------------------------

    def advance(self, log: LogState, to: Advance) -> bool:
        """Move ``log`` to a new signed position, registering it when it is new.

        Returns:
            Whether it is new.
        """
        scope = self.scope(log.scope)
        undo = self._undo_of(log, scope)
        new = log.n == 0
        if new:
            self.register(log)
        elif self._heads.get(log.head) is log:
            del self._heads[log.head]
        self._heads[to.head] = log
        undo_tips = self._raise_tip(scope, log, to.past)
        log.seq, log.head, log.hlc, log.past = to.seq, to.head, to.hlc, to.past
        scope.clocks = None
        if log.sealed:
            scope.closed = None
        self.journal.record(undo)
        self.journal.record(undo_tips)
        return new

    def continues(self, log: LogState, follows: LogState, until: int) -> None:
        """Note that the first record of ``log`` seals ``follows`` at ``until``."""
        log.continues(follows, until)
        self.journal.record(lambda: log.continues(None, 0))

    def seal(self, log: LogState, seq: int) -> list[LogState]:
        """Note that the author ends the path of ``log`` at ``seq``.

        A seal promises and excludes nothing: a log that goes on is in the clock again.

        Returns:
            The logs of the path for which this is news.
        """
        changed = [part for part in log.path() if part.sealed < min(part.seq, seq)]
        scope, before = self.scope(log.scope), [part.sealed for part in changed]
        clocks, closed = scope.clocks, scope.closed
        for part in changed:
            part.sealed = min(part.seq, seq)
        scope.clocks = scope.closed = None

        def undo() -> None:
            for part, sealed in zip(changed, before, strict=True):
                part.sealed = sealed
            scope.clocks, scope.closed = clocks, closed

        self.journal.record(undo)
        return changed

    def register(self, log: LogState) -> None:
        """Give a new log its number and its place; ``unregister`` undoes it."""
        scope = self.scope(log.scope)
        log.n = self._log_next
        self._log_next += 1
        self._by_number[log.n] = log
        scope.logs[log.id] = log
        if log.parent is not None and log.branch is not None:
            log.parent.children[log.branch] = log
            scope.branches += 1
            self.branches += 1

    def unregister(self, log: LogState) -> None:
        """Take back the newest registration."""
        scope = self.scope(log.scope)
        del self._by_number[log.n]
        del scope.logs[log.id]
        if log.parent is not None and log.branch is not None:
            del log.parent.children[log.branch]
            scope.branches -= 1
            self.branches -= 1
        self._log_next = log.n
        log.n = 0

    def set_head(self, log: LogState) -> None:
        """Find ``log`` by its newest head from now on."""
        if log.seq:
            self._heads[log.head] = log

    def forget_head(self, log: LogState) -> None:
        """Undo ``set_head``."""
        if log.seq:
            del self._heads[log.head]

    def _raise_tip(self, scope: ScopeState, log: LogState, past: Past) -> Callable[[], None]:
        """Make ``log`` a tip in place of those that ``past`` has seen; returns the undo."""
        tips = scope.tips.get(log.domain)
        if tips is None:
            # They may be computed before the undo, and would then know too much.
            return scope.tips.clear
        fresh = log.n not in tips
        covered: set[int] = set()
        if past.seen is not log.past.seen:
            covered = {
                n for n, seq in past.seen.items() if n in tips and seq >= self._by_number[n].seq
            }
        tips -= covered
        tips.add(log.n)

        def undo() -> None:
            tips.update(covered)
            if fresh:
                tips.discard(log.n)

        return undo

    def _undo_of(self, log: LogState, scope: ScopeState) -> Callable[[], None]:
        before = (log.seq, log.head, log.hlc, log.past)
        new, clocks, closed = log.n == 0, scope.clocks, scope.closed

        def undo() -> None:
            del self._heads[log.head]
            if new:
                self.unregister(log)
            log.seq, log.head, log.hlc, log.past = before
            # A branch begins at the head of its trunk, which is still that of the trunk.
            if not new:
                self.set_head(log)
            scope.clocks, scope.closed = clocks, closed

        return undo


def _entries(logs: Iterable[LogState]) -> tuple[ClockEntry, ...]:
    return tuple(sorted([log.entry for log in logs], key=lambda entry: entry.log))


def _tips_of(logs: Iterable[LogState], domain: int) -> set[int]:
    seen: dict[int, int] = {}
    own = [log for log in logs if log.domain == domain]
    for log in own:
        before = () if log.before is None else ((log.before[0].n, log.before[1]),)
        for n, seq in (*log.past.seen.items(), *before):
            if seq > seen.get(n, 0):
                seen[n] = seq
    # A log's past never lists its own path, so whatever is seen was seen by another one.  What
    # lies before a fork was seen by its branches.
    return {log.n for log in own if not log.children and seen.get(log.n, 0) < log.seq}
