"""Sizes of the store, each with its reason."""

LOG_SEQ_BITS = 40
"""A record's row id is ``log << 40 | seq``: 2**40 records per log, 2**23 logs per store."""
LOG_SEQ_MASK = (1 << LOG_SEQ_BITS) - 1
"""Both stand as numbers in the SQL of ``stream_of``."""

CLOCK_BITS = 32
"""A dot of an engram in one number is ``log << 32 | clock``."""

COMMIT_WEIGHT_MAX = 4_096
"""Records in one commit.  From here on a larger commit is no faster per record, and a caller that
waits for a place in the next one waits about 25 ms at most."""
QUEUE_WEIGHT_MAX = 4 * COMMIT_WEIGHT_MAX
"""Records accepted and not yet committed.  A draining close commits them all first: about 0.1 s.
Jobs beyond it wait outside, each holding up its own caller."""

CACHE_KIB = 8 * 1_024
"""Page cache of one connection; larger ones cost memory and were measured to gain nothing."""
CHECKPOINT_PAGES = 4_096
"""Pages of the write-ahead log (16 MiB) before they are copied into the file.  At SQLite's own
1,000 every second bulk commit pays for a checkpoint."""
BUSY_TIMEOUT_MS = 5_000
"""The home's lock keeps other nodes out; this is for a backup or an inspection by hand."""

assert COMMIT_WEIGHT_MAX <= QUEUE_WEIGHT_MAX
