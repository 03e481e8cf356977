"""What the ledger asks of the charters and of the store, answered inside one transaction."""

from collections.abc import Sequence

from engram_sync.ledger import Ledger, SignedPosition
from engram_sync.store import Reader, RunRow
from engram_wire import Record


class StoredHistory:
    """``engram_sync.ledger.History`` over one transaction of the store."""

    def __init__(self, reader: Reader, ledger: Ledger) -> None:
        self._reader = reader
        self._ledger = ledger

    def now_from(self, reader: Reader) -> None:
        """Read from another transaction from now on."""
        self._reader = reader

    def position_of(self, scope: bytes, head: bytes) -> tuple[int, int] | None:
        """(log number, seq) of the marked position ``head`` of ``scope``; None when not held."""
        return self._reader.position_of(self._ledger.scope_number(scope), head)

    def signed_before(self, log: int, seq: int) -> SignedPosition | None:
        """The newest signed position at or before ``seq``; None when there is none."""
        return _position(self._reader.run_before(log, seq))

    def records(self, log: int, first: int, last: int) -> Sequence[Record]:
        """Records ``first`` to ``last``, both included, in order."""
        return self._reader.records(log, first, last)

    def past(self, log: int, seq: int) -> bytes | None:
        """The newest encoded past stored for ``log`` at or before ``seq``."""
        return self._reader.past(log, seq)

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        """How many clocks of ``engram`` the records of ``log`` up to ``until`` have taken."""
        return self._reader.clocks(engram, log, until)

    def taker(self, engram: bytes, log: int, clock: int) -> tuple[int, Record] | None:
        """The record of ``log`` that took a clock of ``engram``, and the first clock it took."""
        return self._reader.taker(engram, log, clock)

    def engram_at(self, log: int, seq: int) -> bytes | None:
        """The engram of a record held of log ``log``; None when it is not held."""
        return self._reader.engram_at(log, seq)


def _position(run: RunRow | None) -> SignedPosition | None:
    return None if run is None else SignedPosition(run.last, run.head, run.signature)
