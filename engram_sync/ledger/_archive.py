"""Sealed logs, which stay in the store until somebody names them.

A node that was started ten thousand times has ten thousand of them, and hardly ever needs one.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

from engram_wire import ClockEntry

from ._limits import SEALED_LOGS_MAX
from ._logs import LogState


class Archive(Protocol):
    """The logs of the store, inside the caller's transaction; each is made anew when asked for."""

    def by_number(self, n: int) -> LogState | None:
        """The log of that number."""
        ...

    def by_id(self, scope: bytes, log: bytes) -> LogState | None:
        """The log of that id; None when it is not held in ``scope``."""
        ...

    def of_scope(self, scope: bytes) -> Iterable[LogState]:
        """Every log of a scope."""
        ...

    def sealed(self, scope: bytes) -> Iterable[ClockEntry]:
        """The position of every log of a scope that is held exactly to its seal."""
        ...


class Visitors:
    """Logs that were read from the archive and are in memory only while there is room.

    One that changes stays until the node is opened again: the archive may not follow at once.
    """

    def __init__(self) -> None:
        self._logs: OrderedDict[int, LogState] = OrderedDict()

    def came(self, log: LogState) -> None:
        """``log`` was read."""
        self._logs[log.n] = log

    def needed(self, log: LogState) -> None:
        """``log`` was asked for again, if it is one of them."""
        if log.n in self._logs:
            self._logs.move_to_end(log.n)

    def stays(self, log: LogState) -> None:
        """``log`` is no visitor any more."""
        self._logs.pop(log.n, None)

    def surplus(self) -> list[LogState]:
        """Those that there is no room for, which are visitors no more."""
        number = max(0, len(self._logs) - SEALED_LOGS_MAX)
        return [self._logs.popitem(last=False)[1] for _ in range(number)]
