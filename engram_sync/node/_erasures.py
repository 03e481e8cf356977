"""How far erasures have got, by what the members claim."""

from collections.abc import Iterator

from engram_sync.memory import engram_text, node_text
from engram_sync.node._core import Core
from engram_sync.observe import printable
from engram_sync.results import ErasureStatus
from engram_sync.store import LogRow, Reader
from engram_wire import Record, RecordKind, decode_superseded_untrusted


def erasures(core: Core, reader: Reader) -> list[ErasureStatus]:
    """Every erasure that some member of its scope has not confirmed, newest first."""
    found = [status for status in _all(core, reader) if status.waiting]
    return sorted(found, key=lambda status: (-status.asked_at_ms, status.engram))


def _all(core: Core, reader: Reader) -> Iterator[ErasureStatus]:
    for view in tuple(core.scopes.values()):
        confirmed: dict[tuple[int, int], set[bytes]] = {}
        for receipt in reader.receipts(view.number):
            confirmed.setdefault((receipt.log, receipt.seq), set()).add(receipt.key)
        readers = view.readers | {core.key.public}
        for (n, seq), keys in confirmed.items():
            log = reader.log(n)
            record = next(iter(reader.records(n, seq, seq)), None)
            if log is not None and record is not None and record.shape[0] == RecordKind.ERASE:
                yield _status(core, view.scope, log, record, keys & readers, readers - keys)


def _status(
    core: Core,
    scope: bytes,
    log: LogRow,
    record: Record,
    confirmed: frozenset[bytes] | set[bytes],
    waiting: frozenset[bytes] | set[bytes],
) -> ErasureStatus:
    def names(keys: frozenset[bytes] | set[bytes]) -> tuple[str, ...]:
        labels = (printable(core.path.label(scope, key)) or node_text(key) for key in keys)
        return tuple(sorted(labels))

    named = decode_superseded_untrusted(record.superseded, kind=RecordKind.ERASE, puts=0)
    return ErasureStatus(
        engram=engram_text(record.engram),
        scope=scope.hex(),
        asked_at_ms=record.hlc >> 16,
        node=node_text(log.author),
        records=len(named),
        confirmed=names(confirmed),
        waiting=names(waiting),
    )
