"""What an engram holds now, and what its stored records mean: who wrote which log, what a reference
names, what a record changes.
"""

from .changes import RULES as RULES
from .changes import is_applied as is_applied
from .changes import rules_name as rules_name
from .engram_state import EngramState as EngramState
from .engram_state import load_state as load_state
from .log_directory import LogDirectory as LogDirectory
from .references import References as References
from .snapshot import Snapshot as Snapshot
from .snapshot import Strategies as Strategies
from .stored import clocks_seen as clocks_seen

__all__ = [
    "RULES",
    "EngramState",
    "LogDirectory",
    "References",
    "Snapshot",
    "Strategies",
    "clocks_seen",
    "is_applied",
    "load_state",
    "rules_name",
]
