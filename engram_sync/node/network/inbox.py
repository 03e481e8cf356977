"""Frames of one peer that wait for the store, in the order in which they are taken."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from engram_sync.node.writing.arrivals import Arrival
from engram_sync.node.writing.quotas import Quotas


class Received(NamedTuple):
    """A frame that waits for the store."""

    request: int
    turn: int
    """Which answer of the request it belongs to; see ``sync.Ingest``."""
    arrival: Arrival
    cost: int = 0
    """Bytes that it holds of the node's budget."""

    @property
    def author(self) -> bytes:
        """Who it says has written its records."""
        return self.arrival.announcement.author


class Inbox:
    """Frames in order of arrival, out of which those wait whose writer is beyond its quota.

    Peers send causes before effects, and that order is kept, except where a writer has to wait:
    then others go past it.  A frame that turns out to need one that waits is put back.

    Args:
        quotas: When the frames of a writer may be taken.
    """

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._waiting: deque[Received] = deque()
        self._blocked: set[bytes] = set()
        """Writers whose first frame needs one of another writer that waits."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, received: Received) -> None:
        """One more has arrived."""
        self._waiting.append(received)

    def waiting_of(self) -> dict[bytes, int]:
        """Of each writer of whom something waits: how many bytes."""
        found: dict[bytes, int] = {}
        for received in self._waiting:
            found[received.author] = found.get(received.author, 0) + received.cost
        return found

    def take(self, count: int, now: float) -> list[Received]:
        """The next frames to store, at most ``count``; none while every writer has to wait.

        Whoever used much of the writer of late comes after all others.
        """
        ready = [frame for frame in self._waiting if self._may_go(frame.author, now)]
        first = [frame for frame in ready if self._quotas.of(frame.author).turn_at <= now]
        chosen = (first or ready)[:count]
        if len(chosen) == len(self._waiting):
            self._waiting.clear()
        elif chosen:
            taken = set(map(id, chosen))
            self._waiting = deque(frame for frame in self._waiting if id(frame) not in taken)
        return chosen

    def ready_at(self) -> float:
        """When the next frame may be taken that waits for nothing but its writer's quota."""
        authors = {frame.author for frame in self._waiting} - self._blocked
        return min((self._quotas.of(a).ready_at for a in authors), default=float("inf"))

    def put_back(self, frames: Sequence[Received]) -> None:
        """Frames that were taken and not dealt with wait again, before those behind them."""
        self._waiting.extendleft(reversed(frames))

    def progressed(self) -> None:
        """Something was stored: whoever needed another frame may try again."""
        self._blocked.clear()

    def may_wait(self, frame: Received) -> bool:
        """A frame needs what is not held; whether to put it back.

        One that waits here may bring that.  If none does, the frame is looked at once more, as one
        that perhaps builds on what was refused.
        """
        if frame.arrival.alone:
            return False
        self._blocked.add(frame.author)
        if not any(other.author not in self._blocked for other in self._waiting):
            self._blocked.remove(frame.author)
            frame.arrival.alone = True
        return True

    def _may_go(self, author: bytes, now: float) -> bool:
        return author not in self._blocked and self._quotas.of(author).ready_at <= now
