"""Every stored log again from its first record: the hash chain, the payloads, each signature."""

from typing import NamedTuple

from engram_sync.store import LogRow, Reader, RunRow
from engram_wire import WireError, branch_id, extend, log_id, verify_head_untrusted

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


class Place(NamedTuple):
    """How far a log has been checked."""

    seq: int
    head: bytes
    signatures: int


class LogCheck:
    """Checks one log, a page at a time; each page reads one consistent state of the store.

    Args:
        n: Number of the log.
        scope: Id of its scope.
    """

    def __init__(self, n: int, scope: bytes) -> None:
        self._n = n
        self._scope = scope
        self._place: Place | None = None
        self.records = 0
        """Records proven so far."""
        self.fault: Fault | None = None

    def page(self, reader: Reader) -> bool:
        """Check the next page; returns whether there is another one."""
        row = reader.log(self._n)
        if row is None:
            return False
        place = self._place or self._begin(reader, row)
        if place is None:
            return False
        if place.seq > row.seq:
            # It forked since the last page, and its end is another log now, checked by itself.
            return False
        runs = reader.runs_of(row.n, place.seq, PAGE_RUNS)
        for run in runs:
            place = self._run(reader, row, run, place)
            if place is None:
                return False
        self._place = place
        if len(runs) == PAGE_RUNS:
            return True
        self._end(reader, row, place)
        return False

    def _begin(self, reader: Reader, row: LogRow) -> Place | None:
        if row.parent is None:
            if log_id(row.domain, self._scope, row.author, row.incarnation) != row.id:
                return self._failed(row, 0, "its id is not that of its author")
            return Place(0, row.id, 0)
        parent = reader.log(row.parent)
        if parent is None:
            return self._failed(row, row.base, "the log that it branched off is not held")
        if row.branch is None or branch_id(row.branch) != row.id:
            return self._failed(row, row.base, "its id is not that of its first record")
        return Place(row.base, parent.head, 0)

    def _run(self, reader: Reader, row: LogRow, run: RunRow, place: Place) -> Place | None:
        """Check one run; its beginning may lie in the parent, whose end is known."""
        head, seq = place.head, place.seq
        for record in reader.records(row.n, seq + 1, run.last):
            if record.seq != seq + 1:
                break
            head, seq = extend(head, record), record.seq
            if row.branch is not None and seq == row.base + 1 and head != row.branch:
                return self._failed(row, seq, "it is not the record that the branch is named after")
        if seq != run.last:
            return self._failed(row, seq + 1, "the record is missing")
        if head != run.head:
            return self._failed(row, place.seq + 1, "the records are not the ones that were signed")
        try:
            verify_head_untrusted(row.author, head, run.signature)
        except WireError as error:
            return self._failed(row, run.last, str(error))
        self.records += seq - place.seq
        return Place(seq, head, place.signatures + 1)

    def _end(self, reader: Reader, row: LogRow, place: Place) -> None:
        """The end of a trunk is covered by what its branches sign; every other end is signed."""
        head, seq = place.head, place.seq
        for record in reader.records(row.n, seq + 1, row.seq):
            head, seq = extend(head, record), record.seq
        if (seq, head) != (row.seq, row.head):
            self._failed(row, place.seq + 1, f"it should end at record {row.seq}, and does not")
        self.records += seq - place.seq

    def _failed(self, row: LogRow, seq: int, what: str) -> None:
        self.fault = Fault(row.id, seq, what)


def log_checks(reader: Reader) -> list[LogCheck]:
    """A check for every log that is held."""
    scopes = {scope.n: scope.id for scope in reader.scopes()}
    return [LogCheck(row.n, scopes[row.scope]) for row in reader.logs()]
