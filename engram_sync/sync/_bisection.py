"""Where a peer's branch of a log leaves the branches held here: found by asking for a few heads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engram_sync.sync._limits import PROBE_SEQS

Path = tuple[tuple[bytes, int], ...]
"""Logs as they are named here, with the newest position of each that a peer is known to hold."""


class Placed(NamedTuple):
    """Where a position that a peer names lies among what is held here."""

    held: int
    """Newest position held here of that log or of any branch of it; 0 when nothing is."""
    forked: bool
    """Whether the log has branches here."""
    path: Path | None
    """What whoever holds the position holds of the logs here; None when it lies on none of
    them."""


@dataclass(slots=True)
class Bisection:
    """The search for the last position that a peer's log has in common with what is held here.

    Args:
        log: The log, by the name that the peer gives it.
        high: A position of which it is known that it is not common, or not held here.
    """

    log: bytes
    high: int
    low: int = 0
    path: Path = ()
    """Of the last position known to be common."""
    ahead: int = 0
    """Where the peer says that it is, if that is further than what is held here."""
    asking: bool = False
    """Whether a question is on its way."""

    @classmethod
    def of(cls, log: bytes, seq: int, placed: Placed) -> "Bisection | None":
        """The search for what a position that could not be placed has in common; None: nothing of
        that log is held here.
        """
        if not placed.held:
            return None
        if seq > placed.held:
            # Most often it holds the same, and more: the newest position here will tell.
            return cls(log, placed.held + 1, ahead=seq)
        return cls(log, seq)

    @property
    def found(self) -> bool:
        """Whether ``low`` is the last common position."""
        return self.high - self.low <= 1

    def ask(self) -> tuple[int, ...]:
        """The positions whose heads narrow it down most."""
        if self.ahead:
            return (self.high - 1,)
        between = self.high - self.low - 1
        if between <= PROBE_SEQS:
            return tuple(range(self.low + 1, self.high))
        parts = PROBE_SEQS + 1
        return tuple(self.low + between * part // parts + 1 for part in range(1, parts))

    def narrow(self, seqs: Sequence[int], places: Iterable[Placed | None]) -> None:
        """Take where the heads at ``seqs`` lie here; None for those that the peer did not name.

        A head that is found here proves everything before it.  What a peer says beyond that may
        be wrong, and costs nobody but itself: the search gets shorter with every answer.
        """
        common = dict(zip(seqs, places, strict=True))
        for seq, place in sorted(common.items()):
            if place is not None and place.path is not None and self.low < seq < self.high:
                self.low, self.path = seq, place.path
        self.high = min([seq for seq in seqs if seq > self.low] + [self.high])
        if self.ahead and self.found and self.low:
            # Whatever it holds beyond is for it to send; if a fork is among it, that is seen then.
            self.path = (*self.path, (self.log, self.ahead))
        self.ahead = 0
