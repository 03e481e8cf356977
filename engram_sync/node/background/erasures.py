"""How far erasures have got, by what the members claim."""

from collections.abc import Collection
from heapq import nlargest
from typing import NamedTuple

from engram_sync.api import ErasureStatus
from engram_sync.model.ids import engram_text, node_text
from engram_sync.node.core import Core
from engram_sync.node.limits import ERASURES_TOLD_MAX
from engram_sync.observe import printable
from engram_sync.store import Reader
from engram_sync.sync import ScopeView
from engram_wire import RecordKind, decode_superseded_untrusted


class Waiting(NamedTuple):
    """The erasures that some member of their scope has not confirmed."""

    told: list[ErasureStatus]
    """The newest of them, newest first."""
    number: int
    """How many there are."""


class _Unconfirmed(NamedTuple):
    """One erasure that some member has not confirmed."""

    asked: int
    """When it arrived here, in ms."""
    log: int
    seq: int
    scope: bytes


def erasures(core: Core, reader: Reader) -> Waiting:
    """Every erasure that some member of its scope has not confirmed: of many the newest."""
    number = 0
    found: list[_Unconfirmed] = []
    for view in tuple(core.scopes.values()):
        newest, some = reader.open_erasures(view.number, _members(core, view), ERASURES_TOLD_MAX)
        found += [_Unconfirmed(*one, view.scope) for one in newest]
        number += some
    found = nlargest(ERASURES_TOLD_MAX, found)
    told = [status for one in found if (status := _status(core, reader, one)) is not None]
    told.sort(key=lambda status: (-status.asked_at_ms, status.engram))
    return Waiting(told, number - len(found) + len(told))


def _members(core: Core, view: ScopeView) -> frozenset[bytes]:
    return view.readers | {core.key.public}


def _status(core: Core, reader: Reader, one: _Unconfirmed) -> ErasureStatus | None:
    log = reader.log(one.log)
    record = next(iter(reader.records(one.log, one.seq, one.seq)), None)
    if log is None or record is None or record.shape[0] != RecordKind.ERASE:
        return None
    view = core.scopes[one.scope]
    members = _members(core, view)
    confirmed = {receipt.key for receipt in reader.receipts(view.number, one.log, one.seq)}

    def names(keys: Collection[bytes]) -> tuple[str, ...]:
        labels = (printable(core.path.label(one.scope, key)) or node_text(key) for key in keys)
        return tuple(sorted(labels))

    named = decode_superseded_untrusted(record.superseded, kind=RecordKind.ERASE, puts=0)
    return ErasureStatus(
        engram=engram_text(record.engram),
        scope=one.scope.hex(),
        asked_at_ms=record.hlc >> 16,
        node=node_text(log.author),
        records=len(named),
        confirmed=names(confirmed & members),
        waiting=names(members - confirmed),
    )
