"""What a batch of records changes about the rows of a scope, written once at its end."""

from dataclasses import dataclass, field
from typing import NamedTuple

from engram_sync.model.life import LIVES
from engram_sync.model.shapes import SearchedTexts
from engram_sync.store import EngramRow, ScopeRow, Transaction

DELETED = LIVES.index("deleted")

_DIGESTS = 1 << 256


class Contribution(NamedTuple):
    """What an engram counts for in its scope."""

    digest: int
    life: int


@dataclass(slots=True)
class ScopeDelta:
    """The changes of one batch."""

    digest: int = 0
    live: int = 0
    deleted: int = 0
    added: list[EngramRow] = field(default_factory=list[EngramRow])
    added_texts: list[SearchedTexts] = field(default_factory=list[SearchedTexts])
    updated: list[EngramRow] = field(default_factory=list[EngramRow])
    unsearched: set[int] = field(default_factory=set[int])
    """Numbers of those updated whose words are as they were."""
    dropped: list[bytes] = field(default_factory=list[bytes])
    """Engrams of which nothing is left."""
    owed: dict[bytes, tuple[int, int]] = field(default_factory=dict[bytes, tuple[int, int]])
    """By engram among those added, (log, seq) of its record, whose payload is owed."""

    def count(self, standing: Contribution, step: int) -> None:
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
            direct: Whether to index what is new at once.  One full-text update costs as much as
                the rest of a commit, so a few rows wait for ``flush_index``, which does many.

        Returns:
            Ids of the engrams whose rows were added or changed.
        """
        numbers = tx.put_engrams(self.added) if self.added else range(0)
        if self.updated:
            tx.update_engrams(self.updated)
        for n, row in zip(numbers, self.added, strict=True):
            if row.engram in self.owed:
                tx.put_owed(n, [self.owed[row.engram]])
        self._index(tx, numbers, direct=direct)
        changed = [*(row.engram for row in (*self.added, *self.updated)), *self.dropped]
        tx.update_scope(
            scope._replace(
                digest=(scope.digest + self.digest) % _DIGESTS,
                live=scope.live + self.live,
                deleted=scope.deleted + self.deleted,
                changes=scope.changes + bool(changed),
            )
        )
        return tuple(changed)

    def _index(self, tx: Transaction, numbers: range, *, direct: bool) -> None:
        waiting = [row.n for row in self.updated if row.n not in self.unsearched]
        if direct:
            shown: list[tuple[int, str, str, str]] = []
            for n, row, text in zip(numbers, self.added, self.added_texts, strict=True):
                if row.life < DELETED:
                    shown.append((n, text.title, text.content, text.tags))
            if shown:
                tx.index_many(shown)
        else:
            waiting += numbers
        if waiting:
            tx.mark_many_unindexed(waiting)
