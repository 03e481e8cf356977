"""What a connection and those who serve it say to each other."""

from typing import NamedTuple

from engram_sync.sync import (
    CollectCredentials,
    DecideJoin,
    Effect,
    FindPositions,
    Present,
    ReadHeads,
    ReadOwed,
    ReadPayloads,
    ReadRuns,
    Refused,
    RolledBack,
    StorePayloads,
    Survey,
)
from engram_wire import CloseCode, WireError


class ConnectionEnded(Exception):
    """Why a connection is over; ``code`` is what the other side was told or told us."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Ingested(NamedTuple):
    """What became of frames that were handed to the store."""

    effects: list[Effect]
    number: int
    """How many, of the first, were dealt with."""
    error: WireError | None = None
    """Why the one after those was not; without it there was no time for the rest."""
    missing: bool = False
    """Whether that one needs a record that is not held."""


Work = (
    ReadRuns
    | FindPositions
    | Survey
    | ReadHeads
    | ReadPayloads
    | ReadOwed
    | StorePayloads
    | RolledBack
    | Refused
    | Present
    | CollectCredentials
    | DecideJoin
)
"""Effects that read or write the store, or take long."""


class Job(NamedTuple):
    """An effect that waits for its turn at the store."""

    effect: Work
    cost: int
    """Bytes that it holds of the node's budget."""


def known_code(code: int) -> CloseCode:
    """A newer version may have reasons that this one does not know."""
    return CloseCode(code) if code in set(CloseCode) else CloseCode.INTERNAL


def public_reason(code: CloseCode) -> str:
    """What the peer is told: the name of the code, and nothing about scopes it may not read."""
    return code.name.lower().replace("_", " ")
