"""A peer's request for one scope here: what it holds, what was sent, what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_sync.sync._bisection import Bisection, Placed
from engram_sync.sync._effects import Effect, FindPositions, ReadRuns, Send
from engram_sync.sync._limits import AHEAD_MAX, BISECTIONS_MAX
from engram_sync.sync._view import ScopeView
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
    """One subscription of the peer.

    It first finds out which of the positions held here the peer holds too.  Then it reads page
    after page of the rest, and when there is none left, whatever arrives.
    """

    request: int
    scope: bytes
    known: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """Newest seq per log that the peer holds, as far as we know; logs by the names of this node."""
    after: int | None = None
    """Arrival number up to which runs were sent; None before the first page."""
    refs: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """The numbers under which logs were announced."""
    logs: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """The same, the other way round."""
    acknowledged: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """What of it the peer itself said: nothing that may still be on its way to it."""
    reading: bool = False
    caught_up: bool = False
    sent_records: int = 0
    """Records the peer acknowledged since the first feed of this request began."""
    serial: int = 0
    """Another one when the peer states anew what it holds, and when logs get other names."""
    epoch: int = 0
    """Of the view by whose names ``known`` goes."""
    refused: set[bytes] = field(default_factory=set[bytes])
    """Logs of which the peer takes nothing more."""
    placing: bool = False
    """Whether it is still being found out what the peer holds."""
    searches: dict[bytes, Bisection] = field(default_factory=dict[bytes, Bisection])
    """By the peer's names: logs of which it is not known yet how far both sides hold the same."""

    @classmethod
    def begin(
        cls, request: int, view: ScopeView, serial: int, before: "Feed | None" = None
    ) -> "Feed":
        """A feed of a peer of which nothing is known yet.

        Args:
            serial: One that nothing else on this connection has had.
            before: The feed of the same request until now; what it announced stays announced.
        """
        feed = cls(request=request, scope=view.scope, epoch=view.epoch, serial=serial)
        if before is not None:
            feed.refs, feed.logs = before.refs, before.logs
            feed.refuse(before.refused)
            feed.sent_records = before.sent_records
        return feed

    # -- what the peer holds -----------------------------------------------------------------

    def place(self, stated: Iterable[ClockEntry], view: ScopeView) -> list[Effect]:
        """Take what the peer says that it holds; what is not held alike here is looked up."""
        mine = view.by_log()
        other: list[ClockEntry] = []
        for entry in stated:
            held = mine.get(entry.log)
            # Most often it is the very same object: what ranges found to be equal.
            if held is not entry and held != entry:
                other.append(entry)
            elif entry.log not in self.refused:
                self.known[entry.log] = entry.seq
        if not other:
            return self._ready(view)
        self.placing = True
        return [FindPositions(self.request, self.scope, tuple(other), self.serial)]

    def placed(
        self, positions: Sequence[ClockEntry], places: Sequence[Placed], view: ScopeView
    ) -> list[Effect]:
        """Take where stated positions lie here; those that lie nowhere are searched for."""
        ahead: list[Bisection] = []
        for entry, place in zip(positions, places, strict=True):
            search = Bisection.of(entry.log, entry.seq, place)
            if place.path is not None:
                self.learned(place.path)
            elif search is None:
                self.learned([(entry.log, entry.seq)])
            elif search.ahead:
                ahead.append(search)
            elif len(self.searches) < BISECTIONS_MAX:
                self.searches[entry.log] = search
        self._doubt(ahead, view)
        return self._searched(view)

    def _doubt(self, ahead: Sequence[Bisection], view: ScopeView) -> None:
        """Of logs that the peer holds further: whether it holds what is held here, too.

        It matters for what depends on that, and only where there is something to be sent.
        """
        taken = {search.log for search in ahead}
        due = any(
            self.known.get(entry.log, 0) < entry.seq
            for entry in view.positions()
            if entry.log not in taken
        )
        for number, search in enumerate(ahead):
            if (due or self.searches) and number < AHEAD_MAX:
                self.searches[search.log] = search
            else:
                self.learned([(search.log, search.ahead)])

    def probed(
        self,
        log: bytes,
        seqs: Sequence[int],
        places: Sequence[Placed | None],
        view: ScopeView,
    ) -> list[Effect]:
        """Take where the heads lie that the peer named of a log."""
        search = self.searches.get(log)
        if search is not None:
            search.asking = False
            search.narrow(seqs, places)
        return self._searched(view)

    def _searched(self, view: ScopeView) -> list[Effect]:
        for search in [search for search in self.searches.values() if search.found]:
            self.learned(self.searches.pop(search.log).path)
        return [] if self.searches else self._ready(view)

    def questions(self) -> list[Bisection]:
        """The searches that have something to ask now."""
        return [search for search in self.searches.values() if not search.asking]

    def _ready(self, view: ScopeView) -> list[Effect]:
        self.placing = False
        self._end_trunks(self.known, view)
        self.acknowledged = dict(self.known)
        return self.next_read(view)

    def _end_trunks(self, held: dict[bytes, int], view: ScopeView) -> None:
        for log, base in view.trunks.items():
            # The peer may hold more under that name, but of which branch is not known.
            if log not in self.refused and held.get(log, 0) > base:
                held[log] = base

    def restart(
        self, view: ScopeView, serial: int, renamed: Mapping[bytes, ClockEntry]
    ) -> list[Effect]:
        """Logs have got other names: what is known of a forked one ends where it forks.

        What was only sent until now is not taken for received.

        Args:
            view: With the new names.
            serial: Another one.
            renamed: Where what forked logs held beyond their fork is now.  A peer that had some of
                it has it still; to send it again would make one forged record cost a whole log.
        """
        for held in (self.known, self.acknowledged):
            for log, moved in renamed.items():
                if log not in self.refused and view.trunks[log] < held.get(log, 0) <= moved.seq:
                    held[moved.log] = max(held.get(moved.log, 0), held[log])
        self.epoch, self.serial = view.epoch, serial
        self.reading, self.after, self.placing = False, None, False
        self.searches.clear()
        self._end_trunks(self.known, view)
        self._end_trunks(self.acknowledged, view)
        return self.next_read(view)

    def learned(self, received: Iterable[tuple[bytes, int]]) -> None:
        """The peer showed that it holds these positions, so they need not be sent."""
        for log, seq in received:
            self.known[log] = max(self.known.get(log, 0), seq)

    def shown(self, received: Iterable[tuple[bytes, int]]) -> None:
        """The peer sent these positions itself."""
        for log, seq in received:
            self.learned([(log, seq)])
            self.acknowledged[log] = max(self.acknowledged.get(log, 0), seq)

    def refuse(self, logs: Iterable[bytes]) -> None:
        """Nothing of these logs will ever be taken, so nothing of them is sent again."""
        self.refused.update(logs)
        self.known.update(dict.fromkeys(self.refused, SEQ_MAX))

    # -- sending -----------------------------------------------------------------------------

    def next_read(self, view: ScopeView) -> list[Effect]:
        """Ask for the next page unless one is being read or nothing is new."""
        current = self.caught_up and self.after is not None and self.after >= view.arrival
        if self.placing or self.reading or current:
            return []
        self.reading = True
        # ``known`` itself, not a copy: what this very peer sends us is published here just before
        # it is noted as known, and a copy made in between would send it all back.
        refs = dict(self.refs)
        return [ReadRuns(self.request, self.scope, self.after, self.known, refs, self.serial)]

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
        """Both sides hold the same: no page to read, one small response completes the backlog."""
        self.known = view.reached()
        self.refuse(self.refused)
        self.acknowledged = dict(self.known)
        self.after = view.arrival
        self.caught_up = True
        return [Send(self._complete(view))]

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
        """The peer stored these positions durably; it cannot have stored what it was not sent.

        Raises:
            WireError: It names a log that was not sent.
        """
        named = [(self.log_untrusted(ref), seq) for ref, seq in received]
        positions = [(log, min(seq, self.known.get(log, 0))) for log, seq in named]
        for log, seq in positions:
            before = self.acknowledged.get(log, 0)
            if seq > before:
                self.sent_records += seq - before
                self.acknowledged[log] = seq
