"""What one engram was, as far as this node could know it at some time."""

from engram_sync.store import Reader, ScopeRow

from ._authors import Authors
from ._open_engram import OpenEngram
from ._rebuild import missing_of
from ._state import EngramState
from ._stored import stored_of
from ._views import life_number


def state_at(
    reader: Reader, authors: Authors, scope: ScopeRow, engram: bytes, at_ms: int
) -> EngramState | None:
    """The state of an engram from the records that had arrived here by ``at_ms``.

    Values that were erased since are gone from the past too.

    Returns:
        None when nothing of it could be shown then.
    """
    row = reader.engram(scope.n, engram)
    if row is None:
        return None
    records = stored_of(reader, authors, scope.id, reader.records_at(scope.n, engram, at_ms))
    made = OpenEngram.of(engram, records)
    if not made.records:
        return None
    missing, made.erased = missing_of(reader, made.document, records)
    shown = made.shown()
    then = row._replace(
        log=made.first[0],
        seq=made.first[1],
        records=made.records,
        hlc=made.newest,
        life=life_number(shown.elements),
        conflict=shown.bits(),
        state=None,
        view=None,
        digest=None,
    )
    return EngramState(then, scope, *made.view(shown), missing=len(missing))
