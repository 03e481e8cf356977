"""An engram with several records, changed in place: a change costs what it changes.

Its live elements are rows.  They are looked up by dot and by group, never all of them: a memory
with ten thousand tags takes one more as fast as the first one, and so does one with ten thousand
superseded values, which have no rows.

Records come with all that they refer to already here, because they are stored in causal order and
applied in the order in which they were stored.  So nothing that is removed is yet to come.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engram_crdt import (
    CLOCK_MAX,
    DIGEST_MODULUS,
    Change,
    Dot,
    Element,
    clocks_of,
    element_hash,
)
from engram_sync.memory.state.changes import change_of, puts_of
from engram_sync.memory.state.log_directory import LogDirectory
from engram_sync.memory.state.recent import Recent
from engram_sync.memory.state.stored import StoredRecord
from engram_sync.model import fields as fields
from engram_sync.model.claims import claims_of, conflict_bits, is_tombstone, life_from
from engram_sync.model.readings import BODY
from engram_sync.store import ElementRow, EngramRow, PartRow, Transaction
from engram_wire import Record, RecordKind, parse_shape_untrusted

from .live_texts import LiveTexts

_SEARCHED = frozenset({fields.TITLE, fields.CONTENT, fields.TAGS, BODY})


@dataclass(slots=True)
class LiveEngram:
    """One engram being changed."""

    tx: Transaction
    logs: LogDirectory
    row: EngramRow
    """As it was before; of a new engram with no record."""
    born: int
    """Number of the change that is being made."""
    known: Mapping[Dot, int] = field(default_factory=dict[Dot, int])
    """With what change elements appeared that are made anew."""
    recent: Recent = field(default_factory=Recent)
    """What is known of engrams that were changed lately."""
    searched: bool = False
    """Whether what is searched has changed."""
    _digest: int = 0
    _records: int = 0
    _hlc: int = 0
    _created: int = 0
    _live: int = 0
    _dead: int = 0
    _erased: bool = False
    _owed: bool = False
    """Whether the payload of a record is owed."""
    _groups: set[bytes] = field(default_factory=set[bytes])
    """What has to be compared again: ``ElementRow.group``."""
    _groups2: set[bytes] = field(default_factory=set[bytes])
    """The same of ``group2``."""
    _followed: bool = False
    """Whether ``recent`` knows what it held before."""
    _lost: set[tuple[str, Dot]] = field(default_factory=set[tuple[str, Dot]])
    """(collection, dot) of elements that were live before."""
    _made: dict[Dot, tuple[Element, int]] = field(default_factory=dict[Dot, tuple[Element, int]])
    """Elements that are live now and were not before, and with which change each appeared."""
    _gone: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """(log, seq) of records of which an element is live no more."""
    _texts: LiveTexts = field(init=False)

    def __post_init__(self) -> None:
        row = self.row
        self._followed = self.recent.find(row) is not None
        self._digest = int.from_bytes(row.digest or b"", "big")
        self._records, self._hlc, self._created = row.records, row.hlc, row.created
        self._live, self._dead, self._erased = row.live, row.dead, row.erased
        self._owed = self.tx.owed_of(row.n) > 0
        self._texts = LiveTexts(self.tx, self.logs, row, self.born)

    # -- changing ----------------------------------------------------------------------------

    def apply(self, stored: StoredRecord) -> bool:
        """Merge one record; False when it, or a later one of its log, was merged before."""
        tx, n, log, record = self.tx, self.row.n, stored.log, stored.record
        part = tx.part(n, log)
        if part is not None and record.seq <= part.seq:
            return False
        change = change_of(stored.log_id, record, stored.naming)
        start = tx.first_clock(log, record.seq)
        end = start + clocks_of(change)
        if end > CLOCK_MAX:
            # Valid as a record, yet beyond what a document can hold: it changes nothing, here as
            # on every other node.  One author must not stop the scope for all.
            return False
        bodies = any(collection == BODY for collection, _ in change.puts)
        edits = self._texts.concerns(change, bodies=bodies)
        if edits:
            # They are told what was live before.
            self._texts.apply(change, start, log)
        self._remove(change)
        put = self._put(stored, change, start)
        tx.put_part(n, PartRow(log, end, record.seq))
        self._records += 1
        self._hlc = max(self._hlc, record.hlc)
        self._created = min(self._created or record.hlc, record.hlc)
        if record.payload is None:
            self._miss(stored, live=put > 0 or bool(change.edit and change.edit.inserts))
        return True

    def _remove(self, change: Change) -> None:
        """Take away what a change removes, all of it at once; of text it has no rows."""
        tx, n = self.tx, self.row.n
        clocks: dict[bytes, list[int]] = {}
        for log, clock in change.removed:
            clocks.setdefault(log, []).append(clock)
        dots = {self.logs.log_number(tx, log): some for log, some in clocks.items()}
        taken = tx.take_elements(n, dots) if dots else []
        for log, end in change.until:
            taken += tx.take_span(n, self.logs.log_number(tx, log), 0, end)
        self._count(taken, -1)
        self._gone.update([(row.log, row.seq) for row in taken])
        if self._followed:
            self._note_lost(taken)

    def _note_lost(self, taken: Sequence[ElementRow]) -> None:
        for row in taken:
            dot = Dot(self.logs.log_id(self.tx, row.log), row.clock)
            if self._made.pop(dot, None) is None:
                self._lost.add((row.collection, dot))

    def _put(self, stored: StoredRecord, change: Change, start: int) -> int:
        """Add what a record puts and does not remove itself; returns how many elements."""
        gone = {clock for log, clock in change.removed if log == change.log}
        begin = max([end for log, end in change.until if log == change.log], default=0)
        rows: list[ElementRow] = []
        for clock, (collection, value) in enumerate(change.puts, start):
            if clock >= begin and clock not in gone:
                dot = Dot(change.log, clock)
                made = Element(collection, dot, change.hlc, value, change.payload_hash, change.seq)
                born = self.known.get(dot, self.born)
                rows.append(self._row_of(stored.log, made, born))
                if self._followed:
                    self._made[dot] = made, born
        if rows:
            self._count(rows)
            self.tx.put_elements(self.row.n, rows)
        return len(rows)

    def _row_of(self, log: int, element: Element, born: int) -> ElementRow:
        collection, dot, _, _, payload_hash, seq = element
        digest = element_hash(self.row.engram, collection, dot, payload_hash)
        claims = claims_of(element)
        return ElementRow(
            log, dot.clock, seq, collection, born, digest.to_bytes(32, "big"), *claims
        )

    def _count(self, rows: Sequence[ElementRow], step: int = 1) -> None:
        """Count live elements once more (1) or once less (-1); thousands may go at once."""
        self._digest += step * sum([int.from_bytes(row.digest, "big") for row in rows])
        self._live += step * len(rows)
        self._dead += step * sum([is_tombstone(row.life) for row in rows])
        self._groups |= {row.group for row in rows if row.group is not None}
        self._groups2 |= {row.group2 for row in rows if row.group2 is not None}
        self.searched = self.searched or any(row.collection in _SEARCHED for row in rows)

    # -- payloads ----------------------------------------------------------------------------

    def _miss(self, stored: StoredRecord, *, live: bool) -> None:
        """A record came without its payload."""
        log, seq = stored.log, stored.record.seq
        if self.tx.erased(log, [seq]):
            self._erased = True
        elif live:
            self.tx.put_owed(self.row.n, [(log, seq)])
            self._owed = True

    def refill(self, changed: Sequence[tuple[int, Record]]) -> None:
        """Read again what records, by log, put that is live, as their payloads came or went."""
        tx, n = self.tx, self.row.n
        self._erased = self._erased or any(tx.erased(log, [r.seq]) for log, r in changed)
        for log, record in changed:
            if record.shape[0] == RecordKind.EDIT:
                self._texts.hold(log, record)
        records = {(log, r.seq): r for log, r in changed if r.shape[0] != RecordKind.EDIT}
        shapes = {parse_shape_untrusted(shape) for shape in {r.shape for r in records.values()}}
        most = max([len(shape.collections) for shape in shapes], default=0)
        values = {place: puts_of(record) for place, record in records.items()}
        was: list[ElementRow] = []
        made: list[ElementRow] = []
        for first, row in tx.live_of(n, records, most):
            if row.collection == BODY:
                continue  # What a generation is compared by is its text.
            record = records[row.log, row.seq]
            dot = Dot(self.logs.log_id(tx, row.log), row.clock)
            value = values[row.log, row.seq][row.clock - first][1]
            # Its name and the hash of the payload are as they were, and so is its own hash.
            element = Element(
                row.collection, dot, record.hlc, value, record.payload_hash, record.seq
            )
            said = ElementRow(*row[:6], *claims_of(element))
            if said != row:
                was.append(row)
                made.append(said)
        tx.take_elements(n, _by_log(was))
        self._count(was, -1)
        self._count(made)
        tx.put_elements(n, made)

    # -- the end -----------------------------------------------------------------------------

    def finish(self) -> EngramRow:
        """Write what follows from the changes, all but the row of the engram, and return that."""
        tx, n = self.tx, self.row.n
        texts = self._texts.finish()
        self.searched = self.searched or self._texts.changed
        tx.compare_groups(n, self._groups | texts.groups, self._groups2)
        classes = tx.contested_classes(n)
        orphans = texts.orphans
        if self._owed:
            self._settle_owed()
        digest = (self._digest + texts.digest_added) % DIGEST_MODULUS
        made = self.row._replace(
            records=self._records,
            hlc=self._hlc,
            created=self._created,
            changed=self.born,
            life=life_from(tx.heaviest_life(n), live=self._live),
            conflict=int(conflict_bits(classes, live=self._live, dead=self._dead, orphans=orphans)),
            live=self._live,
            dead=self._dead,
            erased=self._erased,
            digest=digest.to_bytes(32, "big"),
        )
        self.recent.follow(self.row, made, self._lost, self._made)
        return made

    def _settle_owed(self) -> None:
        """Nobody fetches the payload of what nothing shows any more."""
        tx, n = self.tx, self.row.n
        for log, seq in self._gone | self._texts.gone:
            if not tx.is_live(n, log, seq) and not self._texts.is_live(log, seq):
                tx.drop_owed(log, seq)


def _by_log(rows: Iterable[ElementRow]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(row.log, []).append(row.clock)
    return found
