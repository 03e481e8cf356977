"""How a connected peer and this node stand, by what the peer said last."""

from enum import StrEnum


class Accord(StrEnum):
    """Of all scopes that both may read: the worst case among them."""

    SYNCED = "synced"
    """Every one is complete, holds the same on both sides, and shows the same."""
    SYNCING = "syncing"
    """Something is on its way, or has not been compared yet."""
    REFUSED = "refused"
    """The peer serves a scope not at all: it does not hold it, or takes this node for no member."""
    DIVERGED = "diverged"
    """The same records show different things: one of the two is wrong."""
