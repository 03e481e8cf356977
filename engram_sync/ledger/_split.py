"""Dividing a log where a second history of it was found."""

from collections.abc import Callable, Sequence

from engram_wire import Record, extend

from ._batches import Split
from ._errors import SignedPosition
from ._logs import LogState, branch_of
from ._registry import Registry
from ._resolve import head_at, past_at
from ._views import History

Undo = Callable[[], None]


def split(
    registry: Registry, trunk: LogState, base: int, history: History
) -> tuple[Split, Undo, History]:
    """End ``trunk`` at ``base``; what is held beyond becomes a branch.

    Nothing of it is in the journal yet: the records that show the fork may turn out invalid.

    Returns:
        What the store has to do, what undoes all of this here, and the history as it is named
        from now on, although the store has not followed yet.
    """
    head = head_at(trunk, base, history)
    whole = registry.pasts.of(trunk, history)
    hlc = history.records(trunk.n, base, base)[0].hlc if base else 0
    past = past_at(registry, trunk, base, history)
    first = extend(head, history.records(trunk.n, base + 1, base + 1)[0])
    scope = registry.scope(trunk.scope)
    before = trunk.seq, trunk.head, trunk.hlc, whole, trunk.sealed, trunk.children
    void = trunk.void_after

    trunk.seq, trunk.head, trunk.hlc, trunk.past = base, head, hlc, past
    moved = branch_of(trunk, first)
    moved.seq, moved.head, moved.hlc, moved.past, moved.sealed, moved.children = before
    trunk.sealed, trunk.children = min(moved.sealed, base), {}
    if moved.sealed <= base:
        moved.sealed = 0
    if void is not None and void > base:
        # Its author had this continuation in mind.
        trunk.void_after, moved.void_after = None, void
    registry.register(moved)
    for child in moved.children.values():
        child.parent = moved
    registry.set_head(moved)
    registry.set_head(trunk)
    registry.pasts.keep(trunk, past)
    registry.pasts.keep(moved, whole)
    heirs = _divide_lineage(registry, trunk, moved)
    rewritten = registry.pasts.settle(trunk)
    scope.tips.clear()
    for part in (trunk, moved):
        registry.file(part)

    def undo() -> None:
        for log, past in rewritten:
            log.past = past
        for child in moved.children.values():
            child.parent = trunk
        _rejoin_lineage(registry, trunk, moved, heirs)
        registry.forget_head(trunk)
        registry.unregister(moved)
        trunk.seq, trunk.head, trunk.hlc, trunk.past, trunk.sealed, trunk.children = before
        trunk.void_after = void
        registry.set_head(trunk)
        scope.tips.clear()
        for part in (trunk, moved):
            registry.file(part)

    told = Split(trunk, base, head, hlc, moved)
    return told, undo, _Renamed(history, trunk, moved)


def _divide_lineage(registry: Registry, trunk: LogState, moved: LogState) -> list[LogState]:
    """Let whoever continued the end of ``trunk`` continue ``moved``; returns those."""
    if not moved.base:
        moved.continues(trunk.follows, trunk.until)
        trunk.continues(0, 0)
    heirs: list[LogState] = []
    for log in registry.scope(trunk.scope).logs.values():
        if log.author == trunk.author:
            log.depth = -1
            if log.follows == trunk.n and log.until > moved.base:
                log.continues(moved.n, log.until)
                heirs.append(log)
    return heirs


def _rejoin_lineage(
    registry: Registry, trunk: LogState, moved: LogState, heirs: Sequence[LogState]
) -> None:
    if not moved.base:
        trunk.continues(moved.follows, moved.until)
    for log in registry.scope(trunk.scope).logs.values():
        if log.author == trunk.author:
            log.depth = -1
    for log in heirs:
        log.continues(trunk.n, log.until)


class _Renamed:
    """A store that still holds ``moved`` as the end of ``trunk``.

    The records of the new branch are checked against it.  They cannot depend on a position of their
    own family, so only what they refer to has to be found by its new name.
    """

    def __init__(self, history: History, trunk: LogState, moved: LogState) -> None:
        self._history = history
        self._trunk = trunk
        self._moved = moved
        self._base = moved.base

    def _stored(self, log: int) -> int:
        return self._trunk.n if log == self._moved.n else log

    def position_of(self, scope: bytes, head: bytes) -> tuple[int, int] | None:
        """(log number, seq) of the marked position ``head`` of ``scope``; None when not held."""
        return self._history.position_of(scope, head)

    def signed_before(self, log: int, seq: int) -> SignedPosition | None:
        """The newest signed position at or before ``seq``; None when there is none."""
        return self._history.signed_before(self._stored(log), seq)

    def records(self, log: int, first: int, last: int) -> Sequence[Record]:
        """Records ``first`` to ``last``, both included, in order."""
        return self._history.records(self._stored(log), first, last)

    def past(self, log: int, seq: int) -> bytes | None:
        """The newest encoded past stored for ``log`` at or before ``seq``."""
        return self._history.past(self._stored(log), seq)

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        """How many clocks of ``engram`` the records of ``log`` up to ``until`` have taken."""
        if log == self._trunk.n:
            return self._before(engram)
        if log == self._moved.n:
            return self._history.clocks(engram, self._trunk.n) - self._before(engram)
        return self._history.clocks(engram, log, until)

    def engram_at(self, log: int, seq: int) -> bytes | None:
        """The engram of a record held of log ``log``; None when it is not held."""
        return self._history.engram_at(self._stored(log), seq)

    def taker(self, engram: bytes, log: int, clock: int) -> tuple[int, Record] | None:
        """The record of ``log`` that took a clock of ``engram``, and the first clock it took."""
        if log == self._moved.n:
            before = self._before(engram)
            found = self._history.taker(engram, self._trunk.n, before + clock)
            return None if found is None else (found[0] - before, found[1])
        if log == self._trunk.n and clock >= self._before(engram):
            return None
        return self._history.taker(engram, log, clock)

    def _before(self, engram: bytes) -> int:
        """How many clocks the trunk has taken up to where the logs divide."""
        return self._history.clocks(engram, self._trunk.n, self._base)
