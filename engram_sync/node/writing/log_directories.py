"""The directories of logs: one for the writer, one for jobs that read an earlier state."""

from collections.abc import Callable
from functools import partial

from engram_sync.ledger import Ledger, ScopeNames
from engram_sync.memory.state import LogDirectory
from engram_sync.node.home.loading import log_state
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.store import Reader

_Names = tuple[ScopeNames, StoredHistory] | None


class LogDirectories:
    """Who wrote which log, and what references mean, for each of the two threads of a store.

    A fork divides a log, and whoever reads may hold a state from before it.  So readers take
    nothing from the ledger: they learn how logs are divided from the state that they read.

    Args:
        ledger: How logs are divided in the writer's transaction.
        label: The display name of a key in a scope.
        trust: This node's trust in a key in a scope.
    """

    def __init__(
        self,
        ledger: Ledger,
        label: Callable[[bytes, bytes], str],
        trust: Callable[[bytes, bytes], float],
    ) -> None:
        self._ledger = ledger
        self._directory = partial(LogDirectory, label=label, trust=trust)
        self.writer = self._directory(names=self._names_now)
        """For jobs of the writer only."""
        self._newest = -1
        self._read = self.writer

    def at(self, reader: Reader) -> LogDirectory:
        """For a job that only reads, as logs are divided in its state; for its thread only."""
        # A fork makes a log, so states with the same newest log are divided alike.
        newest = reader.last_log()
        if newest != self._newest:
            self._newest, self._read = newest, self._directory(names=partial(self._stored, {}))
        self._read.version_key = self.writer.version_key
        return self._read

    def _names_now(self, reader: Reader, scope: bytes, _log: int) -> _Names:
        return self._with_history(self._ledger.names(scope), reader)

    def _stored(
        self, known: dict[bytes, ScopeNames | None], reader: Reader, scope: bytes, log: int
    ) -> _Names:
        if scope not in known:
            row = reader.log(log)
            forked = row is not None and bool(reader.branches(row.scope))
            rows = reader.logs_of(row.scope, closed=True) if row is not None and forked else ()
            logs = [(log_state(each, scope), each.parent) for each in rows]
            known[scope] = ScopeNames.of(scope, logs) if logs else None
        return self._with_history(known[scope], reader)

    def _with_history(self, names: ScopeNames | None, reader: Reader) -> _Names:
        return None if names is None else (names, StoredHistory(reader, self._ledger))
