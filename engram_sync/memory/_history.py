"""Replaying an engram's records: what each put, what replaced it, what a delete took."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from engram_crdt import Change, Dot, Element
from engram_sync.conflicts import field_name
from engram_sync.results import HistoryEntry
from engram_sync.store import Reader
from engram_wire import RecordKind

from . import _fields as fields
from ._authors import Authors
from ._changes import change_of, is_applied
from ._fields import Put
from ._ids import node_text
from ._observed import Observed
from ._state import EngramState
from ._values import field_values


class Step(NamedTuple):
    """One applied record of an engram."""

    kind: RecordKind
    change: Change
    elements: tuple[Element, ...]
    """What it put."""

    @property
    def name(self) -> tuple[bytes, int]:
        """Log and position: the record's name."""
        return self.change.log, self.change.seq

    def deletes(self, dot: Dot) -> bool:
        """Whether this is a delete whose author had seen the element."""
        return any(dot.log == log and dot.clock < clock for log, clock in self.change.until)


def replay(reader: Reader, authors: Authors, state: EngramState) -> list[Step]:
    """Every applied record of an engram, causes before effects, the same on every replica."""
    steps: list[Step] = []
    clocks: dict[bytes, int] = {}
    for n, record in reader.records_of(state.scope.n, state.engram):
        if not is_applied(record):
            continue
        log = authors.log_id(reader, n)
        change = change_of(log, record)
        first = clocks.get(log, 0)
        clocks[log] = first + len(change.puts)
        steps.append(
            Step(
                RecordKind(record.shape[0]),
                change,
                tuple(
                    Element(
                        collection,
                        Dot(log, clock),
                        record.hlc,
                        value,
                        record.payload_hash,
                        record.seq,
                    )
                    for clock, (collection, value) in enumerate(change.puts, first)
                ),
            )
        )
    # The HLC of a record is above those of all it has seen, so this order is causal.
    return sorted(steps, key=lambda s: (s.change.hlc, s.change.log, s.change.seq))


def create_puts(reader: Reader, authors: Authors, state: EngramState) -> Iterator[list[Put]]:
    """What each create record of an engram put, where its payload is held."""
    for step in replay(reader, authors, state):
        if step.kind is RecordKind.CREATE:
            puts = [(e.collection, e.value) for e in step.elements if e.value is not None]
            if len(puts) == len(step.elements):
                yield puts


def undeleted(reader: Reader, authors: Authors, observed: Observed) -> list[Element]:
    """The elements that would be live, had nobody written the deletes that the caller saw.

    Deletes the caller did not see do not count either: they are concurrent to the restore, and
    whoever undoes them later finds these elements restated.  All other records do count.
    """
    steps = replay(reader, authors, observed.state)
    undone = {(e.dot.log, e.seq) for e in observed.tombstones()}
    ignored = undone | {
        step.name
        for step in steps
        if step.kind is RecordKind.DELETE and not _saw(observed, step.elements)
    }
    removed = {dot for step in steps if step.name not in ignored for dot in step.change.removed}
    deletes = [step for step in steps if step.change.until and step.name not in ignored]
    wanted = [step for step in steps if step.name in undone]
    taken = [
        element
        for step in steps
        for element in step.elements
        if element.collection != fields.LIFE
        and element.dot not in removed
        and any(delete.deletes(element.dot) for delete in wanted)
        and not any(delete.deletes(element.dot) for delete in deletes)
    ]
    return sorted(taken, key=lambda e: (e.collection, e.hlc, e.dot))


def history(reader: Reader, authors: Authors, state: EngramState) -> list[HistoryEntry]:
    """One entry per record, oldest first."""
    steps = replay(reader, authors, state)
    owners = {e.dot: step for step in steps for e in step.elements}
    superseders: dict[tuple[bytes, int], dict[str, None]] = {}
    for step in steps:
        for dot in _superseded(step, owners):
            by = superseders.setdefault(owners[dot].name, {})
            by.setdefault(f"{step.change.log.hex()}:{step.change.seq}")
    live = {e.dot for e in state.elements}
    entries: list[HistoryEntry] = []
    for step in steps:
        key = authors.author(reader, step.change.log)
        entries.append(
            HistoryEntry(
                kind=step.kind.name.lower(),
                node=node_text(key),
                label=authors.label(state.scope.id, key),
                written_at_ms=step.change.hlc >> 16,
                fields=_fields_of(step.elements),
                log=step.change.log.hex(),
                seq=step.change.seq,
                live=any(e.dot in live for e in step.elements),
                superseded_by=tuple(superseders.get(step.name, ())),
            )
        )
    return entries


def _saw(observed: Observed, elements: Iterable[Element]) -> bool:
    return all(e.dot.clock < observed.clock.get(e.dot.log, 0) for e in elements)


def _superseded(step: Step, owners: dict[Dot, Step]) -> list[Dot]:
    if step.change.until:
        return [dot for dot in owners if step.deletes(dot)]
    return [dot for dot in step.change.removed if dot in owners]


def _fields_of(elements: Iterable[Element]) -> dict[str, object]:
    """What a record put, by field; a field whose payload is not held is None."""
    shown: dict[str, object] = {}
    groups: dict[str, list[Element]] = {}
    for element in elements:
        groups.setdefault(element.collection, []).append(element)
    for collection, group in groups.items():
        name = field_name(collection)
        if any(e.value is None for e in group):
            shown[name] = None
        else:
            shown.update(field_values(collection, [e.value for e in group if e.value is not None]))
    return shown
