"""Checking the rows of engrams against the records that they were made of."""

from collections.abc import Iterable

from engram_crdt import element_hash
from engram_sync.errors import CorruptError
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import WireError

from ._authors import Authors
from ._ids import engram_text
from ._open_engram import OpenEngram, Shown
from ._rebuild import standing_of
from ._state import load_state
from ._stored import replayed_of
from ._tally import Standing
from ._views import life_number


def compare_rows(
    reader: Reader, authors: Authors, scope: ScopeRow, rows: Iterable[EngramRow]
) -> list[str]:
    """Replay engrams from their records; what differs from their rows, a sentence each.

    They are replayed as documents, which share no code with the rows but that which reads records.
    """
    problems: list[str] = []
    for row in rows:
        text = engram_text(row.engram)
        try:
            records = replayed_of(reader, authors, scope.id, reader.records_of(scope.n, row.engram))
            made = OpenEngram.of(row.engram, records)
            shown = made.shown()
            stands = standing_of(reader, authors, row)
            same = Standing(made.document.digest(), life_number(shown.elements)) == stands
        except (CorruptError, WireError) as error:
            problems.append(f"memory {text} cannot be replayed: {error}")
            continue
        if not same or made.records != row.records:
            problems.append(f"memory {text} is not what its records say")
        elif _differs(reader, authors, scope, row, shown):
            problems.append(f"memory {text} keeps other values than its records make")
    return problems


def _differs(
    reader: Reader, authors: Authors, scope: ScopeRow, row: EngramRow, shown: Shown
) -> bool:
    """Whether rows of elements say anything else than a document with the same digest."""
    if row.digest is None:
        return False
    state = load_state(reader, authors, scope, row)
    stored = {
        (authors.log_id(reader, each.log), each.clock): int.from_bytes(each.digest, "big")
        for each in reader.elements(row.n)
    }
    hashed = {
        tuple(e.dot): element_hash(row.engram, e.collection, e.dot, e.payload_hash)
        for e in shown.elements
    }
    seen = Shown(state.elements, state.texts, state.orphans)
    return (
        (list(seen.elements), dict(seen.texts)) != (list(shown.elements), dict(shown.texts))
        or sorted(seen.orphans) != sorted(shown.orphans)
        or stored != hashed
        or row.conflict != shown.bits()
        or row.live != len(shown.elements)
    )
