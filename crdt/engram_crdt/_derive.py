"""From a change to the Yjs update that every receiver derives for itself."""

from collections.abc import Callable, Iterable

from ._dots import Change, Dot, Element, TextEdit, client_id
from ._entry import entry_heads
from ._errors import DocumentError
from ._limits import CLIENT_MAX, CLOCK_MAX, HASH_BYTES, LOG_BYTES, SPAN_UNITS_MAX
from ._yjs import Block, Ranges, encode_gap, encode_item, encode_update


def check_change(change: Change) -> None:
    """Check all of a change that its encoding does not check.

    Raises:
        DocumentError: A size or a number is out of range, or a value is empty.
    """
    if len(change.log) != LOG_BYTES or len(change.payload_hash) != HASH_BYTES:
        raise DocumentError("a change names a log and a payload hash of 32 bytes each")
    if change.seq >> 63 or change.hlc >> 63:
        raise DocumentError(f"record {change.seq} at clock {change.hlc} is out of range")
    if not 0 <= change.skipped <= CLOCK_MAX:
        raise DocumentError(f"record {change.seq} skips {change.skipped} clocks")
    if b"" in [value for _, value in change.puts]:
        raise DocumentError(f"record {change.seq} puts an empty value")
    for log, clock in (*change.removed, *change.until):
        if len(log) != LOG_BYTES or not 0 <= clock <= CLOCK_MAX:
            raise DocumentError(f"record {change.seq} removes {log.hex()[:8]}:{clock}")
    if change.edit is not None:
        _check_edit(change.seq, change.edit)


def _check_edit(seq: int, edit: TextEdit) -> None:
    spans = [(dot, 1) for insert in edit.inserts for dot in (insert.left, insert.right) if dot]
    for (log, clock), length in [(edit.generation, 1), *spans, *edit.deletes]:
        if len(log) != LOG_BYTES or clock < 0 or clock + length > CLOCK_MAX:
            raise DocumentError(f"record {seq} edits {log.hex()[:8]}:{clock}")
    lengths = [insert.length for insert in edit.inserts] + [size for _, size in edit.deletes]
    if not all(1 <= length <= SPAN_UNITS_MAX for length in lengths):
        raise DocumentError(f"record {seq} edits a span of other than 1 to {SPAN_UNITS_MAX} units")


def removals_of(change: Change) -> list[tuple[bytes, int, int]]:
    """Return all that a change removes, as (log, first clock, end), sorted and joined."""
    spans = [(log, clock, clock + 1) for log, clock in change.removed]
    spans += [(log, 0, until) for log, until in change.until]
    if change.edit is not None:
        spans += [(dot.log, dot.clock, dot.clock + n) for dot, n in change.edit.deletes]
    joined: list[tuple[bytes, int, int]] = []
    for span in sorted(spans):
        log, first, end = joined[-1] if joined else span
        if span[0] == log and first <= span[1] <= end:
            joined[-1:] = [(log, first, max(end, span[2]))]
        else:
            joined.append(span)
    return joined


def encode_change(change: Change, client: int, clock: int, removed: Ranges) -> bytes:
    """Encode a change's puts from ``clock`` on, and the removals already translated."""
    held, owed = entry_heads(change.hlc, change.payload_hash, change.seq)
    structs = [
        encode_item(client, put_clock, collection, owed if value is None else held + value)
        for put_clock, (collection, value) in enumerate(change.puts, clock)
    ]
    if change.edit is not None and change.edit.inserts:
        # Where text stands follows from all of it, so it joins the document when that is
        # exported.  Until then its clocks are taken.
        structs.append(encode_gap(sum(insert.length for insert in change.edit.inserts)))
    if change.skipped:
        structs.append(encode_gap(change.skipped))
    return encode_update([Block(client, clock, structs)], removed)


def derive_update(
    engram: bytes,
    change: Change,
    client: int,
    clock: int,
    *,
    client_of: Callable[[bytes], int] | None = None,
) -> bytes:
    """Derive the Yjs update (version 1) of one change.

    Units of text only take their clocks: where they stand follows from the whole text.

    Args:
        engram: Engram id, 16 bytes.
        change: The change; all that it removes must have been put before.
        client: Client id of the change's log in this engram.
        clock: Clock of its first put.
        client_of: Client id of each other log that the change names; without it, the one that
            the log asks for.

    Returns:
        The bytes a document made of this change alone encodes to, when nothing is removed.

    Raises:
        DocumentError: The change is malformed.
    """
    check_change(change)
    removed: dict[int, list[tuple[int, int]]] = {}
    for log, first, end in removals_of(change):
        if log == change.log:
            owner = client
        else:
            owner = client_of(log) if client_of else client_id(engram, log)
        if first < end:
            removed.setdefault(owner, []).append((first, end - first))
    return encode_change(change, client, clock, removed)


def elements_of_one(
    engram: bytes,  # noqa: ARG001 (part of the interface: every read names its engram)
    change: Change,
) -> list[Element]:
    """Return the elements of an engram that has exactly one record, without a document.

    Most engrams are never edited; for those this is the whole of reading them.

    Args:
        engram: Engram id; elements do not depend on it, documents do.
        change: The only change, well formed.

    Returns:
        What a document with this change alone would return.
    """
    log, seq, hlc, puts, payload_hash, removed, until, _, _ = change
    elements = [
        Element(collection, Dot(log, clock), hlc, value, payload_hash, seq)
        for clock, (collection, value) in enumerate(puts)
    ]
    if removed or until:
        floor = max((first for owner, first in until if owner == log), default=0)
        dead = set(removed)
        elements = [e for e in elements if e.dot.clock >= floor and e.dot not in dead]
    elements.sort()
    return elements


def assign_clients(
    engram: bytes, logs: Iterable[bytes], client_of: Callable[[bytes, bytes], int]
) -> dict[bytes, int]:
    """Give each log its client id: the one it asks for, or the next that is free.

    Logs choose in the order of their ids, so the result depends on the set of logs alone.
    """
    clients: dict[bytes, int] = {}
    taken: set[int] = set()
    for log in sorted(logs):
        client = client_of(engram, log)
        while client in taken:
            client = client % CLIENT_MAX + 1
        clients[log] = client
        taken.add(client)
    return clients
