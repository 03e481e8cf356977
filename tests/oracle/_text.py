"""Texts as plain lists of characters: how they must read, and what any two readers must agree on.

Knows one unit at a time and computes everything anew for every question, so it has no pieces to
cut, join, store or attach wrongly.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from ._happens_before import Disagreement

Name = tuple[bytes, int]
"""(log, clock) of one UTF-16 code unit."""


class Inserted(NamedTuple):
    """What one insert claims."""

    log: bytes
    clock: int
    left: Name | None
    right: Name | None
    length: int
    text: str | None
    """None when the characters are not known."""


class NaiveText:
    """One text as a set of inserts and a set of deleted units."""

    def __init__(self) -> None:
        self._inserts: list[Inserted] = []
        self._deleted: set[Name] = set()

    def insert(self, inserted: Inserted) -> None:
        self._inserts.append(inserted)

    def delete(self, names: Iterable[Name]) -> None:
        self._deleted.update(names)

    def live(self) -> set[Name]:
        """Return every unit that nobody deleted, whether its character is known or not."""
        return {
            (insert.log, insert.clock + at)
            for insert in self._inserts
            for at in range(insert.length)
        } - self._deleted

    def text(self, known: set[Name]) -> str:
        """Return the text, ``known`` being all units of anything that have arrived."""
        shows: dict[Name, str] = {}
        for insert in self._inserts:
            at = insert.clock
            for char in insert.text or "":
                shows[insert.log, at] = char
                at += 2 if ord(char) > 0xFFFF else 1
        return "".join(
            shows.get(name, "") for name in self.order(known) if name not in self._deleted
        )

    def order(self, known: set[Name]) -> list[Name]:
        """Return all units that have a place, deleted ones too, in their order."""
        hangs = self._hangs(known)
        children: dict[tuple[Name | None, str], list[Name]] = {}
        for name in sorted(hangs):
            children.setdefault(hangs[name], []).append(name)
        out: list[Name] = []
        todo: list[tuple[Name, bool]] = [(n, False) for n in children.get((None, "right"), [])]
        todo.reverse()
        while todo:
            name, opened = todo.pop()
            if opened:
                out.append(name)
                todo += [(n, False) for n in reversed(children.get((name, "right"), []))]
            else:
                todo.append((name, True))
                todo += [(n, False) for n in reversed(children.get((name, "left"), []))]
        return out

    def _hangs(self, known: set[Name]) -> dict[Name, tuple[Name | None, str]]:
        """Return for each unit what it hangs on, and on which side."""
        ours = {(i.log, i.clock + at) for i in self._inserts for at in range(i.length)}
        hangs: dict[Name, tuple[Name | None, str]] = {}
        waiting = list(self._inserts)
        progress = True
        while progress:
            progress = False
            for insert in list(waiting):
                left, right = (
                    None if claims_too_much(insert, origin, known - ours) else origin
                    for origin in (insert.left, insert.right)
                )
                if any(origin is not None and origin not in hangs for origin in (left, right)):
                    continue
                if right is not None and (left is None or left in above(hangs, right)):
                    place: tuple[Name | None, str] = right, "left"
                else:
                    place = left, "right"
                for at in range(insert.length):
                    hangs[insert.log, insert.clock + at] = place
                    place = (insert.log, insert.clock + at), "right"
                waiting.remove(insert)
                progress = True
        return hangs


def claims_too_much(insert: Inserted, origin: Name | None, foreign: set[Name]) -> bool:
    """Tell whether an origin is of something else, or was not written before the insert."""
    if origin is None:
        return False
    return origin in foreign or (origin[0] == insert.log and origin[1] >= insert.clock)


def above(hangs: dict[Name, tuple[Name | None, str]], name: Name) -> list[Name]:
    """Return all that a unit hangs on, itself not included."""
    found: list[Name] = []
    parent = hangs[name][0]
    while parent is not None:
        found.append(parent)
        parent = hangs[parent][0]
    return found


class Readers:
    """What everybody ever read must fit one order of all characters.

    This is all that can be asked of a text without saying how concurrent inserts stand: nobody
    sees two characters in one order whom somebody else, at any time, saw in the other.
    """

    def __init__(self) -> None:
        self._after: dict[Name, set[Name]] = {}

    def read(self, names: Sequence[Name]) -> None:
        for before, after in pairwise(names):
            self._after.setdefault(before, set()).add(after)

    def agree(self) -> None:
        """Raise ``Disagreement`` when no one order fits all that was read."""
        done: set[Name] = set()
        for start in self._after:
            path: set[Name] = set()
            stack: list[tuple[Name, bool]] = [(start, False)]
            while stack:
                name, leaving = stack.pop()
                if leaving:
                    path.discard(name)
                    done.add(name)
                elif name in path:
                    raise Disagreement(f"{name} was read before and after another character")
                elif name not in done:
                    path.add(name)
                    stack.append((name, True))
                    stack += [(after, False) for after in self._after.get(name, ())]
