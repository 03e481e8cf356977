"""Frames of other authors: compare what overlaps, prove what is new, keep what is valid."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engram_wire import (
    Announcement,
    Frame,
    InvalidRecordError,
    LogDomain,
    Record,
    Rejection,
    WireError,
    log_id,
    verify_frame_untrusted,
)

from ._batches import IngestBatch, Run
from ._check import RunCheck
from ._errors import ForkDetected, GapError, MissingDependencyError, SignedPosition
from ._limits import REFUSED_MAX
from ._registry import Advance, LogState, Registry
from ._resolve import follow, head_at
from ._views import History, Rules

Signed = Sequence[tuple[int, bytes, bytes]]
"""(seq, head, signature) of each signed position of a frame."""


@dataclass(slots=True)
class Intake:
    """Takes frames into a registry.

    A refusal is knowledge about an author, not part of a transaction: rolling back keeps it.
    """

    registry: Registry
    rules: Rules
    refused: dict[bytes, Rejection] = field(default_factory=dict[bytes, Rejection])
    """Logs of which nothing more is accepted, with the position that ended them."""

    def log_of_untrusted(self, announcement: Announcement, scope: bytes) -> LogState:
        """The announced log, not registered yet when nothing of it is held.

        Raises:
            InvalidRecordError: There is no such domain.
        """
        domain = announcement.domain
        if domain not in (LogDomain.DATA, LogDomain.MEMBERS):
            raise InvalidRecordError(f"a log of domain {domain}")
        return open_log(self.registry, scope, domain, announcement.author, announcement.incarnation)

    def take_untrusted(self, log: LogState, frame: Frame, history: History) -> IngestBatch:
        """Take one frame of ``log``.

        Raises:
            GapError: It starts beyond the next record.
            SignatureError: It does not follow what is held, or is not signed by the author.
            ForkDetected: It contradicts what is held.
            MissingDependencyError: It names a position that is not held.
        """
        last = frame.first + len(frame.records) - 1
        refusal = self.refused.get(log.id)
        signed_next = next((seq for seq, _ in frame.signatures if seq > log.seq), 0)
        # Up to the invalid record the log is valid on every node, wherever its frames were cut.
        if refusal is not None and signed_next >= refusal.seq:
            return _empty(log, 0, refusal)
        if frame.first > log.seq + 1:
            raise GapError(log.id, held=log.seq, first=frame.first)
        start = head_at(log, frame.first - 1, history)
        signed = verify_frame_untrusted(frame, log.author, start)
        if frame.first <= log.seq:
            self._compare_untrusted(log, frame, start, signed, history)
        if last <= log.seq:
            return _empty(log, len(frame.records), refusal)
        return self._extend_untrusted(log, frame, signed, history)

    def _refuse(self, rejection: Rejection) -> None:
        self.refused.pop(rejection.log, None)
        self.refused[rejection.log] = rejection
        if len(self.refused) > REFUSED_MAX:
            del self.refused[next(iter(self.refused))]

    def _compare_untrusted(
        self, log: LogState, frame: Frame, start: bytes, signed: Signed, history: History
    ) -> None:
        end = min(log.seq, frame.records[-1].seq)
        overlap = frame.records[: end - frame.first + 1]
        ours = head_at(log, end, history)
        theirs = next((head for seq, head, _ in signed if seq == end), None)
        if ours == (theirs or follow(start, overlap)[-1]):
            return
        held = follow(start, history.records(log.n, frame.first, end))
        pairs = zip(held, follow(start, overlap), strict=True)
        seq = frame.first + next(i for i, (mine, other) in enumerate(pairs) if mine != other)
        fork = ForkDetected(
            log.id,
            seq,
            held=history.signed_after(log.n, seq) or SignedPosition(log.seq, log.head, b""),
            seen=SignedPosition(*next(position for position in signed if position[0] >= seq)),
        )
        self._refuse(fork.rejection)
        raise fork

    def _extend_untrusted(
        self, log: LogState, frame: Frame, signed: Signed, history: History
    ) -> IngestBatch:
        check = RunCheck.begin(self.registry, self.rules, history, log)
        runs: list[Run] = []
        duplicates = max(0, log.seq - frame.first + 1)
        position, head = log.seq, log.head
        rejection: Rejection | None = None
        try:
            for seq, signed_head, signature in signed:
                if seq <= log.seq:
                    continue
                records = frame.records[position + 1 - frame.first : seq + 1 - frame.first]
                check.check_untrusted(head, records)
                runs.append(Run(position + 1, seq, signed_head, signature))
                position, head = seq, signed_head
        except MissingDependencyError:
            check.revert()
            raise
        except WireError as error:
            rejection = Rejection(log=log.id, seq=check.failed_at, code=error.code)
            self._refuse(rejection)
        except Exception:
            check.revert()
            raise
        if not runs:
            return _empty(log, duplicates, rejection)
        records = frame.records[duplicates : position + 1 - frame.first]
        new = commit(self.registry, log, check, Advance(position, head, check.hlc, check.past))
        return _batch(log, records, runs, check, new=new, duplicates=duplicates, why=rejection)


def open_log(
    registry: Registry, scope: bytes, domain: int, author: bytes, incarnation: bytes
) -> LogState:
    """The log of that name, not registered yet when nothing of it is held."""
    domain = int(domain)  # A member of an enumeration is no CBOR integer.
    identity = log_id(domain, scope, author, incarnation)
    known = registry.log(identity, scope)
    return known or LogState(
        0, identity, scope, domain, author, incarnation, seq=0, head=identity, hlc=0
    )


def commit(registry: Registry, log: LogState, check: RunCheck, to: Advance) -> bool:
    """Make the outcome of a walk the new state of its log; whether the log is new."""
    for undo in check.take_undo():
        registry.journal.record(undo)
    return registry.advance(log, to)


def _batch(
    log: LogState,
    records: Sequence[Record],
    runs: list[Run],
    check: RunCheck,
    *,
    new: bool,
    duplicates: int,
    why: Rejection | None,
) -> IngestBatch:
    return IngestBatch(
        log=log,
        new_log=new,
        records=records,
        runs=tuple(runs),
        pasts=tuple(check.pasts),
        seq=log.seq,
        head=log.head,
        hlc=log.hlc,
        auth=log.past.auth,
        duplicates=duplicates,
        rejection=why,
    )


def _empty(log: LogState, duplicates: int, rejection: Rejection | None) -> IngestBatch:
    return IngestBatch(
        log=log,
        new_log=False,
        records=(),
        runs=(),
        pasts=(),
        seq=log.seq,
        head=log.head,
        hlc=log.hlc,
        auth=log.past.auth,
        duplicates=duplicates,
        rejection=rejection,
    )
