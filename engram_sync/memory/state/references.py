"""What records refer to: dots and records, in scopes where a log may have been forked."""

from typing import Protocol

from engram_crdt import Dot


class References(Protocol):
    """What the references of one record mean where a log of its scope is forked.

    A log is None where a record refers to its own log.
    """

    def dot(self, log: bytes | None, clock: int) -> Dot:
        """The dot that a reference means."""
        ...

    def until(self, log: bytes | None, clock: int) -> list[tuple[bytes, int]]:
        """(log, n) of each log on the path: its dots with a clock below n are meant."""
        ...


class PlainReferences:
    """Every reference means the log that it names, because no log of the scope is forked.

    Args:
        own: Id of the record's log.
    """

    def __init__(self, own: bytes) -> None:
        self._own = own

    def dot(self, log: bytes | None, clock: int) -> Dot:
        """The dot that a reference means."""
        return Dot(log or self._own, clock)

    def until(self, log: bytes | None, clock: int) -> list[tuple[bytes, int]]:
        """(log, n) of each log on the path: its dots with a clock below n are meant."""
        return [(log or self._own, clock)]


def spans_of(
    naming: References, log: bytes | None, clock: int, length: int
) -> list[tuple[Dot, int]]:
    """(first dot, how many) of each stretch that ``length`` clocks from ``clock`` on mean.

    The clocks of a path count through its logs, so one stretch of it may lie in several.
    """
    before = dict(naming.until(log, clock)) if clock else {}
    after = naming.until(log, clock + length)
    starts = [(owner, before.get(owner, 0), end) for owner, end in after]
    return [(Dot(owner, first), end - first) for owner, first, end in starts if end > first]
