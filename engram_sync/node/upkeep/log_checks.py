"""Every stored log again from its first record: the hash chain, the payloads, each signature."""

from typing import NamedTuple

from engram_sync.errors import CorruptError
from engram_sync.node.upkeep.log_rows import PastCheck, Said
from engram_sync.store import LogRow, Reader, RunRow
from engram_wire import Record, WireError, branch_id, extend, log_id, verify_head_untrusted

PAGE_RUNS = 64
"""Runs checked in one job: at most 16,384 records, so that others get their turn."""


class Fault(NamedTuple):
    """Where a log stops being what its author signed."""

    log: bytes
    seq: int
    """The first record that is not proven to be right."""
    what: str

    def text(self) -> str:
        """For people."""
        return f"log {self.log.hex()[:16]} at record {self.seq}: {self.what}"


class ChainPosition(NamedTuple):
    """How far a log has been checked."""

    seq: int
    head: bytes


class _WrongError(Exception):
    """A log is not what its author signed; never leaves this module."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq
        self.what = what


class LogCheck:
    """Checks one log, a page at a time; each page reads one consistent state of the store.

    Args:
        n: Number of the log.
        scope: Id of its scope.
        said: Collects what the records say about logs.
    """

    def __init__(self, n: int, scope: bytes, said: Said) -> None:
        self._n = n
        self._scope = scope
        self._said = said
        self._past = PastCheck(n)
        self._place: ChainPosition | None = None
        self.records = 0
        """Records proven so far."""
        self.fault: Fault | None = None

    def page(self, reader: Reader) -> bool:
        """Check the next page; returns whether there is another one."""
        row = reader.log(self._n)
        if row is None:
            return False
        try:
            return self._page(reader, row)
        except _WrongError as error:
            self.fault = Fault(row.id, error.seq, error.what)
        except (WireError, CorruptError) as error:
            seq = row.base if self._place is None else self._place.seq
            self.fault = Fault(row.id, seq + 1, str(error))
        return False

    def _page(self, reader: Reader, row: LogRow) -> bool:
        place = self._place or self._begin(reader, row)
        if place.seq > row.seq:
            # It forked since the last page, and its end is another log now, checked by itself.
            return False
        runs = reader.runs_of(row.n, place.seq, PAGE_RUNS)
        for run in runs:
            place = self._run(reader, row, run, place)
        self._place = place
        if len(runs) == PAGE_RUNS:
            return True
        self._end(reader, row, place)
        return False

    def _begin(self, reader: Reader, row: LogRow) -> ChainPosition:
        if row.parent is None:
            if log_id(row.domain, self._scope, row.author, row.incarnation) != row.id:
                raise _WrongError(0, "its id is not that of its author")
            return ChainPosition(0, row.id)
        parent = reader.log(row.parent)
        if parent is None:
            raise _WrongError(row.base, "the log that it branched off is not held")
        if row.branch is None or branch_id(row.branch) != row.id:
            raise _WrongError(row.base, "its id is not that of its first record")
        return ChainPosition(row.base, parent.head)

    def _run(self, reader: Reader, row: LogRow, run: RunRow, place: ChainPosition) -> ChainPosition:
        """Check one run; its beginning may lie in the parent, whose end is known."""
        seq, head = place
        marks: dict[int, bytes] = {}
        for record in reader.records(row.n, seq + 1, run.last):
            if record.seq != seq + 1:
                break
            seq, head = record.seq, extend(head, record)
            self._read(reader, row, record)
            if record.marked and seq != run.last:
                marks[seq] = head
            if row.branch is not None and seq == row.base + 1 and head != row.branch:
                raise _WrongError(seq, "it is not the record that the branch is named after")
        if seq != run.last:
            raise _WrongError(seq + 1, "the record is missing")
        if head != run.head:
            raise _WrongError(place.seq + 1, "the records are not the ones that were signed")
        try:
            verify_head_untrusted(row.author, head, run.signature)
        except WireError as error:
            raise _WrongError(run.last, str(error)) from error
        if marks != reader.marks(row.n, place.seq + 1, run.last):
            raise _WrongError(place.seq + 1, "other positions are indexed than it marks")
        if not self._past.stands(reader, row, seq):
            raise _WrongError(place.seq + 1, "what lies behind it is not kept as it says")
        self.records += seq - place.seq
        return ChainPosition(seq, head)

    def _read(self, reader: Reader, row: LogRow, record: Record) -> None:
        """Take note of what a record says about logs, its own and others."""
        if not self._said.note(reader, row, record):
            raise _WrongError(record.seq, "what it erases or ratifies is not kept so")
        if not self._past.follows(reader, row, record):
            raise _WrongError(record.seq, "what lies behind it is not kept as it says")

    def _end(self, reader: Reader, row: LogRow, place: ChainPosition) -> None:
        """The end of a trunk is covered by what its branches sign; every other end is signed."""
        seq, head = place
        for record in reader.records(row.n, seq + 1, row.seq):
            seq, head = record.seq, extend(head, record)
            self._read(reader, row, record)
        if (seq, head) != (row.seq, row.head):
            raise _WrongError(place.seq + 1, f"it should end at record {row.seq}, and does not")
        self.records += seq - place.seq


def log_checks(reader: Reader) -> tuple[list[LogCheck], Said]:
    """A check for every log that is held, and what collects what they read about logs."""
    scopes = {scope.n: scope.id for scope in reader.scopes()}
    said = Said.of(reader)
    return [LogCheck(row.n, scopes[row.scope], said) for row in reader.logs()], said
