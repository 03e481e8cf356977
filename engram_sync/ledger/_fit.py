"""Where a frame fits on what is held of its author's history."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from engram_wire import Frame, MarkedPosition, SignatureError, verify_frame_untrusted

from ._errors import GapError
from ._limits import CANDIDATES_MAX
from ._logs import LogState
from ._resolve import follow, head_at
from ._views import History


class Fit(NamedTuple):
    """The common part of a frame and of what is held."""

    log: LogState
    """The log that holds the last common position."""
    position: int
    """That position; the one before the frame when nothing of it is held."""
    start: bytes
    """Head before the frame."""
    marked: Sequence[MarkedPosition]
    """The frame's marked positions, proven."""

    @property
    def diverges(self) -> bool:
        """Whether what follows is another continuation than those held."""
        return self.position < self.log.seq or bool(self.log.children)


def fit_untrusted(log: LogState, frame: Frame, history: History) -> Fit:
    """Verify a frame and find how far it repeats what is held.

    Args:
        log: The family's root, or the branch that the sender calls it.
        frame: The frame.
        history: What is stored.

    Raises:
        GapError: It starts beyond the next record.
        SignatureError: It follows nothing that is held, or is not signed by the author.
    """
    before = frame.first - 1
    refused: SignatureError | None = None
    for candidate in _candidates(log, before):
        start = head_at(candidate, before, history)
        try:
            marked = verify_frame_untrusted(frame, log.author, start)
        except SignatureError as error:
            refused = error
            continue
        if frame.first > candidate.seq and not candidate.children:
            return Fit(candidate, before, start, marked)
        return _descend(Fit(candidate, before, start, marked), frame, history)
    if refused is not None:
        raise refused
    held = max(part.seq for part in log.family())
    raise GapError(log.id, held=held, first=frame.first)


def _candidates(log: LogState, position: int) -> Iterator[LogState]:
    """The logs that hold ``position``: the only one on the path, or several branches of it."""
    if position <= log.seq:
        yield log.owner(position)
        return
    found = (part for part in log.family() if part.base < position <= part.seq)
    yield from islice(found, CANDIDATES_MAX)


def _descend(fit: Fit, frame: Frame, history: History) -> Fit:
    """Follow the frame over the forks that are known, up to where it leaves what is held."""
    log, position = fit.log, fit.position
    last = frame.first + len(frame.records) - 1
    heads = _Heads(fit, frame)
    while True:
        end = min(log.seq, last)
        if head_at(log, end, history) != heads.at(end):
            held = follow(heads.at(position), history.records(log.n, position + 1, end))
            pairs = enumerate(held, position + 1)
            position = next(seq for seq, head in pairs if head != heads.at(seq)) - 1
            return fit._replace(log=log, position=position)
        position = end
        onward = log.children if end < last else {}
        branch = onward.get(heads.at(end + 1)) if onward else None
        if branch is None:
            return fit._replace(log=log, position=position)
        log = branch


class _Heads:
    """The chain heads of a frame; those without a signature are computed when first asked for."""

    def __init__(self, fit: Fit, frame: Frame) -> None:
        self._frame = frame
        self._start = fit.start
        self._known = {seq: head for seq, head, _ in fit.marked}
        self._known[frame.first - 1] = fit.start
        self._whole = False

    def at(self, seq: int) -> bytes:
        if seq not in self._known and not self._whole:
            heads = follow(self._start, self._frame.records)
            self._known.update(enumerate(heads, self._frame.first))
            self._whole = True
        return self._known[seq]
