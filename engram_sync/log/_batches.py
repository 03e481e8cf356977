"""What goes into the ledger and what the caller must store of what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engram_wire import Record, Rejection, Superseded

from ._registry import LogState


@dataclass(frozen=True, slots=True)
class Draft:
    """One change before it has a place in a log.

    For a membership statement ``engram`` is ``NO_ENGRAM``, the collections of ``puts`` are ignored
    and their values go into the payload.
    """

    kind: int
    engram: bytes
    puts: tuple[tuple[str, bytes], ...] = ()
    """(collection, value as canonical CBOR) each."""
    superseded: tuple[Superseded, ...] = ()
    """Dots as ``engram_wire.Superseded`` describes them; the author's own log is None."""
    statement: tuple[object, ...] | None = None
    """The statement of a membership record; None for data."""


class Run(NamedTuple):
    """Records under one signature."""

    first: int
    last: int
    head: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class AuthoredBatch:
    """What one commit adds to an own log.  The caller inserts all of it, then calls nobody."""

    log: LogState
    """The log after this batch.  It belongs to the ledger and moves on with it."""
    new_log: bool
    """Whether the log's own row must be inserted first."""
    records: Sequence[Record]
    runs: tuple[Run, ...]
    pasts: tuple[tuple[int, bytes], ...]
    """(seq, encoded ``Past``) for each record after which the log's past differs."""
    seq: int
    head: bytes
    hlc: int
    auth: bytes
    """Encoded membership heads in force at ``seq``; also part of the newest past."""


@dataclass(frozen=True, slots=True)
class IngestBatch:
    """What one frame adds.  Empty when everything was held already or nothing was valid."""

    log: LogState
    """The log after this batch; not registered (``n`` is 0) when a new log began invalid."""
    new_log: bool
    records: Sequence[Record]
    runs: tuple[Run, ...]
    pasts: tuple[tuple[int, bytes], ...]
    seq: int
    head: bytes
    hlc: int
    auth: bytes
    duplicates: int
    """Records of the frame that were held already."""
    rejection: Rejection | None = None
    """Set when a record is invalid: from here on this log is refused."""
