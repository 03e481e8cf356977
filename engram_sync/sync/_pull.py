"""Our request for one scope at one peer: what we asked, what has come, whether it is complete."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from engram_sync.sync._effects import Close, Effect, Ingest, Send, Survey
from engram_sync.sync._limits import (
    ANNOUNCEMENTS_MAX,
    CLOCK_INLINE_MAX,
    DISAGREEMENTS_MAX,
    POSITIONS_PER_TURN,
    RANGES_ASKED_MAX,
)
from engram_sync.sync._ranges import PositionSet
from engram_sync.sync._view import ScopeView
from engram_wire import (
    CLOCK_ENTRIES_MAX,
    Announcement,
    ClockEntry,
    CloseCode,
    Credential,
    LimitError,
    ProtocolError,
    RangeRequest,
    RangeResponse,
    Rejection,
    Summary,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)


class FrameStored(NamedTuple):
    """What became of one frame of a pull."""

    request: int
    ref: int
    """The peer's number of the frame's log."""
    log: bytes
    seq: int
    """The frame's last position, or the one before it at which the log is refused."""
    new_records: int
    rejected: tuple[Rejection, ...] = ()
    turn: int = 0
    """That of its ``Ingest``."""


class PullState(Enum):
    """Where a pull is."""

    REQUESTED = "requested"
    COMPLETE = "complete"
    """The backlog has come; what follows are pushes."""
    REFUSED = "refused"


@dataclass(slots=True)
class Pull:
    """One subscription of ours."""

    request: int
    scope: bytes
    state: PullState = PullState.REQUESTED
    presented: bool = False
    """Whether our credentials went along already."""
    stated: bool = False
    """Whether the newest request carries the clock."""
    announcements: dict[int, Announcement] = field(default_factory=dict[int, Announcement])
    pending: int = 0
    """Frames handed to the store and not yet answered."""
    turn: int = 0
    """How often the peer refused the request: its numbers of logs from before are void."""
    ranges: PositionSet | None = None
    """What was held when the peer began to ask for ranges, until it sends the first records."""
    question: RangeRequest | None = None
    """What the peer asked of it that is not answered yet, because ``ranges`` is not ready."""
    ranges_asked: int = 0
    """How many it asked for since the request was sent."""
    disagreements: int = 0
    """Comparisons in a row that found a difference nothing on its way explains."""

    def opening(self, view: ScopeView, remembered: bytes | None) -> SyncRequest:
        """The request that starts it; the clock goes along only where it is likely to be needed."""
        likely_equal = remembered == view.clock_digest
        inline = not likely_equal and len(view.clock) <= CLOCK_INLINE_MAX
        return self._request(view, with_clock=inline)

    def again(self, view: ScopeView) -> SyncRequest:
        """The same request after a refusal that may not hold any more."""
        self.state = PullState.REQUESTED
        self.presented = False
        return self._request(view, with_clock=True)

    def refused(self) -> None:
        """The peer serves this request no more, and forgets what it announced for it."""
        self.state = PullState.REFUSED
        self.turn += 1
        # Another mapping: frames that wait for the store still look at the old one.
        self.announcements = {}

    def clock_untrusted(self, view: ScopeView) -> SyncRequest:
        """The same request again, this time with the whole clock, as the peer asks for it.

        Raises:
            WireError: It has the clock.
        """
        if self.stated:
            raise ProtocolError(f"request {self.request} has a clock, and another one is asked for")
        return self._request(view, with_clock=True)

    def presenting(self, view: ScopeView, credentials: tuple[Credential, ...]) -> SyncRequest:
        """The same request with the membership records that admit us."""
        self.presented = True
        self.state = PullState.REQUESTED
        return self._request(view, with_clock=True, credentials=credentials)

    def _request(
        self, view: ScopeView, *, with_clock: bool, credentials: tuple[Credential, ...] = ()
    ) -> SyncRequest:
        self.ranges_asked = 0
        self.stated = with_clock
        return SyncRequest(
            request=self.request,
            scope=self.scope,
            clock_digest=view.clock_digest,
            clock=_stated(view.clock) if with_clock else None,
            credentials=credentials,
            sealed=view.sealed,
        )

    def answered(self, turn: int) -> bool:
        """One frame came back from the store; whether the peer is to hear of it."""
        self.pending -= 1
        return turn == self.turn

    def compared(self, view: ScopeView, theirs: Summary) -> list[Effect]:
        """Anti-entropy: a difference that outlives a comparison starts the request anew.

        What a defect or a lost step left out is then found from the clocks themselves.
        """
        settled = self.state is PullState.COMPLETE and not self.pending
        if not settled or theirs.clock_digest == view.clock_digest:
            self.disagreements = 0
            return []
        self.disagreements += 1
        if self.disagreements < DISAGREEMENTS_MAX:
            return []
        self.disagreements = 0
        self.state = PullState.REQUESTED
        return [Send(self._request(view, with_clock=True))]

    def compare(self, positions: PositionSet) -> list[Effect]:
        """The peer will ask for ranges before it sends anything."""
        self.ranges, self.question = positions, None
        if positions.prepare(POSITIONS_PER_TURN):
            return []
        return [Survey(self.request, False, positions)]

    def surveyed_untrusted(self, positions: PositionSet) -> list[Effect]:
        """What is held here can be compared now: answer what was asked meanwhile.

        Raises:
            WireError: The peer asks too much.
        """
        question = self.question
        if question is None or self.ranges is not positions:
            return []
        self.question = None
        self.ranges_asked -= len(question.ranges)  # It was counted when it came.
        return self.ranges_untrusted(question)

    def ranges_untrusted(self, message: RangeRequest) -> list[Effect]:
        """Answer what the peer asks about what is held here.

        Raises:
            WireError: It did not say that it would, or asks too much.
        """
        if self.ranges is None:
            raise ProtocolError(f"ranges of request {self.request}, which did not call for them")
        self.ranges_asked += len(message.ranges)
        if self.ranges_asked > RANGES_ASKED_MAX:
            raise LimitError(f"more than {RANGES_ASKED_MAX} ranges asked for one request")
        if not self.ranges.prepare(0):
            if self.question is not None:
                raise ProtocolError(f"more ranges of request {self.request} before an answer")
            self.question = message
            return []
        return [Send(RangeResponse(self.request, self.ranges.answer(message.ranges)))]

    def absorb_untrusted(self, response: SyncResponse) -> list[Effect]:
        """Take one response with data; its frame goes to the store.

        Raises:
            WireError: The peer announces a log twice.
        """
        self.ranges = self.question = None
        for announcement in response.announcements:
            if announcement.ref in self.announcements:
                raise ProtocolError(
                    f"log {announcement.ref} of request {self.request} announced twice"
                )
            self.announcements[announcement.ref] = announcement
        if len(self.announcements) > ANNOUNCEMENTS_MAX:
            # What has come stays, so the next connection needs to tell only of the others.
            return [Close(CloseCode.BUSY, "that many logs go over several connections")]
        if response.status is SyncStatus.COMPLETE:
            self.state = PullState.COMPLETE
        if response.frame is None:
            return []
        self.pending += 1
        return [Ingest(self.request, self.scope, self.announcements, response.frame, self.turn)]


def _stated(clock: tuple[ClockEntry, ...]) -> tuple[ClockEntry, ...]:
    """What of a clock fits a request: of too many logs the longest ones.

    The peer sees that the clock is cut, and asks for ranges.
    """
    if len(clock) <= CLOCK_ENTRIES_MAX:
        return clock
    longest = sorted(clock, key=lambda entry: entry.seq, reverse=True)[:CLOCK_ENTRIES_MAX]
    return tuple(sorted(longest, key=lambda entry: entry.log))
