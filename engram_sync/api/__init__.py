"""What a Node answers with: plain frozen values, the same in Python, over control and as JSON.

Nothing here computes anything.  Ids of engrams are UUID strings, node ids lower-case base32 of
the node's public key, scope ids lower-case hex, times milliseconds since 1970 UTC.
"""

from ._memories import Conflict as Conflict
from ._memories import Delete as Delete
from ._memories import Engram as Engram
from ._memories import Epistemic as Epistemic
from ._memories import Event as Event
from ._memories import HistoryEntry as HistoryEntry
from ._memories import Hit as Hit
from ._memories import Insert as Insert
from ._memories import Life as Life
from ._memories import MemoryType as MemoryType
from ._memories import Provenance as Provenance
from ._memories import Refinement as Refinement
from ._memories import Reported as Reported
from ._memories import Scope as Scope
from ._memories import Sibling as Sibling
from ._network import ErasureStatus as ErasureStatus
from ._network import Fork as Fork
from ._network import Identity as Identity
from ._network import JoinResult as JoinResult
from ._network import LetGo as LetGo
from ._network import Missing as Missing
from ._network import PeerStatus as PeerStatus
from ._network import PeerSync as PeerSync
from ._network import ScopeStatus as ScopeStatus
from ._network import Status as Status
from ._network import SyncResult as SyncResult
from ._network import SyncState as SyncState
from ._network import WriterStatus as WriterStatus
from ._pages import CONFLICTS as CONFLICTS
from ._pages import HISTORY_ENTRIES as HISTORY_ENTRIES
from ._pages import Page as Page
from ._upkeep import Check as Check
from ._upkeep import Compaction as Compaction
from ._upkeep import Doctor as Doctor
from ._upkeep import Saving as Saving

__all__ = [
    "CONFLICTS",
    "HISTORY_ENTRIES",
    "Check",
    "Compaction",
    "Conflict",
    "Delete",
    "Doctor",
    "Engram",
    "Epistemic",
    "ErasureStatus",
    "Event",
    "Fork",
    "HistoryEntry",
    "Hit",
    "Identity",
    "Insert",
    "JoinResult",
    "LetGo",
    "Life",
    "MemoryType",
    "Missing",
    "Page",
    "PeerStatus",
    "PeerSync",
    "Provenance",
    "Refinement",
    "Reported",
    "Saving",
    "Scope",
    "ScopeStatus",
    "Sibling",
    "Status",
    "SyncResult",
    "SyncState",
    "WriterStatus",
]
