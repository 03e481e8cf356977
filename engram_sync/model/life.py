"""Whether an engram is alive: what its live elements say of that."""

from collections.abc import Sequence

from engram_crdt import Element, latest
from engram_sync.api import Life
from engram_sync.model import fields as fields
from engram_sync.model.readings import life_of


def life_now(elements: Sequence[Element]) -> tuple[Life, str]:
    """State of life and its reason.

    Deleted wins over everything concurrent with it, so that a memory does not come back because
    somebody who had been away touched it; otherwise the newest entry counts.  An engram of which
    nothing at all is live is deleted, whatever took it away.
    """
    if not elements:
        return Life.DELETED, ""
    entries = [e for e in elements if e.collection == fields.LIFE and e.value is not None]
    deletes = [e for e in entries if life_of(e)[0] == Life.DELETED]
    newest = latest(deletes or entries)
    if newest is None:
        return Life.ACTIVE, ""
    state, reason = life_of(newest)
    return Life(state), reason


def life_number(elements: Sequence[Element]) -> int:
    """The state of life as rows store it."""
    return LIVES.index(life_now(elements)[0])


LIVES = (Life.ACTIVE, Life.ARCHIVED, Life.DELETED)
"""States of life in the order of the numbers that rows store."""
