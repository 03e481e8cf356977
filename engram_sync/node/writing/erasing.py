"""What an erasure names: every record of a memory that its caller saw."""

from engram_sync.errors import DeniedError
from engram_sync.ledger import Draft
from engram_sync.membership import MemberRole
from engram_sync.memory.read import CallerView
from engram_sync.memory.state import is_applied
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Reader
from engram_wire import (
    SUPERSEDED_MAX,
    Record,
    RecordKind,
    Superseded,
    clocks_taken,
    parse_shape_untrusted,
)


def erasing(
    reader: Reader, path: WritePath, key: bytes, seen: CallerView, own_log: bytes
) -> list[Draft]:
    """The records that erase what the caller saw of a memory.

    An edit that it had not seen keeps its values, as it survives a delete.

    Args:
        reader: The store.
        path: The write path.
        key: This node's public key.
        seen: What the caller saw.
        own_log: Id of the log that will carry the records.

    Raises:
        DeniedError: Somebody else wrote a part, and this node does not lead the scope.
    """
    scope = seen.state.scope
    leads = path.role(scope.id, key) is MemberRole.LEADER
    logs = {row.n: row for row in reader.logs()}
    reached: dict[int, int] = {}
    names: list[Superseded] = []
    strangers: set[bytes] = set()
    for n, record in reader.stream_of(scope.n, seen.state.engram):
        log = logs[n]
        reached[n] = reached.get(n, 0) + _clocks(record)
        if not is_applied(record):
            continue
        if not reader.counts(n, record.seq):
            # Nobody sees it, so nobody wants to keep it.
            if key == log.author or leads:
                names.append(Superseded(0, None if log.id == own_log else log.id, record.seq))
            continue
        if reached[n] > seen.clock.get(log.id, 0):
            continue
        names.append(Superseded(0, None if log.id == own_log else log.id, record.seq))
        if log.author != key:
            strangers.add(log.author)
    if strangers and not leads:
        who = ", ".join(sorted(path.label(scope.id, key) or key.hex()[:16] for key in strangers))
        raise DeniedError(
            f"{who} wrote parts of memory {seen.text}, and only they or a leader may erase those",
            hint=f"hide it with: engram-sync forget {seen.text}",
        )
    names.sort(key=lambda name: (name.log or b"", name.clock))
    return [
        Draft(
            RecordKind.ERASE,
            seen.state.engram,
            (),
            tuple(names[start : start + SUPERSEDED_MAX]),
        )
        for start in range(0, len(names), SUPERSEDED_MAX)
    ]


def _clocks(record: Record) -> int:
    return clocks_taken(parse_shape_untrusted(record.shape), record.superseded)
