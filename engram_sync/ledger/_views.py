"""What the ledger asks of others: the store for the past, the charters for what is allowed."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from engram_wire import ClockEntry, Record

from ._errors import SignedPosition
from ._limits import SEALED_LOGS_MAX
from ._logs import LogState


class History(Protocol):
    """Reads of what is stored, inside the caller's transaction.

    The caller stores every batch before the next call of the ledger, so the store holds exactly
    what the ledger has handed out.  Logs are named by their local number; of a branch only what
    follows its base is asked for.
    """

    def position_of(self, scope: bytes, head: bytes) -> tuple[int, int] | None:
        """(log number, seq) of the marked position ``head`` of ``scope``; None when not held."""
        ...

    def signed_before(self, log: int, seq: int) -> SignedPosition | None:
        """The newest signed position at or before ``seq``; None when there is none."""
        ...

    def records(self, log: int, first: int, last: int) -> Sequence[Record]:
        """Records ``first`` to ``last``, both included, in order."""
        ...

    def past(self, log: int, seq: int) -> bytes | None:
        """The newest encoded past stored for ``log`` at or before ``seq``.

        For a branch without one: None, or that of its parent; both will do.
        """
        ...

    def clocks(self, engram: bytes, log: int, until: int | None = None) -> int:
        """How many clocks of ``engram`` the records of ``log`` up to ``until`` have taken."""
        ...

    def taker(self, engram: bytes, log: int, clock: int) -> tuple[int, Record] | None:
        """The record of ``log`` that took a clock of ``engram``, and the first clock it took.

        Nobody looks at its payload, nor at the hash of that.
        """
        ...

    def engram_at(self, log: int, seq: int) -> bytes | None:
        """The engram of a record held of log ``log``; None when it is not held."""
        ...


class PlacedRecord(NamedTuple):
    """A record of a membership log and its place in the chain."""

    scope: bytes
    author: bytes
    """Key of the log's author."""
    previous: bytes
    """Head before the record: the id of the one before it; of its log when it is the first."""
    record: Record
    head: bytes
    """Head after the record: its id."""


class Rules(Protocol):
    """What the charters of the scopes allow.

    Every answer about validity depends on the membership records that the named heads have in
    their past, never on what else has arrived.
    """

    def may_write(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bool:
        """Whether ``author`` is Member or Leader at those membership heads."""
        ...

    def leads(self, scope: bytes, author: bytes) -> bool:
        """Whether ``author`` is a leader now; only for what to name, never for what is valid."""
        ...

    def leads_at(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bool:
        """Whether ``author`` is a leader at those membership heads."""
        ...

    def counts_until(
        self,
        scope: bytes,
        author: bytes,
        root: bytes,
        begins: Callable[[], tuple[bytes, ...]],
        within: Callable[[int, bytes], int],
    ) -> int:
        """How far a log of ``author`` counts now; ``SEQ_MAX`` for all of it.

        Never for what is valid: it changes with what arrives.

        Args:
            scope: Id of the scope.
            author: Who writes the log.
            root: Name of its family.
            begins: The membership heads that the family's first record relies on.
            within: How far the log goes along with a signed position (seq, head) of its family.
        """
        ...

    def agent_at(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bytes:
        """The agent that ``author`` writes for, as those heads know it.

        Equal for all nodes of one agent.
        """
        ...

    def apply_untrusted(self, placed: PlacedRecord) -> Callable[[], None]:
        """Take one record of a membership log, whose dependencies are applied already.

        Returns:
            What undoes exactly this; undone in reverse order.

        Raises:
            WireError: The record is not valid at its place.
        """
        ...


class Archive(Protocol):
    """The logs of the store, inside the caller's transaction; each is made anew when asked for."""

    def by_number(self, n: int) -> LogState | None:
        """The log of that number."""
        ...

    def by_id(self, scope: bytes, log: bytes) -> LogState | None:
        """The log of that id; None when it is not held in ``scope``."""
        ...

    def of_scope(self, scope: bytes) -> Iterable[LogState]:
        """Every log of a scope."""
        ...

    def sealed(self, scope: bytes) -> Iterable[ClockEntry]:
        """The position of every log of a scope that is held exactly to its seal."""
        ...


class Visitors:
    """Logs that were read from the archive and are in memory only while there is room.

    One that changes stays until the node is opened again: the archive may not follow at once.
    """

    def __init__(self) -> None:
        self._logs: OrderedDict[int, LogState] = OrderedDict()

    def came(self, log: LogState) -> None:
        """``log`` was read."""
        self._logs[log.n] = log

    def needed(self, log: LogState) -> None:
        """``log`` was asked for again, if it is one of them."""
        if log.n in self._logs:
            self._logs.move_to_end(log.n)

    def stays(self, log: LogState) -> None:
        """``log`` is no visitor any more."""
        self._logs.pop(log.n, None)

    def surplus(self) -> list[LogState]:
        """Those that there is no room for, which are visitors no more."""
        number = max(0, len(self._logs) - SEALED_LOGS_MAX)
        return [self._logs.popitem(last=False)[1] for _ in range(number)]
