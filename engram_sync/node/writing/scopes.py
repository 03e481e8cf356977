"""Taking up a scope: its row, and that new memories go to it."""

from engram_sync.api import Scope
from engram_sync.errors import CorruptError
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Transaction


def add_scope(
    tx: Transaction, path: WritePath, scope: bytes, kind: Scope, secret: bytes, *, current: bool
) -> int:
    """Add an empty scope to the store and the ledger under one number."""
    number = tx.put_scope(scope, str(kind), secret, current=current)
    if path.ledger.add_scope(scope, number) != number:
        raise CorruptError(f"scope {number} of the store has another number in the ledger")
    return number
