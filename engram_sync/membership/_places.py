"""Where membership records stand: what each has seen, whatever the branches of a log are called."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

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
