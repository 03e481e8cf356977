"""What one engram holds now: its live elements, and how much of each log they have seen.

An engram with exactly one record is read from that record.  Others keep the same facts in the
``view`` of their row, so that reading never opens a document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from engram_crdt import Dot, Element, elements_of_one
from engram_sync.errors import CorruptError
from engram_sync.results import Life
from engram_sync.store import EngramRow, Reader, ScopeRow
from engram_wire import Record, WireError
from engram_wire.cbor import decode_untrusted, encode

from ._authors import Authors
from ._changes import change_of

LIVES = (Life.ACTIVE, Life.ARCHIVED, Life.DELETED)
"""States of life in the order of the numbers that rows store."""


@dataclass(frozen=True, slots=True)
class EngramState:
    """One engram as this node has materialised it."""

    row: EngramRow
    scope: ScopeRow
    created: int
    """The smallest HLC of its records."""
    clock: Mapping[bytes, int]
    """Of each log that wrote to it: how many puts."""
    elements: Sequence[Element]
    """The live elements, sorted by collection, log and clock."""

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
            created, clock, elements = decode_view(row.view)
            return EngramState(row, scope, created, clock, elements)
        log = authors.log_id(reader, row.log)
        return state_of_one(scope, row, log, reader.records(row.log, row.seq, row.seq)[0])
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


def encode_view(created: int, clock: Mapping[bytes, int], elements: Sequence[Element]) -> bytes:
    """What the row of an engram with several records keeps for its readers."""
    logs = sorted({*clock, *(e.dot.log for e in elements)})
    index = {log: n for n, log in enumerate(logs)}
    # The creation time stands in front, where the materialiser reads it without decoding the rest.
    return created.to_bytes(8, "big") + encode(
        [
            [[log, clock.get(log, 0)] for log in logs],
            [
                [e.collection, index[e.dot.log], e.dot.clock, e.hlc, e.value, e.payload_hash, e.seq]
                for e in elements
            ],
        ]
    )


def decode_view(view: bytes) -> tuple[int, dict[bytes, int], list[Element]]:
    """What ``encode_view`` was given.

    Raises:
        WireError, ValueError, TypeError, IndexError: The view is damaged.
    """
    logs, rows = cast(
        tuple[list[tuple[bytes, int]], list[list[object]]],
        decode_untrusted(view[8:], bytes_max=len(view)),
    )
    ids = [log for log, _ in logs]
    elements: list[Element] = []
    for row in rows:
        collection, log, clock, hlc, value, payload_hash, seq = cast(
            tuple[str, int, int, int, bytes | None, bytes, int], row
        )
        elements.append(Element(collection, Dot(ids[log], clock), hlc, value, payload_hash, seq))
    return created_of(view), {log: clock for log, clock in logs if clock}, elements


def created_of(view: bytes) -> int:
    """The smallest HLC among the records of an engram, from its view."""
    return int.from_bytes(view[:8], "big")
