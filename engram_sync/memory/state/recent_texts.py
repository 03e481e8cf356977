"""Texts that were changed lately: whoever goes on with one need not load it again."""

from typing import NamedTuple

from engram_crdt import EngramTexts
from engram_sync.model.limits import TEXTS_KEPT_MAX, TEXTS_KEPT_WEIGHT_MAX

_UNITS_OF_PIECE = 64
"""Units of text that take about as much room as the places of one piece."""


class _Kept(NamedTuple):
    changed: int
    texts: EngramTexts
    weight: int


class RecentTexts:
    """The structures of a few texts, as they are stored.

    Only the writer's jobs may use it.  A job that changes a text takes it, and returns it when what
    was stored is what it holds; whoever rolls a job back makes this forget.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        """By the number of the engram; what was used last is last."""

    def forget(self) -> None:
        """Forget all of them."""
        self._kept = {}

    def take(self, n: int, changed: int) -> EngramTexts | None:
        """Take out the texts of an engram; None when they are not here, or of another state.

        Args:
            n: Number of the engram.
            changed: What its row says: the number of the change that changed them last.
        """
        kept = self._kept.pop(n, None)
        return kept.texts if kept is not None and kept.changed == changed else None

    def drop(self, n: int) -> None:
        """Forget the texts of an engram."""
        self._kept.pop(n, None)

    def keep(self, n: int, changed: int, texts: EngramTexts) -> None:
        """Keep the texts of an engram as they are stored; those used longest ago make room."""
        self.drop(n)
        self._kept[n] = _Kept(changed, texts, texts.pieces + texts.units_held // _UNITS_OF_PIECE)
        while len(self._kept) > TEXTS_KEPT_MAX or self._weight() > TEXTS_KEPT_WEIGHT_MAX:
            self.drop(next(iter(self._kept)))

    def _weight(self) -> int:
        return sum(kept.weight for kept in self._kept.values())
