"""The memberships of all scopes, as the ledger asks for them."""

from collections.abc import Callable, Iterable

from engram_sync.errors import CorruptError
from engram_sync.ledger import PlacedRecord
from engram_wire import Record, WireError, extend

from ._charter import MemberRole
from ._membership import Membership


class Charters:
    """Implements ``ledger.Rules``: the ledger applies membership records as it takes them.

    After a restart the stored ones are given back through ``restore``.
    """

    def __init__(self) -> None:
        self._memberships: dict[bytes, Membership] = {}
        self._tips: dict[bytes, bytes] = {}
        """Log id to the newest head that ``restore`` has seen."""

    def of(self, scope: bytes) -> Membership:
        """The membership of a scope; empty while nothing of it is held."""
        membership = self._memberships.get(scope)
        if membership is None:
            membership = self._memberships[scope] = Membership(scope)
        return membership

    def may_write(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bool:
        """Whether ``author`` is Member or Leader at those heads."""
        membership = self.of(scope)
        role = membership.role_at(heads, author)
        may = role is not None and role >= MemberRole.MEMBER
        return may and membership.can_be_relied_on(heads)

    def leads(self, scope: bytes, author: bytes) -> bool:
        """Whether what ``author`` writes about members counts, or counted once."""
        return self.of(scope).is_authority(author)

    def leads_at(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bool:
        """Whether ``author`` is a leader at those heads."""
        return self.of(scope).role_at(heads, author) is MemberRole.LEADER

    def counts_until(
        self,
        scope: bytes,
        author: bytes,
        root: bytes,
        begins: Callable[[], tuple[bytes, ...]],
        within: Callable[[int, bytes], int],
    ) -> int:
        """How far a log of ``author`` counts now; ``SEQ_MAX`` for all of it."""
        membership = self.of(scope)
        return membership.cuts.limit(
            author,
            root,
            lambda: membership.seen(begins()),
            lambda cutoff: within(cutoff.seq, cutoff.head),
        )

    def agent_at(self, scope: bytes, heads: tuple[bytes, ...], author: bytes) -> bytes:
        """The agent that ``author`` writes for, as those heads know it."""
        return self.of(scope).agent_at(heads, author)

    def agent_of(self, scope: bytes, author: bytes) -> bytes:
        """The agent that ``author`` writes for, as far as is known now."""
        return self.of(scope).agent_of(author)

    def apply_untrusted(self, placed: PlacedRecord) -> Callable[[], None]:
        """Take one record; see ``Membership.apply_untrusted``."""
        return self.of(placed.scope).apply_untrusted(placed)

    def restore(
        self,
        scope: bytes,
        author: bytes,
        log: bytes,
        records: Iterable[Record],
        *,
        begins: bytes | None = None,
    ) -> None:
        """Give back stored records of a membership log, in the order in which they arrived.

        Args:
            scope: The scope.
            author: The log's author.
            log: The log's id.
            records: Those that follow what was restored of the log before.
            begins: The head that the log's first record follows; None for the log's own id.  A
                branch begins at the head of the log that it branched off.

        Raises:
            CorruptError: They are not what the ledger once accepted.
        """
        for record in records:
            previous = self._tips.get(log, begins or log)
            head = extend(previous, record)
            try:
                self.apply_untrusted(PlacedRecord(scope, author, previous, record, head))
            except WireError as error:
                raise CorruptError(
                    f"stored membership record {record.seq} of log {log.hex()[:16]} is not valid: "
                    f"{error}",
                    hint="copy the home aside, then restore it from a backup",
                ) from error
            self._tips[log] = head


def readers(membership: Membership) -> frozenset[bytes]:
    """Everybody for whom anything that depends on the scope may leave.

    This is the one place that decides visibility; it asks the newest membership state.  Where that
    says what this version does not know, it may be that somebody was put out: so nobody is left.
    """
    return membership.readers() if membership.newer is None else frozenset()
