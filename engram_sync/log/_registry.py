"""Which scopes and logs there are, how far each log reaches, and what is at the tips."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engram_sync.errors import NotFoundError

from ._journal import Journal
from ._limits import PASTS_ENTRIES_MAX
from ._logs import LogState
from ._past import Past, decode_past
from ._scopes import Clocks, ScopeState
from ._views import History


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
        self._pasts: OrderedDict[int, int] = OrderedDict()
        """Logs whose past is in memory, and its entries; the one needed last at the end."""
        self._entries = 0

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
        self.file(log)

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
        for log in map(self._by_number.get, list(self._pasts)):
            if log is None or log.past is None or log.past.seen.get(trunk.n, 0) <= trunk.seq:
                continue
            changed.append((log, log.past))
            log.past = self.settled(log.past)
        return changed

    def past_of(self, log: LogState, history: History) -> Past:
        """What the newest position of ``log`` has behind it, as logs are divided now."""
        past, at = log.past, log
        while past is None:
            data = history.past(at.n, at.seq)
            if data is not None or at.parent is None:
                past = decode_past(data)
                past = self.settled(past) if self.scope(log.scope).branches else past
            else:
                at = at.parent
                past = at.past
        self.keep(log, past)
        return past

    def keep(self, log: LogState, past: Past) -> None:
        """Have the past of ``log`` in memory, and no more of others than there is room for."""
        log.past = past
        if not log.n:
            return  # It may never be registered.
        self._entries += len(past.seen) + 1 - self._pasts.pop(log.n, 0)
        self._pasts[log.n] = len(past.seen) + 1
        while self._entries > PASTS_ENTRIES_MAX and len(self._pasts) > 1:
            n, entries = self._pasts.popitem(last=False)
            self._entries -= entries
            other = self._by_number.get(n)
            if other is not None:
                other.past = None

    def _ends_before(self, n: int, seq: int) -> bool:
        log = self._by_number.get(n)
        return log is not None and bool(log.children) and log.seq < seq

    # -- tips and clocks ---------------------------------------------------------------------

    def tips(self, scope: bytes, domain: int, history: History) -> Iterator[LogState]:
        """Logs whose newest position no other log of the same domain has seen."""
        state = self.scope(scope)
        tips = state.tips.get(domain)
        if tips is None:
            tips = state.tips[domain] = self._tips_of(state, domain, history)
        return (self._by_number[n] for n in tips)

    def _tips_of(self, scope: ScopeState, domain: int, history: History) -> set[int]:
        own = [log for log in scope.logs.values() if log.domain == domain and not log.children]
        seen: dict[int, int] = {}
        for log in own:
            if log.before is not None:
                _raise(seen, log.before[0].n, log.before[1])
        # What another log continues has seen nothing that this one has not.
        own = [log for log in own if max(seen.get(log.n, 0), log.base) < _end(log)]
        for log in own:
            if _end(log) < log.seq:
                continue  # What its end has seen, what stands of it may not have.
            for n, seq in self.past_of(log, history).seen.items():
                if n != log.n:
                    _raise(seen, n, seq)
        return {log.n for log in own if seen.get(log.n, 0) < _end(log)}

    def clocks(self, scope: bytes) -> Clocks:
        """Every position of the scope, and the digests over them."""
        return self.scope(scope).measured()

    def file(self, log: LogState) -> None:
        """See ``ScopeState.file``."""
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
        self.keep(log, to.past)
        self.file(log)
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
        state = self.scope(scope)
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
                n for n, seq in past.seen.items() if n in tips and seq >= _end(self._by_number[n])
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


def _raise(seen: dict[int, int], n: int, seq: int) -> None:
    if seq > seen.get(n, 0):
        seen[n] = seq


def _end(log: LogState) -> int:
    return log.stands(log.seq)
