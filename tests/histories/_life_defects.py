"""Homes with one planted defect each, in what a life adds to documents: forks, time, loss."""

from collections.abc import Sequence

from engram_sync.ledger import Witness
from engram_sync.memory.materialise import Materialiser
from engram_sync.store import Transaction

from ._home import FOREVER, Home, Parcel


class NamesByArrival(Home):
    """What a record names is looked up in whichever branch is at hand."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        self.path.ledger.names = lambda scope: None  # type: ignore[method-assign]  # the defect


class _Forgetful(Materialiser):
    def renamed(self, tx: Transaction, scope: int, *_: object, **__: object) -> tuple[bytes, ...]:
        return ()


class ForgetsToRename(Home):
    """A fork divides the log and leaves the documents as they were."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        self.path._storing._materialiser = _Forgetful(self.path.logs)


class ExcludesForks(Home):
    """Of a log with two continuations the one that came first is taken."""

    async def receive(self, parcels: Sequence[Parcel]) -> None:
        forked = {fork.root for fork in self.path.ledger.forks(self.world.scope)}
        held = self.path.ledger.logs(self.world.scope)
        names = {
            (log.author, log.incarnation) for log in held if log.root in forked or log.seq == 0
        }
        taken = [
            parcel
            for parcel in parcels
            if (parcel.announcement.author, parcel.announcement.incarnation) not in names
        ]
        await super().receive(taken)


class ErasesNothing(Home):
    """An erasure is kept and handed on, and nothing is purged."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        self.path._storing.erase = lambda *_, **__: ()  # type: ignore[method-assign]  # the defect


class NeverAsks(Home):
    """What came without its payload stays so."""

    async def ask(self, other: Home) -> int:
        return 0


class CompactsTheLiving(Home):
    """Compaction lets go of what is shown as well."""

    async def compact(self) -> None:
        def work(tx: Transaction) -> None:
            engrams = [row.engram for row in tx.engrams(self.scope, limit=1_000)]
            for engram in engrams:
                held = list(tx.stream_of(self.scope, engram))
                tx.drop_payloads([(n, record.seq) for n, record in held])
            tx.merge_runs(self.scope, 1_000, before_at=FOREVER)

        await self.job(work)


LIFE_DEFECTS: tuple[type[Home], ...] = (
    CompactsTheLiving,
    ErasesNothing,
    ExcludesForks,
    ForgetsToRename,
    NamesByArrival,
    NeverAsks,
)
