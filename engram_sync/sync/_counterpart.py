"""What both halves of an exchange know of the peer: what it may read, and what it says it holds."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engram_sync.sync._effects import Diverged, Effect
from engram_sync.sync._limits import SUMMARIES_AT_ONCE
from engram_sync.sync._ranges import PositionSet
from engram_sync.sync._view import ScopeView
from engram_wire import Summary


@dataclass(slots=True)
class Counterpart:
    """The peer of one connection.

    Args:
        key: Its proven key.
        session: The id of the session.
        scopes: The scopes held here, a mapping that the node keeps up to date.
    """

    key: bytes
    session: bytes
    scopes: Mapping[bytes, ScopeView]
    summaries: dict[bytes, Summary] = field(default_factory=dict[bytes, Summary])
    """The peer's last known summary of each shared scope."""
    synced_scopes: frozenset[bytes] = frozenset()
    """Scopes whose clocks and digests agreed when last compared."""
    _told: bytes = b""
    """The scope of which the peer was told last."""
    _positions: tuple[bytes, bytes, PositionSet] | None = None
    """Those of the scope and the clock digest for which they were needed last."""

    def readable(self, scope: bytes) -> ScopeView | None:
        """The scope as it is held here; None when it is not, or when the peer may not read it."""
        view = self.scopes.get(scope)
        return view if view is not None and self.key in view.readers else None

    def told(self, scopes: frozenset[bytes]) -> tuple[tuple[bytes, Summary], ...]:
        """What to tell of shared scopes; of too many, each time the next ones.

        Only of those that the peer subscribed to or serves: to name another says that it exists.
        """
        shared = sorted(scopes)
        if len(shared) > SUMMARIES_AT_ONCE:
            first = bisect_right(shared, self._told)
            shared = [*shared[first:], *shared[:first]][:SUMMARIES_AT_ONCE]
            self._told = shared[-1]
        views = [self.readable(scope) for scope in shared]
        return tuple((view.scope, view.summary()) for view in views if view is not None)

    def positions(self, view: ScopeView) -> PositionSet:
        """What is held of a scope, as ranges compare it; made once per state of the scope."""
        known = self._positions
        if known is None or known[:2] != (view.scope, view.clock_digest):
            made = PositionSet(self.session, view.positions())
            known = self._positions = (view.scope, view.clock_digest, made)
        return known[2]

    def summarised(self, scope: bytes, summary: Summary) -> list[Effect]:
        """The peer said what it holds of a shared scope now."""
        self.summaries[scope] = summary
        return self.compared(scope)

    def compared(self, scope: bytes) -> list[Effect]:
        """Compare its last word with what is held here."""
        view = self.scopes.get(scope)
        if view is None:
            return []
        agreed = self.agrees(view)
        self.synced_scopes = self.synced_scopes - {scope} | ({scope} if agreed else set())
        return [Diverged(scope)] if self.contradicts(view) else []

    def contradicts(self, view: ScopeView) -> bool:
        """Whether its last word is that the same records show something else."""
        return contradicts(view.summary(), self.summaries.get(view.scope))

    def agrees(self, view: ScopeView) -> bool:
        """Whether both sides hold the same and computed the same.

        Under unlike rules two states cannot be compared: then it is enough that both are computed,
        as far as the peer computes one at all.
        """
        theirs = self.summaries.get(view.scope)
        return (
            theirs is not None
            and view.state_digest is not None
            and view.clock_digest == theirs.clock_digest
            and (
                view.state_digest == theirs.state_digest
                or (view.rules != theirs.rules and _computed(theirs))
            )
        )


def _computed(theirs: Summary) -> bool:
    """Whether nothing of a peer's state is still to come; by rules 0 it makes none."""
    return theirs.state_digest is not None or not theirs.rules


def contradicts(mine: Summary, theirs: Summary | None) -> bool:
    """Whether equal clocks led to different states: a defect, never a delay."""
    return (
        theirs is not None
        and mine.state_digest is not None
        and theirs.state_digest is not None
        and mine.rules == theirs.rules
        and mine.clock_digest == theirs.clock_digest
        and mine.state_digest != theirs.state_digest
    )


class Accord(StrEnum):
    """Of all scopes that both may read: the worst case among them."""

    SYNCED = "synced"
    """Every one is complete, holds the same on both sides, and shows the same."""
    SYNCING = "syncing"
    """Something is on its way, or has not been compared yet."""
    REFUSED = "refused"
    """The peer serves a scope not at all: it does not hold it, or takes this node for no member."""
    DIVERGED = "diverged"
    """The same records show different things: one of the two is wrong."""
