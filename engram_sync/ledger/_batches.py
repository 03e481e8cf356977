"""What goes into the ledger and what the caller must store of what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engram_wire import Edit, Record, Rejection, Superseded

from ._logs import LogState


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
    """As ``engram_wire.Superseded`` describes it, except that logs are called what this node calls
    them and numbers count in that log; the author's own log is None.  The ledger writes them the
    way every reader understands."""
    edit: Edit | None = None
    """What an edit does, its logs called as in ``superseded``; None for every other kind."""
    statement: tuple[object, ...] | None = None
    """The statement of a membership record; None for data."""
    at_ms: int | None = None
    """The wall clock of what is said again; None for what is said now."""


class Run(NamedTuple):
    """Records under one signature."""

    first: int
    last: int
    head: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Split:
    """A fork that a batch has shown: a log ends earlier than it did, and branches begin there.

    The caller first makes the store follow: insert ``moved``, give it everything that is held of
    ``trunk`` beyond ``base``, set ``trunk`` back to ``base``, and hang the branches of ``trunk`` on
    ``moved``.  A run that straddles ``base`` goes to ``moved`` and keeps its first record.
    """

    trunk: LogState
    """What the branches have in common; it ends at ``base`` now."""
    base: int
    head: bytes
    hlc: int
    moved: LogState | None
    """The branch that takes what was held beyond ``base``; None when ``trunk`` ended there already,
    and nothing has to move for one branch more."""


class Void(NamedTuple):
    """The end of a log that its author has declared void; it may not be held yet."""

    log: bytes
    """Its id."""
    last: int
    """The last position that stands."""
    stood: int
    """The last position held that stood until now; 0 when none is held."""


class Erasure(NamedTuple):
    """What one erasure names, as (log number, seq)."""

    erased: frozenset[tuple[int, int]]
    """What is to be purged."""
    spared: frozenset[tuple[int, int]]
    """What others wrote, where its author was put out before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is added to one log.  The caller inserts all of it, then calls nobody."""

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
    marks: tuple[tuple[int, bytes], ...] = ()
    """(seq, head) of each marked position inside a run: its signature did not come along, and other
    records may name it all the same."""
    erased: tuple[tuple[int, int], ...] = ()
    """(log number, seq) of each record whose payload is to be purged and never taken again."""
    idle: frozenset[int] = frozenset()
    """Positions of the erasures that do not erase what others wrote: their author was put out."""
    void: tuple[Void, ...] = ()
    """What a record of this batch voids, of logs of its author."""
    ratified: tuple[tuple[int, int, int], ...] = ()
    """(log number, seq) of each record that counts although it is void, and the position here that
    says so."""
    sealed: tuple[tuple[int, int], ...] = ()
    """(log number, seq) of each log that a record of this batch seals, and of its trunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoredBatch(Batch):
    """What one commit adds to an own log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestBatch(Batch):
    """What one frame adds.  Empty when everything was held already or nothing was valid; its log
    is then not registered (``n`` is 0) when a new log began invalid.
    """

    duplicates: int
    """Records of the frame that were held already."""
    rejection: Rejection | None = None
    """Set when a record is invalid: it and what follows it is refused."""
    problem: str = ""
    """What is wrong with it, for people; empty when it was found invalid before."""
    split: Split | None = None
    """Set when this frame shows that a log forks: first do what it says, then insert the batch."""
    own_ended: bool = False
    """Whether this shows that somebody else writes, or has ended, a log that this node continued:
    another copy of the node, or a newer state of it.  The log must never be continued."""
