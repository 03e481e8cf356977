"""One connection's replication: catch up, subscribe, push, acknowledge, join.

Pure: every method takes what happened and returns effects for the driver to perform in order.
"""

from collections.abc import Iterable, Mapping, Sequence

from engram_sync.replication._effects import (
    Admit,
    Close,
    CollectCredentials,
    Diverged,
    Effect,
    Joined,
    Present,
    ReadRuns,
    Refused,
    Send,
)
from engram_sync.replication._feed import Feed, PageEntry
from engram_sync.replication._limits import REQUESTS_MAX, STRANGER_S, Intervals
from engram_sync.replication._pull import Pull, PullState, Stored, agrees, contradicts
from engram_sync.replication._view import ScopeView
from engram_wire import (
    CloseCode,
    Credential,
    JoinRequest,
    JoinResponse,
    LimitError,
    Message,
    Ping,
    Pong,
    ProtocolError,
    Refusal,
    Rejection,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    SyncStatus,
)


class Exchange:
    """The replication state of one authenticated connection.

    Args:
        peer: The peer's proven key.
        scopes: The node's scopes, a mapping that the node keeps up to date.
        now: Monotonic seconds.
        remembered: Clock digests the peer is known to have had, by scope.
    """

    def __init__(
        self,
        peer: bytes,
        scopes: Mapping[bytes, ScopeView],
        *,
        now: float,
        remembered: Mapping[bytes, bytes] | None = None,
        intervals: Intervals | None = None,
    ) -> None:
        self._intervals = intervals or Intervals()
        self.peer = peer
        self._scopes = scopes
        self._remembered = dict(remembered or {})
        self._pulls: dict[int, Pull] = {}
        self._feeds: dict[int, Feed] = {}
        self._withdrawn: set[int] = set()
        self._summaries: dict[bytes, Summary] = {}
        self._joining = False
        self._opened_at = now
        self._heard_at = now
        self._pinged_at = now
        self._next_request = 1
        self.received_records = 0
        self._probes: set[int] = set()
        self.pongs: set[int] = set()
        """Nonces of the pings that were answered; the node waits on them in ``sync``."""
        self.synced_scopes: frozenset[bytes] = frozenset()
        """Scopes whose clocks and digests agreed when last compared."""

    # -- what the node asks ------------------------------------------------------------------

    def open(self) -> list[Effect]:
        """Ask for every scope that both sides may read; none is named to anybody else."""
        effects: list[Effect] = []
        asked = {pull.scope for pull in self._pulls.values()}
        for scope, view in self._scopes.items():
            if self.peer not in view.readers or scope in asked:
                continue
            pull = Pull(request=self._next_request, scope=scope)
            self._next_request += 1
            self._pulls[pull.request] = pull
            effects.append(Send(pull.opening(view, self._remembered.get(scope))))
        return effects

    def join(self, request: JoinRequest) -> list[Effect]:
        """Present an invite; the answer comes as a ``Joined`` effect."""
        self._joining = True
        return [Send(request)]

    def probe(self, nonce: int, now: float) -> list[Effect]:
        """Ask the peer for its present summaries."""
        self._pinged_at = now
        self._probes.add(nonce)
        return [Send(Ping(nonce=nonce, summaries=self._own_summaries()))]

    def synced(self, scope: bytes) -> bool:
        """Whether the peer's last summary of ``scope`` equals ours, state and all."""
        view = self._scopes.get(scope)
        return view is not None and agrees(view.summary(), self._summaries.get(scope))

    def shared(self) -> frozenset[bytes]:
        """Scopes that this connection carries in at least one direction."""
        pulls = {p.scope for p in self._pulls.values() if p.state is not PullState.REFUSED}
        return frozenset(pulls | {f.scope for f in self._feeds.values()})

    def settled(self) -> bool:
        """Whether every shared scope is complete both ways and agrees."""
        shared = self.shared()
        complete = all(p.state is not PullState.REQUESTED for p in self._pulls.values())
        return bool(shared) and complete and all(self.synced(scope) for scope in shared)

    def receiving(self) -> bool:
        """Whether a backlog is under way to us."""
        return any(
            pull.pending or (pull.state is PullState.REQUESTED and pull.announcements)
            for pull in self._pulls.values()
        )

    def sent_records(self) -> int:
        """Records the peer acknowledged on this connection."""
        return sum(feed.sent_records for feed in self._feeds.values())

    def summaries(self) -> Mapping[bytes, Summary]:
        """The peer's last known summary of each shared scope."""
        return self._summaries

    # -- what happened in the node -----------------------------------------------------------

    def on_advanced(self, scope: bytes) -> list[Effect]:
        """A commit advanced ``scope``: push it, and open pulls for newly readable scopes."""
        effects = self.open()
        view = self._scopes.get(scope)
        if view is None:
            return effects
        if not any(pull.scope == scope and pull.pending for pull in self._pulls.values()):
            # Otherwise what advanced may be this peer's own records; ``on_stored`` goes on then.
            for feed in self._feeds_of(view):
                effects += feed.next_read(view)
        return effects + self._compared(scope)

    def on_materialised(self, scope: bytes) -> list[Effect]:
        """The state digest of ``scope`` caught up with its clock: tell the peer that fed us."""
        view = self._scopes[scope]
        acks = [
            Send(SyncAck(pull.request, (), view.summary(), ()))
            for pull in self._pulls.values()
            if pull.scope == scope and pull.state is PullState.COMPLETE and not pull.pending
        ]
        return [*acks, *self._compared(scope)]

    def on_stored(self, stored: Sequence[Stored]) -> list[Effect]:
        """Frames are durable: acknowledge them, with our summary once nothing is pending."""
        told: list[Stored] = []
        for frame in stored:
            self.received_records += frame.new_records
            if self._pulls[frame.request].answered():
                told.append(frame)
        effects: list[Effect] = []
        for request in dict.fromkeys(frame.request for frame in stored):
            pull = self._pulls[request]
            mine = [frame for frame in told if frame.request == request]
            # Of a log that is refused from its first record on, nothing is held.
            received = {frame.ref: frame.seq for frame in mine if frame.seq}
            rejected = tuple(
                Refusal(frame.ref, why.seq, why.code) for frame in mine for why in frame.rejected
            )
            view = self._scopes[pull.scope]
            summary = None if pull.pending else view.summary()
            effects.append(Send(SyncAck(request, tuple(received.items()), summary, rejected)))
            effects += self._compared(pull.scope)
            for feed in self._feeds_of(view):
                # First note what the peer itself has sent, so that none of it is echoed.
                feed.learned((frame.log, frame.seq) for frame in mine if frame.seq)
                effects += feed.next_read(view)
        return effects

    def _feeds_of(self, view: ScopeView) -> list[Feed]:
        if self.peer not in view.readers:
            return []
        return [feed for feed in self._feeds.values() if feed.scope == view.scope]

    def on_contradictions(self, read: ReadRuns, logs: Iterable[bytes]) -> None:
        """The clock that the peer stated names other branches of ``logs`` than are held here."""
        feed = self._feeds.get(read.request)
        if feed is not None and feed.serial == read.feed:
            feed.contradicted(logs)

    def on_page(
        self, read: ReadRuns, entries: Sequence[PageEntry], *, after: int, exhausted: bool
    ) -> list[Effect]:
        """A page for a feed was read."""
        feed = self._feeds.get(read.request)
        if feed is None or feed.serial != read.feed:
            return []
        view = self._scopes[feed.scope]
        if self.peer not in view.readers:
            # Revoked while the page was being read: it must not leave.
            return self._refuse(read.request)
        return feed.page(entries, after=after, exhausted=exhausted, view=view)

    def on_credentials(self, scope: bytes, credentials: tuple[Credential, ...]) -> list[Effect]:
        """The membership records that admit us were read: ask again, this time with them."""
        return [
            Send(pull.presenting(self._scopes[scope], credentials))
            for pull in self._pulls.values()
            if pull.scope == scope
        ]

    def on_presented(self, request: SyncRequest) -> list[Effect]:
        """The peer's credentials were stored (or refused): decide by what we hold now."""
        return self._serve(request) + self._retry(request.scope) + self.open()

    def on_admitted(self, response: JoinResponse) -> list[Effect]:
        """The node decided about a join request."""
        return [Send(response), *self.open()]

    def on_tick(self, now: float) -> list[Effect]:
        """Time passed: probe a silent peer, give up a dead one, leave a stranger."""
        # Compared as ``next_deadline`` computes them: by how floats round, the time since may stay
        # below a wait that is over, and the driver would call again and again.
        dead_s = self._intervals.dead_s
        if now >= self._heard_at + dead_s:
            return [Close(CloseCode.TIMEOUT, f"nothing heard for {dead_s:g} s")]
        if not self.shared() and not self._joining and now >= self._opened_at + STRANGER_S:
            return [Close(CloseCode.STRANGER, "no scope in common")]
        return self.probe(0, now) if now >= self._probe_at() else []

    def next_deadline(self) -> float:
        """When ``on_tick`` must be called at the latest."""
        deadline = min(self._probe_at(), self._heard_at + self._intervals.dead_s)
        if not self.shared() and not self._joining:
            deadline = min(deadline, self._opened_at + STRANGER_S)
        return deadline

    def _probe_at(self) -> float:
        # A silent peer is asked whether it lives; a talking one, at leisure, whether it agrees.
        idle = max(self._heard_at, self._pinged_at) + self._intervals.ping_s
        return min(idle, self._pinged_at + self._intervals.compare_s)

    def on_bytes(self, now: float) -> None:
        """Bytes arrived, if not a whole message yet: the peer lives, however slow the link."""
        self._heard_at = now

    # -- what the peer said ------------------------------------------------------------------

    def on_message_untrusted(self, message: Message, now: float) -> list[Effect]:
        """Answer one message.

        Raises:
            WireError: It refers to a request that does not exist, or breaks a bound.
        """
        self.on_bytes(now)
        match message:
            case SyncRequest():
                return self._on_request_untrusted(message)
            case SyncResponse():
                return self._on_response_untrusted(message)
            case SyncAck():
                return self._on_ack_untrusted(message)
            case Ping():
                effects = self._take_summaries(message.summaries)
                return [Send(Pong(message.nonce, self._own_summaries())), *effects]
            case Pong():
                if message.nonce not in self._probes:
                    raise ProtocolError("a Pong to no Ping of ours")
                self.pongs.add(message.nonce)
                return self._take_summaries(message.summaries)
            case JoinRequest():
                return [Admit(message)]
            case JoinResponse():
                if not self._joining:
                    raise ProtocolError("an unsolicited JoinResponse")
                self._joining = False
                self._opened_at = now
                return [Joined(message)]
            case _:
                # Goodbye: the driver closes; handshake messages never get here.
                return []

    def _on_request_untrusted(self, message: SyncRequest) -> list[Effect]:
        if message.request not in self._feeds and len(self._feeds) >= REQUESTS_MAX:
            raise LimitError(f"more than {REQUESTS_MAX} requests")
        view = self._scopes.get(message.scope)
        if message.credentials and (view is None or self.peer not in view.readers):
            # For an absent scope too: not even the order of the answers may tell it from one that
            # is held and forbidden.
            return [Present(message)]
        return self._serve(message) + self._retry(message.scope) + self.open()

    def _retry(self, scope: bytes) -> list[Effect]:
        """A peer that asks for a scope holds it now, even if it refused us before it joined."""
        view = self._scopes.get(scope)
        if view is None or self.peer not in view.readers:
            return []
        refused = [
            pull
            for pull in self._pulls.values()
            if pull.scope == scope and pull.state is PullState.REFUSED
        ]
        return [Send(pull.again(view)) for pull in refused]

    def _serve(self, message: SyncRequest) -> list[Effect]:
        view = self._scopes.get(message.scope)
        if view is None or self.peer not in view.readers:
            return self._refuse(message.request)
        before = self._feeds.get(message.request)
        if message.clock_digest == view.clock_digest:
            feed = Feed.begin(message.request, message.scope, view.clock, before)
            self._feeds[message.request] = feed
            return feed.begin_equal(view)
        if message.clock is None:
            needed = SyncResponse(message.request, SyncStatus.CLOCK_NEEDED, (), None, None)
            return [Send(needed)]
        feed = Feed.begin(message.request, message.scope, message.clock, before)
        self._feeds[message.request] = feed
        return feed.next_read(view)

    def _refuse(self, request: int) -> list[Effect]:
        """Refuse a request, and with it what was subscribed to by it so far."""
        if self._feeds.pop(request, None) is not None:
            self._withdrawn.add(request)
        return [Send(_refusal(request))]

    def _on_response_untrusted(self, message: SyncResponse) -> list[Effect]:
        pull = self._pulls.get(message.request)
        if pull is None:
            raise ProtocolError(f"no request {message.request}")
        view = self._scopes[pull.scope]
        if message.status is SyncStatus.REFUSED:
            pull.refused()
            return [] if pull.presented else [CollectCredentials(pull.scope)]
        if message.status is SyncStatus.CLOCK_NEEDED:
            return [Send(pull.with_clock(view))]
        effects = pull.absorb_untrusted(message)
        if message.summary is not None:
            self._summaries[pull.scope] = message.summary
            effects += self._compared(pull.scope)
        return effects

    def _on_ack_untrusted(self, message: SyncAck) -> list[Effect]:
        feed = self._feeds.get(message.request)
        if feed is None:
            if message.request in self._withdrawn:
                return []  # It crossed the refusal.
            raise ProtocolError(f"no feed {message.request}")
        feed.acked_untrusted(message.received)
        rejected = tuple(
            Rejection(feed.log_untrusted(why.ref), why.seq, why.code) for why in message.rejected
        )
        feed.refuse(why.log for why in rejected)
        effects: list[Effect] = [Refused(feed.scope, rejected)] if rejected else []
        if message.summary is None:
            return effects
        self._summaries[feed.scope] = message.summary
        return [*effects, *self._compared(feed.scope)]

    def _take_summaries(self, summaries: Sequence[tuple[bytes, Summary]]) -> list[Effect]:
        effects: list[Effect] = []
        shared = self.shared()
        for scope, summary in summaries:
            if scope in shared:
                self._summaries[scope] = summary
                effects += self._compared(scope)
                for pull in self._pulls.values():
                    if pull.scope == scope:
                        effects += pull.compared(self._scopes[scope], summary)
        return effects

    def _own_summaries(self) -> tuple[tuple[bytes, Summary], ...]:
        # Only scopes the peer subscribed to or serves: naming another would leak that it exists.
        shared = sorted(self.shared())
        views = [self._scopes[scope] for scope in shared if scope in self._scopes]
        return tuple((v.scope, v.summary()) for v in views if self.peer in v.readers)

    def _compared(self, scope: bytes) -> list[Effect]:
        view = self._scopes.get(scope)
        if view is None:
            return []
        theirs = self._summaries.get(scope)
        agreed = agrees(view.summary(), theirs)
        self.synced_scopes = self.synced_scopes - {scope} | ({scope} if agreed else set())
        return [Diverged(scope)] if contradicts(view.summary(), theirs) else []


def _refusal(request: int) -> SyncResponse:
    """Absent and forbidden look alike."""
    return SyncResponse(request, SyncStatus.REFUSED, (), None, None)
