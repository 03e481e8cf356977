"""What all peers together may have waiting in a node's memory."""

from engram_sync.node.limits import HELD_BYTES_MAX, HELD_PER_PEER_BYTES_MAX


class Budget:
    """Bytes of messages that were received and not yet dealt with, over all connections.

    A message is decoded at once and then waits, for the store most often, so this bounds what
    decoding leaves behind.  Only one message is ever being decoded.
    """

    def __init__(self) -> None:
        self.held_bytes = 0

    def share(self) -> "Share":
        """The part of one more connection."""
        return Share(self)


class Share:
    """What one connection has waiting."""

    __slots__ = ("_budget", "held_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held_bytes = 0

    @property
    def spent(self) -> bool:
        """Whether nothing more should be read from this peer now.

        A connection of which nothing waits may always read one more message: no peer can keep
        the others from being heard.
        """
        return self.held_bytes > HELD_PER_PEER_BYTES_MAX or (
            self.held_bytes > 0 and self._budget.held_bytes > HELD_BYTES_MAX
        )

    def take(self, count: int) -> None:
        """So many bytes have begun to wait."""
        self.held_bytes += count
        self._budget.held_bytes += count

    def give(self, count: int) -> None:
        """So many bytes are dealt with."""
        self.take(-count)

    def close(self) -> None:
        """The connection is over, and whatever waited with it."""
        self.give(self.held_bytes)
