"""The half of an exchange that asks: requests of this node, and what the peer sends for them."""

from collections.abc import Iterable, Mapping, Sequence

from engram_sync.sync._counterpart import Counterpart
from engram_sync.sync._effects import CollectCredentials, Effect, Send, Survey
from engram_sync.sync._joining import paged
from engram_sync.sync._owed import OwedFetch, Position
from engram_sync.sync._pull import FrameStored, Pull, PullState
from engram_sync.sync._view import ScopeView
from engram_wire import (
    Credential,
    PayloadResponse,
    ProtocolError,
    RangeEntries,
    RangeRequest,
    RangeResponse,
    Refusal,
    SyncAck,
    SyncResponse,
    SyncStatus,
)


class Asking:
    """What this node asks of the peer of one connection.

    Args:
        peer: The peer.
        remembered: Clock digests it is known to have had, by scope.
    """

    def __init__(self, peer: Counterpart, remembered: Mapping[bytes, bytes]) -> None:
        self._peer = peer
        self._remembered = dict(remembered)
        self._pulls: dict[int, Pull] = {}
        self._fetches: dict[bytes, OwedFetch] = {}
        self._next_request = 1
        self._next_payloads = 1
        self.received_records = 0

    def scopes(self) -> frozenset[bytes]:
        """Scopes that the peer did not refuse."""
        return frozenset(
            pull.scope for pull in self._pulls.values() if pull.state is not PullState.REFUSED
        )

    def complete(self, scope: bytes) -> bool:
        """Whether the backlog of a scope has come, and whatever was sent since is stored."""
        return any(p.state is PullState.COMPLETE and not p.pending for p in self._of(scope))

    def refused(self, scope: bytes) -> bool:
        """Whether the peer serves a scope not at all."""
        pulls = self._of(scope)
        return bool(pulls) and all(pull.state is PullState.REFUSED for pull in pulls)

    def told_all(self, view: ScopeView) -> bool:
        """Whether the peer was asked for everything that is owed and has nothing more of it."""
        fetch = self._fetches.get(view.scope)
        return not view.owed or (fetch is not None and fetch.told_all(view))

    def receiving(self) -> bool:
        """Whether a backlog is under way to us."""
        return any(
            pull.pending or (pull.state is PullState.REQUESTED and pull.announcements)
            for pull in self._pulls.values()
        )

    def storing(self, scope: bytes) -> bool:
        """Whether records of that scope, which this peer sent, wait for the store."""
        return any(pull.scope == scope and pull.pending for pull in self._pulls.values())

    # -- requests ----------------------------------------------------------------------------

    def open(self) -> list[Effect]:
        """Ask for every scope that both sides may read; none is named to anybody else."""
        effects: list[Effect] = []
        asked = {pull.scope for pull in self._pulls.values()}
        for scope in self._peer.scopes:
            view = self._peer.readable(scope)
            if view is None or scope in asked:
                continue
            pull = Pull(request=self._next_request, scope=scope)
            self._next_request += 1
            self._pulls[pull.request] = pull
            effects.append(Send(pull.opening(view, self._remembered.get(scope))))
        return effects

    def retry(self, scope: bytes) -> list[Effect]:
        """A peer that asks for a scope holds it now, even if it refused us before it joined."""
        view = self._peer.readable(scope)
        if view is None:
            return []
        refused = [p for p in self._of(scope) if p.state is PullState.REFUSED]
        return [Send(pull.again(view)) for pull in refused]

    def present(self, scope: bytes, credentials: tuple[Credential, ...]) -> list[Effect]:
        """Ask again, this time with the membership records that admit us."""
        view = self._peer.readable(scope)
        if view is None:
            return []
        ahead, last = paged(scope, credentials)
        return [*ahead, *(Send(pull.presenting(view, last)) for pull in self._of(scope))]

    def _of(self, scope: bytes) -> list[Pull]:
        return [pull for pull in self._pulls.values() if pull.scope == scope]

    # -- answers -----------------------------------------------------------------------------

    def answered_untrusted(self, message: SyncResponse) -> list[Effect]:
        """The peer answers a request, or pushes.

        Raises:
            WireError: There is no such request, or it breaks a bound.
        """
        pull = self._pull_untrusted(message.request)
        view = self._peer.readable(pull.scope)
        match message.status:
            case SyncStatus.REFUSED:
                pull.refused()
                asks_again = view is not None and not pull.presented
                return [CollectCredentials(pull.scope)] if asks_again else []
            case SyncStatus.CLOCK_NEEDED:
                # Of what is held, a peer that may not read it any more hears nothing.
                return [] if view is None else [Send(pull.clock_untrusted(view))]
            case SyncStatus.RANGES_FOLLOW:
                return [] if view is None else pull.compare(self._peer.positions(view))
            case _:
                return self._absorb_untrusted(pull, message)

    def _absorb_untrusted(self, pull: Pull, message: SyncResponse) -> list[Effect]:
        effects = pull.absorb_untrusted(message)
        if message.summary is not None:
            effects += self._peer.summarised(pull.scope, message.summary)
        return effects + self.fetch(self._peer.scopes[pull.scope])

    def ranges_untrusted(self, message: RangeRequest) -> list[Effect]:
        """The peer wants to know what is held here before it serves a request.

        Raises:
            WireError: There is no such request, or it did not say that it would ask.
        """
        pull = self._pull_untrusted(message.request)
        if self._peer.readable(pull.scope) is None:
            # No reader any more: it learns of nothing, and from nothing whether anything is held.
            nothing = tuple(RangeEntries(()) for _ in message.ranges)
            return [Send(RangeResponse(message.request, nothing))]
        return pull.ranges_untrusted(message)

    def surveyed_untrusted(self, survey: Survey) -> list[Effect]:
        """What is held here can be compared now.

        Raises:
            WireError: The peer asks too much.
        """
        pull = self._pulls[survey.request]
        if pull.question is not None and self._peer.readable(pull.scope) is None:
            return self.ranges_untrusted(pull.question)
        return pull.surveyed_untrusted(survey.positions)

    def _pull_untrusted(self, request: int) -> Pull:
        pull = self._pulls.get(request)
        if pull is None:
            raise ProtocolError(f"no request {request}")
        return pull

    def stored(self, request: int, frames: Sequence[FrameStored]) -> list[Effect]:
        """Frames of one request are durable: acknowledge them, with our summary once all are."""
        pull = self._pulls[request]
        told = [frame for frame in frames if pull.answered(frame.turn)]
        self.received_records += sum(frame.new_records for frame in frames)
        # Of a log that is refused from its first record on, nothing is held.
        received = {frame.ref: frame.seq for frame in told if frame.seq}
        rejected = tuple(
            Refusal(frame.ref, why.seq, why.code) for frame in told for why in frame.rejected
        )
        view = self._peer.scopes[pull.scope]
        told_all = not pull.pending and self._peer.readable(pull.scope) is not None
        summary = view.summary() if told_all else None
        ack = SyncAck(request, tuple(received.items()), summary, rejected)
        return [Send(ack), *self._peer.compared(pull.scope), *self.fetch(view)]

    def scope_of(self, request: int) -> bytes:
        """The scope of a request of ours."""
        return self._pulls[request].scope

    def materialised(self, view: ScopeView) -> list[Effect]:
        """The state digest caught up with the clock: tell the peer that fed us."""
        if self._peer.readable(view.scope) is None:
            return []
        return [
            Send(SyncAck(pull.request, (), view.summary(), ()))
            for pull in self._of(view.scope)
            if pull.state is PullState.COMPLETE and not pull.pending
        ]

    def compared(self, scope: bytes) -> list[Effect]:
        """The peer said what it holds: a difference that outlives this starts a request anew."""
        view, theirs = self._peer.readable(scope), self._peer.summaries[scope]
        if view is None:
            return []
        effects: list[Effect] = []
        for pull in self._of(scope):
            effects += pull.compared(view, theirs)
        fetch = self._fetches.get(scope)
        return effects + (fetch.compared(view) if fetch is not None else [])

    # -- owed payloads -----------------------------------------------------------------------

    def fetch(self, view: ScopeView) -> list[Effect]:
        """Ask for what is owed, once the backlog has come."""
        if (
            not view.owed
            or not self.complete(view.scope)
            or self._peer.readable(view.scope) is None
        ):
            return []
        return self._fetch_of(view.scope).wanted(view)

    def _fetch_of(self, scope: bytes) -> OwedFetch:
        return self._fetches.setdefault(scope, OwedFetch(scope))

    def _number(self) -> int:
        self._next_payloads += 1
        return self._next_payloads - 1

    def owed(self, scope: bytes, positions: Iterable[Position]) -> list[Effect]:
        """What is owed was read."""
        view, fetch = self._peer.readable(scope), self._fetch_of(scope)
        return fetch.stop() if view is None else fetch.read(positions, self._number(), view)

    def payloads_untrusted(self, message: PayloadResponse) -> list[Effect]:
        """The peer answers for some payloads.

        Raises:
            WireError: They were not asked for.
        """
        for fetch in self._fetches.values():
            if fetch.asked and fetch.number == message.number:
                return fetch.answered_untrusted(message)
        raise ProtocolError(f"no payloads were asked for as {message.number}")

    def payloads_stored(self, scope: bytes) -> list[Effect]:
        """What came is durable: ask for more."""
        view, fetch = self._peer.readable(scope), self._fetch_of(scope)
        return fetch.stop() if view is None else fetch.ask(self._number(), view)
