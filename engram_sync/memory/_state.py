"""What one engram holds now: its live elements, and how much of each log they have seen.

An engram with exactly one record is read from that record.  Others keep the same facts in the
``view`` of their row, so that reading never opens a document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, cast

from engram_crdt import Dot, Element, elements_of_one
from engram_sync.errors import CorruptError
from engram_sync.results import Life
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import Record, WireError
from engram_wire.cbor import decode_untrusted, dump_canonical

from ._authors import Authors
from ._changes import change_of

LIVES = (Life.ACTIVE, Life.ARCHIVED, Life.DELETED)
"""States of life in the order of the numbers that rows store."""


_ERASED_BIT = 63  # A clock is smaller.


class View(NamedTuple):
    """What readers see of an engram with several records."""

    created: int
    """The smallest HLC of its records."""
    clock: Mapping[bytes, int]
    """Of each log that wrote to it: the next clock."""
    elements: Sequence[Element]
    """The live elements, sorted by collection, log and clock."""
    erased: bool = False
    """Whether the payload of a record of it was erased for good."""
    texts: Mapping[Dot, str] = MappingProxyType({})
    """The collaborative text of each generation that is live, by the generation's dot."""
    orphans: Sequence[Element] = ()
    """Live text of generations that are gone, as elements of ``x/body``."""


@dataclass(frozen=True, slots=True)
class EngramState:
    """One engram as this node has materialised it."""

    row: EngramRow
    scope: ScopeRow
    created: int
    """The smallest HLC of its records."""
    clock: Mapping[bytes, int]
    """Of each log that wrote to it: the next clock."""
    elements: Sequence[Element]
    """The live elements, sorted by collection, log and clock."""
    erased: bool = False
    """Whether the payload of a record of it was erased for good."""
    texts: Mapping[Dot, str] = field(default_factory=dict[Dot, str])
    """The collaborative text of each generation that is live, by the generation's dot."""
    orphans: Sequence[Element] = ()
    """Live text of generations that are gone, as elements of ``x/body``."""
    missing: int = 0
    """Of how many records values are live and not held here, though nobody erased them."""

    @property
    def engram(self) -> bytes:
        """The 16 bytes of its id."""
        return self.row.engram

    def live(self, collection: str) -> list[Element]:
        """The live elements of one collection."""
        return [e for e in self.elements if e.collection == collection]


def load_state(reader: Reader, authors: Authors, scope: ScopeRow, row: EngramRow) -> EngramState:
    """The state of a row of the store.

    Raises:
        CorruptError: The store does not hold what the row refers to.
    """
    try:
        if row.view is not None:
            return EngramState(row, scope, *decode_view(row.view), missing=reader.owed_of(row.n))
        log = authors.log_id(reader, row.log)
        record = reader.records(row.log, row.seq, row.seq)[0]
        state = state_of_one(scope, row, log, record)
        if record.payload is None:
            erased = bool(reader.erased(row.log, [row.seq]))
            return replace(state, erased=erased, missing=int(not erased))
        return state
    except (WireError, IndexError, ValueError, TypeError) as error:
        raise CorruptError(
            f"memory {row.engram.hex()} cannot be read back: {error}",
            hint="copy the home aside, then restore it from a backup",
        ) from error


def state_of_one(scope: ScopeRow, row: EngramRow, log: bytes, record: Record) -> EngramState:
    """The state of an engram whose only record is given."""
    change = change_of(log, record)
    clock = {log: len(change.puts)} if change.puts else {}
    return EngramState(row, scope, record.hlc, clock, elements_of_one(row.engram, change))


def encode_view(view: View) -> bytes:
    """What the row of an engram with several records keeps for its readers."""
    dots = [*(e.dot for e in (*view.elements, *view.orphans)), *view.texts]
    logs = sorted({*view.clock, *(dot.log for dot in dots)})
    index = {log: n for n, log in enumerate(logs)}
    # What the materialiser needs stands in front, where it is read without decoding the rest.
    return (view.created | view.erased << _ERASED_BIT).to_bytes(8, "big") + dump_canonical(
        [
            [[log, view.clock.get(log, 0)] for log in logs],
            [_row_of(element, index) for element in view.elements],
            [[index[dot.log], dot.clock, text] for dot, text in sorted(view.texts.items())],
            [_row_of(element, index) for element in view.orphans],
        ]
    )


def _row_of(element: Element, index: Mapping[bytes, int]) -> list[object]:
    collection, dot, hlc, value, payload_hash, seq = element
    return [collection, index[dot.log], dot.clock, hlc, value, payload_hash, seq]


def decode_view(view: bytes) -> View:
    """What ``encode_view`` was given; views of the first release end after the elements.

    Raises:
        WireError, ValueError, TypeError, IndexError: The view is damaged.
    """
    parts = decode_untrusted(view[8:], bytes_max=len(view))
    if type(parts) is not list or len(parts) not in (2, 4):
        raise ValueError("a view has another number of parts")
    logs = cast(list[tuple[bytes, int]], parts[0])
    ids = [log for log, _ in logs]
    seen = {log: clock for log, clock in logs if clock}
    elements = _elements_of(parts[1], ids)
    if len(parts) == 2:
        return View(created_of(view), seen, elements)
    texts = cast(list[tuple[int, int, str]], parts[2])
    shown = {Dot(ids[log], clock): text for log, clock, text in texts}
    orphans = _elements_of(parts[3], ids)
    return View(created_of(view), seen, elements, erased_of(view), shown, orphans)


def _elements_of(rows: object, ids: Sequence[bytes]) -> list[Element]:
    elements: list[Element] = []
    for row in cast(list[list[object]], rows):
        collection, log, clock, hlc, value, payload_hash, seq = cast(
            tuple[str, int, int, int, bytes | None, bytes, int], row
        )
        elements.append(Element(collection, Dot(ids[log], clock), hlc, value, payload_hash, seq))
    return elements


def created_of(view: bytes) -> int:
    """The smallest HLC among the records of an engram, from its view."""
    return int.from_bytes(view[:8], "big") & ~(1 << _ERASED_BIT)


def erased_of(view: bytes) -> bool:
    """Whether the payload of a record was erased for good, from the engram's view."""
    return view[0] >= 0x80
