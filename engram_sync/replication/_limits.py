"""Bounds and intervals of replication, each with its reason."""

from dataclasses import dataclass

from engram_wire import DEAD_AFTER_S, PING_INTERVAL_S

STRANGER_S = 5.0
"""How long a connection may live without any shared scope; as long as a handshake."""

CONTACTS_MAX = 1024
"""Addresses kept; mDNS floods are dropped and counted beyond it."""
DIALS_MAX = 64
"""Addresses called at once: each costs a descriptor for up to 15 s, and anybody on the LAN can
announce any number of them."""
SIGHTING_FAILURES_MAX = 8
"""Failures after which an announced address is forgotten (about two minutes)."""
REQUESTS_MAX = 64
"""Scopes one peer may subscribe to over one connection."""
ANNOUNCEMENTS_MAX = 65_536
"""Logs one peer may announce for one request; far above the clock of a healthy scope."""
DISAGREEMENTS_MAX = 2
"""Comparisons in a row that must find a difference before a request starts anew; one may simply
have crossed a push."""
CLOCK_INLINE_MAX = 16
"""Logs up to which a request carries the whole clock at once (70 bytes each, about 1 KiB);
beyond it the digest goes first and equal scopes cost one small round trip."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often a node looks after its peers; all in seconds."""

    ping_s: float = PING_INTERVAL_S
    """Idle time after which a connection is probed."""
    dead_s: float = DEAD_AFTER_S
    """Silence after which a peer is given up: three probes unanswered."""
    compare_s: float = 30.0
    """Between two comparisons of summaries with a connected peer, pushes or not."""
    backoff_min_s: float = 0.5
    """First pause after a failure: shorter than a person notices."""
    backoff_max_s: float = 300.0
    """Longest pause: a laptop that returns is found within five minutes without any event."""
