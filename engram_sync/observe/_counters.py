"""Counts what happened, above all what was dropped or refused: nothing disappears uncounted."""

from enum import StrEnum


class Count(StrEnum):
    """Everything that is counted, since the node was opened."""

    SESSIONS_OPENED = "sessions_opened"
    """Sessions whose handshake succeeded."""
    SESSIONS_REFUSED = "sessions_refused"
    """Connections closed before or in the handshake: strangers, bad signatures, too many."""
    SESSIONS_BROKEN = "sessions_broken"
    """Established sessions that ended by an error of the peer or of the connection."""
    DIALS_FAILED = "dials_failed"
    """Attempts to reach an address that led to no session."""
    RECORDS_RECEIVED = "records_received"
    """Records verified and stored."""
    RECORDS_DUPLICATE = "records_duplicate"
    """Records received that were held already."""
    RECORDS_INVALID = "records_invalid"
    """Records refused: their log ends there, everywhere."""
    RECORDS_SENT = "records_sent"
    """Records handed to a session."""
    PUSHES_DROPPED = "pushes_dropped"
    """Pushes not queued because a peer is slow; it catches up by its next request."""
    SIGHTINGS_DROPPED = "sightings_dropped"
    """Addresses discovered while the queue of them was full; they will be seen again."""
    REQUESTS_FORBIDDEN = "requests_forbidden"
    """Requests for a scope that is absent or that the peer may not read."""
    CONTROL_REFUSED = "control_refused"
    """Local control connections refused: bad token, malformed or too large requests."""
    COMMITS = "commits"
    """Transactions made durable."""
    COMMITS_FAILED = "commits_failed"
    """Transactions rolled back."""


class Counters:
    """How often each ``Count`` happened.  Not shared between threads."""

    def __init__(self) -> None:
        self._values: dict[Count, int] = dict.fromkeys(Count, 0)

    def add(self, what: Count, amount: int = 1) -> None:
        """Note that ``what`` happened ``amount`` more times; counters never go down."""
        assert amount >= 0, amount
        self._values[what] += amount

    def __getitem__(self, what: Count) -> int:
        return self._values[what]

    def snapshot(self) -> dict[str, int]:
        """Every count by name, zeros included, as plain values."""
        return {what.value: value for what, value in self._values.items()}
