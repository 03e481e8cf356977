"""A peer's request for one scope here: what it holds, what was sent, what comes next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_sync.replication._effects import Effect, ReadRuns, Send
from engram_sync.replication._view import ScopeView
from engram_wire import SEQ_MAX, Announcement, ClockEntry, ProtocolError, SyncResponse, SyncStatus


class PageEntry(NamedTuple):
    """One frame read for a feed."""

    announcement: Announcement | None
    """Present when the frame's log has not been announced before."""
    frame: bytes
    log: bytes
    last: int
    """Seq of the frame's last record, a signed position."""


@dataclass(slots=True)
class Feed:
    """One subscription of the peer."""

    request: int
    scope: bytes
    known: dict[bytes, int]
    """Newest seq per log that the peer holds, as far as we know."""
    after: int | None = None
    """Arrival number up to which runs were sent; None before the first page."""
    refs: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """The numbers under which logs were announced."""
    logs: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """The same, the other way round."""
    acknowledged: dict[bytes, int] = field(default_factory=dict[bytes, int])
    reading: bool = False
    caught_up: bool = False
    sent_records: int = 0
    """Records the peer acknowledged since the first feed of this request began."""
    serial: int = 0
    """Grows when the peer states its clock anew."""
    stated: tuple[ClockEntry, ...] = ()
    """That clock."""
    refused: set[bytes] = field(default_factory=set[bytes])
    """Logs of which the peer takes nothing more."""

    @classmethod
    def begin(
        cls,
        request: int,
        scope: bytes,
        clock: Iterable[ClockEntry],
        before: "Feed | None" = None,
    ) -> "Feed":
        """Start from the clock that the peer stated (or that an equal digest implies).

        Args:
            before: The feed of the same request until now; what it announced stays announced.
        """
        stated = tuple(clock)
        known = {entry.log: entry.seq for entry in stated}
        feed = cls(
            request=request, scope=scope, known=known, acknowledged=dict(known), stated=stated
        )
        if before is not None:
            feed.refs = before.refs
            feed.logs = before.logs
            feed.refuse(before.refused)
            feed.serial = before.serial + 1
            feed.sent_records = before.sent_records
        return feed

    def next_read(self, view: ScopeView) -> list[Effect]:
        """Ask for the next page unless one is being read or nothing is new."""
        if self.reading or (
            self.caught_up and self.after is not None and self.after >= view.arrival
        ):
            return []
        self.reading = True
        # ``known`` itself, not a copy: what this very peer sends us is published here just before
        # it is noted as known, and a copy made in between would send it all back.
        refs = dict(self.refs)
        stated = self.stated if self.after is None else ()
        return [
            ReadRuns(self.request, self.scope, self.after, self.known, refs, self.serial, stated)
        ]

    def page(
        self, entries: Sequence[PageEntry], *, after: int, exhausted: bool, view: ScopeView
    ) -> list[Effect]:
        """Turn a page into responses; the last one of a backlog carries our summary."""
        self.reading = False
        self.after = after
        first_completion = exhausted and not self.caught_up
        effects: list[Effect] = []
        for index, entry in enumerate(entries):
            if entry.announcement is not None:
                self.refs[entry.log] = entry.announcement.ref
                self.logs[entry.announcement.ref] = entry.log
            self.known[entry.log] = max(self.known.get(entry.log, 0), entry.last)
            final = exhausted and index == len(entries) - 1
            effects.append(
                Send(
                    SyncResponse(
                        request=self.request,
                        status=SyncStatus.COMPLETE if final else SyncStatus.DATA,
                        announcements=(entry.announcement,) if entry.announcement else (),
                        frame=entry.frame,
                        summary=view.summary() if final else None,
                    )
                )
            )
        if first_completion and not entries:
            effects.append(Send(self._complete(view)))
        self.caught_up = self.caught_up or exhausted
        return effects + self.next_read(view)

    def _complete(self, view: ScopeView) -> SyncResponse:
        return SyncResponse(
            request=self.request,
            status=SyncStatus.COMPLETE,
            announcements=(),
            frame=None,
            summary=view.summary(),
        )

    def begin_equal(self, view: ScopeView) -> list[Effect]:
        """The clocks are equal: no page to read, one small response completes the backlog."""
        self.after = view.arrival
        self.caught_up = True
        return [Send(self._complete(view))]

    def learned(self, received: Iterable[tuple[bytes, int]]) -> None:
        """The peer showed that it holds these positions, so they need not be sent."""
        for log, seq in received:
            self.known[log] = max(self.known.get(log, 0), seq)

    def contradicted(self, logs: Iterable[bytes]) -> None:
        """The peer holds another branch of these logs: only the whole log shows where they part."""
        for log in logs:
            if log not in self.refused:
                self.known[log] = 0

    def refuse(self, logs: Iterable[bytes]) -> None:
        """Nothing of these logs will ever be taken, so nothing of them is sent again."""
        for log in logs:
            self.refused.add(log)
            self.known[log] = SEQ_MAX

    def log_untrusted(self, ref: int) -> bytes:
        """The log that was announced as ``ref``.

        Raises:
            WireError: None was.
        """
        log = self.logs.get(ref)
        if log is None:
            raise ProtocolError(f"log {ref} of request {self.request} was never announced")
        return log

    def acked_untrusted(self, received: Iterable[tuple[int, int]]) -> None:
        """The peer stored these positions durably.

        Raises:
            WireError: It names a log that was not sent.
        """
        positions = [(self.log_untrusted(ref), seq) for ref, seq in received]
        for log, seq in positions:
            before = self.acknowledged.get(log, 0)
            if seq > before:
                self.sent_records += seq - before
                self.acknowledged[log] = seq
        self.learned(positions)
