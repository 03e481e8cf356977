"""What may be asked of a store."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from engram_wire import Record

from ._rows import (
    ElementRow,
    EngramRow,
    Erasable,
    LogRow,
    PartRow,
    PeerRow,
    ReceiptRow,
    RunRow,
    ScopeRow,
    Size,
    TextRow,
)


class Reader(Protocol):
    """One consistent state of the store: the last commit when the job began."""

    def meta(self, key: str) -> bytes | None:
        """The value kept under ``key``."""
        ...

    def scopes(self) -> list[ScopeRow]:
        """Every scope, oldest first."""
        ...

    def scope(self, n: int) -> ScopeRow | None:
        """The scope numbered ``n``."""
        ...

    def logs(self) -> list[LogRow]:
        """Every log of every scope, oldest first."""
        ...

    def logs_of(self, scope: int, *, closed: bool) -> list[LogRow]:
        """The logs of a scope, oldest first; without ``closed`` those not held to their seal."""
        ...

    def last_log(self) -> int:
        """The largest number of a log; 0 for none."""
        ...

    def closed_positions(self, scope: int) -> list[tuple[bytes, int, bytes]]:
        """(id, seq, head) of every log of a scope that is held exactly to its seal."""
        ...

    def log(self, n: int) -> LogRow | None:
        """The log numbered ``n``."""
        ...

    def log_by_id(self, log: bytes) -> LogRow | None:
        """The log of that id, in whichever scope it is."""
        ...

    def branches(self, scope: int) -> list[LogRow]:
        """The logs of a scope that branch off others, oldest first."""
        ...

    def size(self) -> Size:
        """Room that the store takes, without what waits in the write-ahead log."""
        ...

    def runs(self, scope: int, after_arrival: int, limit: int) -> list[RunRow]:
        """Runs of ``scope`` that arrived after ``after_arrival``, in order of arrival."""
        ...

    def records_after(self, scope: int, arrival: int) -> int:
        """How many records of ``scope`` arrived after ``arrival``."""
        ...

    def last_arrival(self, scope: int) -> int:
        """Arrival of the newest run of ``scope``; 0 when there is none."""
        ...

    def position_of(self, scope: int, head: bytes) -> tuple[int, int] | None:
        """(log, seq) of the marked position of ``scope`` with id ``head``."""
        ...

    def marks(self, log: int, first: int, last: int) -> dict[int, bytes]:
        """The marked positions of a stretch whose signatures are not held: seq to head."""
        ...

    def run_before(self, log: int, seq: int) -> RunRow | None:
        """The newest run of ``log`` that ends at or before ``seq``."""
        ...

    def runs_of(self, log: int, after_seq: int, limit: int) -> list[RunRow]:
        """Runs of ``log`` that end after ``after_seq``, in order.

        The first of them may begin at or before ``after_seq``.
        """
        ...

    def records(self, log: int, first: int, last: int) -> list[Record]:
        """Records ``first`` .. ``last`` on the path of ``log``, as far as they are held.

        Those at or before the base of a branch come from its parent, and so on down to the root.
        """
        ...

    def records_at(self, positions: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Record]]:
        """(log, record) of each of these (log, seq) that is held, a few in memory at once."""
        ...

    def stream_of(
        self, scope: int, engram: bytes, at_ms: int | None = None
    ) -> Iterator[tuple[int, Record]]:
        """(log, record) of every record of one engram, in order of arrival, hence causal.

        Only a few are in memory at once.  Positions are read when it begins, so the records must
        not be given to other logs meanwhile.  ``log`` is the one that the record belongs to:
        records of a trunk come once, whatever branched off it.

        Args:
            scope: Number of the scope.
            engram: Id of the engram.
            at_ms: Only those that had arrived here by then.  Of a run without a time of arrival the
                records count whose own clock says so.  Where runs were merged, the records of all
                of them count as arrived with the last one.
        """
        ...

    def unread(self, scope: int, engram: bytes, limit: int) -> list[tuple[int, Record]]:
        """Those of ``stream_of`` that lie, in their log, after what the engram has read of it.

        Of an engram with one record, that one too.  Costs the logs that wrote to it and what it
        returns.

        Args:
            scope: Number of the scope.
            engram: Id of the engram.
            limit: Records at most.  Where there are more, these are any.
        """
        ...

    # Clocks: what each record took of its engram, counted along its own log

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        """How many clocks of ``engram`` the records of ``log`` up to ``until`` took."""
        ...

    def engram_at(self, log: int, seq: int) -> bytes | None:
        """The engram of a record held of log ``log`` itself; None when it is not held."""
        ...

    def first_clock(self, log: int, seq: int) -> int:
        """The first clock that a record held takes of its engram, if it takes any."""
        ...

    def newest_before(self, engram: bytes, log: int, seq: int) -> int:
        """Position of the last record of ``engram`` in ``log`` before ``seq``; 0 for none."""
        ...

    def taker(self, engram: bytes, log: int, clock: int) -> tuple[int, Record] | None:
        """The record of ``log`` that took a clock of ``engram``, and the first clock it took.

        Without its payload and the hash of that, which would have to be read: up to 512 KiB.
        """
        ...

    def past(self, log: int, seq: int) -> bytes | None:
        """The newest causal-past snapshot of ``log`` itself at or before ``seq``."""
        ...

    def newest_clocks(self) -> list[tuple[int, bytes, int]]:
        """(scope, author, clock of the newest record) of each author's newest open data log."""
        ...

    def open_logs(self) -> list[tuple[int, bytes, int]]:
        """(scope, author, number) of each author's data logs that are not held to their seal."""
        ...

    # What is missing, void or gone

    def voids(self) -> list[tuple[int, bytes, bytes, int]]:
        """(scope, log id, author, last position that stands) of what authors voided of logs."""
        ...

    def void_after(self, log: int) -> int | None:
        """The last position of log ``log`` that stands; None when nothing of it is void."""
        ...

    def cut(self, log: int) -> int | None:
        """The last position of log ``log`` that leaders let count; None when nothing is cut off."""
        ...

    def cuts(self) -> dict[int, int]:
        """``cut`` of every log of which something is cut off, by its number."""
        ...

    def beyond_cuts(self, scope: int) -> int:
        """How many records of a scope lie beyond the position up to which their log counts."""
        ...

    def counts_until(self, log: int) -> int | None:
        """The last position of log ``log`` that counts; None when nothing is void or cut off."""
        ...

    def counts(self, log: int, seq: int) -> bool:
        """Whether a record changes anything: it is not cut off, and not void, or ratified.

        A ratify acts unless it is cut off or in the void end of a log; in one that is void as a
        whole it does.
        """
        ...

    def ratifies(self, log: int, seq: int) -> list[tuple[int, int]]:
        """(log, seq) of each record that says that this one counts, whether or not it acts."""
        ...

    def erased(self, log: int, seqs: Iterable[int]) -> set[int]:
        """Those of ``seqs`` whose payload was erased for good."""
        ...

    def owed(self, scope: int, limit: int) -> list[tuple[int, int, int]]:
        """Up to ``limit`` records whose payload is owed, as (number of the engram, log, seq)."""
        ...

    def owed_of(self, n: int) -> int:
        """How many records of engram ``n`` wait for their payload."""
        ...

    def owed_by(self, n: int) -> set[tuple[int, int]]:
        """(log, seq) of the records of engram ``n`` that wait for their payload."""
        ...

    def owed_count(self, scope: int) -> int:
        """How many records of ``scope`` wait for their payload."""
        ...

    def unconfirmed(self, scope: int, log: int, upto: int, key: bytes, own: bytes) -> list[int]:
        """Positions of ``log`` up to ``upto`` with a receipt of ``own`` and none of ``key``.

        Whoever confirms a position confirms all before it, so only what follows the newest
        receipt of ``key`` is looked at.
        """
        ...

    def erasable(self, positions: Iterable[tuple[int, int]]) -> Iterator[Erasable]:
        """Those of these records that are held and were not erased, and how much each holds."""
        ...

    def erased_between(self, log: int, first: int, last: int) -> set[int]:
        """The positions from ``first`` to ``last`` whose payload was erased for good."""
        ...

    def receipts(self, scope: int, log: int, seq: int) -> list[ReceiptRow]:
        """The receipts of one erasure, by key."""
        ...

    def not_confirmed(self, scope: int, key: bytes) -> list[tuple[int, int]]:
        """(log, seq) of erasures of ``scope`` with a receipt of somebody, and none of ``key``."""
        ...

    def open_erasures(
        self, scope: int, keys: Collection[bytes], limit: int
    ) -> tuple[list[tuple[int, int, int]], int]:
        """The erasures of ``scope`` with a receipt of somebody, and not of all ``keys``.

        Returns:
            (time of the first receipt, log, seq) of the newest ``limit``, and how many there are.
        """
        ...

    def engram(self, scope: int, engram: bytes) -> EngramRow | None:
        """The engram with this id."""
        ...

    def engram_by_n(self, n: int) -> EngramRow | None:
        """The engram numbered ``n``."""
        ...

    def engrams(
        self,
        scope: int | None = None,
        *,
        after: EngramRow | None = None,
        limit: int,
        life: Collection[int] = (0,),
        since_hlc: int = 0,
    ) -> list[EngramRow]:
        """Up to ``limit`` engrams, newest (hlc, n) first.

        Args:
            scope: Number of one scope; None means all of them.
            after: The last row of the previous page.
            limit: Rows at most.
            life: The life states wanted.
            since_hlc: Nothing older than this clock.
        """
        ...

    def find(self, prefix: str, *, scope: int | None = None, limit: int = 2) -> list[EngramRow]:
        """Engrams whose id begins with the hexadecimal digits ``prefix`` (no dashes)."""
        ...

    # Live elements; none are kept of an engram with one record

    def elements(self, n: int) -> list[ElementRow]:
        """The live elements of engram ``n``, in no order that means anything."""
        ...

    def bodies(self, n: int) -> list[tuple[int, int]]:
        """(log, clock) of the live elements of ``r/body``."""
        ...

    def live_records(self, n: int) -> list[tuple[int, int, Record]]:
        """(log, first clock, record) of every record that put a live element."""
        ...

    def live_of(
        self, n: int, positions: Iterable[tuple[int, int]], puts: int
    ) -> list[tuple[int, ElementRow]]:
        """The live elements that these (log, seq) put, each with its record's first clock.

        Args:
            n: Number of the engram, of which they are.
            positions: Of the records.
            puts: How many elements each of them may have put.
        """
        ...

    def is_live(self, n: int, log: int, seq: int) -> bool:
        """Whether an element that this record put is live."""
        ...

    def heaviest_life(self, n: int) -> bytes | None:
        """The largest ``life`` among the live elements; None when none has one."""
        ...

    def contested_classes(self, n: int) -> set[int]:
        """The first bytes of all groups that ``compare_groups`` found contested in engram ``n``."""
        ...

    def contested(self, n: int) -> set[bytes]:
        """All groups that ``compare_groups`` found contested in engram ``n``."""
        ...

    def parts(self, n: int) -> list[PartRow]:
        """How far engram ``n`` has read each log that wrote to it, by log."""
        ...

    def part(self, n: int, log: int) -> PartRow | None:
        """How far engram ``n`` has read ``log``; None when it did not write to it."""
        ...

    def text(self, n: int) -> TextRow | None:
        """The collaborative texts of engram ``n``; None when it has none."""
        ...

    def text_bytes(self, n: int) -> int:
        """How large the structure of an engram's texts is; 0 without one."""
        ...

    def text_structure(self, n: int) -> tuple[bytes, list[tuple[int, int]]] | None:
        """The structure of these texts as it was stored last; None when there are none.

        Returns:
            The structure, and (log, seq) of the records that changed it since, in the order in
            which they were applied.
        """
        ...

    def conflicted(self, scope: int | None = None) -> list[EngramRow]:
        """Engrams with an open conflict, newest first within each scope."""
        ...

    def conflicted_count(self, scope: int) -> int:
        """How many engrams of ``scope`` have an open conflict."""
        ...

    def search(
        self,
        terms: Sequence[str],
        *,
        limit: int,
        scopes: Collection[int] | None = None,
        since_hlc: int = 0,
    ) -> list[tuple[int, float]]:
        """(n, bm25) of the indexed engrams that contain any of ``terms``, best (lowest) first.

        Terms are words as a person writes them: quotes and operators in them mean nothing.
        Engrams that were marked and not yet indexed are not found.
        """
        ...

    def document_frequency(self, term: str) -> int:
        """About how many indexed engrams contain ``term``; never far below the truth."""
        ...

    def indexed_as(self, n: int, texts: Sequence[str]) -> bool:
        """Whether the index of words has these texts for engram ``n``, or it waits to be indexed.

        As many words are counted as there are; of a long text some are looked for, not all.
        """
        ...

    def unindexed(self) -> int:
        """How many engrams wait to be indexed."""
        ...

    def unindexed_engrams(self, limit: int) -> list[EngramRow]:
        """Up to ``limit`` engrams that wait to be indexed, lowest number first."""
        ...

    def peers(self) -> list[PeerRow]:
        """Every peer that was ever met, by key."""
        ...

    def peer(self, key: bytes) -> PeerRow | None:
        """The peer with this public key."""
        ...
