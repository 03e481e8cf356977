"""Exact undo of what the ledger changed since a checkpoint.

A checkpoint owns the undo steps that follow it and the checkpoint that follows it; the journal
itself holds the newest one weakly.  So steps are kept exactly as long as somebody can still roll
back over them, and nobody has to say that a transaction has committed.
"""

import weakref
from collections.abc import Callable


class UndoPoint:
    """A moment to return to.  Drop it when there is no way back any more.

    Its attributes are the journal's.
    """

    __slots__ = ("__weakref__", "alive", "later", "steps")

    def __init__(self) -> None:
        self.alive = True
        self.later: UndoPoint | None = None
        self.steps: list[Callable[[], None]] = []


class Journal:
    """The undo steps since the oldest checkpoint that somebody holds."""

    def __init__(self) -> None:
        self._newest: weakref.ref[UndoPoint] | None = None

    def checkpoint(self) -> UndoPoint:
        """Begin a new checkpoint; those before it stay valid."""
        checkpoint = UndoPoint()
        newest = self._held()
        if newest is not None:
            newest.later = checkpoint
        self._newest = weakref.ref(checkpoint)
        return checkpoint

    def record(self, undo: Callable[[], None]) -> None:
        """Remember how to undo a change that was just made."""
        newest = self._held()
        if newest is not None:
            newest.steps.append(undo)

    def _held(self) -> UndoPoint | None:
        return None if self._newest is None else self._newest()

    def rollback(self, checkpoint: UndoPoint) -> None:
        """Undo everything since ``checkpoint``, newest first.

        Later checkpoints end with it; rolling back to one of those afterwards does nothing, so that
        the callbacks of a failed transaction may run in any order.
        """
        if not checkpoint.alive:
            return
        segments: list[UndoPoint] = []
        segment: UndoPoint | None = checkpoint
        while segment is not None:
            segments.append(segment)
            segment = segment.later
        for segment in reversed(segments):
            for undo in reversed(segment.steps):
                undo()
            segment.steps.clear()
            segment.later = None
            segment.alive = segment is checkpoint
        self._newest = weakref.ref(checkpoint)
