"""The oracle: each event's causal past is one integer, a bit for each event before it."""

from enum import Enum
from typing import NamedTuple


class Disagreement(AssertionError):
    """A replica does not contain what the oracle says it must."""


class OpKind(Enum):
    REGISTER = "register"
    TAG = "tag"
    UNTAG = "untag"
    ENTRY = "entry"
    SLOT = "slot"
    BELIEF = "belief"
    OCCURRENCE = "occurrence"
    AMENDMENT = "amendment"
    REFINEMENT = "refinement"
    COUNT = "count"
    DELETE = "delete"


class Op(NamedTuple):
    """One thing that a user did."""

    kind: OpKind
    collection: str
    key: str
    """What makes two of them about the same thing: the tag, the metadata key, the subject and
    relation, the event.  Empty where the collection itself is the thing."""
    value: str


class Event(NamedTuple):
    """One record: what a user did at once, having seen ``past``."""

    agent: int
    past: int
    """Bit n is set when event n had been seen."""
    stamp: tuple[int, bytes]
    """(clock, log): the larger one is the later write."""
    ops: tuple[Op, ...]


class Put(NamedTuple):
    """One value by its name: the event and the place among its ops."""

    event: int
    op: int


class Oracle:
    """A history of events, and what must be alive in any part of it that was seen."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, event: Event) -> int:
        """Add an event; returns its number.  Its past must be closed."""
        for number in bits(event.past):
            assert self.events[number].past & ~event.past == 0, "the past has a hole"
        self.events.append(event)
        return len(self.events) - 1

    def before(self, earlier: int, later: int) -> bool:
        """Tell whether ``later`` was written by somebody who had seen ``earlier``."""
        return bool(self.events[later].past >> earlier & 1)

    def live(self, seen: int) -> set[Put]:
        """Return the values nobody overwrote knowingly, among the events of ``seen``."""
        numbers = list(bits(seen))
        return {
            Put(number, place)
            for number in numbers
            for place, op in enumerate(self.events[number].ops)
            if op.kind is not OpKind.UNTAG
            and not any(
                self.before(number, later) and self._ends(later, number, op) for later in numbers
            )
        }

    def _ends(self, later: int, earlier: int, op: Op) -> bool:
        """Tell whether a later event puts an end to an op that its author had seen."""
        author, owner = self.events[later].agent, self.events[earlier].agent
        for ending in self.events[later].ops:
            if ending.kind is OpKind.DELETE:
                return True
            if ending.collection != op.collection or ending.key != op.key:
                continue
            match ending.kind:
                case OpKind.OCCURRENCE:
                    continue
                case OpKind.SLOT | OpKind.BELIEF:
                    if author == owner:
                        return True
                case OpKind.COUNT:
                    if self.events[later].stamp[1] == self.events[earlier].stamp[1]:
                        return True
                case _:
                    return True
        return False

    def latest(self, live: set[Put], collection: str) -> Put | None:
        """Return the live write with the largest stamp in one collection."""
        candidates = [put for put in live if self.op(put).collection == collection]
        return max(candidates, key=self._age, default=None)

    def _age(self, put: Put) -> tuple[tuple[int, bytes], int]:
        return self.events[put.event].stamp, put.op

    def op(self, put: Put) -> Op:
        return self.events[put.event].ops[put.op]

    def dominated(self, put: Put, seen: int) -> bool:
        """Tell whether some write of the same thing, dead or alive, knew this one."""
        collection, key = self.op(put).collection, self.op(put).key
        return any(
            self.before(put.event, later)
            and any((op.collection, op.key) == (collection, key) for op in self.events[later].ops)
            for later in bits(seen)
        )

    def concurrent_with_delete(self, live: set[Put], seen: int) -> set[Put]:
        """Return the live values that some delete did not know and that did not know it."""
        deletes = [
            number
            for number in bits(seen)
            if any(op.kind is OpKind.DELETE for op in self.events[number].ops)
        ]
        return {
            put
            for put in live
            for delete in deletes
            if put.event != delete
            and not self.before(put.event, delete)
            and not self.before(delete, put.event)
        }


def bits(mask: int) -> list[int]:
    """Return the numbers of the bits that are set."""
    return [number for number in range(mask.bit_length()) if mask >> number & 1]
