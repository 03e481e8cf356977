"""Homes with one planted defect each, of those by which a clock once decided something."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engram_sync.errors import UsageError
from engram_sync.ledger import AuthoredBatch, Draft, Witness
from engram_sync.memory.materialise import Materialiser
from engram_sync.memory.state import EngramState
from engram_sync.memory.state.changes import change_of, is_applied
from engram_sync.store import Reader, Transaction
from engram_wire import LogDomain, RecordKind

from ._home import Home

TOLERANCE_MS = 60_000


def limit_of(home: Home) -> int:
    """The first clock that is from the future by what the clock of a home shows now."""
    return max(0, home.world.now_ms + home.skew_ms + TOLERANCE_MS) << 16


class HidesTheFuture(Home):
    """What was written by a clock ahead is not shown before its time, nor replaced."""

    def state(self, reader: Reader, engram: bytes) -> EngramState | None:
        state = super().state(reader, engram)
        if state is None:
            return None
        limit = limit_of(self)
        elements = [element for element in state.elements if element.hlc < limit]
        return replace(state, elements=elements) if elements else None


class RestatesWhenBehind(Home):
    """Who is opened with a clock behind its own records says them again, dead ones too."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        await self.job(self._restate)

    def _restate(self, tx: Transaction) -> None:
        if all(row.id != self.world.scope for row in tx.scopes()):
            return
        limit = limit_of(self)
        logs = {row.n: row for row in tx.logs()}
        drafts: list[Draft] = []
        for row in tx.engrams(self.scope, limit=100):
            for n, record in list(tx.stream_of(self.scope, row.engram)):
                ahead = record.hlc >= limit and logs[n].author == self.path_key.public
                if not ahead or not is_applied(record):
                    continue
                for name, value in change_of(logs[n].id, record).puts:
                    if value is not None and name == "r/content":
                        drafts.append(Draft(RecordKind.UPDATE, row.engram, ((name, value),)))
        if drafts:
            self.path.write(tx, self.world.scope, drafts)


class WritesByTheClockAlone(Home):
    """A record's clock is what the wall clock shows, whatever its author had seen."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        author = self.path.ledger.author

        def hurried(*args: Any, **kwargs: Any) -> AuthoredBatch:
            return author(*args, **{**kwargs, "clocks": {}})

        self.path.ledger.author = hurried  # type: ignore[method-assign]  # the defect


class SparesTheFuture(Home):
    """An erasure leaves out what claims to be of later than now."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        write = self.path.write

        def sparing(
            tx: Transaction, scope: bytes, drafts: Sequence[Draft], domain: int = LogDomain.DATA
        ) -> AuthoredBatch:
            spared = [self._spared(tx, draft) for draft in drafts]
            named = [each for each in spared if each.kind != RecordKind.ERASE or each.superseded]
            return write(tx, scope, named or drafts, domain)

        self.path.write = sparing  # type: ignore[method-assign]  # the defect

    def _spared(self, reader: Reader, draft: Draft) -> Draft:
        if draft.kind is not RecordKind.ERASE:
            return draft
        limit, own = limit_of(self), self.path.own_log(self.world.scope).id
        logs = {row.n: row.id for row in reader.logs()}
        ahead = {
            (None if logs[n] == own else logs[n], record.seq)
            for n, record in list(reader.stream_of(self.scope, draft.engram))
            if record.hlc >= limit
        }
        kept = [name for name in draft.superseded if (name.log, name.clock) not in ahead]
        return replace(draft, superseded=tuple(kept))


class LeadersWaitForTheClock(Home):
    """A leader admits nobody while another one's record is of later than now."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        write = self.path.write

        def waiting(
            tx: Transaction, scope: bytes, drafts: Sequence[Draft], domain: int = LogDomain.DATA
        ) -> AuthoredBatch:
            newest = max((row.hlc for row in tx.logs() if row.domain == domain), default=0)
            if domain == LogDomain.MEMBERS and newest >= limit_of(self):
                raise UsageError("a membership record would be older than what it has seen")
            return write(tx, scope, drafts, domain)

        self.path.write = waiting  # type: ignore[method-assign]  # the defect


class KeepsWhatOldRulesMade(Home):
    """A newer release goes on with what the older one derived."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        honest = Materialiser.begin
        Materialiser.begin = lambda *_: False  # type: ignore[method-assign]  # the defect
        try:
            await super().open(witnesses)
        finally:
            Materialiser.begin = honest  # type: ignore[method-assign]  # for all others


TWIN_DEFECTS: tuple[type[Home], ...] = (
    HidesTheFuture,
    KeepsWhatOldRulesMade,
    LeadersWaitForTheClock,
    RestatesWhenBehind,
    SparesTheFuture,
    WritesByTheClockAlone,
)
