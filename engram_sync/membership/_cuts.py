"""What of somebody's data logs counts from whom the right to write was taken.

Nothing here depends on the order in which statements and data arrive, and nothing on what became of
the key since: who is admitted again begins other logs.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_wire import SEQ_MAX, InvalidRecordError

from ._statements import Cutoff, Cutoffs, Epoch

Vector = Mapping[bytes, int]
"""How far each chain has been seen."""


class LogSlot(NamedTuple):
    """The place of one membership record."""

    chain: bytes
    """Id of the record with which a stretch of records begins that each follow the one before.
    Where a log forks, what comes second begins a chain of its own; so nothing said here depends
    on what the branches of a log are called."""
    seq: int
    others: Vector
    """How far the record has seen other chains."""
    author: bytes = b""
    leads: bool = False
    """Whether its author led, by what is in its past."""

    def vector(self) -> dict[bytes, int]:
        """What the record has seen, itself included."""
        return {**self.others, self.chain: self.seq}

    def within(self, vector: Vector) -> bool:
        """Whether whoever has seen ``vector`` has seen the record."""
        return self.seq <= vector.get(self.chain, 0)

    def reaches(self, chain: bytes) -> int:
        """How far the record has seen a chain, itself not included."""
        return self.seq - 1 if chain == self.chain else self.others.get(chain, 0)

    def sees(self, other: "LogSlot") -> bool:
        """Whether another record is in the past of this one."""
        return other.seq <= self.reaches(other.chain)


def merged(vectors: Iterable[Vector]) -> dict[bytes, int]:
    """All that any of them has seen."""
    found: dict[bytes, int] = {}
    for vector in vectors:
        for chain, seq in vector.items():
            found[chain] = max(seq, found.get(chain, 0))
    return found


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


Within = Callable[[Cutoff], int]
"""The last position up to a cut-off that one log of its family has in common with it."""


class Withdrawal(NamedTuple):
    """One statement that takes the right to write, or names further logs of who lost it."""

    place: LogSlot
    cutoffs: Cutoffs


class Cuts:
    """The statements of one scope that cut off, by key.

    Args:
        epochs: Those of the scope.
    """

    def __init__(self, epochs: Epochs) -> None:
        self._epochs = epochs
        self._changes = 0
        self._taken: dict[bytes, list[Withdrawal]] = {}
        self._named: dict[bytes, list[Cutoff]] = {}
        """By name of a family, all that any statement says of it."""

    @property
    def version(self) -> int:
        """Another number whenever another part of somebody's logs may count."""
        return self._changes + self._epochs.changes

    def concern(self, key: bytes) -> bool:
        """Whether something of a key may be cut off, whatever came of it since."""
        return bool(self._taken.get(key))

    def names(self, root: bytes) -> bool:
        """Whether a statement says how far a family of logs counts."""
        return bool(self._named.get(root))

    def add(self, key: bytes, taken: Withdrawal) -> Callable[[], None]:
        """Take one statement more; returns what undoes it."""
        self._changes += 1
        self._taken.setdefault(key, []).append(taken)
        for cutoff in taken.cutoffs:
            self._named.setdefault(cutoff.log, []).append(cutoff)

        def undo() -> None:
            self._changes += 1
            self._taken[key].pop()
            for cutoff in taken.cutoffs:
                self._named[cutoff.log].remove(cutoff)

        return undo

    def limit(self, key: bytes, root: bytes, begins: Callable[[], Vector], within: Within) -> int:
        """The last position of one log of ``key`` that counts; ``SEQ_MAX`` for all of it.

        Args:
            key: The author.
            root: Name of the log's family.
            begins: The membership that the family's first record relies on.
            within: How far the log goes along with a cut-off of its family.
        """
        taken = self._taken.get(key, [])
        if not taken:
            return SEQ_MAX
        if named := self._named.get(root):
            return max(map(within, named))
        closed = [each for each in taken if self._epochs.sees(each.place)]
        return SEQ_MAX if not closed or _since(closed, begins()) else 0

    def since(self, key: bytes, known: Vector) -> bool:
        """Whether a log that relies on ``known`` is later than all that was taken from ``key``."""
        return _since(self._taken.get(key, ()), known)


def _since(taken: Iterable[Withdrawal], known: Vector) -> bool:
    """Whether what relies on ``known`` relies on a later admission."""
    return all(each.place.within(known) for each in taken)
