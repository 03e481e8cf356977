"""The half of an exchange that serves: the peer's requests, and the feeds that answer them."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engram_sync.sync._bisection import Placed
from engram_sync.sync._counterpart import Counterpart
from engram_sync.sync._effects import (
    Effect,
    FindPositions,
    ReadRuns,
    Refused,
    RolledBack,
    Send,
    Survey,
)
from engram_sync.sync._feed import Feed, PageEntry
from engram_sync.sync._limits import (
    POSITIONS_MAX,
    POSITIONS_PER_TURN,
    QUESTIONS_MAX,
    SUBSCRIPTIONS_MAX,
    WITHDRAWN_MAX,
)
from engram_sync.sync._ranges import PositionSet, Reconciliation
from engram_sync.sync._view import ScopeView
from engram_wire import (
    CLOCK_ENTRIES_MAX,
    ClockEntry,
    LimitError,
    Probe,
    ProbeResponse,
    ProtocolError,
    RangeRequest,
    RangeResponse,
    Rejection,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)


class _Probed(NamedTuple):
    """A question about one log that the peer has not answered yet."""

    request: int
    feed: int
    log: bytes
    seqs: tuple[int, ...]


class _Comparison(NamedTuple):
    """A request that waits for what the peer holds to be found out range by range."""

    scope: bytes
    mine: PositionSet
    ranges: Reconciliation


class Serving:
    """What this node serves to the peer of one connection."""

    def __init__(self, peer: Counterpart) -> None:
        self._peer = peer
        self._feeds: dict[int, Feed] = {}
        self._served: dict[bytes, ScopeView] = {}
        """By scope: the view by whose names its feeds go."""
        self._withdrawn: dict[int, None] = {}
        """Requests that were served once and then refused, oldest first."""
        self._comparisons: dict[int, _Comparison] = {}
        self._probes: dict[int, _Probed] = {}
        self._waiting: dict[int, None] = {}
        """Requests about whose logs there is more to ask than may be open at once."""
        self._next_probe = 1
        self._serials = itertools.count()
        """No two feeds of a connection share one, so no page can end up in another feed."""

    def scopes(self) -> frozenset[bytes]:
        """Scopes that are served."""
        serving = {feed.scope for feed in self._feeds.values()}
        return frozenset(serving | {item.scope for item in self._comparisons.values()})

    def sent_records(self) -> int:
        """Records the peer acknowledged on this connection."""
        return sum(feed.sent_records for feed in self._feeds.values())

    def check_untrusted(self, message: SyncRequest) -> None:
        """Check that there is room for a request, whoever may read what it asks for.

        Nothing is kept for scopes that the peer may not read, so what is held here bounds the rest.

        Raises:
            WireError: There is none, or its number stands for another scope.
        """
        scopes = {request: feed.scope for request, feed in self._feeds.items()}
        scopes |= {request: item.scope for request, item in self._comparisons.items()}
        if message.request in scopes:
            if scopes[message.request] != message.scope:
                raise ProtocolError(f"request {message.request} is for another scope")
            return
        if sum(scope == message.scope for scope in scopes.values()) >= SUBSCRIPTIONS_MAX:
            raise LimitError(f"more than {SUBSCRIPTIONS_MAX} requests for one scope")

    def wants(self, asked: ReadRuns | FindPositions) -> bool:
        """Whether the feed that asked still waits for the answer."""
        feed = self._feeds.get(asked.request)
        return feed is not None and feed.serial == asked.feed

    # -- requests ----------------------------------------------------------------------------

    def serve(self, message: SyncRequest) -> list[Effect]:
        """Answer a request by what is held and who may read it now."""
        request = message.request
        self._comparisons.pop(request, None)
        view = self._peer.readable(message.scope)
        if view is None:
            return self.refuse(request)
        before = self._feeds.get(request)
        if message.clock_digest == view.clock_digest:
            feed = self._new_feed(request, view)
            return feed.begin_equal(view)
        if message.clock is None:
            return [_answer(request, SyncStatus.CLOCK_NEEDED)]
        if _clocks_do_not_serve(message, view, before):
            mine = self._peer.positions(view)
            self._comparisons[request] = _Comparison(view.scope, mine, Reconciliation(mine))
            survey = Survey(request, True, mine)
            ready = mine.prepare(POSITIONS_PER_TURN)
            first = self.surveyed(survey) if ready else [survey]
            return [_answer(request, SyncStatus.RANGES_FOLLOW), *first]
        # Here the peer has sealed either no log or the same ones.
        seals = view.seals if message.sealed[0] else ()
        return self._begin(request, view, [*message.clock, *seals])

    def surveyed(self, survey: Survey) -> list[Effect]:
        """What is held here can be compared now."""
        comparison = self._comparisons.get(survey.request)
        if comparison is None or comparison.mine is not survey.positions:
            return []
        if self._peer.readable(comparison.scope) is None:
            return self.refuse(survey.request)
        return [Send(RangeRequest(survey.request, comparison.ranges.ask()))]

    def ranges_answered_untrusted(self, message: RangeResponse) -> list[Effect]:
        """Some more of what the peer holds is known.

        Raises:
            WireError: It was not asked for, or does not fit what was asked.
        """
        comparison = self._comparisons.get(message.request)
        if comparison is None:
            raise ProtocolError(f"no ranges of request {message.request} were asked for")
        comparison.ranges.answered_untrusted(message.answers)
        if sum(len(item.ranges.theirs) for item in self._comparisons.values()) > POSITIONS_MAX:
            comparison.ranges.stop()
        view = self._peer.readable(comparison.scope)
        if view is None:
            return self.refuse(message.request)
        asked = comparison.ranges.ask()
        if asked:
            return [Send(RangeRequest(message.request, asked))]
        del self._comparisons[message.request]
        return self._begin(message.request, view, comparison.ranges.theirs)

    def _begin(self, request: int, view: ScopeView, stated: Sequence[ClockEntry]) -> list[Effect]:
        feed = self._new_feed(request, view)
        return [*_rolled_back(view, stated), *feed.place(stated, view)]

    def _new_feed(self, request: int, view: ScopeView) -> Feed:
        before = self._feeds.get(request)
        self._served[view.scope] = view
        feed = self._feeds[request] = Feed.begin(request, view, next(self._serials), before)
        return feed

    def refuse(self, request: int) -> list[Effect]:
        """Refuse a request, and with it what was subscribed to by it so far."""
        self._comparisons.pop(request, None)
        if self._feeds.pop(request, None) is not None:
            self._withdrawn.pop(request, None)
            self._withdrawn[request] = None
            if len(self._withdrawn) > WITHDRAWN_MAX:
                del self._withdrawn[next(iter(self._withdrawn))]
        # Absent and forbidden look alike.
        return [_answer(request, SyncStatus.REFUSED)]

    def acked_untrusted(self, message: SyncAck) -> tuple[bytes | None, list[Effect]]:
        """The peer stored or refused what it was sent; returns the scope that this is about.

        Raises:
            WireError: Nothing like that was sent.
        """
        feed = self._feeds.get(message.request)
        if feed is None:
            if message.request in self._withdrawn:
                return None, []  # It crossed the refusal.
            raise ProtocolError(f"no feed {message.request}")
        feed.acked_untrusted(message.received)
        rejected = tuple(
            Rejection(feed.log_untrusted(ref), seq, code) for ref, seq, code in message.rejected
        )
        feed.refuse(why.log for why in rejected)
        return feed.scope, [Refused(feed.scope, rejected)] if rejected else []

    # -- what the peer holds -----------------------------------------------------------------

    def placed(self, place: FindPositions, places: Sequence[Placed]) -> list[Effect]:
        """Positions that the peer named were looked up."""
        feed = self._feeds.get(place.request)
        if feed is None or feed.serial != place.feed:
            return []
        view = self._peer.readable(feed.scope)
        if view is None:
            return self.refuse(place.request)
        if place.probed:
            found = {
                entry.seq: placed for entry, placed in zip(place.positions, places, strict=True)
            }
            answers = [found.get(seq) for seq in place.probed]
            effects = feed.probed(place.log, place.probed, answers, view)
        else:
            effects = feed.placed(place.positions, places, view)
        return effects + self._probe(feed)

    def _probe(self, feed: Feed) -> list[Effect]:
        effects: list[Effect] = []
        for search in feed.questions():
            if len(self._probes) >= QUESTIONS_MAX:
                self._waiting[feed.request] = None
                break
            number = self._next_probe
            self._next_probe += 1
            probed = _Probed(feed.request, feed.serial, search.log, search.ask())
            self._probes[number] = probed
            search.asking = True
            effects.append(Send(Probe(number, feed.scope, probed.log, probed.seqs)))
        return effects

    def _ask_on(self) -> list[Effect]:
        """Ask what waited for a question to be answered."""
        waiting, self._waiting = self._waiting, {}
        feeds = [feed for feed in map(self._feeds.get, waiting) if feed is not None]
        return [effect for feed in feeds for effect in self._probe(feed)]

    def probe_answered_untrusted(self, message: ProbeResponse) -> list[Effect]:
        """The peer named the heads it was asked for: look them up here.

        Raises:
            WireError: It was not asked, or not for as many.
        """
        probed = self._probes.pop(message.number, None)
        if probed is None or len(message.heads) != len(probed.seqs):
            raise ProtocolError(f"no question {message.number} for {len(message.heads)} heads")
        more = self._ask_on()
        feed = self._feeds.get(probed.request)
        if feed is None or feed.serial != probed.feed:
            return more
        heads = tuple(
            ClockEntry(probed.log, seq, head)
            for seq, head in zip(probed.seqs, message.heads, strict=True)
            if head is not None
        )
        return [
            *more,
            FindPositions(feed.request, feed.scope, heads, feed.serial, probed.seqs, probed.log),
        ]

    # -- feeding -----------------------------------------------------------------------------

    def advanced(self, view: ScopeView) -> list[Effect]:
        """Push what a commit added."""
        effects: list[Effect] = []
        before = self._served.get(view.scope)
        renamed: dict[bytes, ClockEntry] = {}
        if before is not None and before.epoch != view.epoch:
            renamed = view.renamed(before)
        self._served[view.scope] = view
        for feed in self._of(view):
            if feed.request in self._comparisons:
                continue  # What the peer lacks is being found out anew.
            if feed.epoch != view.epoch:
                effects += feed.restart(view, next(self._serials), renamed)
            else:
                effects += feed.next_read(view)
        return effects

    def learned(self, view: ScopeView, received: Iterable[tuple[bytes, int]]) -> list[Effect]:
        """Note what the peer itself has sent, so that none of it is echoed, and go on."""
        positions = list(received)
        for feed in self._of(view):
            feed.shown(positions)
        return self.advanced(view)

    def held(self, view: ScopeView) -> dict[bytes, int]:
        """The newest position of each log that the peer says it holds, by the names used here."""
        held: dict[bytes, int] = {}
        for feed in self._of(view):
            for log, seq in feed.acknowledged.items():
                if log not in feed.refused:
                    held[log] = max(held.get(log, 0), seq)
        return held

    def _of(self, view: ScopeView) -> list[Feed]:
        if self._peer.readable(view.scope) is None:
            return []
        return [feed for feed in self._feeds.values() if feed.scope == view.scope]

    def page(
        self, read: ReadRuns, entries: Sequence[PageEntry], *, after: int, exhausted: bool
    ) -> list[Effect]:
        """A page for a feed was read."""
        feed = self._feeds.get(read.request)
        if feed is None or feed.serial != read.feed or read.request in self._comparisons:
            return []
        view = self._peer.readable(feed.scope)
        if view is None:
            # Revoked while the page was being read: it must not leave.
            return self.refuse(read.request)
        return feed.page(entries, after=after, exhausted=exhausted, view=view)


def _answer(request: int, status: SyncStatus) -> Send:
    return Send(SyncResponse(request, status, (), None, None))


def _clocks_do_not_serve(message: SyncRequest, view: ScopeView, before: Feed | None) -> bool:
    """Whether the stated clock leaves open what the peer holds."""
    assert message.clock is not None
    truncated = len(message.clock) >= CLOCK_ENTRIES_MAX
    unlike = message.sealed[0] > 0 and message.sealed != view.sealed
    # Whoever asks again for what it had completely has found a difference that stays.
    persists = before is not None and before.caught_up
    return truncated or unlike or persists


def _rolled_back(view: ScopeView, stated: Iterable[ClockEntry]) -> list[Effect]:
    """Logs written here of which the peer knows more than this node does."""
    held = view.by_log()
    return [
        RolledBack(view.scope, entry.log)
        for entry in stated
        if entry.log in view.own and (entry.log not in held or entry.seq > held[entry.log].seq)
    ]
