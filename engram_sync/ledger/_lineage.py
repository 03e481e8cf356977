"""Lineages: what a position has behind it because of where its log stands.

A log whose first record is a seal continues the newest of the logs that it seals, and a branch
continues its trunk.  So a causal past names one position of a lineage, and all that lies before it
in the logs of its author goes without saying: a node that was started a thousand times costs as
much as one that was started once.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ._logs import LogState
from ._past import Past
from ._scopes import ScopeState

ByNumber = Callable[[int], LogState]


def depth_of(log: LogState, by_number: ByNumber) -> int:
    """How many logs ``log`` continues, one after the other."""
    waiting = [log] if log.depth < 0 else []
    while waiting:
        at = waiting[-1]
        before = None if at.before is None else by_number(at.before[0])
        if before is not None and before.depth < 0:
            waiting.append(before)
            continue
        at.depth, at.jump = (0, 0) if before is None else _placed_behind(before, by_number)
        waiting.pop()
    return log.depth


def _placed_behind(before: LogState, by_number: ByNumber) -> tuple[int, int]:
    """Depth and jump of a log that continues ``before``: any log of a lineage is few jumps away."""
    near = by_number(before.jump) if before.jump else None
    far = by_number(near.jump) if near is not None and near.jump else None
    # As far as the two jumps before it together, if those are equally long.
    if near and far and before.depth - near.depth == near.depth - far.depth:
        return before.depth + 1, far.n
    return before.depth + 1, before.n


def _at_depth(log: LogState, depth: int, by_number: ByNumber) -> LogState:
    """The log of a lineage with so many before it; a logarithmic number of steps."""
    while log.depth > depth:
        assert log.before is not None, "what has a depth continues something"
        jump = by_number(log.jump) if log.jump else None
        if jump is None or jump.depth < depth:
            jump = by_number(log.before[0])
        log = jump
    return log


class Reach:
    """How far a causal past reaches in any log.

    Args:
        seen: The past: local numbers to positions, as ``extended`` writes it.
        by_number: The log of a number.
    """

    def __init__(self, seen: Mapping[int, int], by_number: ByNumber) -> None:
        self._seen = seen
        self._by_number = by_number
        self._of_author: dict[bytes, list[LogState]] | None = None
        self._continued: dict[tuple[bytes, int], dict[int, int]] = {}
        """By author and depth: of the logs there, how far those seen that continue them have them
        behind them.  Whoever asks for many logs mostly asks for many of one depth."""

    def in_log(self, log: LogState) -> int:
        """The newest position of ``log`` in that past; 0 for none."""
        place = log.author, depth_of(log, self._by_number)
        continued = self._continued.get(place)
        if continued is None:
            continued = self._continued[place] = self._behind(*place)
        return max(self._seen.get(log.n, 0), continued.get(log.n, 0))

    def _behind(self, author: bytes, depth: int) -> dict[int, int]:
        if self._of_author is None:
            self._of_author = _by_author(map(self._by_number, self._seen))
        found: dict[int, int] = {}
        for log in self._of_author.get(author, ()):
            if depth_of(log, self._by_number) > depth:
                before = _at_depth(log, depth + 1, self._by_number).before
                assert before is not None, "what has a depth continues something"
                cover(found, dict([before]))
        return found


class NamedPosition(NamedTuple):
    """A position that a record names."""

    log: LogState
    seq: int
    past: Callable[[], Mapping[int, int]]
    """What it has behind it."""


def extended(
    seen: Mapping[int, int], positions: Iterable[NamedPosition], by_number: ByNumber
) -> dict[int, int]:
    """The smallest past that covers ``seen`` and ``positions``; lineages are not spelt out."""
    result = dict(seen)
    # Most often the newest ones have the others behind them, whose pasts are not looked at then.
    for log, seq, past in sorted(positions, key=lambda p: (p.log.n, p.seq), reverse=True):
        if result.get(log.n, 0) < seq:
            cover(result, past())
            cover(result, {log.n: seq})
    _reduce(result, by_number)
    return result


def cover(result: dict[int, int], vector: Mapping[int, int]) -> None:
    """Let ``result`` reach at least as far as ``vector``."""
    for n, seq in vector.items():
        if seq > result.get(n, 0):
            result[n] = seq


def _reduce(result: dict[int, int], by_number: ByNumber) -> None:
    """Leave out what others of the same author have behind them by their lineage."""
    for group in _by_author(map(by_number, result)).values():
        if len(group) == 1:
            continue
        depths = sorted({depth_of(log, by_number) for log in group})
        for log in group:
            for depth in depths:
                if depth >= log.depth:
                    break
                last = _at_depth(log, depth + 1, by_number).before
                if last is not None and last[1] >= result.get(last[0], last[1] + 1):
                    del result[last[0]]


def _by_author(logs: Iterable[LogState]) -> dict[bytes, list[LogState]]:
    groups: dict[bytes, list[LogState]] = {}
    for log in logs:
        groups.setdefault(log.author, []).append(log)
    return groups


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
