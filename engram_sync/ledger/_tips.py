"""The logs of a scope that nothing else has seen to their end."""

from collections.abc import Callable

from ._logs import LogState
from ._past import Past
from ._scopes import ScopeState


def tips_of(scope: ScopeState, domain: int, past_of: Callable[[LogState], Past]) -> set[int]:
    """Numbers of the logs of one domain whose newest position no other one has seen.

    What is sealed has been seen by what seals it, so only logs in memory are looked at; where
    anything is void, all of them have to be there.
    """
    own = [log for log in scope.logs.values() if log.domain == domain and not log.children]
    seen: dict[int, int] = {}
    for log in own:
        if log.before is not None:
            _raise(seen, *log.before)
    # What another log continues has seen nothing that this one has not.
    own = [log for log in own if max(seen.get(log.n, 0), log.base) < end_of(log)]
    for log in own:
        if end_of(log) < log.seq:
            continue  # What its end has seen, what stands of it may not have.
        for n, seq in past_of(log).seen.items():
            if n != log.n:
                _raise(seen, n, seq)
    return {log.n for log in own if seen.get(log.n, 0) < end_of(log)}


def end_of(log: LogState) -> int:
    """The last position of ``log`` that is not void."""
    return log.stands(log.seq)


def _raise(seen: dict[int, int], n: int, seq: int) -> None:
    if seq > seen.get(n, 0):
        seen[n] = seq
