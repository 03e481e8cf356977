"""Frames on their way into the store, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_sync.ledger import Taking
from engram_sync.node.writing.erasing_held import ErasingHeld
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.store import Transaction
from engram_wire import (
    Announcement,
    Frame,
    ProtocolError,
    Rejection,
    WireError,
    decode_frame_untrusted,
)


class Begun(NamedTuple):
    """How far a frame got that is taken in slices."""

    taking: Taking
    history: StoredHistory
    erasing: ErasingHeld

    def go_on(self, tx: Transaction) -> None:
        """Work with another transaction from now on."""
        self.history.now_from(tx)
        self.erasing.tx = tx


@dataclass(slots=True, eq=False)
class Arrival:
    """A frame as a peer sent it: well-formed, and nothing of it proven yet."""

    scope: bytes
    announcement: Announcement
    """The log that it is of."""
    frame: Frame
    begun: Begun | None = None
    """Where the writer stopped, if it did; nobody else looks at it."""
    work_s: float = 0.0
    """Time of the writer that it took so far, and will take until it is shown."""
    alone: bool = False
    """Whether nothing that waits here can bring what it names."""

    def begin_again(self) -> None:
        """Forget how far it got: what was done for it was undone."""
        self.begun = None


def arrival_untrusted(
    scope: bytes, announcements: Mapping[int, Announcement], data: bytes
) -> Arrival:
    """Decode a frame and find its log among those that were announced.

    Raises:
        WireError: It is malformed, or of no announced log.
    """
    frame = decode_frame_untrusted(data)
    announcement = announcements.get(frame.ref)
    if announcement is None:
        raise ProtocolError(f"a frame of log {frame.ref}, which was not announced")
    return Arrival(scope, announcement, frame)


class FrameOutcome(NamedTuple):
    """What became of one frame."""

    ref: int
    """The sender's number of the frame's log."""
    log: bytes
    seq: int
    """The frame's last position; the last valid one when the log is refused."""
    new_records: int
    rejected: tuple[Rejection, ...] = ()
    void_after: int | None = None
    """The last position that stood of a refused log, when it was refused; None: nothing is void."""
    work_s: float = 0.0
    """Time of the writer that it took."""


@dataclass(slots=True)
class IngestOutcome:
    """What became of a batch of frames."""

    taken: list[FrameOutcome] = field(default_factory=list[FrameOutcome])
    """One per frame, in order, up to the error."""
    last_work_s: float = 0.0
    """Time of the writer that the last frame looked at took, be it taken or refused."""
    error: WireError | None = None
    """Why the frame after those was refused; frames after it were not looked at.  Without it there
    was no time for them."""
