"""Whether a record may supersede the dots that it names."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from engram_crdt import Dot
from engram_wire import (
    INSERTED_TEXT,
    InvalidRecordError,
    Record,
    RecordKind,
    Shape,
    Superseded,
    decode_superseded_untrusted,
)

from ._limits import DOTS_PER_STEP
from ._logs import LogState
from ._names import Named
from ._puts import Put, PutIndex

OWN_SLOT_PREFIXES = ("o/", "b/")
"""Collections in which each agent replaces only its own entries."""

COUNTER_PREFIX = "c/"
"""Collections in which each log replaces only its own entries: with one slot per agent, two of its
nodes that count at once would lose or double an increment."""


class Context(NamedTuple):
    """What the references of one record are checked against."""

    named: Named
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
        if not self.named.own(log) and put.seq > self.named.seen(log):
            raise InvalidRecordError(
                f"dot {dot.clock} of log {dot.log.hex()[:16]} is not in the record's past"
            )
        return put, log


def check_dots_untrusted(
    record: Record, shape: Shape, context: Context, same_agent: Callable[[LogState], bool]
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
    names = shape.collections
    dots = decode_superseded_untrusted(record.superseded, kind=shape.kind, puts=len(names))
    for number, dot in enumerate(dots, 1):
        if not number % DOTS_PER_STEP:
            yield
        if shape.kind == RecordKind.DELETE:
            _check_until_untrusted(dot, context)
            continue
        found = context.named.dot(dot.log, dot.clock)
        put, log = context.find_untrusted(found)
        collection = put.collection
        if collection == INSERTED_TEXT:
            raise InvalidRecordError("inserted text is superseded, which only an edit deletes")
        if dot.op < len(names) and names[dot.op] != collection:
            raise InvalidRecordError(f"a put to {names[dot.op]} supersedes a {collection}")
        if context.named.own(log):
            continue
        if collection.startswith(COUNTER_PREFIX):
            raise InvalidRecordError(f"another log's {collection} is superseded")
        if collection.startswith(OWN_SLOT_PREFIXES) and not same_agent(log):
            raise InvalidRecordError(f"another agent's {collection} is superseded")


def _check_until_untrusted(dot: Superseded, context: Context) -> None:
    """A delete removes the engram, so it takes dots of every agent and of every slot."""
    parts = context.named.until(dot.log, dot.clock)
    if not parts:
        raise InvalidRecordError("a delete of no dots")
    log, clock = parts[-1]
    context.find_untrusted(Dot(log, clock - 1))
