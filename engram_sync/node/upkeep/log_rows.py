"""What is kept about logs beside their records, against what the records say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from engram_sync.ledger import Past, decode_past
from engram_sync.store import LogRow, Reader, ScopeRow
from engram_wire import (
    AUTH_UNCHANGED,
    NO_IDS,
    ClockEntry,
    LogDomain,
    Record,
    RecordKind,
    decode_auth_untrusted,
    decode_ids_untrusted,
    decode_superseded_untrusted,
    sealed_digest,
)

_Name = TypeVar("_Name", bytes, tuple[bytes, bytes])
_ABOUT_LOGS = frozenset({RecordKind.ERASE, RecordKind.SEAL, RecordKind.VOID, RecordKind.RATIFY})


@dataclass(slots=True)
class Said:
    """What records say about logs: ends, what is void, what goes on from where.

    A void record counts where it is valid, and may be invalid, so it is known of each end what
    must be kept and what may be.
    """

    arrivals: dict[int, int]
    """By scope, its newest run as the check began."""
    forked: frozenset[int]
    """Scopes of which a log has forked: names mean there what each author had seen."""
    ends: dict[bytes, list[int]] = field(default_factory=dict[bytes, list[int]])
    may_end: dict[bytes, list[int]] = field(default_factory=dict[bytes, list[int]])
    void: dict[tuple[bytes, bytes], list[int]] = field(
        default_factory=dict[tuple[bytes, bytes], list[int]]
    )
    may_void: dict[tuple[bytes, bytes], list[int]] = field(
        default_factory=dict[tuple[bytes, bytes], list[int]]
    )
    first: dict[int, list[tuple[bytes, int]]] = field(
        default_factory=dict[int, list[tuple[bytes, int]]]
    )
    """By the number of a log, what its first record seals."""

    @classmethod
    def of(cls, reader: Reader) -> Self:
        """Nothing yet, of what is held now."""
        scopes = reader.scopes()
        forked = frozenset(scope.n for scope in scopes if reader.branches(scope.n))
        return cls({scope.n: reader.last_arrival(scope.n) for scope in scopes}, forked)

    def note(self, reader: Reader, row: LogRow, record: Record) -> bool:
        """Take note of one record; whether all that it erases or ratifies is kept so."""
        kind = record.shape[0]
        if kind not in _ABOUT_LOGS or row.domain != LogDomain.DATA:
            return True
        named = [
            (item.log or row.id, item.clock)
            for item in decode_superseded_untrusted(record.superseded, kind=kind, puts=0)
        ]
        after = reader.void_after(row.n)
        stands = after is None or record.seq <= after
        if kind == RecordKind.ERASE:
            until = reader.counts_until(row.n)
            acts = until is None or record.seq <= until
            return not acts or row.scope in self.forked or _all_erased(reader, named)
        if kind == RecordKind.RATIFY:
            acts = stands or not after
            return not acts or row.scope in self.forked or _all_ratified(reader, named, row, record)
        for log, seq in named:
            if kind == RecordKind.SEAL:
                self._note(self.ends, self.may_end, log, seq, stands=stands)
            else:
                self._note(self.void, self.may_void, (log, row.author), seq, stands=stands)
        if kind == RecordKind.SEAL and record.seq == 1:
            self.first[row.n] = named
        return True

    @staticmethod
    def _note(
        must: dict[_Name, list[int]],
        may: dict[_Name, list[int]],
        name: _Name,
        seq: int,
        *,
        stands: bool,
    ) -> None:
        may.setdefault(name, []).append(seq)
        if stands:
            must.setdefault(name, []).append(seq)

    def wrong(self, reader: Reader) -> Iterator[str]:
        """What is kept otherwise, a sentence each; nothing of scopes that have grown meanwhile."""
        for scope in reader.scopes():
            if self.arrivals.get(scope.n) != reader.last_arrival(scope.n):
                continue
            closed = [ClockEntry(*position) for position in reader.closed_positions(scope.n)]
            if int.from_bytes(sealed_digest(closed), "big") != scope.sealed_sum:
                yield f"scope {scope.n} adds up other sealed logs than it holds"
            if scope.n not in self.forked:
                yield from self._wrong_logs(reader, scope)

    def _wrong_logs(self, reader: Reader, scope: ScopeRow) -> Iterator[str]:
        rows = {row.id: row for row in reader.logs_of(scope.n, closed=True)}
        for row in rows.values():
            least = min(row.seq, max(self.ends.get(row.id, [0])))
            most = min(row.seq, max(self.may_end.get(row.id, [0])))
            if not least <= row.sealed <= most:
                yield f"log {row.id.hex()[:16]} is sealed at {most}, and kept as at {row.sealed}"
            sealed = [(rows[log], seq) for log, seq in self.first.get(row.n, ()) if log in rows]
            newest = max(sealed, key=_newness, default=None)
            wanted = (None, 0) if newest is None else (newest[0].n, newest[1])
            if (row.follows, row.until) != wanted:
                yield f"log {row.id.hex()[:16]} goes on from another place than is kept"
        void = {(log, key): last for n, log, key, last in reader.voids() if n == scope.n}
        of_scope = {row.author for row in rows.values()}
        for name in void.keys() | {name for name in self.void if name[1] in of_scope}:
            last = void.get(name)
            if last is None and name[0] not in rows:
                continue  # Of another scope.
            may = self.may_void.get(name, [])
            if last is None or not may or not min(may) <= last <= min(self.void.get(name, [last])):
                yield f"what is void of log {name[0].hex()[:16]} is kept otherwise"


def _newness(end: tuple[LogRow, int]) -> tuple[int, int, bytes]:
    return end[0].depth, end[1], end[0].id


def _all_erased(reader: Reader, named: list[tuple[bytes, int]]) -> bool:
    rows = [(reader.log_by_id(log), seq) for log, seq in named]
    return all(row is None or bool(reader.erased(row.n, [seq])) for row, seq in rows)


def _all_ratified(
    reader: Reader, named: list[tuple[bytes, int]], row: LogRow, record: Record
) -> bool:
    rows = [(reader.log_by_id(log), seq) for log, seq in named]
    saying = row.n, record.seq
    return all(log is not None and saying in reader.ratifies(log.n, seq) for log, seq in rows)


class PastCheck:
    """Whether what is kept of the past of a log follows from what its records name.

    Each step is checked against the one before and against the pasts of what is named, which are
    checked by themselves.

    Args:
        n: Number of the log.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._past = Past()
        self._authors: dict[int, bytes] = {}
        self._skipped: bool | None = None

    def follows(self, reader: Reader, row: LogRow, record: Record) -> bool:
        """Whether the past of a record follows from the one before it; called for each in order."""
        if record.deps == NO_IDS and record.auth == AUTH_UNCHANGED:
            return True
        if self._skip(reader, row):
            return True
        named = list(decode_ids_untrusted(record.deps))
        heads = decode_auth_untrusted(record.auth)
        named += heads or ()
        reached = dict(self._past.seen)
        for head in named:
            place = reader.position_of(row.scope, head)
            if place is None:
                return False
            _cover(reached, decode_past(reader.past(*place)).seen)
            _cover(reached, dict([place]))
        auth = self._past.auth if heads is None else record.auth
        before, kept = self._past, decode_past(reader.past(self._n, record.seq))
        self._past = kept
        void = reader.void_after(self._n)
        if void is not None and record.seq > void and kept == before:
            return True  # What a void record names need not be valid.
        return kept.auth == auth and self._is_reduced(reader, kept.seen, reached)

    def stands(self, reader: Reader, row: LogRow, seq: int) -> bool:
        """Whether nothing else is kept of the past of record ``seq``, the newest that was given."""
        return self._skip(reader, row) or decode_past(reader.past(self._n, seq)) == self._past

    def _skip(self, reader: Reader, row: LogRow) -> bool:
        """Whether names mean here what each author had seen."""
        if self._skipped is None:
            self._skipped = bool(reader.branches(row.scope))
        return self._skipped

    def _is_reduced(
        self, reader: Reader, kept: Mapping[int, int], reached: Mapping[int, int]
    ) -> bool:
        """Whether ``kept`` is ``reached`` without what others of the same author have behind."""
        authors = {self._author(reader, n) for n in kept}
        return all(reached.get(n) == seq for n, seq in kept.items()) and all(
            n in kept or self._author(reader, n) in authors for n in reached
        )

    def _author(self, reader: Reader, n: int) -> bytes:
        if n not in self._authors:
            row = reader.log(n)
            self._authors[n] = b"" if row is None else row.author
        return self._authors[n]


def _cover(result: dict[int, int], vector: Mapping[int, int]) -> None:
    for n, seq in vector.items():
        result[n] = max(seq, result.get(n, 0))
