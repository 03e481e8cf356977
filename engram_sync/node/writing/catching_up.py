"""What waits of a memory is shown before anybody acts on it; where that is much, in many jobs."""

from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Transaction


class StillWaitsError(Exception):
    """More waits of a memory than one job may show."""

    def __init__(self, scope: bytes) -> None:
        super().__init__(f"much waits in scope {scope.hex()[:16]}")
        self.scope = scope


class CatchUp:
    """What one call has to see: what had arrived of a scope when the call first looked at it.

    Args:
        path: The write path.
    """

    def __init__(self, path: WritePath) -> None:
        self._path = path
        self._until: dict[bytes, int] = {}

    def require(self, tx: Transaction, scope: bytes, engram: bytes) -> None:
        """Show what waits of one engram.

        Raises:
            StillWaitsError: It is too much for this job: after some slices, try again.
        """
        number = self._path.ledger.scope_number(scope)
        until = self._until.setdefault(scope, tx.last_arrival(number))
        if not self._path.show_waiting(tx, scope, engram):
            row = tx.scope(number)
            if row is not None and row.materialised < until:
                raise StillWaitsError(scope)
