"""Collecting the puts of one record and the dots that each of them supersedes."""

from collections.abc import Callable, Iterable, Sequence

from engram_crdt import Dot, Element, superseded_by_put
from engram_sync.ledger import Draft
from engram_wire import SUPERSEDED_MAX, RecordKind, Superseded

from .fields import Put, check_count


class DraftParts:
    """One record in the making.

    Args:
        engram: The 16 bytes of the engram's id.
        observed: The live elements the caller's view contained.
        own_log: Id of the log that will carry the record.
        own_agent: Whether the log of an observed element was written for the author's own agent.
        clock: The next clock of that log in the engram.
    """

    def __init__(
        self,
        engram: bytes,
        observed: Sequence[Element],
        own_log: bytes,
        *,
        own_agent: Callable[[bytes], bool] = lambda _log: False,
        clock: int = 0,
    ) -> None:
        self.source = engram + own_log + clock.to_bytes(8, "big")
        """What the events and refinements of this record are named from: no other record of a
        log has the same clocks of an engram, and the names do not change with that of the log."""
        self._own_agent = own_agent
        self._engram = engram
        self._observed = list(observed)
        self._own_log = own_log
        self._puts: list[Put] = []
        self._replaced: dict[Dot, int] = {}
        self._removed: dict[Dot, None] = {}

    @property
    def count(self) -> int:
        """How many values it puts so far."""
        return len(self._puts)

    def __bool__(self) -> bool:
        return bool(self._puts or self._removed)

    def put(self, collection: str, value: bytes) -> None:
        """Put a value; it supersedes what the collection's rule says, of what was observed."""
        dots = superseded_by_put(
            collection, value, self._observed, same_author=lambda dot: self._own_agent(dot.log)
        )
        for dot in dots:
            self._replaced.setdefault(dot, len(self._puts))
        self._puts.append((collection, value))

    def restate(self, collection: str, value: bytes) -> None:
        """Put a value beside whatever is there."""
        self._puts.append((collection, value))

    def replace(self, collection: str, value: bytes, elements: Iterable[Element]) -> None:
        """Put a value in the place of exactly these elements."""
        for element in elements:
            self._replaced.setdefault(element.dot, len(self._puts))
        self._puts.append((collection, value))

    def remove(self, elements: Iterable[Element]) -> None:
        """Remove observed elements and put nothing in their place."""
        for element in elements:
            self._removed.setdefault(element.dot)

    def drafts(self, kind: RecordKind) -> list[Draft]:
        """The record, ready to be authored, and others for what it cannot supersede by itself.

        Those remove and put nothing: whoever has only the first already has what is new.

        Raises:
            UsageError: One record cannot hold that many values.
        """
        puts = check_count(self._puts)
        names = [self._name(op, dot) for dot, op in self._replaced.items()]
        names += [self._name(len(puts), dot) for dot in self._removed if dot not in self._replaced]
        first, *others = in_records(names)
        further = [in_order(name._replace(op=0) for name in names) for names in others]
        return [
            Draft(kind, self._engram, puts, first),
            *(Draft(RecordKind.UPDATE, self._engram, (), names) for names in further),
        ]

    def _name(self, op: int, dot: Dot) -> Superseded:
        return Superseded(op, None if dot.log == self._own_log else dot.log, dot.clock)


def in_records(names: Iterable[Superseded]) -> list[tuple[Superseded, ...]]:
    """What is superseded, in as many parts as it takes records; one part when it is nothing."""
    ordered = in_order(names)
    starts = range(0, max(len(ordered), 1), SUPERSEDED_MAX)
    return [ordered[start : start + SUPERSEDED_MAX] for start in starts]


def in_order(names: Iterable[Superseded]) -> tuple[Superseded, ...]:
    """The names in the order the record format asks for: by put, own log first, clock."""
    return tuple(sorted(names, key=lambda n: (n.op, n.log or b"", n.clock)))
