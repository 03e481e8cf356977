"""What becomes of a memory that was brought to another agent, or from there, when one is erased.

Whoever erases a memory means what it says, and not one of two places where this node keeps it.
"""

from engram_sync.errors import LocalError
from engram_sync.memory.read import find_exact, observe
from engram_sync.memory.state import Snapshot
from engram_sync.memory.write import forget
from engram_sync.model.ids import engram_text
from engram_sync.node.writing.brought import counterparts, take_due
from engram_sync.node.writing.catching_up import CatchUp
from engram_sync.node.writing.erasing import erasing
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Transaction

ERASED_AT_ONCE = 64
"""Memories whose counterparts are erased in one commit."""
REASON = "it was erased in another agent"


def erase_counterparts(path: WritePath, key: bytes, tx: Transaction, shown: CatchUp) -> None:
    """Erase the first counterparts that are due; one that may not be is reported and stays."""
    for erased in take_due(tx, ERASED_AT_ONCE):
        for scope, engram in counterparts(tx, erased):
            try:
                shown.require(tx, scope, engram)
                _erase(path, key, tx, scope, engram)
            except LocalError as error:
                path.report(
                    f"counterpart {engram.hex()}",
                    f"memory {engram_text(erased)} is erased, and {engram_text(engram)}, which says"
                    f" the same in another agent, is not: {error.message}",
                )


def _erase(path: WritePath, key: bytes, tx: Transaction, scope: bytes, engram: bytes) -> None:
    row = tx.scope(path.ledger.scope_number(scope))
    assert row is not None, "the ledger knows only scopes that are stored"
    now = Snapshot(tx, path.logs)
    held, state = tx.engram(row.n, engram), find_exact(now, row, engram)
    if held is None or state is None or tx.erased(held.log, [held.seq]):
        return  # Its beginning is erased: so is the rest, or this node may not.
    seen = observe(now, state, None)
    own = path.own_log(scope).id
    drafts = erasing(tx, path, key, seen, own)
    if not seen.is_deleted():
        drafts = [*forget(seen, REASON, own), *drafts]
    path.write(tx, scope, drafts)
