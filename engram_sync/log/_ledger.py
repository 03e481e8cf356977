"""The ledger: the heads of all logs of all scopes, and the only way to move one."""

from collections.abc import Iterable, Iterator, Sequence

from engram_crdt import VectorClock
from engram_wire import Announcement, ClockEntry, Frame, LogDomain, Rejection

from ._author import author
from ._batches import AuthoredBatch, Draft, IngestBatch
from ._ingest import Intake, open_log
from ._journal import Checkpoint
from ._past import decode_past
from ._registry import LogState, Registry
from ._resolve import head_at
from ._views import History, Rules


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
        self._intake = Intake(self._registry, rules)

    # -- rebuilding --------------------------------------------------------------------------

    def add_scope(self, scope: bytes, n: int | None = None) -> int:
        """Register a scope under the store's number ``n``, or under the next free one.

        Returns:
            The scope's number; the old one when it was registered already.
        """
        return self._registry.open_scope(scope, n)

    def add_log(
        self,
        n: int,
        scope: bytes,
        announcement: Announcement,
        *,
        seq: int,
        head: bytes,
        hlc: int,
        past: bytes | None,
    ) -> LogState:
        """Register a log as the store holds it.

        Args:
            n: Its local number.
            scope: Id of its scope, which is registered.
            announcement: Its domain, author and incarnation; the ref is ignored.
            seq: Its newest position.
            head: The head there.
            hlc: The clock there.
            past: The newest past stored for it.

        Raises:
            CorruptError: ``past`` is not what the ledger handed out.
        """
        domain, key = announcement.domain, announcement.author
        log = open_log(self._registry, scope, domain, key, announcement.incarnation)
        log.n, log.seq, log.head, log.hlc, log.past = n, seq, head, hlc, decode_past(past)
        self._registry.add(log)
        return log

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
        """Every log of the scope of which something is held."""
        return list(self._registry.scope(scope).logs.values())

    def log_by_id(self, scope: bytes, log: bytes) -> LogState | None:
        """The log of that id; None when nothing of it is held."""
        return self._registry.log(log, scope)

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
        """Every log of the scope with its newest signed position, sorted by log id."""
        return self._registry.clock(scope)

    def clock_digest(self, scope: bytes) -> bytes:
        """Equal on two nodes exactly when their clocks are."""
        return self._registry.clock_digest(scope)

    def version(self, scope: bytes) -> VectorClock:
        """The clock as counts: log id to newest seq."""
        return VectorClock({entry.log: entry.seq for entry in self._registry.clock(scope)})

    def frontier(self, log: LogState) -> list[bytes]:
        """Sorted heads outside ``log`` that have everything held of its domain in their past."""
        tips = self._registry.tips(log.scope, log.domain)
        return sorted(tip.head for tip in tips if tip is not log)

    def membership_heads(self, scope: bytes) -> list[bytes]:
        """Sorted newest heads of the scope's membership logs."""
        return sorted(tip.head for tip in self._registry.tips(scope, LogDomain.MEMBERS))

    def refused(self) -> Iterable[Rejection]:
        """The logs of which nothing more is accepted, with the position that ended them."""
        return self._intake.refused.values()

    def contradictions(
        self, scope: bytes, clock: Iterable[ClockEntry], *, history: History
    ) -> list[ClockEntry]:
        """Entries of a peer's clock that are on another branch of a log than what is held here.

        Nothing can be sent after such a position, nor received from it.
        """
        found: list[ClockEntry] = []
        for entry in clock:
            log = self._registry.log(entry.log, scope)
            if log is None or not 0 < entry.seq <= log.seq:
                continue
            if head_at(log, entry.seq, history) != entry.head:
                found.append(entry)
        return found

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
        history: History,
    ) -> AuthoredBatch:
        """Append ``drafts`` to an own log and sign them.

        The first record names everything held of the scope and not seen by this log yet; join
        records precede it when that is more than 64 heads.  What is from the future is left out:
        it is not named, and dots that it put are not superseded.  The last record is signed, and
        so is one at least every 256 records and every 128 KiB.

        Args:
            log: From ``open_log``.
            drafts: At least one.
            now_ms: Wall time.
            salts: 16 fresh bytes for each draft.
            secret_key: The author's 64 bytes.
            auth: Membership heads to rely on; ignored for a membership log.
            history: What is stored, read for drafts that supersede.

        Raises:
            UsageError: A draft breaks a limit or a rule; nothing was changed.
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
            history=history,
        )

    def ingest_untrusted(
        self, announcement: Announcement, scope: bytes, frame: Frame, *, history: History
    ) -> IngestBatch:
        """Take one decoded frame of the announced log.

        What is held already is skipped.  A record that is invalid ends the log: the runs before it
        are kept, and the batch carries the rejection to tell the sender.

        Raises:
            GapError: The frame starts beyond the next record.
            SignatureError: It does not follow what is held, or is not signed by the author.
            ForkDetected: It contradicts what is held; the log is refused from here on.
            MissingDependencyError: It names a position that was not sent before it.
            InvalidRecordError: There is no such log domain.
        """
        log = self._intake.log_of_untrusted(announcement, scope)
        return self._intake.take_untrusted(log, frame, history)

    # -- transactions ------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """A moment to roll back to.  Drop it once the transaction has committed."""
        return self._registry.journal.checkpoint()

    def rollback(self, checkpoint: Checkpoint) -> None:
        """Undo everything since ``checkpoint``, in the rules too; refusals stay."""
        self._registry.journal.rollback(checkpoint)
