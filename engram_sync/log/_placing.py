"""Where the positions that peers name lie among what is held here."""

from typing import NamedTuple

from engram_wire import ClockEntry

from ._logs import LogState
from ._registry import Registry
from ._resolve import head_at
from ._views import History


class Position(NamedTuple):
    """Where a position that a peer names lies among what is held here."""

    held: int
    """Newest position held here of that log or of any branch of it; 0 when nothing is."""
    forked: bool
    """Whether the log has branches here."""
    path: tuple[tuple[bytes, int], ...] | None
    """(log, seq) as logs are called here: what whoever holds the position holds of each; None when
    it lies on none of them."""


def position_of(registry: Registry, scope: bytes, entry: ClockEntry, history: History) -> Position:
    """See ``Ledger.position_of``."""
    log = registry.log(entry.log, scope)
    if log is None:
        return _inside(registry, scope, entry, history)
    held = max(part.seq for part in log.family())
    return Position(held, bool(log.children), _path(log, entry, history))


def _path(
    log: LogState, entry: ClockEntry, history: History
) -> tuple[tuple[bytes, int], ...] | None:
    for part in log.family():
        if part.base < entry.seq <= part.seq and head_at(part, entry.seq, history) == entry.head:
            path = [(trunk.id, trunk.seq) for trunk in part.path()[:-1] if trunk.seq]
            return (*path, (part.id, entry.seq))
    return None


def _inside(registry: Registry, scope: bytes, entry: ClockEntry, history: History) -> Position:
    """A branch of the peer's that is not forked off here: its first record may be held all the
    same, in the middle of a log.
    """
    for log in registry.scope(scope).logs.values():
        if log.base < entry.seq <= log.seq and head_at(log, entry.seq, history) == entry.head:
            held = max(part.seq for part in log.family())
            return Position(held, bool(log.children), _path(log, entry, history))
    return Position(0, False, None)
