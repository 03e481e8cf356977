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
        MissingDependencyError: It is no signed position held of another log of the same scope.
    """
    log = registry.at_head(head)
    if log is not None:
        place = Place(log, log.seq)
    else:
        found = history.position_of(of.scope, head)
        if found is None:
            raise MissingDependencyError(of.id, seq, head)
        place = Place(registry.by_number(found[0]), found[1])
    if place.log is of or place.log.scope != of.scope:
        raise MissingDependencyError(of.id, seq, head)
    return place


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
