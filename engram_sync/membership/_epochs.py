"""Epochs of one scope: stretches of its life, each with a secret of its own."""

from bisect import bisect_right
from dataclasses import dataclass, field

from engram_wire import InvalidRecordError

from ._places import LogSlot, Vector
from ._statements import Epoch


@dataclass(slots=True)
class Epochs:
    """The epoch statements of one scope, by chain."""

    changes: int = 0
    """How often it has changed."""
    _chains: dict[bytes, list[tuple[int, LogSlot, Epoch]]] = field(
        default_factory=dict[bytes, list[tuple[int, LogSlot, Epoch]]]
    )

    def check_untrusted(self, vector: Vector, epoch: Epoch) -> None:
        """Whether an epoch may follow what ``vector`` has seen.

        Raises:
            InvalidRecordError: It is not the next one, and no part of the newest one.
        """
        known = [
            chain[at - 1][2]
            for name, chain in self._chains.items()
            if (at := bisect_right(chain, vector.get(name, 0), key=lambda item: item[0]))
        ]
        newest = max((item.number for item in known), default=0)
        same = [item.commitment for item in known if item.number == newest]
        goes_on = epoch.number == newest and epoch.commitment in same
        if epoch.number != newest + 1 and not goes_on:
            raise InvalidRecordError(f"epoch {epoch.number} after epoch {newest}")

    def sees(self, place: LogSlot) -> bool:
        """Whether some epoch has begun in the knowledge of a record."""
        return any(chain[-1][1].sees(place) for chain in self._chains.values())

    def add(self, place: LogSlot, epoch: Epoch) -> None:
        """Take one more."""
        self.changes += 1
        self._chains.setdefault(place.chain, []).append((place.seq, place, epoch))

    def drop(self, place: LogSlot) -> None:
        """Undo the newest ``add``."""
        self.changes += 1
        self._chains[place.chain].pop()
        if not self._chains[place.chain]:
            del self._chains[place.chain]
