"""Which records are invalid, so that what follows them is not looked at again."""

from collections import Counter
from collections.abc import Iterator

from engram_wire import Rejection

from ._limits import REFUSED_MAX


class Refusals:
    """The newest invalid records of every family.

    It is knowledge about authors, not part of a transaction: rolling back keeps it.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, bytes], Rejection] = {}
        """By root and chain id of the record."""
        self._roots: Counter[bytes] = Counter()

    def __iter__(self) -> Iterator[Rejection]:
        return iter(self._found.values())

    def add(self, root: bytes, record: bytes, rejection: Rejection) -> None:
        """Refuse the record with that chain id, and so what follows it."""
        if self._found.pop((root, record), None) is None:
            self._roots[root] += 1
        self._found[root, record] = rejection
        if len(self._found) > REFUSED_MAX:
            oldest = next(iter(self._found))
            del self._found[oldest]
            self._roots[oldest[0]] -= 1
            if not self._roots[oldest[0]]:
                del self._roots[oldest[0]]

    def any_of(self, root: bytes) -> bool:
        """Whether anything of that family is refused."""
        return root in self._roots

    def of(self, root: bytes, record: bytes) -> Rejection | None:
        """The refusal of exactly that record."""
        return self._found.get((root, record))

    def before(self, root: bytes, seq: int) -> Rejection | None:
        """The newest refusal of that family before position ``seq``."""
        if not self.any_of(root):
            return None
        found = [r for (of, _), r in self._found.items() if of == root and r.seq < seq]
        return found[-1] if found else None
