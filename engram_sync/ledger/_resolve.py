"""From the ids that records name to positions held, and to what lies behind those."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engram_wire import Record, extend

from ._errors import MissingDependencyError
from ._lineage import NamedPosition
from ._logs import LogState
from ._past import Past, decode_past
from ._registry import Registry
from ._views import History


class HeldPosition(NamedTuple):
    """A position held."""

    registry: Registry
    log: LogState
    """The log that holds the record, not a branch of it."""
    seq: int

    def position(self, history: History) -> NamedPosition:
        """The same with what it has behind it."""

        def past() -> Mapping[int, int]:
            return past_at(self.registry, self.log, self.seq, history).seen

        return NamedPosition(self.log, self.seq, past)


def past_at(registry: Registry, log: LogState, seq: int, history: History) -> Past:
    """The past of a position of ``log`` or of a log on its path."""
    owner: LogState | None = log.owner(seq)
    while owner is not None:
        if seq == owner.seq:
            return registry.pasts.of(owner, history)
        data = history.past(owner.n, seq) if owner.n else None
        if data is not None:
            past = decode_past(data)
            return registry.pasts.settled(past) if registry.scope(log.scope).branches else past
        seq, owner = owner.base, owner.parent
    return Past()


def place_of_untrusted(
    registry: Registry, history: History, of: LogState, seq: int, head: bytes
) -> HeldPosition:
    """The position that record ``seq`` of log ``of`` names by ``head``.

    Raises:
        MissingDependencyError: It is no marked position held of another log of the same scope.
    """
    log = registry.at_head(head)
    # A trunk ends where its branches begin, which need not be a marked position.
    if log is not None and not log.children:
        place = HeldPosition(registry, log, log.seq)
    else:
        found = history.position_of(of.scope, head)
        if found is None:
            raise MissingDependencyError(of.id, seq, head)
        place = HeldPosition(registry, registry.by_number(found[0]), found[1])
    if place.log.root == of.root or place.log.scope != of.scope:
        raise MissingDependencyError(of.id, seq, head)
    return place


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
