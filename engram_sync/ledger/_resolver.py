"""What the references of a record mean where a log of its scope is forked, and how to write them.

A record names logs as somebody would who holds its declared past and nothing else.  As long as
that past has one continuation of a log, the log's own id means all of it, and clocks count along
it.  Where the past has more than one, each is named by its branch, and its clocks count from its
beginning.  So a reference never changes its meaning, whatever forks come to light later.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Self

from engram_crdt import Dot
from engram_wire import InvalidRecordError, Record

from ._lineage import Reach
from ._logs import LogState
from ._past import Past
from ._puts import PutIndex
from ._registry import Registry
from ._resolve import past_at
from ._views import History


class ReferenceResolver:
    """The references of one record, or of the next record of a log.

    Args:
        registry: All logs.
        own: The record's log.
        seen: How far its declared past reaches in other logs.
        puts: The puts of the record's engram, asked for only where a clock has to be counted.
    """

    def __init__(
        self,
        registry: Registry,
        own: LogState,
        seen: Mapping[int, int],
        puts: Callable[[], PutIndex],
    ) -> None:
        self._registry = registry
        self._own = own
        self._forked = registry.scope(own.scope).branches > 0
        self._path = {own.id}
        self._next: dict[bytes, LogState] = {}
        """The way that the record's own path takes at each fork; it may be a branch that is not
        registered yet."""
        if own.parent is not None:
            path = own.path()
            self._path = {log.id for log in path}
            self._next = {log.parent.id: log for log in path if log.parent is not None}
        self._past = Reach(seen, registry.by_number)
        self._load = puts
        self._puts: PutIndex | None = None

    # -- reading -----------------------------------------------------------------------------

    def dot(self, log: bytes | None, clock: int) -> Dot:
        """The dot that a reference means, if it is a dot of the record's past at all.

        Raises:
            InvalidRecordError: It means none, or could mean several.
        """
        if not self._forked:
            return Dot(self._own.id if log is None else self._not_own_untrusted(log), clock)
        *before, last = self._chain_untrusted(log)
        for part in before:
            count = self._count(part)
            if clock < count:
                return Dot(part.id, clock)
            clock -= count
        return Dot(last.id, clock)

    def until(self, log: bytes | None, clock: int) -> list[tuple[bytes, int]]:
        """(log, n) of each log of which the dots with a clock below n are meant.

        Raises:
            InvalidRecordError: No such log is in the record's past, or it could be several.
        """
        *before, last = self._chain_untrusted(log)
        found: list[tuple[bytes, int]] = []
        for part in before:
            count = min(clock, self._count(part))
            found += [(part.id, count)] if count else []
            clock -= count
        return [*found, (last.id, clock)] if clock else found

    def place(self, log: bytes | None, seq: int) -> tuple[int, int]:
        """(log number, seq) of the record that a reference means.

        Raises:
            InvalidRecordError: It means none, or could mean several.
        """
        part = self.part(log, seq)
        return part.n, seq

    def part(self, log: bytes | None, seq: int) -> LogState:
        """The log that holds the record that ``place`` finds.

        Raises:
            InvalidRecordError: As for ``place``.
        """
        for part in self._chain_untrusted(log):
            if part.base < seq and (seq <= part.seq or part is self._own):
                return part
        raise InvalidRecordError(f"record {seq} of {_short(log)} is not in the record's past")

    def own(self, log: LogState) -> bool:
        """Whether the record's past has ``log`` because it is on its path."""
        return log.id in self._path

    def seen(self, log: LogState) -> int:
        """How far the record's past reaches in ``log``, which is not on its path."""
        return self._past.in_log(log)

    def ends(self, log: LogState) -> int:
        """The last position of ``log`` in the record's past; 0 when its branches are there too."""
        return 0 if len(self._continuations(log)) == 1 else self.seen(log)

    def _chain_untrusted(self, log: bytes | None) -> list[LogState]:
        """The logs that together are what the record calls ``log``, in order."""
        if log is None:
            return self._own.path()
        first = self._registry.log(self._not_own_untrusted(log), self._own.scope)
        if first is None or not self._visible(first):
            raise InvalidRecordError(f"{_short(log)} is not in the record's past")
        if first.parent is not None and len(self._continuations(first.parent)) < 2:
            raise InvalidRecordError(f"{_short(log)} is named as a branch, but nothing else is")
        chain = [first]
        while len(further := self._continuations(chain[-1])) == 1:
            chain += further
        return chain

    def _not_own_untrusted(self, log: bytes) -> bytes:
        if log in self._path:
            raise InvalidRecordError("a dot of the author's own log spells out the log's id")
        return log

    def _visible(self, log: LogState) -> bool:
        if log.seq > log.base:
            return self.seen(log) > log.base
        # Nothing comes before the fork, so only the branches tell.
        return any(self.seen(child) > child.base for child in log.children.values())

    def _continuations(self, log: LogState) -> list[LogState]:
        """The branches of ``log`` that the record's past has."""
        others = [c for c in log.children.values() if c.id not in self._path and self._visible(c)]
        return [*others, self._next[log.id]] if log.id in self._next else others

    def _count(self, log: LogState) -> int:
        if self._puts is None:
            self._puts = self._load()
        return self._puts.count(log)

    # -- writing -----------------------------------------------------------------------------

    def reference(self, log: bytes | None, clock: int) -> tuple[bytes | None, int]:
        """How the record has to write a dot that is called (log, clock) here.

        Args:
            log: The log; None for the record's own.
            clock: The dot's clock there.
        """
        name, before = self._written(log)
        return name, clock + sum(self._count(part) for part in before)

    def name(self, log: bytes | None) -> bytes | None:
        """How the record has to call a log, when it names positions in it."""
        return self._written(log)[0]

    def _written(self, log: bytes | None) -> tuple[bytes | None, list[LogState]]:
        """The name, and what else goes by that name before the log itself."""
        part = self._own if log is None else self._registry.log(log, self._own.scope)
        before: list[LogState] = []
        if part is None:
            return log, before
        while part.parent is not None:
            if part.id not in self._path and len(self._continuations(part.parent)) > 1:
                return part.id, before
            part = part.parent
            before.append(part)
        return (None if part.id in self._path else part.id), before


class ScopeNames:
    """What records mean by their references; only of records that are held.

    Args:
        registry: All logs.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @classmethod
    def of(cls, scope: bytes, logs: Iterable[tuple[LogState, int | None]]) -> Self:
        """The same without a ledger, as the logs of a scope are divided in some state of a store.

        Args:
            scope: Id of the scope.
            logs: Every log of it, made for this, with the number of the log that it branches off;
                in the order of their numbers.  How far they reach may be behind what is stored, as
                long as no log has come since.
        """
        registry = Registry()
        registry.open_scope(scope)
        for log, parent in logs:
            log.depth = -1  # What was stored of it ends with the first fork.
            registry.add(log, parent)
        return cls(registry)

    def seen_at(self, n: int, seq: int, history: History) -> Mapping[int, int]:
        """How far a position has seen each log that is not on its path, by local number.

        Pasts are stored as logs were divided then, and understood as they are divided now.

        Args:
            n: Local number of the position's log.
            seq: The position.
            history: What is stored.
        """
        return past_at(self._registry, self._registry.by_number(n), seq, history).seen

    def resolve(self, log: int, record: Record, history: History) -> ReferenceResolver:
        """The references of ``record``, which is in the log of that number.

        Args:
            log: Local number of the log that holds it.
            record: It, valid and stored.
            history: What is stored.
        """
        own = self._registry.by_number(log)
        past = past_at(self._registry, own, record.seq, history)
        return named_at(self._registry, own, past, lambda: PutIndex(history, record.engram))


def named_at(
    registry: Registry, own: LogState, past: Past, puts: Callable[[], PutIndex]
) -> ReferenceResolver:
    """The references of a record of ``own`` that has ``past`` behind it."""
    return ReferenceResolver(registry, own, past.seen, puts)


def _short(log: bytes | None) -> str:
    return "its own log" if log is None else f"log {log.hex()[:16]}"
