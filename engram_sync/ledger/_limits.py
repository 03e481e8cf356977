"""Bounds and constants of the log that are not already the wire's."""

from typing import Final

DOTS_PER_STEP: Final = 16
"""Dots checked at once; each may take a few look-ups, of which 16 take about a millisecond."""

NO_ENGRAM: Final = bytes(16)
"""The engram of records that change none: joins and membership statements."""

JOIN_SALT: Final = bytes(16)
"""Salt of a join's payload.  It holds no value, so there is nothing to hide."""

WITNESS_BYTES_MAX: Final = 1 << 20
"""Size of a witness file; 100 bytes for each own log."""

PASTS_ENTRIES_MAX: Final = 1 << 18
"""Entries of causal pasts in memory, some 30 MB; those of logs that were not needed for longest are
read again when they are.  A member can begin any number of logs that have all the others in their
past."""

SEALED_LOGS_MAX: Final = 1024
"""Sealed logs in memory because somebody named them, some 1 MB."""

REFUSED_MAX: Final = 4096
"""Refused logs remembered, the newest ones; another one sent again is only checked again.  Anybody
with a key can begin any number of invalid logs, so they must not stay in memory for ever."""

EDITED_CLOCKS_MAX: Final = 1 << 31
"""Clocks of one engram that a log may have taken after an edit.  The lengths of inserts cost their
author a few bytes each, and a document's clocks are 32 bits wide; half of them are left to puts."""

CANDIDATES_MAX: Final = 64
"""Branches that a frame is tried on when its sender does not say which of them it follows; each
costs a hash per record, up to 0.4 ms.  Somebody with two faces may have any number of them.  A
sender that knows of a fork names its branch, and one that does not hears of it in the same session.
"""
