"""Whether a record may supersede the dots that it names."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from engram_crdt import Dot
from engram_wire import (
    InvalidRecordError,
    Record,
    RecordKind,
    Shape,
    Superseded,
    decode_superseded_untrusted,
)

from ._limits import DOTS_PER_STEP
from ._logs import LogState
from ._puts import Put, PutIndex, Taker
from ._resolver import ReferenceResolver

OWN_SLOT_PREFIXES = ("o/", "b/")
"""Collections in which each agent replaces only its own entries."""

COUNTER_PREFIX = "c/"
"""Collections in which each log replaces only its own entries: with one slot per agent, two of its
nodes that count at once would lose or double an increment."""


class ReferenceContext(NamedTuple):
    """What the references of one record are checked against."""

    named: ReferenceResolver
    puts: PutIndex
    """Those of its engram before it."""
    log_of: Callable[[bytes], LogState]
    """The log of an id that ``named`` has returned; the record's own too."""

    def find_untrusted(self, dot: Dot) -> tuple[Put, LogState]:
        """What took ``dot``, which ``named`` has returned, and in which log.

        Raises:
            InvalidRecordError: Nothing in the record's past and engram did.
        """
        log = self.log_of(dot.log)
        put = self.puts.find(log, dot.clock)
        self._check_seen_untrusted(dot, log, put.seq)
        return put, log

    def taker_untrusted(self, dot: Dot) -> tuple[Taker, LogState]:
        """The record that took ``dot``, and its log; raises what ``find_untrusted`` does."""
        log = self.log_of(dot.log)
        taker = self.puts.taker(log, dot.clock)
        self._check_seen_untrusted(dot, log, taker.seq)
        return taker, log

    def _check_seen_untrusted(self, dot: Dot, log: LogState, seq: int) -> None:
        if not self.named.own(log) and seq > self.named.seen(log):
            raise InvalidRecordError(
                f"dot {dot.clock} of log {dot.log.hex()[:16]} is not in the record's past"
            )


def check_dots_untrusted(
    record: Record, shape: Shape, context: ReferenceContext, same_agent: Callable[[LogState], bool]
) -> Iterator[None]:
    """Check every dot that ``record`` supersedes, some at every step.

    Args:
        record: A record of a kind that supersedes dots.
        shape: Its shape.
        context: What its references mean.
        same_agent: Whether the author of a log writes for the record's agent.

    Raises:
        WireError: A dot is not in the record's past, engram, collection or slot.
    """
    dots = decode_superseded_untrusted(
        record.superseded, kind=shape.kind, puts=len(shape.collections)
    )
    found = _Found()
    for number, dot in enumerate(dots, 1):
        if not number % DOTS_PER_STEP:
            yield
        if shape.kind == RecordKind.DELETE:
            _check_until_untrusted(dot, context)
        else:
            if not found.took(dot):
                found = _found_untrusted(dot, context, same_agent)
            _check_put_untrusted(dot, shape.collections, found)


class _Found(NamedTuple):
    """A record whose dots are superseded: those of one record mostly come one after the other."""

    name: bytes | None = None
    """What its log is called."""
    first: int = 0
    """Its first clock as the superseding record writes it."""
    collections: tuple[str, ...] = ()
    own: bool = False
    """Whether its log is one that the record continues."""
    same_agent: bool = False

    def took(self, dot: Superseded) -> bool:
        return dot.log == self.name and 0 <= dot.clock - self.first < len(self.collections)


def _found_untrusted(
    dot: Superseded, context: ReferenceContext, same_agent: Callable[[LogState], bool]
) -> _Found:
    meant = context.named.dot(dot.log, dot.clock)
    taker, log = context.taker_untrusted(meant)
    if not taker.collections:
        raise InvalidRecordError("inserted text is superseded, which only an edit deletes")
    first = taker.first + dot.clock - meant.clock
    own = context.named.own(log)
    return _Found(dot.log, first, taker.collections, own, own or same_agent(log))


def _check_put_untrusted(dot: Superseded, names: tuple[str, ...], found: _Found) -> None:
    collection = found.collections[dot.clock - found.first]
    if dot.op < len(names) and names[dot.op] != collection:
        raise InvalidRecordError(f"a put to {names[dot.op]} supersedes a {collection}")
    if found.own:
        return
    if collection.startswith(COUNTER_PREFIX):
        raise InvalidRecordError(f"another log's {collection} is superseded")
    if collection.startswith(OWN_SLOT_PREFIXES) and not found.same_agent:
        raise InvalidRecordError(f"another agent's {collection} is superseded")


def _check_until_untrusted(dot: Superseded, context: ReferenceContext) -> None:
    """A delete removes the engram, so it takes dots of every agent and of every slot."""
    parts = context.named.until(dot.log, dot.clock)
    if not parts:
        raise InvalidRecordError("a delete of no dots")
    log, clock = parts[-1]
    context.find_untrusted(Dot(log, clock - 1))
