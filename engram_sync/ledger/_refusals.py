"""Which records are refused, so that what follows them is not looked at again."""

from collections import Counter
from collections.abc import Iterator

from engram_wire import CloseCode, Rejection

from ._limits import REFUSED_MAX


class Refusals:
    """The newest refused records of every family: invalid ones for good, and those that build on
    others that are refused (``NOT_FOUND``) until these are held.

    It is knowledge about authors, not part of a transaction: rolling back keeps it.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, bytes], tuple[bytes, Rejection]] = {}
        """By root and chain id of the record: its scope, and the refusal."""
        self._roots: Counter[bytes] = Counter()
        self._scopes: Counter[bytes] = Counter()
        self.waiting = 0
        """How many of them are not for good."""

    def __iter__(self) -> Iterator[Rejection]:
        return (rejection for _, rejection in self._found.values())

    def add(self, scope: bytes, root: bytes, record: bytes, rejection: Rejection) -> None:
        """Refuse the record with that chain id, and so what follows it."""
        self._drop((root, record))
        self._found[root, record] = scope, rejection
        self._roots[root] += 1
        self._scopes[scope] += 1
        self.waiting += rejection.code == CloseCode.NOT_FOUND
        if len(self._found) > REFUSED_MAX:
            self._drop(next(iter(self._found)))

    def taken(self, root: bytes, seq: int) -> None:
        """A log is held up to that position: nothing before it waits any more."""
        if self.any_of(root):
            waited = [
                key
                for key, (_, why) in self._found.items()
                if key[0] == root and why.seq <= seq and why.code == CloseCode.NOT_FOUND
            ]
            for key in waited:
                self._drop(key)

    def _drop(self, key: tuple[bytes, bytes]) -> None:
        found = self._found.pop(key, None)
        if found is not None:
            self.waiting -= found[1].code == CloseCode.NOT_FOUND
            for counter, name in ((self._roots, key[0]), (self._scopes, found[0])):
                counter[name] -= 1
                if not counter[name]:
                    del counter[name]

    def any_in(self, scope: bytes) -> bool:
        """Whether anything of that scope is refused."""
        return scope in self._scopes

    def any_of(self, root: bytes) -> bool:
        """Whether anything of that family is refused."""
        return root in self._roots

    def of(self, root: bytes, record: bytes) -> Rejection | None:
        """The refusal of exactly that record, if it is for good."""
        _, why = self._found.get((root, record), (b"", None))
        return None if why is None or why.code == CloseCode.NOT_FOUND else why

    def before(self, root: bytes, seq: int) -> Rejection | None:
        """The newest refusal of that family before position ``seq``."""
        if not self.any_of(root):
            return None
        found = [r for (of, _), (_, r) in self._found.items() if of == root and r.seq < seq]
        return found[-1] if found else None
