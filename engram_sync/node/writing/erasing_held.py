"""Erasing what is held before the frame is stored that says so."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engram_sync.node.limits import ERASE_WEIGHT
from engram_sync.node.writing.storing import Storing
from engram_sync.store import Erasable, Transaction

Place = tuple[int, int]
"""Log number and position."""
_MEMORY = 8
"""What each memory weighs of which something is erased: its row is written again."""
_TEXT_BYTES = 512
"""Of the structure of a text, what is written in the time that a value takes."""
_BYTES = 16 << 10
"""What is hashed in the time that a value takes."""


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
            self.done(self.storing.erase(self.tx, self.scope, some))

    def _portions(self, held: Mapping[bytes, Sequence[Place]]) -> Iterator[Sequence[Place]]:
        some: list[Place] = []
        weight = 0
        for engram, positions in held.items():
            row = self.tx.engram(self.scope, engram)
            # Its structure is stored anew at every step: the larger it is, the fewer they are.
            most = ERASE_WEIGHT + (self.tx.text_bytes(row.n) // _TEXT_BYTES if row else 0)
            weight += _MEMORY
            for start in range(0, len(positions), ERASE_WEIGHT):
                for record in self.tx.erasable(positions[start : start + ERASE_WEIGHT]):
                    some.append((record.log, record.seq))
                    weight += _weight(record)
                    if weight >= most:
                        yield some
                        some, weight = [], _MEMORY
        if some:
            yield some


def _weight(record: Erasable) -> int:
    return 1 + record.puts + record.size // _BYTES
