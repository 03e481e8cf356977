"""Homes with one planted defect each, of those by which an operation once cost what was held."""

from engram_sync.ledger import Batch, Witness
from engram_sync.store import Reader, Transaction
from engram_wire import parse_shape_untrusted

from ._costs import ENGRAM
from ._home import Home


class _Burdened(Home):
    """A home that does something useless whenever it stores something."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        store = self.path._store

        def burdened(tx: Transaction, batch: Batch) -> list[int]:
            stored = store(tx, batch)
            if any(row.id == self.world.scope for row in tx.scopes()):
                self.burden(tx)
            return stored

        self.path._store = burdened  # type: ignore[method-assign]  # the defect

    def burden(self, reader: Reader) -> None:
        """What nothing needs."""


class ReadsTheWholeMemory(_Burdened):
    """Every change of a memory reads all its records."""

    def burden(self, reader: Reader) -> None:
        list(reader.stream_of(self.scope, ENGRAM))


class LooksAtEveryValue(_Burdened):
    """Every change of a memory looks at all its values."""

    def burden(self, reader: Reader) -> None:
        state = self.state(reader, ENGRAM)
        for element in state.elements if state is not None else ():
            len(element.value or b"")


class WalksEveryLog(_Burdened):
    """What a record names is looked for from the beginning of each log."""

    def burden(self, reader: Reader) -> None:
        for log in reader.logs():
            reader.records(log.n, 1, log.seq)


class LooksAtEveryErasure(_Burdened):
    """Every record is compared with all that was ever erased."""

    def burden(self, reader: Reader) -> None:
        for log in reader.logs():
            reader.erased(log.n, range(1, log.seq + 1))


class LooksAtEveryLog(_Burdened):
    """Every change passes over all logs, those that ended long ago too."""

    def burden(self, reader: Reader) -> None:
        for row in reader.logs():
            self.path.logs.author(reader, row.id)


class LooksAtEveryMember(_Burdened):
    """Every change asks of each member what it may do."""

    def burden(self, reader: Reader) -> None:
        for member in self.path.charters.of(self.world.scope).members():
            self.path.label(self.world.scope, member.key)
            self.path.role(self.world.scope, member.key)


class ReadsEveryLogToOpen(Home):
    """Who is opened reads all that it ever wrote, log after log."""

    async def open(self, witnesses: dict[bytes, Witness] | None = None) -> None:
        await super().open(witnesses)
        await self.job(lambda tx: [tx.records(log.n, 1, log.seq) for log in tx.logs()])


class WalksTheWholeText(_Burdened):
    """Every edit of a text goes over all that was ever inserted into it."""

    def burden(self, reader: Reader) -> None:
        for _, record in list(reader.stream_of(self.scope, ENGRAM)):
            parse_shape_untrusted(record.shape)


COST_DEFECTS: dict[type[Home], tuple[str, ...]] = {
    ReadsTheWholeMemory: ("updates", "updates_received", "counts_caught_up", "forks"),
    LooksAtEveryValue: ("tags", "beliefs", "counters", "siblings"),
    WalksEveryLog: ("memories", "positions_named", "incarnations"),
    LooksAtEveryErasure: ("erasures",),
    LooksAtEveryLog: ("incarnations",),
    LooksAtEveryMember: ("admissions",),
    ReadsEveryLogToOpen: ("openings",),
    WalksTheWholeText: ("text_depth",),
}
"""Each with the cases that must find it; the case alone, without the defect, must hold."""
