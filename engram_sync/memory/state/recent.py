"""Live elements of the engrams that were changed last: the next change need not read them again."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engram_crdt import Dot, Element
from engram_sync.model.limits import ITEM_BYTES, RECENT_BYTES_MAX, RECENT_ENGRAMS_MAX
from engram_sync.store import EngramRow


class Held(NamedTuple):
    """What is live of one engram; nobody changes it in place."""

    digest: bytes | None
    """Of the state that this is."""
    elements: Sequence[Element]
    """Sorted."""
    born: Mapping[Dot, int]
    """With which change of the scope each of them appeared."""
    size: int = 0


class Recent:
    """The last few states that the writer read or made, of engrams with several records.

    It belongs to the writer's thread and follows what that does, so that a state is never older
    than its row.  Readers have snapshots of their own.  An engram of which a payload came or went
    is let go: nothing that was erased stays in memory here.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._size = 0

    def find(self, row: EngramRow) -> Held | None:
        """What is live of an engram, if it is known."""
        held = self._held.get(row.n)
        if held is None or held.digest != row.digest:
            return None
        self._held.move_to_end(row.n)
        return held

    def keep(self, row: EngramRow, elements: Sequence[Element], born: Mapping[Dot, int]) -> Held:
        """Remember what was read."""
        return self._put(row.n, Held(row.digest, elements, born, _size(elements)))

    def follow(
        self,
        was: EngramRow,
        row: EngramRow,
        gone: Iterable[tuple[str, Dot]],
        made: Mapping[Dot, tuple[Element, int]],
    ) -> None:
        """Follow a change of an engram, if what it held before is known.

        Args:
            was: Its row before.
            row: Its row now.
            gone: (collection, dot) of elements that are live no more.
            made: Elements that were not live before, and with which change each appeared.
        """
        held = self.find(was)
        self.drop(row.n)
        if held is None:
            return
        elements, born, size = list(held.elements), dict(held.born), held.size
        for name in gone:
            at = bisect_left(elements, name)
            assert elements[at][:2] == name, "what was known was live"
            size -= _size(elements[at : at + 1])
            del elements[at], born[name[1]]
        for element, change in made.values():
            insort(elements, element)
            born[element.dot] = change
        size += _size(element for element, _ in made.values())
        self._put(row.n, Held(row.digest, elements, born, size))

    def drop(self, n: int) -> None:
        """Let go of one engram."""
        held = self._held.pop(n, None)
        self._size -= held.size if held else 0

    def forget(self) -> None:
        """Let go of all of them."""
        self._held.clear()
        self._size = 0

    def _put(self, n: int, held: Held) -> Held:
        self.drop(n)
        self._held[n] = held
        self._size += held.size
        while self._size > RECENT_BYTES_MAX or len(self._held) > RECENT_ENGRAMS_MAX:
            self.drop(next(iter(self._held)))
        return held


def _size(elements: Iterable[Element]) -> int:
    return sum([ITEM_BYTES + len(element.value or b"") for element in elements])
