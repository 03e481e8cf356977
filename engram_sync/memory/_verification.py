"""Checking the rows of engrams against the records that they were made of."""

from collections.abc import Iterable

from engram_sync.errors import CorruptError
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import WireError

from ._authors import Authors
from ._ids import engram_text
from ._rebuild import rebuilt, standing_of


def compare_rows(
    reader: Reader, authors: Authors, scope: ScopeRow, rows: Iterable[EngramRow]
) -> list[str]:
    """Replay engrams from their records; what differs from their rows, a sentence each."""
    problems: list[str] = []
    for row in rows:
        text = engram_text(row.engram)
        try:
            made = rebuilt(reader, authors, scope, row.engram, row)
            stands = standing_of(reader, authors, row)
        except (CorruptError, WireError) as error:
            problems.append(f"memory {text} cannot be replayed: {error}")
            continue
        if made is None or made.standing.digest != stands.digest:
            problems.append(f"memory {text} is not what its records say")
        elif made.row.records != row.records or made.row.state != row.state:
            problems.append(f"memory {text} keeps another document than its records make")
    return problems
