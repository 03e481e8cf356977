"""What an edit costs: what it touches, whatever else the texts of its engram hold.

Counted in calls of functions, which are the same on every machine.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from types import FrameType

import pytest

from engram_crdt import Dot, TextEdit, TextInsert
from engram_crdt._limits import BODY
from engram_crdt._texts import TextsByGeneration
from tests.crdt.strategies import A, B, change
from tests.crdt.texts import G

SOME, MANY = 250, 4_000
FIRST = bytes(32)
"""A log that comes before all others."""


def calls(work: Callable[[], object]) -> int:
    """How many functions of Python it calls."""
    made = 0

    def count_call(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal made
        made += event == "call"

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


class Written:
    """TextsByGeneration that grow by changes of log A."""

    def __init__(self) -> None:
        self.ends = {A: 0, B: 0, FIRST: 0}
        self.texts = TextsByGeneration(lambda dot: dot.clock < self.ends[dot.log])
        self._seqs = count(1)
        self.apply(A, puts=((BODY, b"\x60"),))

    def apply(
        self,
        log: bytes,
        *inserts: TextInsert,
        puts: tuple[tuple[str, bytes], ...] = (),
        deletes: Sequence[tuple[Dot, int]] = (),
        generation: Dot = G,
    ) -> None:
        start = self.ends[log]
        edit = TextEdit(generation, inserts, tuple(deletes))
        one = change(log, next(self._seqs), *puts)._replace(edit=edit)
        self.ends[log] += len(puts) + sum(insert.length for insert in inserts)
        removed = [(dot.log, dot.clock, dot.clock + length) for dot, length in deletes]
        self.texts.apply(one, start, removed)

    def deep(self, units: int) -> None:
        """Let each unit hang before the one written last."""
        for clock in range(self.ends[A], self.ends[A] + units):
            right = None if clock == 1 else Dot(A, clock - 1)
            self.apply(A, TextInsert(None, right, 1, "x"))

    def in_turns(self, units: int) -> None:
        """Let each unit hang behind the one written last, by another log."""
        last: Dot | None = None
        for number in range(units):
            log = (A, B)[number % 2]
            made = Dot(log, self.ends[log])
            self.apply(log, TextInsert(last, None, 1, "x"))
            last = made

    def apart(self, units: int) -> None:
        """Let each unit stand at the beginning beside all others."""
        for _ in range(units):
            self.apply(A, TextInsert(None, None, 1, "x"))

    def other_texts(self, number: int) -> None:
        """Begin so many texts, each with one unit."""
        for _ in range(number):
            generation = Dot(A, self.ends[A])
            insert = TextInsert(None, None, 1, "x")
            self.apply(A, insert, puts=((BODY, b"\x60"),), generation=generation)


def growth(grow: Callable[[Written, int], None], step: Callable[[Written], None]) -> float:
    """How many times as many calls a step makes beside many as beside some."""
    made: list[int] = []
    for size in (SOME, MANY):
        written = Written()
        grow(written, size)
        step(written)
        made.append(calls(partial(step, written)))
    return made[1] / made[0]


@pytest.mark.slow
def test_an_insert_between_the_ends_of_a_deep_text_costs_no_more_than_in_a_flat_one() -> None:
    def step(written: Written) -> None:
        deepest = Dot(A, written.ends[A] - 1)
        written.apply(B, *[TextInsert(Dot(A, 1), deepest, 1, "y") for _ in range(8)])

    assert growth(Written.deep, step) < 1.6


@pytest.mark.slow
def test_what_is_written_beside_a_deep_text_unseen_is_placed_as_fast_as_beside_a_flat_one() -> None:
    """Somebody may write every unit as if it had seen nothing."""

    def step(written: Written) -> None:
        written.texts.strings()
        for log in (FIRST, B):
            written.apply(log, *[TextInsert(None, None, 1, "y") for _ in range(8)])
        written.texts.strings()

    for grow in (Written.deep, Written.in_turns):
        assert growth(grow, step) < 2.5


@pytest.mark.slow
def test_a_deletion_costs_what_it_deletes() -> None:
    def step(written: Written) -> None:
        middle = Dot(A, written.ends[A] // 2)
        written.apply(B, deletes=[(middle, 3), (middle._replace(clock=middle.clock + 9), 1)])

    for grow in (Written.deep, Written.apart, Written.other_texts):
        assert growth(grow, step) < 1.6


@pytest.mark.slow
def test_an_edit_does_not_look_at_other_texts() -> None:
    def step(written: Written) -> None:
        written.apply(B, TextInsert(Dot(A, 2), None, 2, "yz"))
        written.apply(B, puts=((BODY, b"\x60"),), deletes=[(Dot(A, 5), 1)])

    assert growth(Written.other_texts, step) < 1.6
