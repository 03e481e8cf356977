"""What ends something, or undoes that: payloads, logs that are finished, void or cut off."""

from collections.abc import Callable, Generator

from engram_wire import (
    InvalidRecordError,
    LogDomain,
    Record,
    RecordKind,
    decode_auth_untrusted,
    decode_superseded_untrusted,
)

from ._dots import ReferenceContext
from ._limits import DOTS_PER_STEP, NO_ENGRAM
from ._logs import LogState
from ._registry import Registry
from ._resolver import ReferenceResolver
from ._views import History, Rules


def check_erase_untrusted(
    record: Record, own: LogState, context: ReferenceContext, leads: Callable[[], bool]
) -> Generator[None, None, list[tuple[LogState, int]]]:
    """Check an erasure, some of it at every step; its author erases own payloads, and a leader
    anybody's.

    Args:
        record: A record of kind ERASE.
        own: Its log.
        context: What its references mean.
        leads: Whether its author leads the scope at the membership heads in force.

    Returns:
        (log, seq) of each record that it erases.

    Raises:
        WireError: A record is not in its past and engram, or somebody else's.
    """
    erased: list[tuple[LogState, int]] = []
    items = decode_superseded_untrusted(record.superseded, kind=RecordKind.ERASE, puts=0)
    for number, item in enumerate(items, 1):
        if not number % DOTS_PER_STEP:
            yield
        part = context.named.part(item.log, item.clock)
        seen = record.seq - 1 if context.named.own(part) else context.named.seen(part)
        if item.clock > seen or not context.puts.holds(part, item.clock):
            raise InvalidRecordError(
                f"record {item.clock} of log {part.id.hex()[:16]} is not in the past and engram "
                "of its erasure"
            )
        if part.author != own.author and not leads():
            raise InvalidRecordError("somebody who does not lead erases what another one wrote")
        erased.append((part, item.clock))
    return erased


def check_seal_untrusted(
    record: Record, own: LogState, named: ReferenceResolver
) -> Generator[None, None, list[tuple[LogState, int]]]:
    """Check a seal, some of it at every step: a promise about logs of one's own, exactly as long as
    the record knows them.

    Args:
        record: A record of kind SEAL.
        own: Its log.
        named: What its references mean.

    Returns:
        (log, seq) of each log that it ends.

    Raises:
        WireError: A log is not the author's own, or its end not in the record's past.
    """
    if record.engram != NO_ENGRAM:
        raise InvalidRecordError("a seal in an engram")
    sealed: list[tuple[LogState, int]] = []
    items = decode_superseded_untrusted(record.superseded, kind=RecordKind.SEAL, puts=0)
    for number, item in enumerate(items, 1):
        if not number % DOTS_PER_STEP:
            yield
        part = named.part(item.log, item.clock)
        if part.author != own.author or part.domain != LogDomain.DATA:
            raise InvalidRecordError("a seal of a log that is not its author's own data log")
        if named.ends(part) != item.clock:
            raise InvalidRecordError(
                f"a seal of log {part.id.hex()[:16]} at {item.clock}, which its past has up to "
                f"{named.ends(part)}"
            )
        sealed.append((part, item.clock))
    return sealed


def check_void_untrusted(
    record: Record, own: LogState, named: ReferenceResolver
) -> Generator[None, None, list[tuple[bytes, int]]]:
    """Check a void, some of it at every step: what follows a position of a log of one's own is not
    to count.

    Args:
        record: A record of kind VOID.
        own: Its log.
        named: What its references mean.

    Returns:
        (log id, last position that stands) of each.  A log that is void from its beginning need
        not be held, and may turn out to be another author's: then the void is of nothing.

    Raises:
        WireError: A position is not in the record's past, or not of the author's own data log.
    """
    if record.engram != NO_ENGRAM:
        raise InvalidRecordError("a void in an engram")
    void: list[tuple[bytes, int]] = []
    items = decode_superseded_untrusted(record.superseded, kind=RecordKind.VOID, puts=0)
    for number, item in enumerate(items, 1):
        if not number % DOTS_PER_STEP:
            yield
        if not item.clock:
            void.append((item.log or own.id, 0))  # The column names no log by 0.
            continue
        part = named.part(item.log, item.clock)
        if part.author != own.author or part.domain != LogDomain.DATA or named.own(part):
            raise InvalidRecordError("a void of a log that is not another own data log")
        if item.clock > named.seen(part):
            raise InvalidRecordError(
                f"a void of log {part.id.hex()[:16]} after {item.clock}, which its past has up to "
                f"{named.seen(part)}"
            )
        void.append((part.id, item.clock))
    return void


def check_ratify_untrusted(
    record: Record, own: LogState, context: ReferenceContext
) -> Generator[None, None, list[tuple[LogState, int]]]:
    """Check which records a ratify names, some at every step; whether each of them is valid is left
    to the caller.

    Args:
        record: A record of kind RATIFY.
        own: Its log.
        context: What its references mean.

    Returns:
        (log, seq) of each.

    Raises:
        WireError: One is not a record of another data log of the author's own, in the past and
            engram of the ratify.
    """
    if record.engram == NO_ENGRAM:
        raise InvalidRecordError("a ratify of no engram")
    ratified: list[tuple[LogState, int]] = []
    items = decode_superseded_untrusted(record.superseded, kind=RecordKind.RATIFY, puts=0)
    for number, item in enumerate(items, 1):
        if not number % DOTS_PER_STEP:
            yield
        part = context.named.part(item.log, item.clock)
        if part.author != own.author or part.domain != LogDomain.DATA or context.named.own(part):
            raise InvalidRecordError("a ratify of a log that is not another own data log")
        if item.clock > context.named.seen(part) or not context.puts.holds(part, item.clock):
            raise InvalidRecordError(
                f"record {item.clock} of log {part.id.hex()[:16]} is not in the past and engram "
                "of its ratify"
            )
        ratified.append((part, item.clock))
    return ratified


def counts_until(
    registry: Registry, rules: Rules, history: History, log: LogState, first: Record | None = None
) -> int:
    """The last position of a log that leaders let count, as far as is known now; ``SEQ_MAX`` for
    all of it.

    Args:
        registry: All logs.
        rules: What leaders have cut off.
        history: The store.
        log: The log.
        first: Its first record, where that is not held yet.
    """

    def within(seq: int, head: bytes) -> int:
        place = history.position_of(log.scope, head)
        if place is None:
            return seq  # Whose continuation it is, is not known yet.
        number, held = place
        return held if log in registry.by_number(number).path() else 0

    return rules.counts_until(
        log.scope, log.author, log.root, lambda: begins(log, history, first), within
    )


def begins(log: LogState, history: History, first: Record | None = None) -> tuple[bytes, ...]:
    """The membership heads that the first record of a log's family relies on."""
    record = first or history.records(log.owner(1).n, 1, 1)[0]
    return decode_auth_untrusted(record.auth) or ()
