"""What one engram was, as far as this node could know it at some time."""

from collections.abc import Iterator, Sequence

from engram_crdt import EngramDocument
from engram_sync.memory.materialise.engram_builder import EngramBuilder
from engram_sync.memory.state.engram_state import EngramState, load_state
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import StoredRecord, streamed
from engram_sync.model.life import life_number
from engram_sync.store import Reader, ScopeRow


def state_at(snapshot: Snapshot, scope: ScopeRow, engram: bytes, at_ms: int) -> EngramState | None:
    """The state of an engram from the records that had arrived here by ``at_ms``.

    Values that were erased since are gone from the past too.

    Returns:
        None when nothing of it could be shown then.
    """
    row = snapshot.reader.engram(scope.n, engram)
    if row is None:
        return None
    without: list[StoredRecord] = []

    def noted() -> Iterator[StoredRecord]:
        for stored in streamed(snapshot, scope, engram, at_ms):
            if stored.record.payload is None:
                without.append(stored)
            yield stored

    made = EngramBuilder.of(engram, noted())
    if not made.records:
        return None
    missing, erased = _missing(snapshot.reader, made.document, without)
    shown = made.shown()
    now = load_state(snapshot, scope, row)
    seen = {e.dot for e in shown.elements}
    unseen = [now.born.get(e.dot, row.born) for e in now.elements if e.dot not in seen]
    then = row._replace(
        log=made.first[0],
        seq=made.first[1],
        records=made.records,
        hlc=made.newest,
        life=life_number(shown.elements),
        conflict=shown.bits(),
        # Whoever writes by the version of this view replaces nothing that it does not show.
        changed=min([row.changed, *(change - 1 for change in unseen)]),
        digest=made.document.digest().to_bytes(32, "big"),
    )
    return EngramState(
        then,
        scope,
        made.created,
        dict(made.document.clock()),
        shown.elements,
        erased,
        shown.texts,
        shown.orphans,
        missing,
    )


def _missing(
    reader: Reader, document: EngramDocument, missing: Sequence[StoredRecord]
) -> tuple[int, bool]:
    """Of how many of these records values are shown, and whether any was erased."""
    if not missing:
        return 0, False
    gone = {(s.log, s.record.seq) for s in missing if reader.erased(s.log, [s.record.seq])}
    live = {(element.dot.log, element.seq) for element in document.elements()}
    live |= {(span.dot.log, span.seq) for span in document.spans()}
    owed = [
        s for s in missing if (s.log, s.record.seq) not in gone and (s.log_id, s.record.seq) in live
    ]
    return len(owed), bool(gone)
