"""Frames of other authors: compare what overlaps, prove what is new, keep what is valid."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engram_wire import (
    Announcement,
    CloseCode,
    Frame,
    InvalidRecordError,
    LogDomain,
    MarkedPosition,
    Rejection,
    SignatureError,
    WireError,
    branch_id,
)

from ._batches import IngestBatch, Run, Split
from ._check import RunCheck
from ._commit import commit, end_live
from ._errors import GapError, MissingDependencyError
from ._fit import Fit, fit_untrusted
from ._logs import LogState, branch_of, root_log
from ._refusals import Refusals
from ._registry import Advance, Registry
from ._resolve import follow
from ._split import Undo, split
from ._views import History, Rules

Erasing = Callable[[Mapping[bytes, Sequence[tuple[int, int]]]], Iterator[None]]
"""Erases held records, of which it is told (log number, seq) by engram, some at every step."""


@dataclass(slots=True)
class FrameIngest:
    """Takes frames into a registry."""

    registry: Registry
    rules: Rules
    refused: Refusals = field(default_factory=Refusals)

    def log_of_untrusted(self, announcement: Announcement, scope: bytes) -> LogState:
        """The announced log as far as it is known here.

        Returns:
            The branch, when it is known under that name; else the root of the family, which is not
            registered yet when nothing of it is held.

        Raises:
            InvalidRecordError: There is no such domain.
        """
        domain = announcement.domain
        if domain not in (LogDomain.DATA, LogDomain.MEMBERS):
            raise InvalidRecordError(f"a log of domain {domain}")
        root = open_log(self.registry, scope, domain, announcement.author, announcement.incarnation)
        if announcement.branch is None:
            return root
        branch = self.registry.log(branch_id(announcement.branch), scope)
        return branch if branch is not None and branch.root == root.id else root

    def steps_untrusted(
        self,
        log: LogState,
        frame: Frame,
        history: History,
        *,
        alone: bool = False,
        erasing: Erasing | None = None,
    ) -> Generator[LogState, None, IngestBatch]:
        """Take one frame of ``log``; yields, between its steps, the log that it goes on with.

        Until the last step the ledger is not changed, and the steps may be dropped.  ``alone`` is
        said of a frame where nothing on its way here can bring what it names.

        Raises:
            GapError: It starts beyond the next record.
            SignatureError: It does not follow what is held, or is not signed by the author.
            MissingDependencyError: It names a position that is not held, and that need not be one
                which was refused here.
        """
        try:
            fit = fit_untrusted(log, frame, history)
        except (GapError, SignatureError):
            # It may follow a record that was refused, and so is not held; whoever sends it need
            # not know that yet.
            refusal = self.refused.before(log.root, frame.first)
            if refusal is None:
                raise
            return _empty(log, 0, refusal)
        yield fit.log
        batch = yield from _Taking(self, fit, frame, history, alone, erasing).steps_untrusted()
        if batch.own_ended:
            end_live(self.registry, fit.log)
        return batch


class Taking:
    """One frame on its way in, which may take several steps with other work between them.

    Validity depends on the past of the frame alone, and that does not change.  What may change is
    how far the frame's own log is held, and what logs are called: then it begins again.

    Args:
        intake: Takes it.
        announcement: Its log.
        scope: Id of the scope.
        frame: The frame.
        erasing: Erases the held records that a valid frame erases, before the frame is taken.  Who
            drops the steps then may have erased some of it: its author signed that it be erased.
    """

    def __init__(
        self,
        intake: FrameIngest,
        announcement: Announcement,
        scope: bytes,
        frame: Frame,
        erasing: Erasing | None = None,
    ) -> None:
        self._intake = intake
        self._announcement = announcement
        self._scope = scope
        self._frame = frame
        self._erasing = erasing
        self._steps: Generator[LogState, None, IngestBatch] | None = None
        self._log: LogState | None = None
        self._moment: tuple[object, ...] = ()

    def take_untrusted(
        self, history: History, pause: Callable[[], bool] = bool, *, alone: bool = False
    ) -> IngestBatch | None:
        """Go on, to the end or until ``pause`` says so after a step; None when it is not the end.

        Args:
            history: What is stored now; at every call the same object.
            pause: Whether to leave the rest for another call.
            alone: Whether nothing on its way here can bring what the frame names: then what was
                refused before is what it lacks, and it is refused like that.

        Raises:
            GapError, SignatureError, MissingDependencyError, InvalidRecordError: See
                ``Ledger.ingest_untrusted``.
        """
        if self._steps is None or self._moment != self._now():
            log = self._intake.log_of_untrusted(self._announcement, self._scope)
            self._steps = self._intake.steps_untrusted(
                log, self._frame, history, alone=alone, erasing=self._erasing
            )
        steps, self._steps = self._steps, None
        while True:
            try:
                self._log = next(steps)
            except StopIteration as end:
                batch: IngestBatch = end.value
                return batch
            if pause():
                self._moment, self._steps = self._now(), steps
                return None

    def all_untrusted(self, history: History) -> IngestBatch:
        """Go on to the end; raises what ``take_untrusted`` does."""
        batch = None
        while batch is None:
            batch = self.take_untrusted(history)
        return batch

    def _now(self) -> tuple[object, ...]:
        """What the steps so far have relied on, that may change."""
        log, registry = self._log, self._intake.registry
        if log is None:
            return ()
        held = registry.log(log.id, self._scope)
        return id(held), log.seq, log.head, len(log.children), registry.branches


@dataclass(slots=True)
class _Taking:
    """One frame on its way in."""

    intake: FrameIngest
    fit: Fit
    frame: Frame
    history: History
    alone: bool
    erasing: Erasing | None

    def steps_untrusted(self) -> Generator[LogState, None, IngestBatch]:
        fit, frame = self.fit, self.frame
        if fit.position == frame.first + len(frame.records) - 1:
            return _empty(fit.log, len(frame.records))
        duplicates = fit.position - frame.first + 1
        # Whether it is valid or not: somebody signs with this node's key.
        ended = fit.log.live
        marked, refusal = self._acceptable()
        if not any(position.signature for position in marked):
            return _empty(fit.log, duplicates, refusal, ended=ended)
        if not fit.diverges:
            extending = self._extend_untrusted(fit.log, marked, refusal, self.history, ended=ended)
            if fit.log.domain == LogDomain.DATA:
                return (yield from extending)
            return _at_once(extending)
        return self._branch_untrusted(marked, refusal, ended=ended)

    def _acceptable(self) -> tuple[Sequence[MarkedPosition], Rejection | None]:
        """The new marked positions before the first record that was found invalid already."""
        new = [position for position in self.fit.marked if position.seq > self.fit.position]
        refused, root = self.intake.refused, self.fit.log.root
        if not refused.any_of(root):
            return new, None
        if self.fit.log.stands(self.fit.position + 1) <= self.fit.position:
            return new, None  # What is void need not be valid.
        heads = enumerate(follow(self.fit.start, self.frame.records), self.frame.first)
        found = ((seq, refused.of(root, head)) for seq, head in heads)
        end, refusal = next((pair for pair in found if pair[1]), (self.fit.position, None))
        return (new if refusal is None else [at for at in new if at.seq < end]), refusal

    def _branch_untrusted(
        self, marked: Sequence[MarkedPosition], refusal: Rejection | None, *, ended: bool
    ) -> IngestBatch:
        """Take what leaves the continuations held; the log is divided only if some of it is valid.

        Where the log is divided already, nothing of it has to move for one branch more.
        """
        registry, trunk, base = self.intake.registry, self.fit.log, self.fit.position
        registry.read_all(trunk.scope)  # What names mean depends on every log from now on.
        told, undo, history = _already(trunk), _nothing, self.history
        if base < trunk.seq:
            told, undo, history = split(registry, trunk, base, self.history)
        first = follow(self.fit.start, self.frame.records[: base + 2 - self.frame.first])[-1]
        try:
            branch = branch_of(trunk, first)
            # The log is divided for as long as this takes, so it is done at once.
            batch = _at_once(
                self._extend_untrusted(
                    branch, marked, refusal, history, split=(told, undo), ended=ended
                )
            )
        except Exception:
            undo()
            raise
        if not batch.records:
            undo()
        return batch

    def _extend_untrusted(
        self,
        log: LogState,
        marked: Sequence[MarkedPosition],
        refusal: Rejection | None,
        history: History,
        *,
        split: tuple[Split, Undo] | None = None,
        ended: bool,
    ) -> Generator[LogState, None, IngestBatch]:
        registry, frame = self.intake.registry, self.frame
        check = RunCheck.begin(registry, self.intake.rules, history, log)
        runs, marks = list[Run](), list[tuple[int, bytes]]()
        position, head, begin, problem = log.seq, log.head, log.seq + 1 - frame.first, ""
        try:
            for seq, marked_head, signature in marked:
                if signature is None:
                    marks.append((seq, marked_head))
                    continue
                walk = frame.records[position + 1 - frame.first : seq + 1 - frame.first]
                yield from (log for _ in check.walk_untrusted(head, walk))
                runs.append(Run(position + 1, seq, marked_head, signature))
                position, head = seq, marked_head
        except Exception as error:
            code = self._verdict(error)
            if code is None:
                check.revert()
                raise
            refusal, problem = self._refuse(log, head, position, check.failed_at, code), str(error)
        if not runs:
            return _empty(log, begin, refusal, problem, ended=ended)
        self.intake.refused.taken(log.root, position)
        if split is None:  # Otherwise the store does not know yet what is called how.
            yield from self._erase_held(log, check)
        told, undo = split or (None, _nothing)
        registry.journal.record(undo)
        done = commit(registry, log, check, Advance(position, head, check.hlc, check.past), told)
        return IngestBatch(
            log=log,
            new_log=done.new,
            records=frame.records[begin : position + 1 - frame.first],
            runs=tuple(runs),
            marks=tuple([mark for mark in marks if mark[0] < position]),
            pasts=tuple(check.pasts),
            seq=log.seq,
            head=log.head,
            hlc=log.hlc,
            duplicates=begin,
            rejection=refusal,
            problem=problem,
            split=told,
            erased=done.erased,
            idle=frozenset(by for _, _, by in check.spared),
            sealed=done.sealed,
            void=done.void,
            ratified=done.ratified,
            own_ended=ended or done.own_ended,
        )

    def _erase_held(self, log: LogState, check: RunCheck) -> Iterator[LogState]:
        """Erase what is held; what the frame itself brings is left."""
        held: dict[bytes, list[tuple[int, int]]] = {}
        brought: list[tuple[LogState, int, bytes]] = []
        for part, seq, engram in check.erased:
            if part is log and seq > log.seq:
                brought.append((part, seq, engram))
            else:
                held.setdefault(engram, []).append((part.n, seq))
        if self.erasing is not None and held:
            for _ in self.erasing(held):
                yield log
            check.erased[:] = brought
        yield log  # To store what was checked may take as long again.

    def _verdict(self, error: Exception) -> CloseCode | None:
        """The code with which a record that failed so is refused; None where it says nothing."""
        if isinstance(error, MissingDependencyError):
            builds = self.alone and self.intake.refused.any_in(self.fit.log.scope)
            return CloseCode.NOT_FOUND if builds else None
        return error.code if isinstance(error, WireError) else None

    def _refuse(
        self, log: LogState, head: bytes, position: int, at: int, code: CloseCode
    ) -> Rejection:
        """Remember record ``at``, which follows ``position`` with its ``head``, as refused."""
        records = self.frame.records[position + 1 - self.frame.first : at + 1 - self.frame.first]
        rejection = Rejection(log=log.id, seq=at, code=code)
        self.intake.refused.add(log.scope, log.root, follow(head, records)[-1], rejection)
        return rejection


def _at_once(steps: Generator[LogState, None, IngestBatch]) -> IngestBatch:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            batch: IngestBatch = end.value
            return batch


def open_log(
    registry: Registry, scope: bytes, domain: int, author: bytes, incarnation: bytes
) -> LogState:
    """The root of that name, not registered yet when nothing of its family is held."""
    root = root_log(scope, domain, author, incarnation)
    known = registry.log(root.id, scope)
    if known is None and domain == LogDomain.DATA:
        root.void_after = registry.scope(scope).voids.get((root.id, author))
    return known or root


def _already(trunk: LogState) -> Split:
    """What is told of one branch more, where a log is divided already."""
    return Split(trunk, trunk.seq, trunk.head, trunk.hlc, None)


def _nothing() -> None:
    """Undoes that nothing was divided."""


def _empty(
    log: LogState,
    duplicates: int,
    rejection: Rejection | None = None,
    problem: str = "",
    *,
    ended: bool = False,
) -> IngestBatch:
    return IngestBatch(
        log=log,
        new_log=False,
        records=(),
        runs=(),
        pasts=(),
        seq=log.seq,
        head=log.head,
        hlc=log.hlc,
        duplicates=duplicates,
        rejection=rejection,
        problem=problem,
        own_ended=ended,
    )
