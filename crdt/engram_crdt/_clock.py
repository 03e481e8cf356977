"""Vector clocks: how much of each log something has seen."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Self


class Order(Enum):
    """How one vector clock stands to another."""

    BEFORE = "before"
    AFTER = "after"
    EQUAL = "equal"
    CONCURRENT = "concurrent"


class VectorClock(Mapping[bytes, int]):
    """An immutable map from log id to count.  A log that is absent counts 0.

    Args:
        counts: Count of each log; zeros are dropped, so that equal clocks are equal maps.

    Raises:
        ValueError: A count is negative.
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[bytes, int] | None = None) -> None:
        self._counts = {log: count for log, count in (counts or {}).items() if count}
        if any(count < 0 for count in self._counts.values()):
            raise ValueError("a vector clock counts from 0")

    def __getitem__(self, log: bytes) -> int:
        return self._counts[log]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __hash__(self) -> int:
        return hash(frozenset(self._counts.items()))

    def __repr__(self) -> str:
        counts = ", ".join(f"{log.hex()[:8]}: {n}" for log, n in sorted(self._counts.items()))
        return f"VectorClock({{{counts}}})"

    def dominates(self, other: Mapping[bytes, int]) -> bool:
        """Tell whether this clock has seen all that ``other`` has (equal clocks do)."""
        return all(self._counts.get(log, 0) >= count for log, count in other.items())

    def compare(self, other: "VectorClock") -> Order:
        """Tell how this clock stands to ``other``."""
        match self.dominates(other), other.dominates(self):
            case True, True:
                return Order.EQUAL
            case True, False:
                return Order.AFTER
            case False, True:
                return Order.BEFORE
            case _:
                return Order.CONCURRENT

    def merge(self, other: Mapping[bytes, int]) -> Self:
        """Return the smallest clock that dominates both."""
        counts = dict(self._counts)
        for log, count in other.items():
            counts[log] = max(count, counts.get(log, 0))
        return type(self)(counts)
