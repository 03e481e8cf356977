"""Replicas with one planted defect each.  The oracle is worth what it finds here."""

from collections.abc import Iterable

from engram_crdt import Change, Dot, Element, EngramDocument, superseded_by_put
from tests.oracle import Op, OpKind

from ._replica import ENGRAM, Replica, encode


class IgnoresSuperseded(Replica):
    """Overwritten values stay."""

    def merge(self, change: Change) -> bool:
        return super().merge(change._replace(removed=()))


class DropsDeletes(Replica):
    """A delete says so and leaves everything."""

    def merge(self, change: Change) -> bool:
        return super().merge(change._replace(until=()))


class ArrivalOrderWins(Replica):
    """A register keeps what came last, like a plain ``Y.Map`` entry."""

    def merge(self, change: Change) -> bool:
        loses = [
            element.dot
            for element in self.document.elements()
            for name, _ in change.puts
            if element.collection == name and name.startswith("r/")
        ]
        return super().merge(change._replace(removed=(*change.removed, *loses)))


class WallClockWins(Replica):
    """A register keeps the largest clock and forgets the other writes."""

    def merge(self, change: Change) -> bool:
        start = self.document.clock().get(change.log, 0)
        loses: list[Dot] = []
        for element in self.document.elements():
            for clock, (name, _) in enumerate(change.puts, start):
                if element.collection == name and name.startswith("r/"):
                    arrives = Dot(change.log, clock)
                    loses.append(arrives if element.hlc > change.hlc else element.dot)
        return super().merge(change._replace(removed=(*change.removed, *loses)))


class DeleteWins(Replica):
    """A delete takes concurrent edits with it."""

    def merge(self, change: Change) -> bool:
        if change.until:
            change = change._replace(until=tuple(self.document.clock().items()))
        return super().merge(change)


class RemoveWins(Replica):
    """Removing a tag takes concurrent additions with it."""

    def merge(self, change: Change) -> bool:
        elements = self.document.elements()
        if not any(name == "s/tags" for name, _ in change.puts):
            values = {element.value for element in elements if element.dot in change.removed}
            loses = [
                element.dot
                for element in elements
                if element.collection == "s/tags" and element.value in values
            ]
            change = change._replace(removed=(*change.removed, *loses))
        return super().merge(change)


class AppliesTwice(Replica):
    """What arrives again is applied again."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._arrivals = 0
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on unread

    def merge(self, change: Change) -> bool:
        self._arrivals += 1
        self.document.apply(change._replace(seq=self._arrivals))
        return self._last(change.log) < change.seq


class TakesOthersSlots(Replica):
    """An agent's opinion replaces everybody's."""

    def superseded(self, op: Op, observed: Iterable[Element]) -> list[Dot]:
        return superseded_by_put(op.collection, encode(op), observed, same_author=lambda _dot: True)


class _IgnoresCollisions(EngramDocument):
    def _admit(self, log: bytes) -> None:
        self._clients[log] = self._client_of(self._engram, log)


class IgnoresCollisions(Replica):
    """Two logs write under one client id."""

    def new_document(self) -> EngramDocument:
        return _IgnoresCollisions(ENGRAM, client_of=self.world.client_of)


class _ForgetsEarlyRemovals(EngramDocument):
    def apply(self, change: Change) -> bool:
        seen = self.clock()
        known = tuple(dot for dot in change.removed if dot.clock < seen.get(dot.log, 0))
        return super().apply(change._replace(removed=known))


class ForgetsEarlyRemovals(Replica):
    """A removal that comes before what it removes is lost."""

    def new_document(self) -> EngramDocument:
        return _ForgetsEarlyRemovals(ENGRAM, client_of=self.world.client_of)


class SharesCounters(Replica):
    """A count replaces what other logs have counted."""

    def superseded(self, op: Op, observed: Iterable[Element]) -> list[Dot]:
        if op.kind is OpKind.COUNT:
            return [element.dot for element in observed if element.collection == op.collection]
        return super().superseded(op, observed)


class ForgetsHeads(Replica):
    """A refinement leaves what it refines beside it."""

    def superseded(self, op: Op, observed: Iterable[Element]) -> list[Dot]:
        return [] if op.kind is OpKind.REFINEMENT else super().superseded(op, observed)


class AmendsEverything(Replica):
    """An amendment replaces every event there is."""

    def superseded(self, op: Op, observed: Iterable[Element]) -> list[Dot]:
        if op.kind is OpKind.AMENDMENT:
            return [element.dot for element in observed if element.collection == op.collection]
        return super().superseded(op, observed)


DEFECTS: tuple[type[Replica], ...] = (
    AmendsEverything,
    AppliesTwice,
    ArrivalOrderWins,
    DeleteWins,
    DropsDeletes,
    ForgetsHeads,
    ForgetsEarlyRemovals,
    IgnoresCollisions,
    IgnoresSuperseded,
    RemoveWins,
    SharesCounters,
    TakesOthersSlots,
    WallClockWins,
)
