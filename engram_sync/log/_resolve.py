"""From the ids that records name to positions held, and to what lies behind those."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engram_wire import Record, extend

from ._errors import MissingDependencyError, SignedPosition
from ._past import Past, decode_past
from ._registry import LogState, Registry
from ._views import History


class Place(NamedTuple):
    """A signed position held."""

    log: LogState
    seq: int

    def hlc(self, history: History) -> int:
        """Clock of the record there."""
        if self.seq == self.log.seq:
            return self.log.hlc
        return history.records(self.log.n, self.seq, self.seq)[0].hlc

    def past(self, history: History) -> Past:
        """What the position has behind it in other logs."""
        if self.seq == self.log.seq:
            return self.log.past
        return decode_past(history.past(self.log.n, self.seq))

    def seen(self, history: History) -> Mapping[int, int]:
        """The same as a vector that includes the position itself."""
        return {**self.past(history).seen, self.log.n: self.seq}


def place_of_untrusted(
    registry: Registry, history: History, of: LogState, seq: int, head: bytes
) -> Place:
    """The position that record ``seq`` of log ``of`` names by ``head``.

    Raises:
        MissingDependencyError: It is no position held of another log of the same scope.
    """
    log = registry.at_head(head)
    if log is not None:
        place = Place(log, log.seq)
    else:
        found = history.position_of(of.scope, head)
        place = (
            _inside_a_run_untrusted(registry, history, of, seq, head)
            if found is None
            else Place(registry.by_number(found[0]), found[1])
        )
    if place.log is of or place.log.scope != of.scope:
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
        before, done = log.id, 0
        while log is not of and done < log.seq:
            run = history.signed_after(log.n, done + 1) or SignedPosition(log.seq, log.head, b"")
            if run.seq > done + 1:
                heads = follow(before, history.records(log.n, done + 1, run.seq - 1))
                if head in heads:
                    return Place(log, done + 1 + heads.index(head))
            before, done = run.head, run.seq
    raise MissingDependencyError(of.id, seq, head)


def head_at(log: LogState, seq: int, history: History) -> bytes:
    """Chain head of ``log`` at a position held, signed or not."""
    if seq == log.seq:
        return log.head
    if seq == 0:
        return log.id
    signed = history.signed_before(log.n, seq) or SignedPosition(0, log.id, b"")
    if signed.seq == seq:
        return signed.head
    return follow(signed.head, history.records(log.n, signed.seq + 1, seq))[-1]


def follow(head: bytes, records: Sequence[Record]) -> list[bytes]:
    """The chain head after each of ``records``, which follow ``head``."""
    heads: list[bytes] = []
    for record in records:
        head = extend(head, record)
        heads.append(head)
    return heads
