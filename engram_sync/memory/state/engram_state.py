"""What one engram holds now: its live elements, and how much of each log they have seen.

An engram with exactly one record is read from that record.  Others keep a row for each live
element, so that reading costs what is live, whatever the history.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from engram_crdt import Dot, Element, elements_of_one
from engram_sync.model.readings import BODY
from engram_sync.store import EngramRow, ScopeRow
from engram_wire import Record, WireError

from .changes import change_of, puts_of
from .recent import Recent
from .shown_texts import decode_shown
from .snapshot import Snapshot
from .stored import damaged


@dataclass(frozen=True, slots=True)
class EngramState:
    """One engram as this node has materialised it."""

    row: EngramRow
    scope: ScopeRow
    """Of which nothing is looked at here but what never changes."""
    created: int
    """The smallest HLC of its records."""
    clock: Mapping[bytes, int]
    """Of each log that wrote to it: the next clock."""
    elements: Sequence[Element]
    """The live elements, sorted by collection, log and clock."""
    erased: bool = False
    """Whether the payload of a record of it was erased for good."""
    texts: Mapping[Dot, str] = field(default_factory=dict[Dot, str])
    """The collaborative text of each generation that is live, by the generation's dot."""
    orphans: Sequence[Element] = ()
    """Live text of generations that are gone, as elements of ``x/body``."""
    missing: int = 0
    """Of how many records values are live and not held here, though nobody erased them."""
    born: Mapping[Dot, int] = field(default_factory=dict[Dot, int])
    """With which change of the scope each live element appeared; others with the row."""

    @property
    def engram(self) -> bytes:
        """The 16 bytes of its id."""
        return self.row.engram

    def live(self, collection: str) -> Sequence[Element]:
        """The live elements of one collection."""
        return of_collection(self.elements, collection)


def load_state(
    snapshot: Snapshot,
    scope: ScopeRow,
    row: EngramRow,
    recent: Recent | None = None,
) -> EngramState:
    """The state of a row of the store.

    Args:
        snapshot: What is read.
        scope: The row of the engram's scope.
        row: The row of the engram.
        recent: What the writer knows, where it is the writer that reads.

    Raises:
        CorruptError: The store does not hold what the row refers to.
    """
    reader = snapshot.reader
    try:
        if row.digest is not None:
            return _of_rows(snapshot, scope, row, recent or Recent())
        log = snapshot.log_id(row.log)
        record = reader.records(row.log, row.seq, row.seq)[0]
        state = state_of_one(scope, row, log, record)
        if record.payload is None:
            erased = bool(reader.erased(row.log, [row.seq]))
            return replace(state, erased=erased, missing=int(not erased))
        return state
    except (WireError, LookupError, ValueError, TypeError) as error:
        raise damaged(row.engram, error) from error


def _of_rows(snapshot: Snapshot, scope: ScopeRow, row: EngramRow, recent: Recent) -> EngramState:
    reader = snapshot.reader
    held = recent.find(row) or recent.keep(row, *elements_of(snapshot, row.n))
    elements = held.elements
    clock = {snapshot.log_id(part.log): part.clock for part in reader.parts(row.n)}
    texts = {e.dot: "" for e in of_collection(elements, BODY)}
    orphans: Sequence[Element] = ()
    stored = reader.text(row.n)
    if stored is not None:
        shown, orphans = decode_shown(stored.shown)
        texts |= shown
    return EngramState(
        row,
        scope,
        row.created,
        {log: count for log, count in clock.items() if count},
        elements,
        bool(row.erased),
        texts,
        orphans,
        reader.owed_of(row.n),
        held.born,
    )


def of_collection(elements: Sequence[Element], collection: str) -> Sequence[Element]:
    """Those of one collection, found without looking at the others; ``elements`` are sorted."""
    end = f"{collection}\0"  # No name lies between the two.
    return elements[bisect_left(elements, (collection,)) : bisect_left(elements, (end,))]


def elements_of(snapshot: Snapshot, n: int) -> tuple[list[Element], dict[Dot, int]]:
    """The live elements of an engram with several records, sorted, and when each appeared."""
    reader = snapshot.reader
    records = {
        (log, record.seq): (first, record, puts_of(record))
        for log, first, record in reader.live_records(n)
    }
    elements: list[Element] = []
    born: dict[Dot, int] = {}
    for row in reader.elements(n):
        first, record, puts = records[row.log, row.seq]
        dot = Dot(snapshot.log_id(row.log), row.clock)
        collection, value = puts[row.clock - first]
        elements.append(
            Element(collection, dot, record.hlc, value, record.payload_hash, record.seq)
        )
        born[dot] = row.born
    elements.sort()
    return elements, born


def state_of_one(scope: ScopeRow, row: EngramRow, log: bytes, record: Record) -> EngramState:
    """The state of an engram whose only record is given."""
    change = change_of(log, record)
    clock = {log: len(change.puts)} if change.puts else {}
    return EngramState(row, scope, record.hlc, clock, elements_of_one(row.engram, change))
