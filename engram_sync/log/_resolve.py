"""From the ids that records name to positions held, and to what lies behind those."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engram_wire import Record, extend

from ._errors import MissingDependencyError, SignedPosition
from ._logs import LogState
from ._past import NOTHING, Past, decode_past
from ._registry import Registry
from ._views import History


class Place(NamedTuple):
    """A position held."""

    registry: Registry
    log: LogState
    """The log that holds the record, not a branch of it."""
    seq: int

    def hlc(self, history: History) -> int:
        """Clock of the record there."""
        if self.seq == self.log.seq:
            return self.log.hlc
        return history.records(self.log.n, self.seq, self.seq)[0].hlc

    def past(self, history: History) -> Mapping[int, int]:
        """How far the position has seen other logs, those of its path included."""
        past = past_at(self.registry, self.log, self.seq, history).seen
        path = path_seen(self.log)
        return {**past, **path} if path else past

    def seen(self, history: History) -> Mapping[int, int]:
        """The same as a vector that includes the position itself."""
        return {**self.past(history), self.log.n: self.seq}


def path_seen(log: LogState) -> Mapping[int, int]:
    """What every position of ``log`` has behind it because it is a branch."""
    if log.parent is None:
        return NOTHING
    return {trunk.n: trunk.seq for trunk in log.path()[:-1] if trunk.seq}


def past_at(registry: Registry, log: LogState, seq: int, history: History) -> Past:
    """The past of a position of ``log`` or of a log on its path."""
    owner: LogState | None = log.owner(seq)
    while owner is not None:
        if seq == owner.seq:
            return owner.past
        data = history.past(owner.n, seq) if owner.n else None
        if data is not None:
            past = decode_past(data)
            return registry.settled(past) if registry.scope(log.scope).branches else past
        seq, owner = owner.base, owner.parent
    return Past()


def place_of_untrusted(
    registry: Registry, history: History, of: LogState, seq: int, head: bytes
) -> Place:
    """The position that record ``seq`` of log ``of`` names by ``head``.

    Raises:
        MissingDependencyError: It is no position held of another log of the same scope.
    """
    log = registry.at_head(head)
    if log is not None:
        place = Place(registry, log, log.seq)
    else:
        found = history.position_of(of.scope, head)
        place = (
            _inside_a_run_untrusted(registry, history, of, seq, head)
            if found is None
            else Place(registry, registry.by_number(found[0]), found[1])
        )
    if place.log.root == of.root or place.log.scope != of.scope:
        raise MissingDependencyError(of.id, seq, head)
    return place


def _inside_a_run_untrusted(
    registry: Registry, history: History, of: LogState, seq: int, head: bytes
) -> Place:
    """The position ``head`` where it is held without a signature of its own.

    A relay can drop every signature but the last one of a frame, and nobody can see that.  What
    the author signed must be found all the same: otherwise one relay could keep all records that
    name it away from a node, for ever.  Costs a walk over the chains of the scope, where the
    peer's session would have ended.
    """
    for log in registry.scope(of.scope).logs.values():
        if log.root == of.root:
            continue
        before, done = _origin(log), log.base
        while done < log.seq:
            run = history.signed_after(log.n, done + 1) or SignedPosition(log.seq, log.head, b"")
            if run.seq > done + 1:
                heads = follow(before, history.records(log.n, done + 1, run.seq - 1))
                if head in heads:
                    return Place(registry, log, done + 1 + heads.index(head))
            before, done = run.head, run.seq
    raise MissingDependencyError(of.id, seq, head)


def _origin(log: LogState) -> bytes:
    """The head that the first record of ``log`` follows."""
    return log.id if log.parent is None else log.parent.head


def head_at(log: LogState, seq: int, history: History) -> bytes:
    """Chain head at a position held of ``log`` or of its path, signed or not."""
    log = log.owner(seq)
    if seq == log.seq:
        return log.head
    if seq == log.base:
        return _origin(log)
    signed = history.signed_before(log.n, seq)
    before, head = (log.base, _origin(log)) if signed is None else signed[:2]
    if before == seq:
        return head
    return follow(head, history.records(log.n, before + 1, seq))[-1]


def follow(head: bytes, records: Sequence[Record]) -> list[bytes]:
    """The chain head after each of ``records``, which follow ``head``."""
    heads: list[bytes] = []
    for record in records:
        head = extend(head, record)
        heads.append(head)
    return heads
