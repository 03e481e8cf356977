"""What sync knows of the scopes held here: immutable snapshots."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engram_sync.ledger import LogFork
from engram_wire import NOTHING_SEALED, ClockEntry, Summary


@dataclass(frozen=True, slots=True)
class ScopeView:
    """One scope as it is durably stored now.

    The node publishes a new view after every commit; exchanges only read them.
    """

    scope: bytes
    number: int
    """The store's local number of the scope."""
    arrival: int
    """Arrival number of the newest run stored; feeds read runs beyond what they have sent."""
    clock: tuple[ClockEntry, ...]
    """Every log of the scope that is not sealed with its newest position, sorted by log id."""
    clock_digest: bytes
    """Of the clock and of the sealed logs."""
    state_digest: bytes | None
    """None while records wait to be materialised."""
    engrams: int
    readers: frozenset[bytes]
    """Keys that may read the scope, by its newest membership state."""
    rules: int = 0
    """By which rules the state was made; see ``Summary``."""
    needs: str = ""
    """What it uses that this version does not know, in words; then nobody may read it."""
    generation: int = 0
    """Grows with every view taken; an older view never replaces a newer one."""
    sealed: tuple[int, bytes] = NOTHING_SEALED
    """How many logs are held exactly to their seal, and their ``sealed_digest``."""
    seals: tuple[ClockEntry, ...] = ()
    """Those logs, which the clock does not name; not all of them before there was any peer."""
    owed: int = 0
    """Payloads of live values that are not held; while there are any, nothing is synced."""
    forks: tuple[LogFork, ...] = ()
    """Logs that were continued in more than one way."""
    epoch: int = 0
    """Grows whenever a log of the scope turns out to be forked: what was one log until then has
    several names from then on."""
    trunks: Mapping[bytes, int] = field(default_factory=dict[bytes, int])
    """By log id: the position at which each forked log ends, and its branches begin."""
    own: frozenset[bytes] = frozenset()
    """Logs that this node goes on writing."""

    _by_log: dict[bytes, ClockEntry] = field(
        default_factory=dict[bytes, ClockEntry], init=False, repr=False, compare=False
    )

    _reached: dict[bytes, int] = field(
        default_factory=dict[bytes, int], init=False, repr=False, compare=False
    )

    def summary(self) -> Summary:
        """What a peer needs to know to tell whether it holds the same."""
        return Summary(self.clock_digest, self.state_digest, self.engrams, self.rules)

    def positions(self) -> tuple[ClockEntry, ...]:
        """Every log of the scope with its newest position, sealed ones too."""
        return (*self.clock, *self.seals)

    def by_log(self) -> Mapping[bytes, ClockEntry]:
        """The same by log id; made once, because a peer's smallest request needs all of it."""
        if not self._by_log:
            self._by_log.update((entry.log, entry) for entry in self.positions())
        return self._by_log

    def renamed(self, before: "ScopeView") -> dict[bytes, ClockEntry]:
        """Where what logs held in an earlier view beyond a fork is now: that view's name of each
        log that has forked since, and its newest position by the name of the branch it is on.
        """
        heads = {
            entry.head: log
            for log, base in self.trunks.items()
            for entry in (before.by_log().get(log),)
            if entry is not None and entry.seq > base
        }
        if not heads:
            return {}
        # A head says everything before it, whatever its log is called.
        return {heads[entry.head]: entry for entry in self.positions() if entry.head in heads}

    def reached(self) -> dict[bytes, int]:
        """The newest position of each log; a copy."""
        if not self._reached:
            self._reached.update((log, entry.seq) for log, entry in self.by_log().items())
        return dict(self._reached)
