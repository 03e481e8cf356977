"""Erasing much of what is held before the frame is stored that says so."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engram_sync.ledger import ERASED_PER_STEP
from engram_sync.node.writing.storing import Storing
from engram_sync.store import Transaction

Place = tuple[int, int]
"""Log number and position."""


@dataclass(slots=True)
class ErasingHeld:
    """Erases in portions what a valid frame names; see ``Taking``.

    The frame is stored, and confirmed, after the last one: after a crash in between whoever sent it
    sends it again.
    """

    storing: Storing
    scope: int
    """Its number."""
    done: Callable[[Iterable[bytes]], None]
    """Told which engrams were changed."""
    tx: Transaction
    """That of the job that goes on with it."""

    def __call__(self, held: Mapping[bytes, Sequence[Place]]) -> Iterator[None]:
        """Erase a portion at every step."""
        for some in self._portions(held):
            yield
            self.done(self.storing.erase(self.tx, self.scope, some, index=False))
        yield

    def _portions(self, held: Mapping[bytes, Sequence[Place]]) -> Iterator[Sequence[Place]]:
        few: list[Place] = []
        for engram, positions in held.items():
            row = self.tx.engram(self.scope, engram)
            if row is not None and self.tx.text(row.n) is not None:
                yield positions  # A text is made anew each time, from all of its records.
                continue
            for place in positions:
                few.append(place)
                if len(few) == ERASED_PER_STEP:
                    yield few
                    few = []
        if few:
            yield few
