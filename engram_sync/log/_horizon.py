"""What the next record of a log can have in its past: all that is held, except the future.

A record from beyond ``HLC_SKEW_MS`` must not infect other clocks, so nobody names it before its
time.  It would otherwise do harm in two more ways: what it has seen has to be named in its place,
and a value it put cannot be superseded yet, so it stays a sibling.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from engram_crdt import hlc
from engram_wire import LogDomain, RecordKind, Superseded

from ._batches import Draft
from ._logs import LogState
from ._past import merged
from ._puts import PutIndex
from ._references import written
from ._registry import Registry
from ._resolve import Place, head_at
from ._views import History, Rules


@dataclass(frozen=True, slots=True)
class Horizon:
    """The past of the next record of ``log``."""

    registry: Registry
    log: LogState
    history: History
    heads: list[bytes]
    """Sorted heads that it has to name."""
    clock: int
    """The newest clock behind it."""
    seen: Mapping[int, int] | None
    """How far it will have seen each other log; None when nothing of the scope is left out."""

    @classmethod
    def of(
        cls, registry: Registry, rules: Rules, log: LogState, latest: int, history: History
    ) -> Self:
        """What ``log`` can name now.

        Data logs name data, membership logs name the leaders' membership logs: whoever is shown
        an admission has to be shown all that is behind it, and what other members write there
        must not be able to outgrow that.  The membership behind data is named by ``auth``.

        Args:
            registry: All logs.
            rules: Who leads.
            log: The log to continue.
            latest: The largest clock that is not from the future.
            history: What is stored.
        """

        def wanted(other: LogState) -> bool:
            members = other.domain == LogDomain.MEMBERS
            return other is not log and not (members and not rules.leads(log.scope, other.author))

        # Without the charter in its past a leader could do nothing, whatever clock wrote it.
        limit = hlc.HLC_MAX if log.domain == LogDomain.MEMBERS else latest
        named = _places(registry, log, limit, history, wanted)
        clocks = [place.hlc(history) for place in named]
        for domain in LogDomain:
            clocks += [t.hlc for t in registry.tips(log.scope, domain) if t.hlc <= latest]
        whole = all(tip.hlc <= limit for tip in registry.tips(log.scope, log.domain))
        seen = None if whole else merged(log.past.seen, *(p.seen(history) for p in named))
        heads = sorted(head_at(place.log, place.seq, history) for place in named)
        return cls(registry, log, history, heads, max(clocks, default=0), seen)

    def written(self, draft: Draft) -> Draft:
        """``draft`` as its record has to write it: only what is not from the future, by names that
        every reader understands.
        """
        kept = self._past_only(draft)
        if not self.registry.scope(self.log.scope).branches:
            return kept
        return written(self.registry, self.log, self.seen, kept, self.history)

    def _past_only(self, draft: Draft) -> Draft:
        """``draft`` without the dots that are beyond the horizon: they stay siblings."""
        if self.seen is None or not any(dot.log for dot in draft.superseded):
            return draft
        puts = PutIndex(self.history.records_of(self.log.scope, draft.engram))
        kept = [self._kept(dot, puts, draft.kind) for dot in draft.superseded]
        return replace(draft, superseded=tuple([dot for dot in kept if dot is not None]))

    def _kept(self, dot: Superseded, puts: PutIndex, kind: int) -> Superseded | None:
        other = None if dot.log is None else self.registry.log(dot.log, self.log.scope)
        if other is None or self.seen is None:
            return dot
        seq = self.seen.get(other.n, 0)
        if kind == RecordKind.ERASE:
            return dot if dot.clock <= seq else None
        if kind == RecordKind.SEAL:
            return dot if dot.clock == seq else None
        clocks = puts.clocks_until(other.id, seq)
        if kind == RecordKind.DELETE:
            return dot._replace(clock=min(dot.clock, clocks)) if clocks else None
        return dot if dot.clock < clocks else None


def _places(
    registry: Registry,
    log: LogState,
    latest: int,
    history: History,
    wanted: Callable[[LogState], bool],
) -> list[Place]:
    """Positions that together have all that is wanted of the domain behind them, but no future."""
    tips = [tip for tip in registry.tips(log.scope, log.domain) if tip is not log]
    if all(tip.hlc <= latest and wanted(tip) for tip in tips):
        return [Place(registry, tip, tip.seq) for tip in tips]
    found: list[Place] = []
    for other in registry.scope(log.scope).logs.values():
        if other.domain == log.domain and wanted(other):
            seq = _newest_until(other, latest, history)
            found += [Place(registry, other, seq)] if seq else []
    seen = merged(log.past.seen, *(place.past(history) for place in found))
    return [place for place in found if seen.get(place.log.n, 0) < place.seq]


def _newest_until(log: LogState, latest: int, history: History) -> int:
    """The newest signed position of ``log`` that is not from the future; 0 without one."""
    if log.hlc <= latest:
        return log.seq
    low, high = log.base, log.seq
    while high - low > 1:
        middle = (low + high) // 2
        if history.records(log.n, middle, middle)[0].hlc <= latest:
            low = middle
        else:
            high = middle
    signed = history.signed_before(log.n, low) if low > log.base else None
    return 0 if signed is None else signed.seq
