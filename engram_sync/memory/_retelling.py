"""Saying again what an own log said from the future, now that the clock is right.

A log whose clock was far ahead waits in quarantine everywhere, for days or years.  Its author is
there, and knows what it meant: the same values go into a new incarnation, in place of what can be
seen now.  When the old records are released, they are equal siblings and change nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from engram_crdt import Element, hlc
from engram_sync.conflicts import tombstones
from engram_sync.log import Draft
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import RecordKind, Superseded

from ._authors import Authors
from ._fields import Put
from ._limits import PAYLOAD_BYTES_MAX, PUTS_MAX, SUPERSEDED_MAX
from ._open_engram import OpenEngram
from ._stored import stored_of

_PAGE_ROWS = 256
_COUNTERS = "c/"
_BODY = "r/body"


class _Told(NamedTuple):
    """An engram without and with what this node said of it from the future."""

    engram: bytes
    now: OpenEngram
    then: OpenEngram
    names: frozenset[tuple[bytes, int]]
    """(log, seq) of those records."""
    deletes: bool
    """Whether one of them deletes the engram."""


def retold(
    reader: Reader, authors: Authors, scope: ScopeRow, logs: frozenset[int], latest: int
) -> list[Draft]:
    """The records that say again what own logs say beyond ``latest``.

    Counters and collaborative texts are left out: the total of a counter belongs to its log and
    would count twice on release, and so would every character of a text.

    Args:
        reader: The store.
        authors: Who wrote which log.
        scope: The scope, materialised.
        logs: Numbers of the own logs that are in the future.
        latest: The largest clock that is not from the future.
    """
    drafts: list[Draft] = []
    for row in future_rows(reader, scope.n, latest):
        told = _told(reader, authors, scope, row.engram, logs, latest)
        if told is not None:
            drafts += _drafts(told)
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
    deletes = any(s.record.shape[0] == RecordKind.DELETE for s in ours)
    return _Told(engram, OpenEngram.of(engram, seen), OpenEngram.of(engram, both), names, deletes)


def _drafts(told: _Told) -> Iterator[Draft]:
    before, after = told.now.document.elements(), told.then.document.elements()
    said = [e for e in after if (e.dot.log, e.seq) in told.names and _is_told(e)]
    puts = [(e.collection, e.value) for e in said if e.value is not None]
    if told.deletes and told.now.records and said and len(tombstones(said)) == len(said):
        # A delete by name, so that a restore knows what it took.
        until = [Superseded(0, log, n) for log, n in told.now.document.clock().items() if n]
        yield Draft(RecordKind.DELETE, told.engram, tuple(puts[:1]), tuple(until))
        return
    gone = [e.dot for e in before if e not in after and _is_told(e)]
    kind = RecordKind.UPDATE if told.now.records else RecordKind.CREATE
    for part in _parts(puts) if puts or gone else ():
        dots = [Superseded(len(part), *dot) for dot in gone[:SUPERSEDED_MAX]]
        yield Draft(kind, told.engram, tuple(part), tuple(dots))
        kind, gone = RecordKind.UPDATE, gone[SUPERSEDED_MAX:]


def _is_told(element: Element) -> bool:
    return element.collection != _BODY and not element.collection.startswith(_COUNTERS)


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
