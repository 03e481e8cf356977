"""Sync over one connection: catch up, subscribe, push, acknowledge, repair, join.

Pure: every method takes what happened and returns effects for the driver to perform in order.
"""

from collections.abc import Iterable, Mapping, Sequence

from engram_sync.sync._asking import Asking
from engram_sync.sync._bisection import Placed
from engram_sync.sync._counterpart import Accord, Counterpart
from engram_sync.sync._effects import (
    Close,
    Effect,
    FindPositions,
    Present,
    ReadHeads,
    ReadPayloads,
    ReadRuns,
    Refused,
    Send,
    Survey,
)
from engram_sync.sync._feed import PageEntry
from engram_sync.sync._joining import Joining, answer
from engram_sync.sync._limits import PAYLOADS_BYTES, SILENT_S, STRANGER_S, Timing
from engram_sync.sync._pull import FrameStored
from engram_sync.sync._serving import Serving
from engram_sync.sync._view import ScopeView
from engram_wire import (
    CloseCode,
    ConflictNotification,
    ConflictResolution,
    Credential,
    Credentials,
    Extension,
    JoinRequest,
    JoinResponse,
    LeaveNotification,
    Message,
    PayloadRequest,
    PayloadResponse,
    Ping,
    Pong,
    Probe,
    ProbeResponse,
    ProtocolError,
    RangeRequest,
    RangeResponse,
    RefusalNotification,
    Summary,
    SyncAck,
    SyncRequest,
    SyncResponse,
    VersionError,
)

PAYLOAD_HEAD_BYTES = 64
"""What an answer with a payload takes beside the payload: its log, its seq and three heads."""


class Exchange:
    """The sync state of one authenticated connection.

    Args:
        peer: The peer's proven key.
        scopes: The node's scopes, a mapping that the node keeps up to date.
        now: Monotonic seconds.
        remembered: Clock digests the peer is known to have had, by scope.
        session: The id of the session.
    """

    def __init__(
        self,
        peer: bytes,
        scopes: Mapping[bytes, ScopeView],
        *,
        now: float,
        remembered: Mapping[bytes, bytes] | None = None,
        intervals: Timing | None = None,
        session: bytes = b"",
    ) -> None:
        self._intervals = intervals or Timing()
        self.peer = peer
        self._scopes = scopes
        self._known = Counterpart(peer, session, scopes)
        self._asking = Asking(self._known, remembered or {})
        self._serving = Serving(self._known)
        self.joining = Joining()
        self._opened_at = now
        self.heard_at = now
        """When the last bytes arrived."""
        self._pinged_at = self._unanswered_at = now
        self._pings: list[int] = []
        self.pongs: set[int] = set()
        """Nonces of the pings that were answered; the node waits on them in ``sync``."""
        self.notices = 0
        """Hints of the peer about conflicts and leaving: counted, and nothing more."""

    def wants(self, asked: ReadRuns | FindPositions) -> bool:
        """Whether the answer is still of use; the peer may have begun anew since."""
        return self._serving.wants(asked)

    # -- what the node asks ------------------------------------------------------------------

    def open(self) -> list[Effect]:
        """Ask for every scope that both sides may read; none is named to anybody else."""
        return self._asking.open()

    def join(self, request: JoinRequest) -> list[Effect]:
        """Present an invite; the answer comes as a ``Joined`` effect."""
        return self.joining.begin(request)

    def probe(self, nonce: int, now: float) -> list[Effect]:
        """Ask the peer for its present summaries."""
        self._unanswered_at = now if self._pinged_at <= self.heard_at else self._unanswered_at
        self._pinged_at = now
        self._pings.append(nonce)
        return [Send(Ping(nonce=nonce, summaries=self._known.told(self.shared())))]

    def synced(self, scope: bytes) -> bool:
        """Whether the peer serves ``scope`` completely, its last summary equals ours, state and
        all, and it has nothing of what is owed here.
        """
        view = self._known.readable(scope)
        if view is None or not self._asking.complete(scope):
            return False
        return self._known.agrees(view) and self._asking.told_all(view)

    @property
    def synced_scopes(self) -> frozenset[bytes]:
        """Scopes whose clocks and digests agreed when last compared."""
        return self._known.synced_scopes

    @property
    def received_records(self) -> int:
        """Records that the peer sent and that were new here."""
        return self._asking.received_records

    def shared(self) -> frozenset[bytes]:
        """Scopes that this connection carries in at least one direction."""
        carried = self._asking.scopes() | self._serving.scopes()
        return frozenset(scope for scope in carried if self._known.readable(scope) is not None)

    def accord(self) -> Accord:
        """How both sides stand over all scopes that both may read, served or not."""
        scopes = [scope for scope in self._scopes if self._known.readable(scope) is not None]
        if any(self.diverged(scope) for scope in scopes):
            return Accord.DIVERGED
        unsettled = [scope for scope in scopes if not self.synced(scope)]
        if not all(self._asking.refused(scope) for scope in unsettled):
            return Accord.SYNCING
        return Accord.REFUSED if unsettled or not scopes else Accord.SYNCED

    def silent(self, now: float) -> bool:
        """Whether the peer was asked, and nothing was heard since."""
        return self._pinged_at > self.heard_at and now >= self._unanswered_at + SILENT_S

    def diverged(self, scope: bytes) -> bool:
        """Whether the peer's last word is that the same records of ``scope`` show other things."""
        view = self._known.readable(scope)
        return view is not None and self._known.contradicts(view)

    def receiving(self) -> bool:
        """Whether a backlog is under way to us."""
        return self._asking.receiving()

    def sent_records(self) -> int:
        """Records the peer acknowledged on this connection."""
        return self._serving.sent_records()

    def summaries(self) -> Mapping[bytes, Summary]:
        """The peer's last known summary of each shared scope."""
        return self._known.summaries

    def held(self, scope: bytes) -> Mapping[bytes, int]:
        """The newest position the peer says it holds of each log, as logs are named here."""
        view = self._scopes.get(scope)
        if view is None:
            return {}
        if self._known.agrees(view):
            return view.reached()
        return self._serving.held(view)

    # -- what happened in the node -----------------------------------------------------------

    def on_advanced(self, scope: bytes) -> list[Effect]:
        """A commit advanced ``scope``: push it, and open pulls for newly readable scopes."""
        effects = self.open()
        view = self._scopes.get(scope)
        if view is None:
            return effects
        if not self._asking.storing(scope):
            # Otherwise what advanced may be this peer's own records; ``on_stored`` goes on then.
            effects += self._serving.advanced(view)
        return [*effects, *self._known.compared(scope), *self._asking.fetch(view)]

    def on_materialised(self, scope: bytes) -> list[Effect]:
        """The state digest of ``scope`` caught up with its clock: tell the peer that fed us."""
        told = self._asking.materialised(self._scopes[scope])
        return [*told, *self._known.compared(scope)]

    def on_stored(self, stored: Sequence[FrameStored]) -> list[Effect]:
        """Frames are durable: acknowledge them, with our summary once nothing is pending."""
        effects: list[Effect] = []
        for request in dict.fromkeys(frame.request for frame in stored):
            frames = [frame for frame in stored if frame.request == request]
            effects += self._asking.stored(request, frames)
            view = self._scopes[self._asking.scope_of(request)]
            shown = [(frame.log, frame.seq) for frame in frames if frame.seq]
            effects += self._serving.learned(view, shown)
        return effects

    def on_placed(self, place: FindPositions, places: Sequence[Placed]) -> list[Effect]:
        """Positions that the peer named were looked up."""
        return self._serving.placed(place, places)

    def on_surveyed(self, survey: Survey) -> list[Effect]:
        """The positions held here can be compared now.

        Raises:
            WireError: The peer asked too much about them.
        """
        half = self._serving.surveyed if survey.serving else self._asking.surveyed_untrusted
        return half(survey)

    def on_page(
        self, read: ReadRuns, entries: Sequence[PageEntry], *, after: int, exhausted: bool
    ) -> list[Effect]:
        """A page for a feed was read."""
        return self._serving.page(read, entries, after=after, exhausted=exhausted)

    def on_heads(self, asked: ReadHeads, heads: Sequence[bytes | None]) -> list[Effect]:
        """The heads that the peer asked for were read."""
        if self._known.readable(asked.scope) is None:
            heads = [None] * len(asked.seqs)
        return [Send(ProbeResponse(asked.number, tuple(heads)))]

    def on_payloads(self, asked: ReadPayloads, payloads: Sequence[bytes | None]) -> list[Effect]:
        """Payloads that the peer asked for were read: the first of them, or more.

        What does not fit one message is left for the peer to ask again.
        """
        if self._known.readable(asked.scope) is None:
            payloads = [None] * len(asked.wanted)
        room = PAYLOADS_BYTES
        shown: list[tuple[bytes, int, bytes | None]] = []
        for (log, seq), payload in zip(asked.wanted, payloads, strict=False):
            room -= PAYLOAD_HEAD_BYTES + len(payload or b"")
            if room < 0:
                break
            shown.append((log, seq, payload))
        return [Send(PayloadResponse(asked.number, tuple(shown)))]

    def on_owed(self, scope: bytes, owed: Iterable[tuple[bytes, int]]) -> list[Effect]:
        """The payloads that are owed in ``scope`` were read."""
        return self._asking.owed(scope, owed)

    def on_payloads_stored(self, scope: bytes) -> list[Effect]:
        """What the peer sent of them is durable, as far as it was what was owed."""
        return self._asking.payloads_stored(scope)

    def on_credentials(self, scope: bytes, credentials: tuple[Credential, ...]) -> list[Effect]:
        """The membership records that admit us were read: ask again, this time with them."""
        return self._asking.present(scope, credentials)

    def on_presented(self, request: SyncRequest | Credentials) -> list[Effect]:
        """The peer's credentials were stored (or refused): decide by what we hold now."""
        if isinstance(request, Credentials):
            return []  # The request that they belong to comes behind.
        served = self._serving.serve(request)
        return [*served, *self._asking.retry(request.scope), *self.open()]

    def on_admitted(self, scope: bytes, response: JoinResponse) -> list[Effect]:
        """The node decided about a join request into ``scope``."""
        return [*answer(scope, response), *self.open()]

    def on_tick(self, now: float) -> list[Effect]:
        """Time passed: probe a silent peer, give up a dead one, leave a stranger."""
        # Compared as ``next_deadline`` computes them: by how floats round, the time since may stay
        # below a wait that is over, and the driver would call again and again.
        dead_s = self._intervals.dead_s
        if now >= self.heard_at + dead_s:
            return [Close(CloseCode.TIMEOUT, f"nothing heard for {dead_s:g} s")]
        if not self.shared() and not self.joining.waits and now >= self._opened_at + STRANGER_S:
            return [Close(CloseCode.NOT_FOUND, "no scope in common")]
        return self.probe(0, now) if now >= self._probe_at() else []

    def next_deadline(self) -> float:
        """When ``on_tick`` must be called at the latest."""
        deadline = min(self._probe_at(), self.heard_at + self._intervals.dead_s)
        if not self.shared() and not self.joining.waits:
            deadline = min(deadline, self._opened_at + STRANGER_S)
        return deadline

    def _probe_at(self) -> float:
        # A silent peer is asked whether it lives; a talking one, at leisure, whether it agrees.
        idle = max(self.heard_at, self._pinged_at) + self._intervals.ping_s
        return min(idle, self._pinged_at + self._intervals.compare_s)

    def on_bytes(self, now: float) -> None:
        """Bytes arrived, if not a whole message yet: the peer lives, however slow the link."""
        self.heard_at = now

    # -- what the peer said ------------------------------------------------------------------

    def on_message_untrusted(self, message: Message, now: float) -> list[Effect]:
        """The peer said something.

        Raises:
            WireError: It refers to a request that does not exist, or breaks a bound.
        """
        self.on_bytes(now)
        match message:
            case SyncRequest():
                return self._on_request_untrusted(message)
            case SyncResponse():
                return self._asking.answered_untrusted(message)
            case SyncAck():
                return self._on_ack_untrusted(message)
            case Ping():
                effects = self._take_summaries(message.summaries)
                return [Send(Pong(message.nonce, self._known.told(self.shared()))), *effects]
            case Pong():
                return self._on_pong_untrusted(message)
            case JoinRequest() | JoinResponse() | Credentials():
                self._opened_at = now if self.joining.waits else self._opened_at
                return self.joining.take_untrusted(message)
            case Extension(name, mandatory):
                if mandatory:
                    raise VersionError(f"the peer needs the extension {name!r}")
                return []
            case _:
                return self._on_repair_untrusted(message)

    def _on_pong_untrusted(self, message: Pong) -> list[Effect]:
        if message.nonce not in self._pings:
            raise ProtocolError("a Pong to no Ping of ours")
        self._pings.remove(message.nonce)  # Each is answered once.
        self.pongs.add(message.nonce)
        effects = self._take_summaries(message.summaries)
        # Of Pings a peer can send any number; of these, one for each that it was sent.
        for scope in sorted(self.shared() & {scope for scope, _ in message.summaries}):
            effects += self._asking.compared(scope)
        return effects

    def _on_repair_untrusted(self, message: Message) -> list[Effect]:
        """What is said about forks, payloads and ranges, and what is only a hint."""
        match message:
            case Probe(number, scope, log, seqs):
                if self._known.readable(scope) is None:
                    # Absent and forbidden look alike.
                    return [Send(ProbeResponse(number, (None,) * len(seqs)))]
                return [ReadHeads(number, scope, log, seqs)]
            case ProbeResponse():
                return self._serving.probe_answered_untrusted(message)
            case PayloadRequest(number, scope, wanted):
                if self._known.readable(scope) is None:
                    nothing = tuple((log, seq, None) for log, seq in wanted)
                    return [Send(PayloadResponse(number, nothing))]
                return [ReadPayloads(number, scope, wanted)]
            case PayloadResponse():
                return self._asking.payloads_untrusted(message)
            case RangeRequest():
                return self._asking.ranges_untrusted(message)
            case RangeResponse():
                return self._serving.ranges_answered_untrusted(message)
            case _:
                return self._on_notice(message)

    def _on_notice(self, message: Message) -> list[Effect]:
        if isinstance(message, RefusalNotification):
            return [Refused(message.scope, message.refused, by_others=True)]
        if isinstance(message, ConflictNotification | ConflictResolution | LeaveNotification):
            self.notices += 1  # Records say it all, and are proven; these only say it sooner.
        return []  # After a Goodbye the driver closes; handshake messages never get here.

    def _on_request_untrusted(self, message: SyncRequest) -> list[Effect]:
        self._serving.check_untrusted(message)
        if message.credentials and self._known.readable(message.scope) is None:
            # For an absent scope too: not even the order of the answers may tell it from one that
            # is held and forbidden.
            return [Present(message)]
        return self.on_presented(message)

    def _on_ack_untrusted(self, message: SyncAck) -> list[Effect]:
        scope, effects = self._serving.acked_untrusted(message)
        if scope is None or message.summary is None:
            return effects
        return [*effects, *self._known.summarised(scope, message.summary)]

    def _take_summaries(self, summaries: Sequence[tuple[bytes, Summary]]) -> list[Effect]:
        effects: list[Effect] = []
        shared = self.shared()
        for scope, summary in summaries:
            if scope in shared:
                effects += self._known.summarised(scope, summary)
        return effects
