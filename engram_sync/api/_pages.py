"""Answers that may be long, a page at a time."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

HISTORY_ENTRIES = 1_000
"""Entries of one page of a history, unless somebody asks for another number."""
CONFLICTS = 1_000
"""Conflicts of one page, unless somebody asks for another number."""


class Page(list[T]):
    """Part of an answer: a list that knows how to go on.

    Args:
        items: What the page holds.
        next: Pass it as ``after`` for the next page; None when this is the last one.
    """

    def __init__(
        self,
        items: Iterable[T] = (),
        next: str | None = None,  # noqa: A002 - the word of the answers in JSON
    ) -> None:
        super().__init__(items)
        self.next = next
