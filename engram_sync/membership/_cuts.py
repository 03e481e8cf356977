"""What of somebody's data logs counts from whom the right to write was taken.

Nothing here depends on the order in which statements and data arrive, and nothing on what became of
the key since: who is admitted again begins other logs.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from engram_wire import SEQ_MAX

from ._epochs import Epochs
from ._places import LogSlot, Vector
from ._statements import Cutoff, Cutoffs

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
