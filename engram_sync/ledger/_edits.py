"""Whether an edit touches only text that its author had seen."""

from collections.abc import Callable, Generator, Iterator

from engram_crdt import Dot
from engram_wire import (
    SUPERSEDED_MAX,
    InvalidRecordError,
    Record,
    Reference,
    Span,
    decode_edit_untrusted,
)

from ._dots import ReferenceContext
from ._limits import DOTS_PER_STEP, EDITED_CLOCKS_MAX
from ._logs import LogState
from ._puts import Put

GENERATION_COLLECTION = "r/body"
"""Each element of it begins a text."""


def check_edit_untrusted(
    record: Record,
    own: LogState,
    puts: int,
    context: ReferenceContext,
    generation_of: Callable[[bytes, Put], Dot],
) -> Generator[None, None, Dot]:
    """Check what an edit refers to, some of it at every step.

    Args:
        record: A record of kind EDIT.
        own: Its log.
        puts: How many it has: one per insert.
        context: What its references mean.
        generation_of: The generation of inserted text, by its log.

    Returns:
        The generation.

    Raises:
        WireError: Something is not text of that generation in the record's past and engram.
    """
    edit = decode_edit_untrusted(record.superseded, puts)
    generation = context.named.dot(*edit.generation)
    found, _ = context.find_untrusted(generation)
    if found.collection != GENERATION_COLLECTION:
        raise InvalidRecordError(f"an edit of a {found.collection}")
    first = context.puts.count(own)
    text = _Text(context, generation, generation_of, own.id, first)
    for insert in edit.inserts:
        yield
        for origin in (insert.left, insert.right):
            if origin is not None:
                text.check_origin_untrusted(origin)
        text.end += insert.length
    for span in edit.deletes:
        yield from text.check_span_untrusted(span)
    if text.end > EDITED_CLOCKS_MAX:
        raise InvalidRecordError(f"a log takes {text.end} clocks of one engram with edits")
    return generation


class _Text:
    """The text of one generation as a record finds it, and what it has inserted so far."""

    def __init__(
        self,
        context: ReferenceContext,
        generation: Dot,
        generation_of: Callable[[bytes, Put], Dot],
        own: bytes,
        first: int,
    ) -> None:
        self._context = context
        self._generation = generation
        self._generation_of = generation_of
        self._own = own
        self._first = first
        self.end = first
        """The author's own clocks from here on are not taken yet."""
        self._deleted_from = 0

    def check_origin_untrusted(self, origin: Reference) -> None:
        self._stretch_untrusted(self._context.named.dot(*origin))

    def check_span_untrusted(self, span: Span) -> Iterator[None]:
        clock, last = span.clock, span.clock + span.length
        while clock < last:
            # One record each time: a short span over many costs as much as it reaches.
            self._deleted_from += 1
            if self._deleted_from > SUPERSEDED_MAX:
                raise InvalidRecordError(
                    f"an edit deletes text of more than {SUPERSEDED_MAX} records"
                )
            if not self._deleted_from % DOTS_PER_STEP:
                yield
            clock += self._stretch_untrusted(self._context.named.dot(span.log, clock))

    def _stretch_untrusted(self, dot: Dot) -> int:
        """How many clocks from ``dot`` on are text of this generation too; at least one."""
        if dot.log == self._own and self._first <= dot.clock < self.end:
            return self.end - dot.clock
        put, _ = self._context.find_untrusted(dot)
        if put.generation is None or self._generation_of(dot.log, put) != self._generation:
            raise InvalidRecordError(
                f"dot {dot.clock} of log {dot.log.hex()[:16]} is no text of the edited generation"
            )
        return put.clock + put.length - dot.clock
