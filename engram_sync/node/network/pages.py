"""Reading what a peer lacks: signed runs in order of arrival, as frames.

Arrival order is causal order, because nothing is stored before what it depends on.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from engram_sync.node.home.loading import RUNS_PER_READ, all_runs
from engram_sync.node.limits import PAGE_BYTES
from engram_sync.node.network.branch_index import BranchIndex
from engram_sync.store import LogRow, Reader, RunRow
from engram_sync.sync import PageEntry, ReadRuns
from engram_wire import (
    RUN_BYTES_MAX,
    RUN_RECORDS_MAX,
    Announcement,
    Credential,
    LogDomain,
    Record,
    encode_frame,
    record_bytes,
)


class FramePage(NamedTuple):
    """Frames for one feed, and where the next page begins."""

    entries: list[PageEntry]
    after: int
    exhausted: bool


class _Frames:
    """Collects consecutive runs of one log into frames."""

    def __init__(self, reader: Reader, refs: Mapping[bytes, int]) -> None:
        self._reader = reader
        self._refs = dict(refs)
        self._log: LogRow | None = None
        self._records: list[Record] = []
        self._signatures: list[tuple[int, bytes]] = []
        self._bytes = 0
        self.entries: list[PageEntry] = []
        self.total_bytes = 0

    def add(self, log: LogRow, run: RunRow, first: int) -> None:
        records = self._reader.records(log.n, first, run.last)
        size = sum(map(record_bytes, records))
        full = (
            len(self._records) + len(records) > RUN_RECORDS_MAX
            or self._bytes + size > RUN_BYTES_MAX
        )
        follows = bool(self._records) and self._records[-1].seq == first - 1
        if full or not follows or self._log is None or self._log.n != log.n:
            self.flush()
        self._log = log
        self._records += records
        self._signatures.append((run.last, run.signature))
        self._bytes += size

    def flush(self) -> None:
        """Finish the frame that is being collected."""
        log = self._log
        if log is None or not self._records:
            return
        announcement = None
        if log.id not in self._refs:
            # Numbered per request: the store's own numbers would tell how many logs there are
            # in scopes that the peer may not read.
            ref = self._refs[log.id] = len(self._refs)
            announcement = Announcement(ref, log.domain, log.author, log.incarnation, log.branch)
        frame = encode_frame(self._refs[log.id], self._records, self._signatures)
        self.entries.append(PageEntry(announcement, frame, log.id, self._records[-1].seq))
        self.total_bytes += len(frame)
        self._records, self._signatures, self._bytes = [], [], 0


def read_page(reader: Reader, scope: int, request: ReadRuns, *, until: int) -> FramePage:
    """The next page of what the peer lacks.

    Args:
        scope: The store's number of ``request.scope``.
        until: Arrival number of the newest run to send.  What is stored beyond it was not
            published yet, so it is not noted either who sent it here.
    """
    families = BranchIndex(reader, scope)
    after = request.after
    if after is None:
        after = _start(reader, scope, families.all(), request.known)
    frames = _Frames(reader, request.refs)
    while frames.total_bytes < PAGE_BYTES:
        runs = [r for r in reader.runs(scope, after, RUNS_PER_READ) if r.arrival <= until]
        for run in runs:
            log = families.row(run.log)
            if run.last > request.known.get(log.id, 0):
                frames.add(
                    log, run, max(run.first, families.shown(log, run.first, request.known) + 1)
                )
            after = run.arrival
            if frames.total_bytes >= PAGE_BYTES:
                break
        if len(runs) < RUNS_PER_READ and (not runs or after == runs[-1].arrival):
            frames.flush()
            return FramePage(frames.entries, after, exhausted=True)
    frames.flush()
    return FramePage(frames.entries, after, exhausted=False)


def _start(reader: Reader, scope: int, logs: Iterable[LogRow], known: Mapping[bytes, int]) -> int:
    """The arrival number before the first run that the peer lacks."""
    first: int | None = None
    for log in logs:
        seq = known.get(log.id, 0)
        if seq >= log.seq:
            continue
        for run in reader.runs_of(log.n, seq, 1):
            first = run.arrival if first is None else min(first, run.arrival)
    if first is None:
        return reader.last_arrival(scope)
    return first - 1


def read_credentials(
    reader: Reader, scope: int, leaders: Collection[bytes]
) -> tuple[Credential, ...]:
    """The leaders' membership records of a scope, in order of arrival, as frames of one log each.

    What other members wrote there admits nobody, and must not be able to outgrow a message.
    """
    logs = {
        row.n: row
        for row in reader.logs_of(scope, closed=True)
        if row.domain == LogDomain.MEMBERS and row.author in leaders
    }
    runs = [run for n in logs for run in all_runs(reader, n)]
    frames = _Frames(reader, {})
    for run in sorted(runs):
        frames.add(logs[run.log], run, run.first)
    frames.flush()
    announced: dict[bytes, Announcement] = {}
    credentials: list[Credential] = []
    for entry in frames.entries:
        if entry.announcement is not None:
            announced[entry.log] = entry.announcement
        credentials.append(Credential(announced[entry.log], entry.frame))
    return tuple(credentials)
