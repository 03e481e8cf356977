"""What references and stretches of a forked log mean, piece by piece."""

from typing import cast

import pytest

from engram_crdt import Dot
from engram_sync.memory.state import LogDirectory
from engram_sync.memory.state.references import PlainReferences, spans_of
from engram_sync.store import LogRow, Reader

TRUNK, BRANCH, TWIG = (bytes([n]) * 32 for n in (1, 2, 3))
UNTOUCHED = cast(Reader, None)  # What is known already needs no look into the store.


class Path:
    """A path of three logs, which took 5, 3 and any number of clocks of an engram."""

    def until(self, log: bytes | None, clock: int) -> list[tuple[bytes, int]]:
        found: list[tuple[bytes, int]] = []
        for name, count in ((TRUNK, 5), (BRANCH, 3), (TWIG, 1 << 30)):
            if clock > 0:
                found.append((name, min(clock, count)))
            clock -= count
        return found

    def dot(self, log: bytes | None, clock: int) -> Dot:
        name, until = self.until(log, clock + 1)[-1]
        return Dot(name, until - 1)


@pytest.mark.parametrize(
    ("clock", "length", "parts"),
    [
        (0, 5, [(Dot(TRUNK, 0), 5)]),
        (3, 1, [(Dot(TRUNK, 3), 1)]),
        (3, 4, [(Dot(TRUNK, 3), 2), (Dot(BRANCH, 0), 2)]),
        (4, 6, [(Dot(TRUNK, 4), 1), (Dot(BRANCH, 0), 3), (Dot(TWIG, 0), 2)]),
        (5, 3, [(Dot(BRANCH, 0), 3)]),
        (9, 2, [(Dot(TWIG, 1), 2)]),
    ],
)
def test_a_span_that_crosses_forks_is_a_span_of_each_log(
    clock: int, length: int, parts: list[tuple[Dot, int]]
) -> None:
    assert spans_of(Path(), None, clock, length) == parts


def test_where_nothing_is_forked_a_span_stays_whole() -> None:
    assert spans_of(PlainReferences(TRUNK), None, 2, 7) == [(Dot(TRUNK, 2), 7)]
    assert spans_of(PlainReferences(TRUNK), BRANCH, 0, 7) == [(Dot(BRANCH, 0), 7)]


@pytest.mark.parametrize(
    ("first", "last", "pieces"),
    [
        (9, 12, [(3, 9, 12)]),
        (7, 9, [(2, 7, 8), (3, 9, 9)]),
        (4, 10, [(1, 4, 5), (2, 6, 8), (3, 9, 10)]),
        (2, 5, [(1, 2, 5)]),
        (6, 8, [(2, 6, 8)]),
    ],
)
def test_a_run_that_begins_before_its_branch_belongs_to_each_log_in_part(
    first: int, last: int, pieces: list[tuple[int, int, int]]
) -> None:
    rows = [
        LogRow(1, TRUNK, 1, 0, b"k" * 32, b"i" * 16, 5, b"h" * 32, 1),
        LogRow(2, BRANCH, 1, 0, b"k" * 32, b"i" * 16, 8, b"h" * 32, 1, 1, 5, b"b" * 32),
        LogRow(3, TWIG, 1, 0, b"k" * 32, b"i" * 16, 12, b"h" * 32, 1, 2, 8, b"c" * 32),
    ]
    assert LogDirectory().pieces(cast(Reader, _Rows(rows)), 3, first, last) == pieces


class _Rows:
    """A reader that knows logs and nothing else."""

    def __init__(self, rows: list[LogRow]) -> None:
        self._rows = rows

    def log(self, n: int) -> LogRow:
        return self._rows[n - 1]
