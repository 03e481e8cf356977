"""The logs that this node writes: which it may continue, and what a new incarnation begins with."""

from engram_sync.host import Entropy
from engram_sync.ledger import NO_ENGRAM, Draft, IngestBatch, Ledger, LogState
from engram_sync.store import Transaction
from engram_wire import DEPS_MAX, SUPERSEDED_MAX, LogDomain, RecordKind, Superseded

INCARNATION_BYTES = 16

Place = tuple[bytes, int]
"""A scope and a domain: this node continues at most one log in each."""


def void_elsewhere_key(scope: bytes) -> str:
    """The meta key of a scope in which own records may be void that nobody has ratified."""
    return f"void elsewhere {scope.hex()}"


class OwnLogs:
    """The own logs that are continued.

    Args:
        ledger: All logs.
        key: The node's public key.
        entropy: Incarnations.
    """

    def __init__(self, ledger: Ledger, key: bytes, entropy: Entropy) -> None:
        self._ledger = ledger
        self.key = key
        """This node's public key."""
        self._entropy = entropy
        self._live: dict[Place, LogState] = {}
        self.void_elsewhere: set[bytes] = set()
        """Scopes in which another copy of this node has voided what this one wrote, or received."""

    def live(self) -> list[LogState]:
        """Every log that is continued."""
        return list(self._live.values())

    def is_live(self, log: LogState) -> bool:
        """Whether the next own record of its scope and domain goes to this log."""
        return self._live.get((log.scope, log.domain)) is log

    def save(self) -> dict[Place, LogState]:
        """What ``restore`` brings back."""
        return dict(self._live)

    def restore(self, saved: dict[Place, LogState]) -> None:
        """Continue what was continued when it was saved."""
        self._live = saved

    def resume(self, log: LogState) -> None:
        """Continue a log, whose continuity is proven."""
        self._ledger.claim(log)
        self._live[log.scope, log.domain] = log

    def end(self, log: LogState) -> None:
        """Never continue this log: the next record begins a new incarnation."""
        if self.is_live(log):
            del self._live[log.scope, log.domain]

    def current(self, scope: bytes, domain: int) -> LogState:
        """The log that the next own record goes to; a new incarnation if need be."""
        log = self._live.get((scope, domain))
        if log is None:
            incarnation = self._entropy(INCARNATION_BYTES)
            log = self._ledger.open_log(scope, domain, self.key, incarnation)
            self._live[scope, domain] = log
        return log

    def begin(self, scope: bytes, domain: int) -> LogState:
        """A new incarnation, whatever could be continued."""
        self._live.pop((scope, domain), None)
        return self.current(scope, domain)

    def aside(self, scope: bytes) -> LogState:
        """A data log that is not continued, for records on which nobody is to depend."""
        incarnation = self._entropy(INCARNATION_BYTES)
        return self._ledger.open_log(scope, LogDomain.DATA, self.key, incarnation)

    def may_void(self, log: LogState) -> bool:
        """Whether a log is one of this node's own data logs that did not fork."""
        own = log.author == self.key and log.domain == LogDomain.DATA
        return own and not log.children and log.parent is None

    def note_void(self, tx: Transaction, batch: IngestBatch) -> None:
        """Remember where received records say that own ones are void, or are void themselves."""
        log, records = batch.log, batch.records
        end = records[-1].seq if records else 0
        if log.author == self.key and (batch.void or log.stands(end) < end):
            self.void_elsewhere.add(log.scope)
            tx.put_meta(void_elsewhere_key(log.scope), b"1")

    def with_void_ends(self, scope: bytes) -> list[LogState]:
        """The data logs of this node's key of which something is void, branches too."""
        logs = self._ledger.logs(scope)
        own = [log for log in logs if log.author == self.key and log.domain == LogDomain.DATA]
        return [log for log in own if log.stands(log.seq) < log.seq]

    def seals(self, scope: bytes) -> list[Draft]:
        """What a new incarnation says first: that the data logs before it go no further.

        One with a void end is not sealed: others may hold less of it, or have said that they saw
        all of it, and a seal names the one position that all have seen.

        Args:
            scope: The scope.
        """
        ended = [
            log
            for log in self.data_logs(scope)
            if log.stands(log.seq) == log.seq > log.sealed and not self.is_live(log)
        ]
        named = [Superseded(0, log.id, log.seq) for log in ended]
        # The newest ones first: the log continues what its first record seals, which depends on
        # each of them by name.
        first, rest = named[-DEPS_MAX:], named[:-DEPS_MAX]
        starts = range(0, len(rest), SUPERSEDED_MAX)
        parts = [tuple(first)] if first else []
        parts += [tuple(rest[start : start + SUPERSEDED_MAX]) for start in starts]
        return [Draft(RecordKind.SEAL, NO_ENGRAM, (), part) for part in parts]

    def data_logs(self, scope: bytes) -> list[LogState]:
        """The data logs of this node's key that do not go on in branches; of those that are
        sealed, the ones that were needed.
        """
        return [
            log
            for log in self._ledger.logs(scope)
            if log.author == self.key and log.domain == LogDomain.DATA and not log.children
        ]
