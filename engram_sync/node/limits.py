"""Bounds of a running node, each with its reason."""

WORK_MAX = 256
"""Questions of one peer waiting for an answer; four times what its subscriptions can need."""
RECEIVE_BYTES = 262_144
"""One read from a stream: two frames, so that a bulk transfer is few wake-ups."""
INBOX_FRAMES_MAX = 256
"""Frames waiting for the store per connection, after which the peer is not read.  So many that one
of another writer mostly is among those of a writer beyond its quota; the bytes below bound what
they hold."""
HELD_PER_PEER_BYTES_MAX = 8 << 20
"""Messages of one peer that wait here: the frames above, and as much again."""
HELD_BYTES_MAX = 64 << 20
"""The same of all peers together; beyond it, a peer of which something waits is not read.  So never
more waits than this and two messages of each peer."""
WRITER_RECORDS_BURST = 1 << 18
"""Records of one writer that are taken as fast as they come: years of an agent's memories."""
WRITER_RECORDS_PER_S = 4_096
"""And how many a second beyond it: faster than anybody writes, and a tenth of what a node takes."""
WRITER_BYTES_BURST = 128 << 20
"""The same in bytes, at 512 for each record."""
WRITER_BYTES_PER_S = 2 << 20
WRITER_WORK_BURST_S = 30.0
"""The same in time of the store's writer.  As many honest records as above cost five seconds, so
whoever uses this up sends what is expensive, on purpose or by accident."""
WRITER_WORK_PER_S = 0.25
TURN_WORK_BURST_S = 0.25
"""Time of the writer that one writer may use before those who use less go first, and how fast that
is forgotten."""
TURN_WORK_PER_S = 0.1
READ_SLOW_S = 0.01
"""No honest message takes longer to read: a full frame takes 2 ms."""
READ_WAIT_FACTOR = 4.0
"""How long a peer waits for its next message to be read, after a slow one, in times of that."""
INGEST_SLICE_S = 0.003
"""How long frames are taken in one job while other jobs wait for the writer: with the step that it
has begun, and what is done at its end, that is 5 ms."""
ERASE_WEIGHT = 64
"""Values that are erased in one step of a frame; a memory counts as eight, 16 KiB as one."""
ERASURES_TOLD_MAX = 64
"""Erasures of which ``status`` tells who has confirmed them, newest first; it counts the others."""
PEERS_TOLD_MAX = 1_024
"""Members that ``status`` lists: more than anybody reads, and an answer of some 300 KB."""
WRITERS_TOLD_MAX = 64
"""Writers of whom ``status`` tells what they brought: those with the most bytes."""
INGEST_FRAMES_MAX = 16
"""Frames stored in one commit: 4,096 records, where a commit stops getting cheaper per record."""
OUTBOUND_ROOM_BYTES = 1 << 20
"""Below this many waiting bytes the next page is read for a feed."""
OUTBOUND_BYTES_MAX = 8 << 20
"""A peer that asks without reading the answers is cut off here."""
PAGE_BYTES = 512 << 10
"""Frames read for one page: enough to keep the stream busy while the next is read."""
APPLY_S = 30e-6
"""Time of the writer that materialising one value takes, put or removed: it is charged to whoever
wrote it when it is stored."""
MATERIALISE_WEIGHT = 4_096
"""Values put or removed that are materialised in one commit, so that a waiting write is never far
from its turn."""
MATERIALISE_SLICE_S = 0.04
"""Time that a slice takes at most while nobody waits; a thousand ordinary records take less."""
MATERIALISE_WEIGHT_MIN = 32
"""What is materialised at once however expensive it is."""
MATERIALISE_PATIENCE_S = 0.25
"""How long a slice waits for a backlog to become durable first; four slices a second keep going."""
MATERIALISE_INLINE_WEIGHT = 128
"""Up to so many received values are materialised in the commit that stores them."""
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
LET_GO_TOLD_MAX = 64
"""Nodes that were admitted beyond the uses of an invite, in one answer."""
REACH_GRACE_S = 10.0
"""Time without any peer before the node calls itself degraded; a reconnect takes less."""
FRESH_S = 3.0
"""How long ago a peer may have been heard to count as synced without being asked: with the time
it gets to answer, what is said of it is never older than five seconds."""
STORE_CHECK_S = 2.0
"""How often an idle node looks whether its store is still in its place."""
SYNC_POLL_S = 5.0
"""A sync that hears nothing asks again after this time."""

assert STRANGERS_MAX < CONNECTIONS_MAX
assert HELD_PER_PEER_BYTES_MAX < HELD_BYTES_MAX
assert OUTBOUND_ROOM_BYTES + PAGE_BYTES < OUTBOUND_BYTES_MAX
REFUSED_LOGS_MAX = 64
"""Logs listed one by one in ``status``: a member can begin logs, and refuse them, without end."""
VOID_GAP_MS = 3_600_000
"""At least this long between two times that an own log is ended because a peer refuses it: whoever
lies about that costs everybody three logs, with a record for each one that is ratified."""
VOID_RETRY_S = 60.0
"""How often it is tried again within that time; each time is one look at the store."""
REFUSALS_DUE_MAX = 4
"""Own logs of which one peer's refusal is remembered within that time: each can cost an hour's
three logs, and an honest peer refuses one at a time."""
REFUSALS_HEARD_MAX = 64
"""Refusals of one peer that are looked at in an hour, and logs of other members of which one peer's
refusal is remembered until their authors have given way."""
REFUSALS_PASSED_ON_MAX = 256
"""The same of what a peer passes on: it may stand between this node and many others."""
REFUSALS_WINDOW_S = 3_600.0
"""After this time a peer's refusals are looked at again."""
REFUSALS_PASS_ON_S = 1.0
"""At least this long between two times that refusals are passed on."""
CLOCK_AHEAD_MS = 60_000
"""Up to this far a record may be dated ahead of this machine's clock without being talked about:
machines without a time service drift by seconds a day, and a laptop resumes a minute late."""
CLOCKS_TOLD_MAX = 3
"""Members whose clocks are talked about at once, those that are furthest ahead first."""
OPEN_LOGS_MANY = 64
"""Logs of one author that may go on, up to which nobody is told: as many as one record can name."""
OPEN_LOGS_TOLD_MAX = 3
"""Authors with more of them that are talked about at once, those with most first."""
