"""Saying again what an own log said from the future, now that the clock is right.

A log whose clock was far ahead waits in quarantine everywhere, for days or years.  Its author is
there, and knows what it meant: the same values go into a new incarnation, in place of what can be
seen now.  When the old records are released, they are equal siblings and change nothing.

A counter is told on behalf of the log that counted, so it is not counted twice then.  A text that
began in the future is begun anew.  Edits from the future of a text that stands wait for their
time: every character of them would be there twice.
"""

from collections.abc import Iterator
from typing import NamedTuple

from engram_crdt import Dot, hlc
from engram_sync.conflicts import tombstones
from engram_sync.log import Draft
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import RecordKind, Superseded

from ._authors import Authors
from ._bodies import body_label, delete_text, first_text
from ._changes import change_of
from ._fields import BODY, COUNTER_PREFIX, Put
from ._lifecycle import restated
from ._limits import PAYLOAD_BYTES_MAX, PUTS_MAX, SUPERSEDED_MAX
from ._open_engram import OpenEngram
from ._stored import stored_of

_PAGE_ROWS = 256


class _Told(NamedTuple):
    """An engram without and with what this node said of it from the future."""

    engram: bytes
    now: OpenEngram
    then: OpenEngram
    names: frozenset[tuple[bytes, int]]
    """(log, seq) of those records."""
    until: dict[bytes, int]
    """What a delete among them took, of each log; empty without one."""


def retold(
    reader: Reader,
    authors: Authors,
    scope: ScopeRow,
    logs: frozenset[int],
    latest: int,
    own_log: bytes,
) -> list[Draft]:
    """The records that say again what own logs say beyond ``latest``.

    Args:
        reader: The store.
        authors: Who wrote which log.
        scope: The scope, materialised.
        logs: Numbers of the own logs that are in the future.
        latest: The largest clock that is not from the future.
        own_log: Id of the log that will carry the records.
    """
    drafts: list[Draft] = []
    for row in future_rows(reader, scope.n, latest):
        told = _told(reader, authors, scope, row.engram, logs, latest)
        if told is not None:
            drafts += _drafts(told, own_log)
    return drafts


def future_rows(reader: Reader, scope: int, latest: int) -> Iterator[EngramRow]:
    """Engrams with records beyond ``latest``: those that wait, and those that are shown still."""
    rows = {row.n: row for row in reader.quarantined(scope, hlc.HLC_MAX, 1 << 31)}
    rows |= {row.n: row for row in shown_early(reader, scope, latest)}
    return iter(rows.values())


def shown_early(reader: Reader, scope: int, latest: int) -> Iterator[EngramRow]:
    """Engrams that show a record from beyond ``latest``: the clock went back since."""
    after: EngramRow | None = None
    while page := reader.engrams(
        scope, after=after, limit=_PAGE_ROWS, life=(0, 1, 2), since_hlc=latest + 1
    ):
        yield from page
        after = page[-1]


def _told(
    reader: Reader,
    authors: Authors,
    scope: ScopeRow,
    engram: bytes,
    logs: frozenset[int],
    latest: int,
) -> _Told | None:
    records = stored_of(reader, authors, scope.id, reader.records_of(scope.n, engram))
    ours = [s for s in records if s.log in logs and s.record.hlc > latest]
    if not ours:
        return None
    names = frozenset((s.log_id, s.record.seq) for s in ours)
    seen = [s for s in records if s.record.hlc <= latest]
    both = [s for s in records if s.record.hlc <= latest or (s.log_id, s.record.seq) in names]
    until: dict[bytes, int] = {}
    for stored in ours:
        if stored.record.shape[0] == RecordKind.DELETE:
            change = change_of(stored.log_id, stored.record, stored.naming)
            until |= {log: max(n, until.get(log, 0)) for log, n in change.until}
    return _Told(engram, OpenEngram.of(engram, seen), OpenEngram.of(engram, both), names, until)


def _drafts(told: _Told, own_log: bytes) -> Iterator[Draft]:
    now, then = told.now.document, told.then.document
    said = [e for e in then.elements() if (e.dot.log, e.seq) in told.names]
    puts = [put for element in said if (put := restated(element)) is not None]
    if told.until and told.now.records and len(tombstones(said)) == len(said) > 0:
        # A delete by name, so that a restore knows what it took.
        held = now.clock()
        until = [
            _named(0, Dot(log, min(n, held.get(log, 0))), own_log) for log, n in told.until.items()
        ]
        until = [name for name in until if name.clock]
        yield Draft(RecordKind.DELETE, told.engram, tuple(puts[:1]), tuple(until))
        return
    texts = [then.texts().get(e.dot, "") for e in said if e.collection == BODY]
    live = {e.dot for e in then.elements()}
    gone = [e for e in now.elements() if e.dot not in live]
    dots = [e.dot for e in gone if not e.collection.startswith(COUNTER_PREFIX)]
    kind = RecordKind.UPDATE if told.now.records else RecordKind.CREATE
    clock = now.clock().get(own_log, 0)
    puts = [*((BODY, body_label(text)) for text in texts), *puts]
    for part in _parts(puts) if puts or dots else ():
        names = [_named(len(part), dot, own_log) for dot in dots[:SUPERSEDED_MAX]]
        yield Draft(kind, told.engram, tuple(part), tuple(names))
        kind, dots = RecordKind.UPDATE, dots[SUPERSEDED_MAX:]
    for number, text in enumerate(texts, clock):
        yield from first_text(told.engram, number, text)
    for element in gone:
        if element.collection == BODY:
            yield from delete_text(told.engram, element.dot, _taken(told, element.dot), own_log)


def _named(op: int, dot: Dot, own_log: bytes) -> Superseded:
    return Superseded(op, None if dot.log == own_log else dot.log, dot.clock)


def _taken(told: _Told, generation: Dot) -> Iterator[tuple[bytes, int, int]]:
    """(log, clock, length) of what the future deletes of a text that stands now."""
    kept = {
        (span.dot.log, span.dot.clock + n)
        for span in told.then.document.spans()
        if span.generation == generation
        for n in range(span.length)
    }
    for span in told.now.document.spans():
        if span.generation == generation:
            for clock in range(span.dot.clock, span.dot.clock + span.length):
                if (span.dot.log, clock) not in kept:
                    yield span.dot.log, clock, 1


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
