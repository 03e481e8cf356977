"""Saying again, in another log, what a log said after a position from which on it is void.

Its author is there and knows what it meant: the values of the void records that are still live go
into the new log, in place of what they had superseded.
"""

from collections.abc import Iterator
from typing import NamedTuple

from engram_crdt import Dot, Element, EngramDocument
from engram_sync.conflicts import tombstones
from engram_sync.log import Draft
from engram_sync.store import Reader, ScopeRow
from engram_wire import RecordKind, Superseded
from engram_wire.cbor import encode

from ._authors import Authors
from ._bodies import body_label, delete_text, edit_drafts, first_text
from ._changes import change_of, is_applied
from ._counters import count_of
from ._fields import BODY, COUNTER_PREFIX, Put
from ._lifecycle import restated
from ._limits import PAYLOAD_BYTES_MAX, PUTS_MAX, SUPERSEDED_MAX
from ._stored import Stored, replayed_of


class Refused(NamedTuple):
    """A log of which somebody refuses the end."""

    log: int
    """Its number."""
    last: int
    """The last position that stands."""


class _Told(NamedTuple):
    """An engram without and with what is about to be void."""

    engram: bytes
    now: EngramDocument
    then: EngramDocument
    said: list[Element]
    """What is live of the void records."""
    until: dict[bytes, int]
    """What a delete among them took, of each log; empty without one."""
    new: bool
    """Whether nothing else is known of the engram."""


def restatement(
    reader: Reader,
    authors: Authors,
    scope: ScopeRow,
    engram: bytes,
    refused: Refused,
    own_log: bytes,
) -> list[Draft]:
    """The records that say again what a log said of an engram; asked for before it is void.

    Args:
        reader: The store.
        authors: Who wrote which log.
        scope: The scope.
        engram: Id of the engram.
        refused: What is about to be void.
        own_log: Id of the log that will carry the records, which holds none of the engram yet.
    """
    records = replayed_of(reader, authors, scope.id, reader.records_of(scope.n, engram))
    void = {(s.log_id, s.record.seq) for s in records if _is_void(s, refused)}
    now, then = EngramDocument(engram), EngramDocument(engram)
    until: dict[bytes, int] = {}
    for stored in records:
        change = change_of(stored.log_id, stored.record, stored.naming)
        then.apply(change)
        if not _is_void(stored, refused):
            now.apply(change)
        elif stored.record.shape[0] == RecordKind.DELETE:
            until |= {log: max(n, until.get(log, 0)) for log, n in change.until}
    said = [element for element in then.elements() if (element.dot.log, element.seq) in void]
    new = all(_is_void(s, refused) for s in records if is_applied(s.record))
    return list(_drafts(_Told(engram, now, then, said, until, new), own_log))


def _is_void(stored: Stored, refused: Refused) -> bool:
    return stored.log == refused.log and stored.record.seq > refused.last


def _drafts(told: _Told, own_log: bytes) -> Iterator[Draft]:
    now, then, said = told.now, told.then, told.said
    ends = tombstones(said)
    puts = [put for e in said if e not in ends and (put := _again(told, e)) is not None]
    life = [put for element in ends if (put := restated(element)) is not None]
    if told.until and not told.new and len(ends) == len(said) > 0:
        # A delete by name, so that a restore knows what it took.
        held = now.clock()
        until = [(log, min(n, held.get(log, 0))) for log, n in told.until.items()]
        names = [_named(0, Dot(log, n), own_log) for log, n in until if n]
        yield Draft(RecordKind.DELETE, told.engram, tuple(life[:1]), tuple(names))
        return
    texts = [then.texts().get(e.dot, "") for e in said if e.collection == BODY]
    live = {e.dot for e in then.elements()}
    gone = [e for e in now.elements() if e.dot not in live]
    dots = [e.dot for e in gone if not e.collection.startswith(COUNTER_PREFIX)]
    kind = RecordKind.CREATE if told.new else RecordKind.UPDATE
    puts = [*((BODY, body_label(text)) for text in texts), *puts]
    for part in _parts(puts) if puts or dots else ():
        names = [_named(len(part), dot, own_log) for dot in dots[:SUPERSEDED_MAX]]
        yield Draft(kind, told.engram, tuple(part), tuple(names))
        kind, dots = RecordKind.UPDATE, dots[SUPERSEDED_MAX:]
    for number, text in enumerate(texts):
        yield from first_text(told.engram, number, text)
    for element in gone:
        if element.collection == BODY:
            spans = list(_cleared(told, element.dot))
            yield from delete_text(told.engram, element.dot, spans, own_log)
    yield from _edits(told, own_log)
    if life:
        # Its kind says that without its payload, which an erasure takes.
        yield Draft(RecordKind.DELETE, told.engram, tuple(life), ())


def _cleared(told: _Told, generation: Dot) -> Iterator[tuple[bytes, int, int]]:
    """What was deleted with a text: not the edits that whoever deleted it had not seen."""
    kept = sorted((s.dot, s.length) for s in told.then.orphans() if s.generation == generation)
    for (log, first), length in told.now.clearing(generation).deletes:
        clock, end = first, first + length
        for dot, units in kept:
            if dot.log == log and clock < dot.clock + units and dot.clock < end:
                if clock < dot.clock:
                    yield log, clock, dot.clock - clock
                clock = dot.clock + units
        if clock < end:
            yield log, clock, end - clock


def _again(told: _Told, element: Element) -> Put | None:
    """A value as the new log says it: of a counter, what was counted since the last one stood."""
    said = count_of(element) if element.collection.startswith(COUNTER_PREFIX) else None
    if said is None or not said.own:
        return restated(element)
    before = [
        count
        for other in told.now.elements()
        if other.collection == element.collection and other.dot.log == element.dot.log
        for count in [count_of(other)]
        if count is not None and count.origin == said.origin
    ]
    up = said.up - max((count.up for count in before), default=0)
    down = said.down - max((count.down for count in before), default=0)
    return element.collection, encode([None, max(up, 0), max(down, 0)])


def _edits(told: _Told, own_log: bytes) -> Iterator[Draft]:
    """What the void records changed in texts that stand without them."""
    now, then = told.now.texts(), told.then.texts()
    for generation in sorted(now.keys() & then.keys()):
        before, after = now[generation], then[generation]
        if before == after:
            continue
        start = next(
            (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
            min(len(before), len(after)),
        )
        end = 0
        while end < min(len(before), len(after)) - start and before[~end] == after[~end]:
            end += 1
        gone, added = len(before) - start - end, after[start : len(after) - end]
        made = told.now.edit_of(
            generation,
            [("delete", start, gone)] * bool(gone) + [("insert", start, added)] * bool(added),
        )
        yield from edit_drafts(told.engram, made, own_log)


def _named(op: int, dot: Dot, own_log: bytes) -> Superseded:
    return Superseded(op, None if dot.log == own_log else dot.log, dot.clock)


def _parts(puts: list[Put]) -> Iterator[list[Put]]:
    """Puts in as many records as they need; one record without puts when there are none."""
    part: list[Put] = []
    size = 0
    for put in puts:
        if len(part) == PUTS_MAX or size + len(put[1]) > PAYLOAD_BYTES_MAX // 2:
            yield part
            part, size = [], 0
        part.append(put)
        size += len(put[1])
    yield part
