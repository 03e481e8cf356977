"""The causal pasts of the newest positions, as many as there is room for in memory."""

from collections import OrderedDict
from collections.abc import Callable, Mapping

from ._limits import PASTS_ENTRIES_MAX
from ._logs import LogState
from ._past import Past, decode_past
from ._scopes import ScopeState
from ._views import History


class Pasts:
    """What the newest position of each log has behind it.

    Args:
        logs: Those in memory by local number, a mapping that the registry keeps up to date.
        scope: The scope of an id.
    """

    def __init__(self, logs: Mapping[int, LogState], scope: Callable[[bytes], ScopeState]) -> None:
        self._by_number = logs
        self._scope = scope
        self._known: OrderedDict[int, int] = OrderedDict()
        """Logs whose past is in memory, and its entries; the one needed last at the end."""
        self._entries = 0

    def settled(self, past: Past) -> Past:
        """``past`` as logs are divided now, though it was written down before they forked."""
        beyond = [n for n, seq in past.seen.items() if self._ends_before(n, seq)]
        if not beyond:
            return past
        seen = dict(past.seen)
        while beyond:
            log = self._by_number[beyond.pop()]
            seq = seen.pop(log.n)  # Its branches have the trunk behind them.
            heir = log.heir()
            seen[heir.n] = max(seq, seen.get(heir.n, 0))
            if self._ends_before(heir.n, seen[heir.n]):
                beyond.append(heir.n)
        return Past(seen, past.auth)

    def settle(self, trunk: LogState) -> list[tuple[LogState, Past]]:
        """Let every past in memory name the branches of ``trunk`` for what lies beyond its end.

        Returns:
            The logs for which this was news, and what their pasts were.
        """
        changed: list[tuple[LogState, Past]] = []
        for log in map(self._by_number.get, list(self._known)):
            if log is None or log.past is None or log.past.seen.get(trunk.n, 0) <= trunk.seq:
                continue
            changed.append((log, log.past))
            log.past = self.settled(log.past)
        return changed

    def of(self, log: LogState, history: History) -> Past:
        """What the newest position of ``log`` has behind it, as logs are divided now."""
        past, at = log.past, log
        while past is None:
            data = history.past(at.n, at.seq)
            if data is not None or at.parent is None:
                past = decode_past(data)
                past = self.settled(past) if self._scope(log.scope).branches else past
            else:
                at = at.parent
                past = at.past
        self.keep(log, past)
        return past

    def keep(self, log: LogState, past: Past) -> None:
        """Have the past of ``log`` in memory, and no more of others than there is room for."""
        log.past = past
        if not log.n:
            return  # It may never be registered.
        self._entries += len(past.seen) + 1 - self._known.pop(log.n, 0)
        self._known[log.n] = len(past.seen) + 1
        while self._entries > PASTS_ENTRIES_MAX and len(self._known) > 1:
            n, entries = self._known.popitem(last=False)
            self._entries -= entries
            other = self._by_number.get(n)
            if other is not None:
                other.past = None

    def _ends_before(self, n: int, seq: int) -> bool:
        log = self._by_number.get(n)
        return log is not None and bool(log.children) and log.seq < seq

    def drop(self, log: LogState) -> None:
        """``log`` is not in memory any more."""
        self._entries -= self._known.pop(log.n, 0)
