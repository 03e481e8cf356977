"""What the replication engine knows of the scopes held here: immutable snapshots."""

from dataclasses import dataclass

from engram_wire import ClockEntry, Summary


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
    """Every log of the scope with its newest signed position, sorted by log id."""
    clock_digest: bytes
    state_digest: bytes | None
    """None while records wait to be materialised."""
    engrams: int
    readers: frozenset[bytes]
    """Keys that may read the scope, by its newest membership state."""
    generation: int = 0
    """Grows with every view taken; an older view never replaces a newer one."""

    def summary(self) -> Summary:
        """What a peer needs to know to tell whether it holds the same."""
        return Summary(
            clock_digest=self.clock_digest, state_digest=self.state_digest, engrams=self.engrams
        )
