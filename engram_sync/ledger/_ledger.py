"""The ledger: the heads of all logs of all scopes, and the only way to move one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from engram_crdt import VectorClock
from engram_wire import Announcement, ClockEntry, Frame, LogDomain, Record, Rejection, WireError

from ._author import author
from ._batches import AuthoredBatch, Draft, Erasure, IngestBatch
from ._check import RunCheck
from ._commit import set_live
from ._endings import begins, counts_until
from ._ingest import Erasing, FrameIngest, Taking, open_log
from ._journal import UndoPoint
from ._lineage import depth_of
from ._logs import LogFork, LogState
from ._registry import Registry
from ._resolver import ScopeNames
from ._views import Archive, History, Rules

_NO_CLOCKS: Mapping[bytes, int] = MappingProxyType({})


class Ledger:
    """Every log held, in memory; rebuilt from the store's rows when a node opens.

    It runs where the store's transactions run: synchronous, one thread.  Each batch it returns is
    stored by the caller before the next call.  When a transaction fails, ``rollback`` returns the
    ledger to exactly what it was.

    Args:
        rules: What the charters allow.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._registry = Registry()
        self._intake = FrameIngest(self._registry, rules)

    # -- rebuilding --------------------------------------------------------------------------

    def read_from(self, archive: Archive) -> None:
        """Look up sealed logs there until the next call: for the time of a transaction."""
        self._registry.read_from(archive)

    def add_scope(
        self, scope: bytes, n: int | None = None, sealed: tuple[int, int] = (0, 0)
    ) -> int:
        """Register a scope under the store's number ``n``, or under the next free one.

        Args:
            scope: Its id.
            n: The number.
            sealed: How many sealed logs the archive has of it, which need not be registered, and
                the sum of their terms.

        Returns:
            The scope's number; the old one when it was registered already.
        """
        return self._registry.open_scope(scope, n, sealed)

    def number_after(self, n: int) -> None:
        """Give no new log a number up to ``n``."""
        self._registry.number_after(n)

    def add_log(
        self,
        n: int,
        log: bytes,
        scope: bytes,
        announcement: Announcement,
        *,
        seq: int,
        head: bytes,
        hlc: int,
        parent: int | None = None,
        base: int = 0,
        sealed: int = 0,
        follows: int = 0,
        until: int = 0,
    ) -> LogState:
        """Register a log as the store holds it; logs come in the order of their numbers.

        Args:
            n: Its local number.
            log: Its id.
            scope: Id of its scope, which is registered.
            announcement: Its domain, author, incarnation and branch; the ref is ignored.
            seq: Its newest position.
            head: The head there.
            hlc: The clock there.
            parent: Number of the log that it branches off, which may come later; None for a root.
            base: The last position of that log.
            sealed: Where its author has sealed it; 0 without a seal.
            follows: Number of the newest log that its first record seals, which need not be
                registered where there is an archive; 0 for none.
            until: The position at which it seals that log.
        """
        named = announcement
        state = LogState(
            *(n, log, scope, named.domain, named.author, named.incarnation, seq, head, hlc),
            root=log,
            past=None,
            base=base,
            branch=named.branch,
            sealed=sealed,
            follows=follows,
            until=until,
        )
        self.add(state, parent)
        return state

    def add(self, log: LogState, parent: int | None) -> None:
        """The same for a log that was made already."""
        self._registry.add(log, parent)

    def add_void(self, scope: bytes, log: bytes, author: bytes, last: int) -> None:
        """Register what the store knows to be void of a log, after the logs themselves."""
        self._registry.scope(scope).void(log, author, last)

    def claim(self, log: LogState) -> None:
        """Say that this node continues ``log``, because the witness has proven that it may.

        What it writes itself is claimed already.
        """
        set_live(self._registry, log, live=True)

    # -- reading -----------------------------------------------------------------------------

    def scopes(self) -> Iterator[bytes]:
        """Ids of all scopes."""
        return self._registry.scopes()

    def scope_number(self, scope: bytes) -> int:
        """The local number of a scope.

        Raises:
            NotFoundError: It is not registered.
        """
        return self._registry.scope(scope).n

    def logs(self, scope: bytes) -> list[LogState]:
        """The logs of the scope: all that may go on, and of the sealed ones those in memory."""
        return list(self._registry.scope(scope).logs.values())

    def all_logs(self, scope: bytes) -> list[LogState]:
        """Every log of the scope of which something is held; those sealed are read for it."""
        self._registry.read_all(scope)
        return self.logs(scope)

    def lineage(self, log: LogState) -> tuple[int, int]:
        """Depth and jump of a log, as the archive keeps them."""
        depth = depth_of(log, self._registry.by_number)
        return depth, log.jump

    def log_by_id(self, scope: bytes, log: bytes) -> LogState | None:
        """The log of that id; None when nothing of it is held."""
        return self._registry.log(log, scope)

    def void_after(self, scope: bytes, log: bytes, author: bytes) -> int | None:
        """The last position that stands of an author's log, held or not; None: nothing is void."""
        return self._registry.scope(scope).voids.get((log, author))

    def counts_until(self, log: LogState, history: History) -> int:
        """The last position of a held log that leaders let count; ``SEQ_MAX`` for all of it."""
        return counts_until(self._registry, self._rules, history, log)

    def begins(self, log: LogState, history: History) -> tuple[bytes, ...]:
        """The membership heads that the first record of a held log's family relies on."""
        return begins(log, history)

    def erasure(self, log: LogState, record: Record, history: History) -> Erasure:
        """What an erasure that is held erases, and what it spares, as far as is known now."""
        check = RunCheck.again(self._registry, self._rules, history, log, record.seq)
        try:
            return check.erasure_untrusted(record)
        except WireError:  # What is void is held whether it is valid or not.
            return Erasure(frozenset(), frozenset())

    def log_by_number(self, n: int) -> LogState:
        """The log of that local number, which the ledger has handed out."""
        return self._registry.by_number(n)

    def open_log(self, scope: bytes, domain: int, author: bytes, incarnation: bytes) -> LogState:
        """The log of that name; not registered, with nothing held, when it is new.

        Raises:
            NotFoundError: The scope is not registered.
        """
        return open_log(self._registry, scope, domain, author, incarnation)

    def clock(self, scope: bytes) -> tuple[ClockEntry, ...]:
        """Every log of the scope that may go on with its newest position, sorted by log id."""
        return self._registry.clocks(scope).open

    def sealed(self, scope: bytes) -> tuple[ClockEntry, ...]:
        """Every log that is held exactly to its seal, in no particular order.

        Some may be missing until ``read_sealed`` was called.
        """
        return self._registry.clocks(scope).closed.entries

    def read_sealed(self, scope: bytes) -> None:
        """Have the positions of all sealed logs in memory from now on, to compare them."""
        self._registry.read_positions(scope)

    def sealed_summary(self, scope: bytes) -> tuple[int, bytes]:
        """How many logs ``sealed`` has, and their digest."""
        return self._registry.scope(scope).sealed_summary()

    def positions(self, scope: bytes) -> tuple[ClockEntry, ...]:
        """Every log, sealed or not, with its newest position, sorted by log id."""
        clocks = self._registry.clocks(scope)
        if not clocks.closed.entries:
            return clocks.open
        return tuple(sorted(clocks.open + clocks.closed.entries, key=lambda entry: entry.log))

    def clock_digest(self, scope: bytes) -> bytes:
        """Equal on two nodes exactly when their positions are, and what is sealed of them."""
        return self._registry.clocks(scope).digest

    def version(self, scope: bytes) -> VectorClock:
        """The positions as counts: log id to newest seq."""
        return VectorClock({entry.log: entry.seq for entry in self.positions(scope)})

    def forks(self, scope: bytes) -> list[LogFork]:
        """Every author's history of the scope that has more than one continuation."""
        return [
            LogFork(log.root, log.author, log.seq, tuple(sorted(log.children.values(), key=_by_id)))
            for log in sorted(self._registry.scope(scope).trunks.values(), key=_by_id)
        ]

    def names(self, scope: bytes) -> ScopeNames | None:
        """What the references of the scope's records mean; None while nothing of it is forked.

        Then every reference means the log that it names.
        """
        if not self._registry.scope(scope).branches:
            return None
        return ScopeNames(self._registry)

    def standing_head(self, log: LogState, before: int, history: History) -> tuple[int, bytes]:
        """(seq, head) of the newest signed position of a log before one; (0, its id) for none."""
        signed = history.signed_before(log.n, before - 1)
        return (0, log.id) if signed is None else (signed.seq, signed.head)

    def frontier(self, log: LogState, history: History) -> list[bytes]:
        """Sorted heads outside ``log`` that have everything held of its domain in their past."""
        tips = self._registry.tips(log.scope, log.domain, history)
        return sorted(tip.head for tip in tips if tip is not log)

    def membership_heads(self, scope: bytes, history: History) -> list[bytes]:
        """Sorted newest heads of the scope's membership logs."""
        tips = self._registry.tips(scope, LogDomain.MEMBERS, history)
        return sorted(tip.head for tip in tips)

    def refused(self) -> Iterable[Rejection]:
        """The records refused, newest last: nothing that follows one is accepted."""
        return self._intake.refused

    @property
    def waits(self) -> bool:
        """Whether any of them only build on others; may be asked from any thread."""
        return self._intake.refused.waiting > 0

    # -- moving ------------------------------------------------------------------------------

    def author(
        self,
        log: LogState,
        drafts: Sequence[Draft],
        *,
        now_ms: int,
        salts: Sequence[bytes],
        secret_key: bytes,
        auth: Sequence[bytes] = (),
        clocks: Mapping[bytes, int] = _NO_CLOCKS,
        heads: Sequence[bytes] | None = None,
        history: History,
    ) -> AuthoredBatch:
        """Append ``drafts`` to an own log and sign them.

        The first record names everything held of the scope and not seen by this log yet; join
        records precede it when that is more than 64 heads.  The last record is signed, and so is
        one at least every 256 records and every 128 KiB.

        Args:
            log: From ``open_log``.
            drafts: At least one.
            now_ms: Wall time.
            salts: 16 fresh bytes for each draft.
            secret_key: The author's 64 bytes.
            auth: Membership heads to rely on; ignored for a membership log.
            clocks: By engram, the largest clock that the drafts' author has seen of it; the clock
                of each record lies above it.
            heads: Sorted heads to name; None for everything held and not seen yet.
            history: What is stored, read for drafts that supersede.

        Raises:
            UsageError: A draft breaks a limit or a rule, or the log is forked; nothing was changed.
            DeniedError: The author may not write at those membership heads.
        """
        return author(
            self._registry,
            self._rules,
            log,
            drafts,
            now_ms=now_ms,
            salts=salts,
            secret_key=secret_key,
            auth=auth,
            clocks=clocks,
            heads=heads,
            history=history,
        )

    def ingest_untrusted(
        self, announcement: Announcement, scope: bytes, frame: Frame, *, history: History
    ) -> IngestBatch:
        """Take one decoded frame of the announced log.

        What is held already is skipped.  What differs from it is another branch of the log, and
        the batch tells how to divide the log.  A record that is invalid ends its branch: the runs
        before it are kept, and the batch carries the rejection to tell the sender.

        Raises:
            GapError: The frame starts beyond the next record.
            SignatureError: It does not follow what is held, or is not signed by the author.
            MissingDependencyError: It names a position that was not sent before it.
            InvalidRecordError: There is no such log domain.
        """
        return self.taking(announcement, scope, frame).all_untrusted(history)

    def taking(
        self,
        announcement: Announcement,
        scope: bytes,
        frame: Frame,
        erasing: Erasing | None = None,
    ) -> Taking:
        """The same in steps, with other work between them; see ``Taking`` for ``erasing``."""
        return Taking(self._intake, announcement, scope, frame, erasing)

    # -- transactions ------------------------------------------------------------------------

    def checkpoint(self) -> UndoPoint:
        """A moment to roll back to.  Drop it once the transaction has committed."""
        return self._registry.journal.checkpoint()

    def rollback(self, checkpoint: UndoPoint) -> None:
        """Undo everything since ``checkpoint``, in the rules too; refusals stay."""
        self._registry.journal.rollback(checkpoint)


def _by_id(log: LogState) -> bytes:
    return log.id
