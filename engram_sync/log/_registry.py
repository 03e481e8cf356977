"""Which scopes and logs there are, how far each log reaches, and what is at the tips."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engram_sync.errors import NotFoundError
from engram_wire import ClockEntry, clock_digest

from ._journal import Journal
from ._past import Past


@dataclass(slots=True, eq=False)
class LogState:
    """One log as far as it is held.  Only the ledger changes it."""

    n: int
    """Local number, from 1; 0 while the log is not registered."""
    id: bytes
    scope: bytes
    domain: int
    author: bytes
    incarnation: bytes
    seq: int
    """Newest position held; always a signed one.  0 when nothing is held."""
    head: bytes
    """Chain head at ``seq``; the log's id when nothing is held."""
    hlc: int
    """Clock of the record at ``seq``; 0 when nothing is held."""
    past: Past = field(default_factory=Past)
    """What ``seq`` has behind it in other logs."""


@dataclass(frozen=True, slots=True)
class Advance:
    """A log's move to a new signed position."""

    seq: int
    head: bytes
    hlc: int
    past: Past


@dataclass(slots=True)
class ScopeState:
    """The logs of one scope."""

    n: int
    id: bytes
    logs: dict[bytes, LogState] = field(default_factory=dict[bytes, LogState])
    tips: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    """By domain, the numbers of the logs whose newest position no other log of that domain has
    seen; computed when first asked for, then kept up to date."""
    clock: tuple[ClockEntry, ...] | None = None
    digest: bytes | None = None


class Registry:
    """The logs of all scopes, changed only through ``advance`` and undone through its journal."""

    def __init__(self) -> None:
        self.journal = Journal()
        self._scopes: dict[bytes, ScopeState] = {}
        self._by_number: dict[int, LogState] = {}
        self._heads: dict[bytes, LogState] = {}
        self._scope_next = 1
        self._log_next = 1

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

    def add(self, log: LogState) -> None:
        """Register a log as the store holds it; its scope is open."""
        scope = self.scope(log.scope)
        scope.logs[log.id] = log
        scope.tips.clear()
        scope.clock = scope.digest = None
        self._by_number[log.n] = log
        self._log_next = max(self._log_next, log.n + 1)
        if log.seq:
            self._heads[log.head] = log

    def log(self, log: bytes, scope: bytes) -> LogState | None:
        """The log of that id in ``scope``; None when nothing of it is held."""
        return self.scope(scope).logs.get(log)

    def by_number(self, n: int) -> LogState:
        """The log of that local number."""
        return self._by_number[n]

    def at_head(self, head: bytes) -> LogState | None:
        """The log whose newest position is ``head``."""
        return self._heads.get(head)

    # -- tips and clocks ---------------------------------------------------------------------

    def tips(self, scope: bytes, domain: int) -> Iterator[LogState]:
        """Logs whose newest position no other log of the same domain has seen."""
        state = self.scope(scope)
        tips = state.tips.get(domain)
        if tips is None:
            tips = state.tips[domain] = _tips_of(state.logs.values(), domain)
        return (self._by_number[n] for n in tips)

    def clock(self, scope: bytes) -> tuple[ClockEntry, ...]:
        """Every log of the scope with its newest signed position, sorted by log id."""
        state = self.scope(scope)
        if state.clock is None:
            logs = sorted(state.logs.items())
            state.clock = tuple(ClockEntry(log=i, seq=s.seq, head=s.head) for i, s in logs)
        return state.clock

    def clock_digest(self, scope: bytes) -> bytes:
        """Digest of ``clock``: equal exactly when two nodes hold the same positions."""
        state = self.scope(scope)
        if state.digest is None:
            state.digest = clock_digest(self.clock(scope))
        return state.digest

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
            log.n = self._log_next
            self._log_next += 1
            self._by_number[log.n] = log
            scope.logs[log.id] = log
        else:
            self._heads.pop(log.head, None)
        self._heads[to.head] = log
        undo_tips = self._raise_tip(scope, log, to.past)
        log.seq, log.head, log.hlc, log.past = to.seq, to.head, to.hlc, to.past
        scope.clock = scope.digest = None
        self.journal.record(undo)
        self.journal.record(undo_tips)
        return new

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
        before = (log.n, log.seq, log.head, log.hlc, log.past)
        clock, digest, log_next = scope.clock, scope.digest, self._log_next

        def undo() -> None:
            del self._heads[log.head]
            if before[0] == 0:
                del self._by_number[log.n]
                del scope.logs[log.id]
            log.n, log.seq, log.head, log.hlc, log.past = before
            if log.seq:
                self._heads[log.head] = log
            scope.clock, scope.digest = clock, digest
            self._log_next = log_next

        return undo


def _tips_of(logs: Iterable[LogState], domain: int) -> set[int]:
    seen: dict[int, int] = {}
    own = [log for log in logs if log.domain == domain]
    for log in own:
        for n, seq in log.past.seen.items():
            if seq > seen.get(n, 0):
                seen[n] = seq
    # A log's past never lists the log itself, so whatever is seen was seen by another one.
    return {log.n for log in own if seen.get(log.n, 0) < log.seq}
