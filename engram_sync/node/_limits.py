"""Bounds of a running node, each with its reason."""

WORK_MAX = 256
"""Questions of one peer waiting for an answer; four times what its subscriptions can need."""
RECEIVE_BYTES = 262_144
"""One read from a stream: two frames, so that a bulk transfer is few wake-ups."""
INBOX_FRAMES_MAX = 32
"""Frames waiting for the store per connection; 4 MiB, after which the peer is not read."""
HELD_PER_PEER_BYTES_MAX = 8 << 20
"""Messages of one peer that wait here: the frames above, and as much again."""
HELD_BYTES_MAX = 64 << 20
"""The same of all peers together; beyond it, a peer of which something waits is not read.  So never
more waits than this and two messages of each peer."""
INGEST_FRAMES_MAX = 16
"""Frames stored in one commit: 4,096 records, where a commit stops getting cheaper per record."""
OUTBOUND_ROOM_BYTES = 1 << 20
"""Below this many waiting bytes the next page is read for a feed."""
OUTBOUND_BYTES_MAX = 8 << 20
"""A peer that asks without reading the answers is cut off here."""
PAGE_BYTES = 512 << 10
"""Frames read for one page: enough to keep the stream busy while the next is read."""
SWEEP_RECORDS = 1_024
"""Records materialised in one commit, so that a waiting write is never far from its turn."""
SWEEP_PATIENCE_S = 0.25
"""How long a slice waits for a backlog to become durable first; four slices a second keep going."""
SWEEP_INLINE_RECORDS = 64
"""Up to this many received records are materialised in the commit that stores them."""
RELEASE_ENGRAMS = 256
"""Engrams shown or hidden in one commit, because their time has come or a clock went back."""
TIME_CHECK_S = 15.0
"""How often the clock is looked at while something waits for its time."""
RETELL_AHEAD_MS = 3_600_000
"""An own log further ahead than this is said again; what is less far is soon released."""
PURGE_GAP_S = 10.0
"""From one purge to the next that received erasures ask for: each rewrites the index of words, and
whoever may write could ask for one with every record.  One's own erasures do not wait."""
COMPACT_ROWS = 128
"""Engrams compacted in one commit, so that a waiting write is never far from its turn."""
INDEX_IDLE_S = 0.1
"""Idle time after which deferred index entries are flushed."""
SHUTDOWN_S = 5.0
"""Time a stopping node gives its tasks before it cancels them."""
JOIN_S = 30.0
"""Time an issuer gets to answer a join request; it writes one record."""
CONNECTIONS_MAX = 256
"""Authenticated connections per node."""
STRANGERS_MAX = 64
"""Of those, with keys that no scope here admits: room for many joiners at once, and no more."""
FORKS_TOLD_MAX = 64
"""Forks of one scope that are problems of their own; whoever holds a key can make any number."""
REACH_GRACE_S = 10.0
"""Time without any peer before the node calls itself degraded; a reconnect takes less."""
STORE_CHECK_S = 2.0
"""How often an idle node looks whether its store is still in its place."""
SYNC_POLL_S = 5.0
"""A sync that hears nothing asks again after this time."""

assert STRANGERS_MAX < CONNECTIONS_MAX
assert HELD_PER_PEER_BYTES_MAX < HELD_BYTES_MAX
assert OUTBOUND_ROOM_BYTES + PAGE_BYTES < OUTBOUND_BYTES_MAX
