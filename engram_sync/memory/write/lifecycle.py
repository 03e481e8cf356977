"""Archive, forget, restore, and the same memory under another id, as records to be authored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from engram_crdt import Dot, Element
from engram_sync.api import Life
from engram_sync.errors import PreconditionError
from engram_sync.ledger import Draft
from engram_sync.memory.read.caller_view import CallerView, refuse_open_conflicts
from engram_sync.memory.read.history import replay, undeleted, valued
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.snapshot import MVR, Snapshot, Strategies
from engram_sync.memory.state.stored import next_clock
from engram_sync.model import counters as counters
from engram_sync.model import events as episodes
from engram_sync.model import fields as fields
from engram_sync.model import skills as skills
from engram_sync.model.conflicts import field_name
from engram_sync.model.draft_parts import DraftParts, in_records
from engram_sync.model.fields import Put
from engram_sync.model.limits import PAYLOAD_BYTES_MAX, PUTS_MAX
from engram_sync.model.values import NOT_HELD_HINT
from engram_sync.store import Reader
from engram_wire import RecordKind, Superseded

from .texts import as_seen, body_label, clear_orphans, first_text, texts_taken


class Withdrawn(NamedTuple):
    """What a delete took away, as it would be written again."""

    puts: list[Put]
    texts: list[str]
    """Of each generation of a collaborative text, with the edits that the delete did not see."""
    settled: list[Draft]
    """What takes these edits away from where they were."""


def forget(
    observed: CallerView, reason: str, own_log: bytes, *, strategies: Strategies = MVR
) -> list[Draft]:
    """The records that delete what the caller saw; what it did not see stays and is reported.

    One is enough, unless more logs wrote to the engram than a record may name.

    Raises:
        UsageError: The reason is too long.
        PreconditionError: It is deleted already, or concurrent edits are open and no version was
            named.
    """
    if observed.is_deleted():
        raise PreconditionError(f"memory {observed.text} is deleted already")
    refuse_open_conflicts(observed, strategies)
    names = [
        Superseded(0, None if log == own_log else log, clock)
        for log, clock in observed.clock.items()
    ]
    put = (fields.LIFE, fields.life_value(Life.DELETED, reason))
    return [
        Draft(RecordKind.DELETE, observed.state.engram, (put,), part) for part in in_records(names)
    ]


def archive(observed: CallerView, reason: str, own_log: bytes) -> list[Draft]:
    """The records that take an engram out of recall and keep all it holds.

    Raises:
        UsageError: The reason is too long.
        PreconditionError: The caller saw it deleted, or archived already.
    """
    if observed.tombstones():
        raise PreconditionError(
            f"memory {observed.text} is deleted",
            hint=f"bring it back with `engram-sync restore {observed.text}`, then archive it",
        )
    if observed.is_archived():
        raise PreconditionError(f"memory {observed.text} is archived already")
    parts = DraftParts(observed.state.engram, observed.elements, own_log)
    parts.put(fields.LIFE, fields.life_value(Life.ARCHIVED, reason))
    return parts.drafts(RecordKind.ARCHIVE)


def restore(snapshot: Snapshot, observed: CallerView, own_log: bytes) -> list[Draft]:
    """The records that make an archived or deleted engram active again.

    A delete supersedes every value its author saw, so undoing it restates those values, concurrent
    siblings included; whatever was written concurrently is live anyway and stays as it is.

    Raises:
        PreconditionError: It is neither archived nor deleted, or a value is not held here.
    """
    if not observed.tombstones() and not observed.is_archived():
        raise PreconditionError(f"memory {observed.text} is neither deleted nor archived")
    return restoring(snapshot.reader, observed, taken_from(snapshot, observed, own_log), own_log)


def restoring(
    reader: Reader, observed: CallerView, taken: Withdrawn, own_log: bytes
) -> list[Draft]:
    """One restore record, and more for what it cannot hold."""
    state = observed.state
    parts = DraftParts(state.engram, observed.elements, own_log)
    parts.put(fields.LIFE, fields.life_value(Life.ACTIVE, ""))
    clock = next_clock(reader, state.engram, own_log) + 1
    return _spread(state.engram, RecordKind.RESTORE, parts, taken, clock)


def copied(engram: bytes, state: EngramState) -> list[Draft]:
    """The records that re-create an engram under another id, with everything that is live of it.

    Concurrent edits stay side by side, what is archived stays archived, and the value that is
    shown stays the one shown.  Values that are not held cannot be copied, and neither can edits of
    a text that was replaced.
    """
    oldest_first = sorted(state.elements, key=lambda e: (e.hlc, e.dot))
    puts = [put for e in reversed(oldest_first) if (put := restated(e)) is not None]
    parts = DraftParts(engram, (), b"")
    taken = Withdrawn(list(dict.fromkeys(puts))[::-1], _distinct(state.texts, oldest_first), [])
    return _spread(engram, RecordKind.CREATE, parts, taken, 0)


def taken_from(snapshot: Snapshot, observed: CallerView, own_log: bytes) -> Withdrawn:
    """What the observed deletes removed and nothing else did, each value once.

    Raises:
        PreconditionError: A value is not held here.
    """
    if not observed.tombstones():
        return Withdrawn([], [], [])
    live = {restated(e) for e in observed.elements}
    observed = _with_earlier_tombstones(snapshot, observed)
    puts: dict[Put, None] = {}
    bodies: list[Element] = []
    for element in undeleted(snapshot, observed):
        if element.value is None:
            raise _not_held(observed, element)
        put = restated(element)
        if put is None:
            bodies.append(element)
        elif put not in live:
            puts.setdefault(put)
    if not bodies:
        return Withdrawn(list(puts), [], [])
    texts = texts_taken(snapshot, observed, [e.dot for e in bodies])
    document = as_seen(snapshot, observed)
    settled = clear_orphans(document, observed, own_log, of=[e.dot for e in bodies])
    return Withdrawn(list(puts), _distinct(texts, bodies), settled)


def restated(element: Element) -> Put | None:
    """A live value as it is written again, keeping the name that readers know it by.

    Returns:
        None for a value that is not held, and for what begins a text: the text is restated.
    """
    collection, value = element.collection, element.value
    if value is None or collection == fields.BODY:
        return None
    if collection == fields.EVENTS:
        value = episodes.restated(element)
    elif collection == fields.SKILL:
        value = skills.restated(element)
    elif collection.startswith(fields.COUNTER_PREFIX):
        value = counters.restated(element)
    return None if value is None else (collection, value)


def _with_earlier_tombstones(snapshot: Snapshot, observed: CallerView) -> CallerView:
    """The view with the tombstones that a delete in it had taken.

    Whoever deletes a memory again, because somebody had written to it, takes the tombstone of the
    first delete away.  To undo one is to undo both: nobody ever wanted half of it back.
    """
    steps = replay(snapshot, observed.state)
    deletes = [step for step in steps if step.kind is RecordKind.DELETE]
    undone = {(e.dot.log, e.seq) for e in observed.tombstones()}
    superseded = {
        dot for step in steps if step.kind is not RecordKind.DELETE for dot in step.change.removed
    }
    earlier: list[Element] = []
    until: dict[bytes, int] = {}
    # Latest first: a delete was written after every delete whose tombstone it took.
    for step in reversed(deletes):
        dots = [e.dot for e in step.elements]
        if step.name not in undone:
            if any(d.clock >= until.get(d.log, 0) or d in superseded for d in dots):
                continue
            earlier += valued(snapshot.reader, step).elements
        for log, clock in step.change.until:
            until[log] = max(clock, until.get(log, 0))
    return replace(observed, elements=[*observed.elements, *earlier]) if earlier else observed


def _distinct(texts: Mapping[Dot, str], bodies: Iterable[Element]) -> list[str]:
    return list(dict.fromkeys(texts[e.dot] for e in bodies if e.dot in texts))


def _not_held(observed: CallerView, element: Element) -> PreconditionError:
    what = field_name(element.collection)
    return PreconditionError(
        f"the {what} of memory {observed.text} is not held here",
        hint=NOT_HELD_HINT,
    )


def _spread(
    engram: bytes, kind: RecordKind, parts: DraftParts, taken: Withdrawn, clock: int
) -> list[Draft]:
    """Restate values in the record begun, and in as many as it takes.

    Args:
        engram: Id of the engram.
        kind: Of the first record.
        parts: What it already puts.
        taken: What to restate.
        clock: The clock of the author's log that the first value restated will take.
    """
    texts = taken.texts
    edits = [d for n, text in enumerate(texts, clock) for d in first_text(engram, n, text)]
    bodies: Sequence[Put] = [(fields.BODY, body_label(text)) for text in texts]
    drafts: list[Draft] = []
    size = 0
    for collection, value in [*bodies, *taken.puts]:
        if parts.count == PUTS_MAX or size + len(value) > PAYLOAD_BYTES_MAX // 2 + 4096:
            drafts += parts.drafts(kind)
            kind = RecordKind.UPDATE
            parts = DraftParts(engram, (), b"")
            size = 0
        parts.restate(collection, value)
        size += len(value)
    return [*drafts, *parts.drafts(kind), *edits, *taken.settled]
