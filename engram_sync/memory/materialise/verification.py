"""Checking the rows of engrams against the records that they were made of."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engram_crdt import Dot, element_hash
from engram_sync.errors import CorruptError, NotFoundError
from engram_sync.memory.state.changes import is_applied
from engram_sync.memory.state.engram_state import load_state
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import StoredRecord, streamed
from engram_sync.model.claims import Claims, body_claims, claims_of, is_tombstone
from engram_sync.model.ids import engram_text
from engram_sync.model.life import life_number
from engram_sync.model.readings import BODY
from engram_sync.store import ElementRow, EngramRow, ScopeRow
from engram_wire import Record, WireError, clocks_taken, parse_shape_untrusted

from .engram_builder import EngramBuilder, Shown
from .index import DELETED, searched
from .live_texts import load_texts
from .rebuild import standing_of


class Compared(NamedTuple):
    """What became of comparing some rows."""

    problems: list[str]
    """What differs, a sentence each."""
    digest: int
    """The sum of what the rows count for."""


def compare_rows(snapshot: Snapshot, scope: ScopeRow, rows: Iterable[EngramRow]) -> Compared:
    """Replay engrams from their records and compare with all that is kept of them.

    They are replayed as documents, which share no code with the rows but that which reads records.
    """
    problems: list[str] = []
    total = 0
    for row in rows:
        text = engram_text(row.engram)
        try:
            total += standing_of(snapshot, row).digest
            wrong = list(_Replay.of(snapshot, scope, row).wrong())
        except (CorruptError, NotFoundError, WireError, LookupError) as error:
            problems.append(f"memory {text} cannot be replayed: {error}")
            continue
        if wrong:
            problems.append(f"memory {text} is not what its records say: {', '.join(wrong)}")
    return Compared(problems, total)


@dataclass(frozen=True, slots=True)
class _Replay:
    """An engram made from its records, beside its rows."""

    snapshot: Snapshot
    scope: ScopeRow
    row: EngramRow
    records: Sequence[tuple[int, Record]]
    stored: Sequence[StoredRecord]
    made: EngramBuilder
    shown: Shown

    @classmethod
    def of(cls, snapshot: Snapshot, scope: ScopeRow, row: EngramRow) -> "_Replay":
        found = snapshot.reader.stream_of(scope.n, row.engram)
        records = [(n, _light(record)) for n, record in found]
        stored: list[StoredRecord] = []

        def noted() -> Iterator[StoredRecord]:
            for one in streamed(snapshot, scope, row.engram):
                stored.append(one._replace(record=_light(one.record)))
                yield one

        made = EngramBuilder.of(row.engram, noted())
        return cls(snapshot, scope, row, records, stored, made, made.shown())

    def wrong(self) -> Iterator[str]:
        """What its rows say otherwise, a word each."""
        row, wanted = self.row, self._row()
        yield from (
            name
            for name, kept, made in zip(EngramRow._fields, row, wanted, strict=True)
            if kept != made
        )
        if standing_of(self.snapshot, row).digest != self.made.document.digest():
            yield "what it counts for"
        ends, fits = self._clocks()
        if not fits:
            yield "clocks of its records"
        if self.snapshot.reader.owed_by(row.n) != self._owed():
            yield "values that have not arrived"
        if row.life < DELETED and not self._found_by_its_words():
            yield "words by which it is found"
        if row.digest is not None:
            yield from self._wrong_elements()
            if not self._fits_parts(ends):
                yield "records read"
            if self._wrong_texts():
                yield "texts"

    def _found_by_its_words(self) -> bool:
        texts = searched(self.snapshot, self.scope, self.row)
        return self.snapshot.reader.indexed_as(self.row.n, texts)

    def _row(self) -> EngramRow:
        made, elements = self.made, self.shown.elements
        wanted = self.row._replace(
            records=made.records,
            hlc=made.newest,
            created=made.created,
            life=life_number(elements),
            conflict=self.shown.bits(),
        )
        if self.row.digest is None:
            return wanted
        applied = [s for s in self.stored if is_applied(s.record)]
        return wanted._replace(
            live=len(elements),
            dead=sum(is_tombstone(claims_of(element).life) for element in elements),
            erased=any(self._erased(s.log, s.record.seq) for s in applied),
        )

    def _erased(self, log: int, seq: int) -> bool:
        return bool(self.snapshot.reader.erased(log, [seq]))

    def _clocks(self) -> tuple[dict[tuple[int, int], int], bool]:
        """By (log, seq) of its records, the clock that follows; and whether all are stored so."""
        ends: dict[int, int] = {}
        after: dict[tuple[int, int], int] = {}
        fits = True
        for log, record in sorted(self.records, key=lambda one: (one[0], one[1].seq)):
            first = ends.get(log, 0)
            fits = fits and self.snapshot.reader.first_clock(log, record.seq) == first
            taken = clocks_taken(parse_shape_untrusted(record.shape), record.superseded)
            after[log, record.seq] = ends[log] = first + taken
        return after, fits

    def _fits_parts(self, ends: dict[tuple[int, int], int]) -> bool:
        """Whether its logs are read as far as they go; where one forked, that may be its end."""
        newest: dict[int, int] = {}
        for stored in self.stored:
            if is_applied(stored.record) and self._counts(stored):
                newest[stored.log] = max(stored.record.seq, newest.get(stored.log, 0))
        kept = [part for part in self.snapshot.reader.parts(self.row.n) if part.clock]
        wanted = [(at[0], ends[at]) for at in sorted(newest.items()) if ends[at]]
        if [part[:2] for part in kept] != wanted:
            return False
        further = [part for part in kept if part.seq != newest[part.log]]
        forked = bool(further) and bool(self.snapshot.reader.branches(self.scope.n))
        return all(forked and part.seq > newest[part.log] for part in further)

    def _counts(self, stored: StoredRecord) -> bool:
        """Whether the document took a record: what is beyond its limits changes nothing."""
        return stored.record.seq <= self.made.document.applied().get(stored.log_id, 0)

    def _owed(self) -> set[tuple[int, int]]:
        """Records whose payload is shown and not held."""
        held = {(log, record.seq): record.payload is not None for log, record in self.records}
        if self.row.digest is None:
            live = {(s.log, s.record.seq) for s in self.stored}
        else:
            live = {(self._number(e.dot), e.seq) for e in self.shown.elements}
            live |= {(self._number(s.dot), s.seq) for s in self.made.document.spans()}
        return {place for place in live if not held[place] and not self._erased(*place)}

    def _number(self, dot: Dot) -> int:
        return self.snapshot.log_number(dot.log)

    def _wrong_elements(self) -> Iterator[str]:
        kept = sorted(each._replace(born=0) for each in self.snapshot.reader.elements(self.row.n))
        made = sorted(self._elements())
        if [each[:7] for each in kept] != [each[:7] for each in made]:
            yield "elements"
        elif kept != made:
            yield "what its elements say"
        said: dict[bytes, set[bytes | None]] = {}
        for each in made:
            for group, value in ((each.group, each.value), (each.group2, each.value2)):
                if group is not None:
                    said.setdefault(group, set()).add(value)
        contested = {group for group, values in said.items() if len(values) > 1}
        if self.snapshot.reader.contested(self.row.n) != contested:
            yield "conflicts"

    def _elements(self) -> Iterator[ElementRow]:
        for element in self.shown.elements:
            collection, dot, _, _, payload_hash, seq = element
            digest = element_hash(self.row.engram, collection, dot, payload_hash)
            place = self._number(dot), dot.clock, seq, collection, 0, digest.to_bytes(32, "big")
            text = self.shown.texts.get(dot, "")
            claims: Claims = body_claims(text) if collection == BODY else claims_of(element)
            yield ElementRow(*place, *claims)

    def _wrong_texts(self) -> bool:
        state = load_state(self.snapshot, self.scope, self.row)
        kept = self.snapshot.reader.text(self.row.n)
        texts = load_texts(self.snapshot, self.row)
        shown = self.shown
        return (
            (list(state.elements), dict(state.texts)) != (list(shown.elements), dict(shown.texts))
            or sorted(state.orphans) != sorted(shown.orphans)
            or texts.spans() != self.made.document.spans()
            or (kept is not None and bool(kept.orphans) != bool(shown.orphans))
        )


def _light(record: Record) -> Record:
    """A record without its payload, and still with the word whether that is held."""
    return record if record.payload is None else record._replace(payload=b"")
