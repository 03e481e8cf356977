"""Making the outcome of a walk over records the new state of the registry."""

from typing import NamedTuple

from ._batches import Split, Void
from ._check import RunCheck
from ._logs import LogState
from ._registry import Advance, Registry


class Committed(NamedTuple):
    """What the caller is told of it, beyond the records."""

    new: bool
    """Whether the log is new."""
    erased: tuple[tuple[int, int], ...]
    sealed: tuple[tuple[int, int], ...]
    void: tuple[Void, ...]
    ratified: tuple[tuple[int, int, int], ...]
    own_ended: bool


def commit(
    registry: Registry,
    log: LogState,
    check: RunCheck,
    to: Advance,
    split: Split | None = None,
) -> Committed:
    """Make the outcome of a walk the new state of its log."""
    for undo in check.take_undo():
        registry.journal.record(undo)
    if check.continues is not None:
        registry.continues(log, *check.continues)
    new = registry.advance(log, to)
    sealed = [] if split is None else [part for part in (split.trunk, split.moved) if part]
    sealed = [part for part in sealed if part.sealed]
    ended = False
    for part, seq in check.sealed:
        sealed += registry.seal(part, seq)
        ended |= end_live(registry, part)
    void: list[Void] = []
    for name, last in check.void:
        stood = registry.void(log.scope, name, log.author, last)
        if stood is not None:
            void.append(Void(name, last, stood))
            part_of = registry.log(name, log.scope)
            ended |= part_of is not None and end_live(registry, part_of)
    erased = tuple([(part.n, seq) for part, seq, _ in check.erased])
    marks = tuple([(part.n, part.sealed) for part in sealed])
    ratified = tuple([(part.n, seq, by) for part, seq, by in check.ratified])
    return Committed(new, erased, marks, tuple(void), ratified, ended)


def set_live(registry: Registry, log: LogState, *, live: bool) -> None:
    """Say whether this node continues ``log``."""
    before = log.live

    def undo() -> None:
        log.live = before

    if live != before:
        log.live = live
        registry.journal.record(undo)


def end_live(registry: Registry, log: LogState) -> bool:
    """This node must never continue ``log``; whether it did until now."""
    was = log.live
    set_live(registry, log, live=False)
    return was
