"""What a batch of records changes about the rows of a scope, written once at its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_sync.store import EngramRow, ScopeRow, Transaction

from ._shapes import Texts
from ._state import LIVES

DELETED = LIVES.index("deleted")

_DIGESTS = 1 << 256


Owed = tuple[tuple[int, int], ...]
"""(log, seq) of the records of an engram whose payload is owed."""


class Standing(NamedTuple):
    """What an engram counts for in its scope, whatever of it may be shown."""

    digest: int
    life: int


@dataclass(slots=True)
class Tally:
    """The changes of one batch."""

    digest: int = 0
    live: int = 0
    deleted: int = 0
    added: list[EngramRow] = field(default_factory=list[EngramRow])
    added_texts: list[Texts] = field(default_factory=list[Texts])
    updated: list[EngramRow] = field(default_factory=list[EngramRow])
    updated_texts: list[Texts] = field(default_factory=list[Texts])
    owed: dict[bytes, Owed] = field(default_factory=dict[bytes, Owed])
    """By engram, what replaces all that was owed of it; nothing changes by default."""

    def count(self, standing: Standing, step: int) -> None:
        """Count an engram once more (1) or once less (-1)."""
        self.digest += step * standing.digest
        if standing.life == DELETED:
            self.deleted += step
        else:
            self.live += step

    def write(self, tx: Transaction, scope: ScopeRow, *, direct: bool) -> tuple[bytes, ...]:
        """Write rows, what is owed, index and counts.

        Args:
            tx: The transaction.
            scope: The row of the scope, as far as it is known to have changed.
            direct: Whether to index at once.  One full-text update costs as much as the rest of a
                commit, so a few rows wait for ``flush_index``, which does many.

        Returns:
            Ids of the engrams whose rows were added or changed.
        """
        numbers = tx.put_engrams(self.added) if self.added else range(0)
        if self.updated:
            tx.update_engrams(self.updated)
        ns = [*numbers, *[row.n for row in self.updated]]
        rows = [*self.added, *self.updated]
        if self.owed:
            self._owe(tx, ns, rows)
        if rows:
            self._index(tx, ns, rows, direct=direct)
        tx.update_scope(
            scope._replace(
                digest=(scope.digest + self.digest) % _DIGESTS,
                live=scope.live + self.live,
                deleted=scope.deleted + self.deleted,
            )
        )
        return tuple([row.engram for row in rows])

    def _owe(self, tx: Transaction, ns: Sequence[int], rows: Sequence[EngramRow]) -> None:
        for n, row in zip(ns, rows, strict=True):
            owed = self.owed.get(row.engram)
            if owed is None:
                continue
            tx.clear_owed(n)
            if owed:
                tx.put_owed(n, owed)

    def _index(
        self, tx: Transaction, ns: Sequence[int], rows: Sequence[EngramRow], *, direct: bool
    ) -> None:
        if not direct:
            tx.mark_many_unindexed(ns)
            return
        texts = [*self.added_texts, *self.updated_texts]
        shown: list[tuple[int, str, str, str]] = []
        for n, row, text in zip(ns, rows, texts, strict=True):
            if row.life >= DELETED:
                tx.unindex(n)
            else:
                shown.append((n, text.title, text.content, text.tags))
        tx.index_many(shown)
