"""Bounds and intervals of sync, each with its reason."""

from dataclasses import dataclass

from engram_wire import (
    CLOCK_ENTRIES_MAX,
    DEAD_AFTER_S,
    PAYLOAD_BYTES_MAX,
    PAYLOAD_OF_MESSAGE_BYTES_MAX,
    PING_INTERVAL_S,
    PROBE_SEQS_MAX,
    RANGES_MAX,
)

STRANGER_S = 5.0
"""How long a connection may live without any shared scope; as long as a handshake."""

CONTACTS_MAX = 1024
"""Addresses kept; mDNS floods are dropped and counted beyond it."""
DIALS_MAX = 64
"""Addresses called at once: each costs a descriptor for up to 15 s, and anybody on the LAN can
announce any number of them."""
SIGHTING_FAILURES_MAX = 8
"""Failures after which an announced address is forgotten (about two minutes)."""
WITHDRAWN_MAX = 64
"""Requests of one peer that are remembered after they were refused, for what crosses a refusal."""
SUMMARIES_AT_ONCE = 1_024
"""Scopes of which one Ping or Pong tells: 122 KB.  Of more, the next ones follow in the next."""
CREDENTIAL_PAGES_MAX = 64
"""Messages full of membership records that are taken before an answer: 57 MB, some 160,000
admissions."""
CREDENTIALS_BYTES = 896 << 10
"""Membership records in one message of their own."""
CREDENTIALS_INLINE_BYTES = 256 << 10
"""Up to so many bytes of them go in the message that needs them, with a clock of 8,192 logs."""
CREDENTIAL_HEAD_BYTES = 128
"""What a frame of them takes beside itself: its log, and heads."""
SUBSCRIPTIONS_MAX = 2
"""Requests of one peer for the same scope: each remembers where the peer is in every log.  One is
enough; another one may begin before the first is over."""
QUESTIONS_MAX = 8_192
"""Probes of one peer that it has not answered, a few hundred bytes each; more wait their turn."""
ANNOUNCEMENTS_MAX = 65_536
"""Logs that a peer announces for one request on one connection: 16 MB here.  Of a scope with more,
the others come over the next connection."""
DISAGREEMENTS_MAX = 2
"""Comparisons in a row that must find a difference before a request starts anew; one may simply
have crossed a push."""
CLOCK_INLINE_MAX = 16
"""Logs up to which a request carries the whole clock at once (70 bytes each, about 1 KiB);
beyond it the digest goes first and equal scopes cost one small round trip."""

PROBE_SEQS = 16
"""Heads asked for in one round of a bisection: each costs the peer a walk of up to a run, and a
log of 2^40 records takes ten rounds."""
BISECTIONS_MAX = 64
"""Logs of one stated clock whose last common position is searched for.  Forks are rare; of a peer
that names more of them, the rest is sent whole."""
AHEAD_MAX = 1_024
"""Logs that the peer holds further of which it is asked whether it holds what is held here: a
question takes 90 bytes, and all go out at once.  Beyond it, it is believed."""
RANGES_PER_MESSAGE = 128
"""Ranges asked for at once: as many lists of positions as fit one answer."""
POSITIONS_PER_TURN = 4_096
"""Positions prepared for comparison before others get their turn: 10 ms."""
RANGE_ITEMS_MAX = 64
"""Positions from which a range is split instead of listed: 16 fingerprints take less room."""
RANGE_DEPTH_MAX = 8
"""Times a range can be split: 16^8 is far more logs than a node can hold."""
RANGES_ASKED_MAX = 16_384
"""Ranges compared for one request: three times what two sets of 250,000 logs without one in common
take.  A second of work here, for a megabyte from the peer.  What was not compared is sent whole."""
POSITIONS_MAX = 1 << 18
"""Positions that a peer may name in answer to them, for all requests together: 50 MB of memory
here.  What it does not get to name is sent to it whole."""
SILENT_S = 2.0
"""A peer that was asked and says nothing for this time is not known to agree any more."""
TAKEN_BACKOFF_S = 20.0
"""The longest wait of a node whose copy has the connection, until it takes its turn."""
OWED_READ_MAX = 65_536
"""Owed payloads looked at in one go, and refusals of one peer remembered: 7 MB."""
OWED_PATIENCE_MAX = 64
"""Comparisons after which a peer that had no payload for us is asked again, at most: half an hour
with a connected peer."""
PAYLOADS_BYTES = 960 << 10
"""Of one answer with payloads: what fits a message with its envelope."""
PAYLOADS_BYTES_MIN = (PAYLOADS_BYTES - PAYLOAD_BYTES_MAX) // 2
"""Of an answer that leaves out some of what was asked: half of what the largest payload, which no
longer fits, leaves of it.  Storing one payload costs as much as all records of its memory; who
answers them one by one is not asked on."""

assert PROBE_SEQS <= PROBE_SEQS_MAX
assert RANGES_PER_MESSAGE <= RANGES_MAX
assert RANGES_PER_MESSAGE * RANGE_ITEMS_MAX <= CLOCK_ENTRIES_MAX
assert PAYLOAD_BYTES_MAX < PAYLOADS_BYTES < PAYLOAD_OF_MESSAGE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Timing:
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
