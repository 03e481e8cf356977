"""Replication as a pure state machine: (event, now) -> effects.

Holds the exchange of one connection and the table of contacts.  It must never contain I/O, clocks,
randomness, storage or cryptography: the node performs the effects.
"""

from engram_sync.sync._bisection import Placed as Placed
from engram_sync.sync._counterpart import Accord as Accord
from engram_sync.sync._effects import (
    Close as Close,
)
from engram_sync.sync._effects import (
    CollectCredentials as CollectCredentials,
)
from engram_sync.sync._effects import (
    DecideJoin as DecideJoin,
)
from engram_sync.sync._effects import (
    Diverged as Diverged,
)
from engram_sync.sync._effects import (
    Effect as Effect,
)
from engram_sync.sync._effects import (
    FindPositions as FindPositions,
)
from engram_sync.sync._effects import (
    Ingest as Ingest,
)
from engram_sync.sync._effects import (
    Joined as Joined,
)
from engram_sync.sync._effects import (
    Present as Present,
)
from engram_sync.sync._effects import (
    ReadHeads as ReadHeads,
)
from engram_sync.sync._effects import (
    ReadOwed as ReadOwed,
)
from engram_sync.sync._effects import (
    ReadPayloads as ReadPayloads,
)
from engram_sync.sync._effects import (
    ReadRuns as ReadRuns,
)
from engram_sync.sync._effects import (
    Refused as Refused,
)
from engram_sync.sync._effects import (
    RolledBack as RolledBack,
)
from engram_sync.sync._effects import (
    Send as Send,
)
from engram_sync.sync._effects import (
    StorePayloads as StorePayloads,
)
from engram_sync.sync._effects import (
    Survey as Survey,
)
from engram_sync.sync._exchange import Exchange as Exchange
from engram_sync.sync._feed import PageEntry as PageEntry
from engram_sync.sync._limits import POSITIONS_PER_TURN as POSITIONS_PER_TURN
from engram_sync.sync._limits import SILENT_S as SILENT_S
from engram_sync.sync._limits import Timing as Timing
from engram_sync.sync._peer_table import Contact as Contact
from engram_sync.sync._peer_table import PeerTable as PeerTable
from engram_sync.sync._pull import FrameStored as FrameStored
from engram_sync.sync._view import ScopeView as ScopeView

__all__ = [
    "POSITIONS_PER_TURN",
    "SILENT_S",
    "Accord",
    "Close",
    "CollectCredentials",
    "Contact",
    "DecideJoin",
    "Diverged",
    "Effect",
    "Exchange",
    "FindPositions",
    "FrameStored",
    "Ingest",
    "Joined",
    "PageEntry",
    "PeerTable",
    "Placed",
    "Present",
    "ReadHeads",
    "ReadOwed",
    "ReadPayloads",
    "ReadRuns",
    "Refused",
    "RolledBack",
    "ScopeView",
    "Send",
    "StorePayloads",
    "Survey",
    "Timing",
]
