"""Replaying an engram's records: what each put, what replaced it, what a delete took."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from engram_crdt import Change, Dot, Element, clocks_of
from engram_sync.api import HistoryEntry, Page
from engram_sync.errors import UsageError
from engram_sync.memory.materialise.engram_builder import EngramBuilder
from engram_sync.memory.state.changes import change_of, is_applied
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import streamed
from engram_sync.model import fields as fields
from engram_sync.model.conflicts import field_name
from engram_sync.model.fields import Put
from engram_sync.model.limits import RESULTS_MAX, SUPERSEDERS_MAX
from engram_sync.model.values import field_values
from engram_sync.store import Reader
from engram_wire import Record, RecordKind, decode_superseded_untrusted

from .answers import Room
from .caller_view import CallerView


class Step(NamedTuple):
    """One applied record of an engram."""

    kind: RecordKind
    change: Change
    elements: tuple[Element, ...]
    """What it put; without values, until ``valued`` reads them."""
    n: int
    """Number of its log."""
    first: int
    """The first clock that it took."""
    erased: bool
    """Whether its payload was erased for good."""
    texts: tuple[str | None, ...] = ()
    """What it inserted into a text, once ``valued`` has read it."""

    @property
    def name(self) -> tuple[bytes, int]:
        """Log and position: the record's name."""
        return self.change.log, self.change.seq

    @property
    def place(self) -> tuple[bytes, int, int]:
        """Log, position and clock of the record."""
        return self.change.log, self.change.seq, self.change.hlc

    @property
    def hlc(self) -> int:
        """Clock of the record."""
        return self.change.hlc

    @property
    def size(self) -> int:
        """Bytes of what it put."""
        puts = sum(len(e.value or b"") + len(e.collection) for e in self.elements)
        return puts + sum(len(text or "") for text in self.texts)


def replay(snapshot: Snapshot, state: EngramState, at_ms: int | None = None) -> list[Step]:
    """Every applied record of an engram, causes before effects, the same on every replica.

    What they put is left where it is: a long history is as long as its values are large.

    Args:
        snapshot: What is read.
        state: The engram.
        at_ms: Only what had arrived here by then; None for all that is held.
    """
    steps: list[Step] = []
    clocks: dict[bytes, int] = {}
    for stored in streamed(snapshot, state.scope, state.engram, at_ms):
        log, log_id, record, _ = stored
        change = _without_values(change_of(log_id, record, stored.naming))
        first = clocks.get(log_id, 0)
        clocks[log_id] = first + clocks_of(change)
        if is_applied(record):
            erased = record.payload is None and bool(snapshot.reader.erased(log, [record.seq]))
            elements = _elements(log_id, record, first, change)
            change = change._replace(puts=())
            steps.append(Step(RecordKind(record.shape[0]), change, elements, log, first, erased))
    # The HLC of a record is above those of all it has seen, so this order is causal.
    return sorted(steps, key=lambda s: (s.change.hlc, s.change.log, s.change.seq))


def _without_values(change: Change) -> Change:
    edit = change.edit
    if edit is not None:
        edit = edit._replace(inserts=tuple([i._replace(text=None) for i in edit.inserts]))
    return change._replace(puts=tuple([(name, None) for name, _ in change.puts]), edit=edit)


def _elements(log_id: bytes, record: Record, first: int, change: Change) -> tuple[Element, ...]:
    hlc, payload_hash, seq = record.hlc, record.payload_hash, record.seq
    return tuple(
        Element(collection, Dot(log_id, clock), hlc, value, payload_hash, seq)
        for clock, (collection, value) in enumerate(change.puts, first)
    )


def valued(reader: Reader, step: Step) -> Step:
    """A step with what it put, as far as that is held."""
    record = reader.records(step.n, step.change.seq, step.change.seq)[0]
    # What it refers to is known already, by the names of today.
    change = change_of(step.change.log, record)
    held = tuple([(i.text) for i in change.edit.inserts]) if change.edit is not None else ()
    elements = _elements(step.change.log, record, step.first, change)
    return step._replace(elements=elements, texts=held)


def create_puts(snapshot: Snapshot, state: EngramState) -> Iterator[list[Put]]:
    """What each create record of an engram put, where its payload is held."""
    for step in replay(snapshot, state):
        if step.kind is RecordKind.CREATE:
            elements = valued(snapshot.reader, step).elements
            puts = [(e.collection, e.value) for e in elements if e.value is not None]
            if len(puts) == len(elements):
                yield puts


def undeleted(snapshot: Snapshot, observed: CallerView) -> list[Element]:
    """The elements that would be live, had nobody written the deletes that the caller saw.

    Deletes the caller did not see do not count either: they are concurrent to the restore, and
    whoever undoes them later finds these elements restated.  All other records do count.
    """
    steps = replay(snapshot, observed.state)
    undone = {(e.dot.log, e.seq) for e in observed.tombstones()}
    ignored = undone | {
        step.name
        for step in steps
        if step.kind is RecordKind.DELETE and not _saw(observed, step.elements)
    }
    removed = {dot for step in steps if step.name not in ignored for dot in step.change.removed}
    deletes = _reach(step for step in steps if step.name not in ignored)
    wanted = _reach(step for step in steps if step.name in undone)

    def is_taken(element: Element) -> bool:
        return (
            element.collection != fields.LIFE
            and element.dot not in removed
            and _is_within(element.dot, wanted)
            and not _is_within(element.dot, deletes)
        )

    taken: list[Element] = []
    for step in steps:
        if any(map(is_taken, step.elements)):
            taken += filter(is_taken, valued(snapshot.reader, step).elements)
    return sorted(taken, key=lambda e: (e.collection, e.hlc, e.dot))


def _reach(steps: Iterable[Step]) -> dict[bytes, int]:
    """How much of each log the deletes among these remove, all together."""
    until: dict[bytes, int] = {}
    for step in steps:
        for log, clock in step.change.until:
            until[log] = max(clock, until.get(log, 0))
    return until


def _is_within(dot: Dot, until: Mapping[bytes, int]) -> bool:
    return dot.clock < until.get(dot.log, 0)


def history(
    snapshot: Snapshot,
    state: EngramState,
    at_ms: int | None = None,
    *,
    limit: int = RESULTS_MAX,
    after: str | None = None,
) -> Page[HistoryEntry]:
    """One entry per record, oldest first, a page at a time.

    Args:
        snapshot: What is read.
        state: The engram, as it was at ``at_ms``.
        at_ms: Only what had arrived here by then; None for all that is held.
        limit: Entries at most.
        after: Log and position of the last entry of the page before, as entries name records.

    Raises:
        UsageError: There is no record ``after``.
    """
    steps = replay(snapshot, state, at_ms)
    superseders = _superseders(steps)
    live = {(e.dot.log, e.seq) for e in state.elements}
    if any(step.change.edit is not None for step in steps):
        live |= _live_edits(snapshot, state, at_ms)
    # By when each was written, causes before effects: the sort is stable.
    every: list[Step | _Erasure] = [*steps, *_erasures(snapshot, state, at_ms)]
    every.sort(key=lambda one: one.hlc >> 16)
    room, entries = Room(), list[HistoryEntry]()
    for each in _behind(every, after):
        one = each if isinstance(each, _Erasure) else valued(snapshot.reader, each)
        if len(entries) == limit or not room.takes(one.size):
            return Page(entries, f"{entries[-1].log}:{entries[-1].seq}")
        if isinstance(one, _Erasure):
            fields_put: dict[str, object] = {"records": one.named}
            entries.append(_entry(snapshot, state, one.place, RecordKind.ERASE, fields_put))
            continue
        entry = _entry(snapshot, state, one.place, one.kind, _fields_of(one))
        entries.append(
            replace(
                entry,
                live=one.name in live,
                superseded_by=superseders.get(one.name, ()),
                erased=one.erased,
            )
        )
    return Page(entries)


def _behind(every: "list[Step | _Erasure]", after: str | None) -> "Iterable[Step | _Erasure]":
    """What follows the record of that name."""
    if after is None:
        return every
    for index, one in enumerate(every):
        log, seq, _ = one.place
        if f"{log.hex()}:{seq}" == after:
            return islice(every, index + 1, None)
    raise UsageError(
        f"there is no record {after!r} in this history", hint="begin again, without --after"
    )


def _superseders(steps: Sequence[Step]) -> dict[tuple[bytes, int], tuple[str, ...]]:
    """The first records that superseded a value of each record, by its name.

    A value leaves the search once enough records are named that superseded it: a thousand deletes
    of a thousand values cost a few thousand steps and not a million.
    """
    by: dict[tuple[bytes, int], dict[str, None]] = {}
    owners: dict[Dot, Step] = {}
    sought: dict[bytes, list[Dot]] = {}
    for step in steps:
        for element in step.elements:
            owners[element.dot] = step
            sought.setdefault(element.dot.log, []).append(element.dot)
    for step in steps:
        name = f"{step.change.log.hex()}:{step.change.seq}"
        for dot in step.change.removed:
            if dot in owners:
                _name(by, owners[dot], name)
        for log, until in step.change.until:
            dots = sought.get(log, [])  # In the order of their clocks, as they were put.
            end = bisect_left(dots, until, key=lambda dot: dot.clock)
            dots[:end] = [dot for dot in dots[:end] if _name(by, owners[dot], name)]
    return {owner: tuple(names) for owner, names in by.items()}


def _name(by: dict[tuple[bytes, int], dict[str, None]], owner: Step, name: str) -> bool:
    """Note who superseded a value; returns whether more are of interest."""
    names = by.setdefault(owner.name, {})
    if len(names) < SUPERSEDERS_MAX:
        names.setdefault(name)
    return len(names) < SUPERSEDERS_MAX


def _entry(
    snapshot: Snapshot,
    state: EngramState,
    place: tuple[bytes, int, int],
    kind: RecordKind,
    fields_put: dict[str, object],
) -> HistoryEntry:
    log, seq, hlc = place
    node, label = snapshot.named_author(state.scope.id, log)
    return HistoryEntry(
        kind=kind.name.lower(),
        node=node,
        label=label,
        written_at_ms=hlc >> 16,
        fields=fields_put,
        log=log.hex(),
        seq=seq,
        live=False,
    )


def _live_edits(
    snapshot: Snapshot, state: EngramState, at_ms: int | None
) -> set[tuple[bytes, int]]:
    """Names of the records of which characters are still in a text."""
    records = streamed(snapshot, state.scope, state.engram, at_ms)
    document = EngramBuilder.of(state.engram, records).document
    return {(span.dot.log, span.seq) for span in document.spans()}


class _Erasure(NamedTuple):
    """A record that erased others: it changes no document, and people ask who did it."""

    place: tuple[bytes, int, int]
    named: list[str]

    @property
    def hlc(self) -> int:
        """Clock of the record."""
        return self.place[2]

    @property
    def size(self) -> int:
        """Bytes of what it names."""
        return sum(map(len, self.named))


def _erasures(snapshot: Snapshot, state: EngramState, at_ms: int | None) -> list[_Erasure]:
    found: list[_Erasure] = []
    for n, record in snapshot.reader.stream_of(state.scope.n, state.engram, at_ms):
        if record.shape[0] != RecordKind.ERASE:
            continue
        own = snapshot.log_id(n)
        named = decode_superseded_untrusted(record.superseded, kind=RecordKind.ERASE, puts=0)
        names = [f"{(item.log or own).hex()}:{item.clock}" for item in named]
        found.append(_Erasure((own, record.seq, record.hlc), names))
    return found


def _saw(observed: CallerView, elements: Iterable[Element]) -> bool:
    return all(e.dot.clock < observed.clock.get(e.dot.log, 0) for e in elements)


def _fields_of(step: Step) -> dict[str, object]:
    """What a record put, by field; a field whose payload is not held is None."""
    edit = step.change.edit
    if edit is not None:
        held = [text for text in step.texts if text is not None]
        return {
            "inserted": None if len(held) < len(step.texts) else held,
            "deleted": sum(length for _, length in edit.deletes),
        }
    shown: dict[str, object] = {}
    groups: dict[str, list[Element]] = {}
    for element in step.elements:
        groups.setdefault(element.collection, []).append(element)
    for collection, group in groups.items():
        name = field_name(collection)
        if any(e.value is None for e in group):
            shown[name] = None
        else:
            shown.update(field_values(collection, [e.value for e in group if e.value is not None]))
    return shown
