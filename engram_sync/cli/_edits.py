"""Edits of a text as they are typed: every position counts in the text that was looked at."""

from collections.abc import Sequence
from itertools import pairwise

from engram_sync.errors import UsageError

Edit = tuple[str, int, str] | tuple[str, int, int]
"""``("insert", position, text)`` or ``("delete", position, length)``, as ``Node.update`` takes
them: each position counts in the text as the edits before it left it."""


def in_order(
    insertions: Sequence[tuple[int, str]], deletions: Sequence[tuple[int, int]]
) -> list[Edit]:
    """Edits that all mean the text as it was, as edits that follow each other.

    The later ones in the text go first, so that none moves the place of another.

    Args:
        insertions: Position and text; those at one position stay in the order given.
        deletions: Position and length.

    Raises:
        UsageError: A deletion meets another one, or a text to insert lies inside it.
    """
    ordered = sorted(deletions)
    for (start, length), (following, _) in pairwise(ordered):
        if following < start + length:
            raise _overlap(f"--delete {following}", start, length)
    for place, _ in insertions:
        for start, length in deletions:
            if start < place < start + length:
                raise _overlap(f"--insert {place}", start, length)
    # At one position: what is deleted there goes first, then the texts, the last of them first.
    found: list[tuple[tuple[int, int, int], Edit]] = [
        ((-start, 0, 0), ("delete", start, length)) for start, length in deletions
    ]
    for number, (place, text) in enumerate(insertions):
        found.append(((-place, 1, -number), ("insert", place, text)))
    return [edit for _, edit in sorted(found, key=lambda pair: pair[0])]


def _overlap(what: str, start: int, length: int) -> UsageError:
    return UsageError(
        f"{what} lies inside --delete {start}:{length}",
        hint="all positions count in the text as `get` shows it; delete less, or insert beside it",
    )
