"""Which scopes and logs there are, how far each log reaches, and what is at the tips."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engram_sync.errors import CorruptError, NotFoundError
from engram_wire import LogDomain

from ._journal import Journal
from ._lineage import end_of, tips_of
from ._logs import LogState
from ._past import Past
from ._pasts import Pasts
from ._scopes import Clocks, ScopeState
from ._views import Archive, History, Visitors


@dataclass(frozen=True, slots=True)
class Advance:
    """A log's move to a new signed position."""

    seq: int
    head: bytes
    hlc: int
    past: Past


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
        self.pasts = Pasts(self._by_number, self.scope)
        self._archive: Archive | None = None
        self._visitors = Visitors()

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

    def open_scope(
        self, scope: bytes, n: int | None = None, sealed: tuple[int, int] = (0, 0)
    ) -> int:
        """Register a scope (under number ``n``, or the next free one) and return its number.

        Args:
            scope: Its id.
            n: The number.
            sealed: How many sealed logs the archive has of it, and the sum of their terms.
        """
        known = self._scopes.get(scope)
        if known is not None:
            return known.n
        number = self._scope_next if n is None else n
        before = self._scope_next
        self._scopes[scope] = state = ScopeState(number, scope)
        state.unread, state.sealed_total = sealed
        state.archived = state.unread > 0
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
        self.scope(log.scope).tips.clear()
        self._enter(log)
        for child in self._orphans.pop(log.n, ()):
            self._hang(child, log)
        trunk = None if parent is None else self._by_number.get(parent)
        if trunk is not None:
            self._hang(log, trunk)
        elif parent is not None:
            self._orphans.setdefault(parent, []).append(log)
        self.file(log)

    def _enter(self, log: LogState) -> None:
        scope = self.scope(log.scope)
        scope.logs[log.id] = log
        self._by_number[log.n] = log
        self.number_after(log.n)
        if log.seq:
            self._heads[log.head] = log
        if scope.unread and 0 < log.seq <= log.sealed:
            scope.read([log.entry])

    def number_after(self, n: int) -> None:
        """Give no new log a number up to ``n``: the archive has logs up to there."""
        self._log_next = max(self._log_next, n + 1)

    # -- the archive -------------------------------------------------------------------------

    def read_from(self, archive: Archive) -> None:
        """Look up sealed logs there from now on: a transaction has begun."""
        self._archive = archive
        for log in self._visitors.surplus():
            del self._by_number[log.n], self.scope(log.scope).logs[log.id]
            if self._heads.get(log.head) is log:
                del self._heads[log.head]
            self.pasts.drop(log)

    def _visit(self, log: LogState | None) -> LogState | None:
        if log is not None:
            self._enter(log)
            last = self.scope(log.scope).voids.get((log.id, log.author))
            log.void_after = last if log.domain == LogDomain.DATA else None
            self._visitors.came(log)
        return log

    def read_all(self, scope: bytes) -> None:
        """Have every log of ``scope`` in memory from now on."""
        state = self.scope(scope)
        if not state.archived:
            return
        assert self._archive is not None, "whoever counts sealed logs of the archive has one"
        for log in self._archive.of_scope(scope):
            if log.id not in state.logs:
                self._visit(log)
        for log in state.logs.values():
            self._visitors.stays(log)
            log.depth = -1  # What was stored of it ends with the first fork.
        state.archived = False

    def read_positions(self, scope: bytes) -> None:
        """Have the position of every sealed log of ``scope`` in memory from now on."""
        state = self.scope(scope)
        if state.unread:
            assert self._archive is not None, "whoever counts sealed logs of the archive has one"
            state.read(self._archive.sealed(scope))

    def _hang(self, log: LogState, trunk: LogState) -> None:
        assert log.branch is not None, "whoever adds a branch names its first record"
        log.parent, log.root = trunk, trunk.root
        trunk.children[log.branch] = log
        self.scope(log.scope).branches += 1
        self.scope(log.scope).trunks[trunk.id] = trunk
        self.branches += 1
        for member in log.family():
            member.root = trunk.root

    def log(self, log: bytes, scope: bytes) -> LogState | None:
        """The log of that id in ``scope``; None when nothing of it is held."""
        state = self.scope(scope)
        held = state.logs.get(log)
        if held is not None:
            self._visitors.needed(held)
        elif state.archived:
            assert self._archive is not None, "whoever counts sealed logs of the archive has one"
            held = self._visit(self._archive.by_id(scope, log))
        return held

    def by_number(self, n: int) -> LogState:
        """The log of that local number."""
        held = self._by_number.get(n)
        if held is not None:
            self._visitors.needed(held)
        elif self._archive is not None:
            held = self._visit(self._archive.by_number(n))
        if held is None:
            raise CorruptError(f"log {n} is named and not held")
        return held

    def at_head(self, head: bytes) -> LogState | None:
        """The log whose newest position is ``head``."""
        return self._heads.get(head)

    # -- tips and clocks ---------------------------------------------------------------------

    def tips(self, scope: bytes, domain: int, history: History) -> Iterator[LogState]:
        """Logs whose newest position no other log of the same domain has seen."""
        state = self.scope(scope)
        tips = state.tips.get(domain)
        if tips is None:
            if state.voids:
                self.read_all(scope)
            tips = tips_of(state, domain, lambda log: self.pasts.of(log, history))
            state.tips[domain] = tips
        return (self._by_number[n] for n in tips)

    def clocks(self, scope: bytes) -> Clocks:
        """Every position of the scope, and the digests over them."""
        return self.scope(scope).measured()

    def file(self, log: LogState) -> None:
        """Count ``log`` among those that go on, are sealed, or have branches, as it is now."""
        self._visitors.stays(log)
        self.scope(log.scope).file(log)

    # -- change ------------------------------------------------------------------------------

    def advance(self, log: LogState, to: Advance) -> bool:
        """Move ``log`` to a new signed position, registering it when it is new.

        Returns:
            Whether it is new.
        """
        scope = self.scope(log.scope)
        undo = self._undo_of(log)
        new = log.n == 0
        if new:
            self.register(log)
        elif self._heads.get(log.head) is log:
            del self._heads[log.head]
        self._heads[to.head] = log
        undo_tips = self._raise_tip(scope, log, to.past)
        log.seq, log.head, log.hlc = to.seq, to.head, to.hlc
        self.pasts.keep(log, to.past)
        self.file(log)
        self.journal.record(undo)
        self.journal.record(undo_tips)
        return new

    def continues(self, log: LogState, follows: int, until: int) -> None:
        """Note that the first record of ``log`` seals log number ``follows`` at ``until``."""
        log.continues(follows, until)
        self.journal.record(lambda: log.continues(0, 0))

    def seal(self, log: LogState, seq: int) -> list[LogState]:
        """Note that the author ends the path of ``log`` at ``seq``.

        A seal promises and excludes nothing: a log that goes on is in the clock again.

        Returns:
            The logs of the path for which this is news.
        """
        changed = [part for part in log.path() if part.sealed < min(part.seq, seq)]
        before = [part.sealed for part in changed]
        for part in changed:
            part.sealed = min(part.seq, seq)
            self.file(part)

        def undo() -> None:
            for part, sealed in zip(changed, before, strict=True):
                part.sealed = sealed
                self.file(part)

        self.journal.record(undo)
        return changed

    def void(self, scope: bytes, name: bytes, author: bytes, last: int) -> int | None:
        """Note that an author voids what follows a position of a log; it may not be held yet.

        Returns:
            The last position of it that stood until now; None when this is no news.
        """
        state, held = self.scope(scope), self.log(name, scope)
        if held is not None:
            self._visitors.stays(held)
        known = state.voids.get((name, author))
        if known is not None and known <= last:
            return None
        log = state.void(name, author, last)
        stood = 0 if log is None else log.seq if known is None else min(log.seq, known)

        def undo() -> None:
            state.void(name, author, known)

        self.journal.record(undo)
        return stood

    def register(self, log: LogState) -> None:
        """Give a new log its number and its place; ``unregister`` undoes it."""
        scope = self.scope(log.scope)
        log.n = self._log_next
        self._log_next += 1
        self._by_number[log.n] = log
        scope.logs[log.id] = log
        if log.parent is not None and log.branch is not None:
            log.parent.children[log.branch] = log
            scope.trunks[log.parent.id] = log.parent
            scope.branches += 1
            self.branches += 1

    def unregister(self, log: LogState) -> None:
        """Take back the newest registration."""
        scope = self.scope(log.scope)
        del self._by_number[log.n]
        del scope.logs[log.id]
        if log.parent is not None and log.branch is not None:
            del log.parent.children[log.branch]
            if not log.parent.children:
                del scope.trunks[log.parent.id]
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
        if log.void_after is not None:
            scope.tips.clear()
        tips = scope.tips.get(log.domain)
        if tips is None:
            # They may be computed before the undo, and would then know too much.
            return scope.tips.clear
        fresh = log.n not in tips
        covered: set[int] = set()
        if log.past is None or past.seen is not log.past.seen:
            covered = {
                n for n, seq in past.seen.items() if n in tips and seq >= end_of(self._by_number[n])
            }
        tips -= covered
        tips.add(log.n)

        def undo() -> None:
            tips.update(covered)
            if fresh:
                tips.discard(log.n)

        return undo

    def _undo_of(self, log: LogState) -> Callable[[], None]:
        before = (log.seq, log.head, log.hlc, log.past)
        new = log.n == 0

        def undo() -> None:
            del self._heads[log.head]
            if new:
                self.unregister(log)
            log.seq, log.head, log.hlc, log.past = before
            # A branch begins at the head of its trunk, which is still that of the trunk.
            if not new:
                self.set_head(log)
            self.file(log)

        return undo
