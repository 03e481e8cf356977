"""The table of attacks: one function each, which yields the logs that a member pushes.

Every one is valid by itself, or looks so until it is checked.  ``size`` is how much of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ._forge import Forged
from ._member import Member

Attack = Callable[[Member, bytes, int], Iterator[Forged]]


@dataclass(frozen=True, slots=True)
class Case:
    """One attack with its sizes."""

    name: str
    attack: Attack
    small: int
    full: int
    row: str = ""
    """The row of the list of faults that it repeats, if any."""
    payloads: bool = True
    """Whether the values travel along."""


CASES: list[Case] = []


def case(
    small: int, full: int, row: str = "", *, payloads: bool = True
) -> Callable[[Attack], Attack]:
    """Enter a function into the table."""

    def enter(attack: Attack) -> Attack:
        CASES.append(Case(attack.__name__, attack, small, full, row, payloads))
        return attack

    return enter
