"""Releases of the program side by side: an older one does not know some kinds of records."""

from collections.abc import Generator
from contextlib import contextmanager

from engram_sync.memory.state import changes as _changes
from engram_wire import RecordKind

EARLIER = frozenset({RecordKind.ARCHIVE, RecordKind.EDIT})
"""Kinds that the earlier release keeps and hands on, and shows nothing of."""


@contextmanager
def without(kinds: frozenset[RecordKind]) -> Generator[None]:
    """Let what runs in the block be of a release that does not know these kinds."""
    known = _changes.APPLIED_KINDS
    _changes.APPLIED_KINDS = known - kinds
    try:
        yield
    finally:
        _changes.APPLIED_KINDS = known
