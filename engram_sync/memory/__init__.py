"""Memory: remember, recall, forget, history over the record log.

Holds what turns wishes into drafts of records, records into engrams, and questions into answers;
and the importers, the only part that reads files or starts programs.  Must never contain a socket,
SQL, a clock, entropy, a signature, or a decision about who may read.
"""

from ._answers import Room as Room
from ._authors import Authors as Authors
from ._changes import is_applied as is_applied
from ._changes import rules_name as rules_name
from ._compaction import Dead as Dead
from ._compaction import dead_in as dead_in
from ._compaction import rows_of as rows_of
from ._creation import created as created
from ._creation import satisfies as satisfies
from ._drafts import update as update
from ._fields import check_source_key as check_source_key
from ._format_1 import WRITTEN_BY as WRITTEN_BY
from ._format_1 import Held as Held
from ._format_1 import held_in_records as held_in_records
from ._format_1 import held_in_view as held_in_view
from ._format_1 import said_again as said_again
from ._format_1 import says_all as says_all
from ._git import read_git as read_git
from ._ids import engram_text as engram_text
from ._ids import node_text as node_text
from ._imports import ImportProblem as ImportProblem
from ._instant import InstantMemories as InstantMemories
from ._lifecycle import archive as archive
from ._lifecycle import copied as copied
from ._lifecycle import forget as forget
from ._lifecycle import restore as restore
from ._limits import CONTENT_BYTES_MAX as CONTENT_BYTES_MAX
from ._limits import FLUSH_ROWS as FLUSH_ROWS
from ._limits import SLICE_WEIGHT as SLICE_WEIGHT
from ._markdown import read_markdown as read_markdown
from ._materialiser import Materialiser as Materialiser
from ._materialiser import Swept as Swept
from ._observed import Observed as Observed
from ._observed import observe as observe
from ._past_states import state_at as state_at
from ._planner import Planner as Planner
from ._queries import Filters as Filters
from ._queries import engram_history as engram_history
from ._queries import find_exact as find_exact
from ._queries import find_row as find_row
from ._queries import get as get
from ._queries import list_engrams as list_engrams
from ._queries import open_conflicts as open_conflicts
from ._queries import resolve as resolve
from ._queries import select_scopes as select_scopes
from ._recall import recall as recall
from ._references import Naming as Naming
from ._rules import RULES as RULES
from ._siblings import conflicts_of as conflicts_of
from ._state import LIVES as LIVES
from ._state import EngramState as EngramState
from ._state import load_state as load_state
from ._stored import clocks_seen as clocks_seen
from ._strategies import Strategies as Strategies
from ._texts import flush_index as flush_index
from ._verification import compare_rows as compare_rows
from ._views import show as show
from ._waiting import weight_of as weight_of
from ._wishes import Changes as Changes

__all__ = [
    "CONTENT_BYTES_MAX",
    "FLUSH_ROWS",
    "LIVES",
    "RULES",
    "SLICE_WEIGHT",
    "WRITTEN_BY",
    "Authors",
    "Changes",
    "Dead",
    "EngramState",
    "Filters",
    "Held",
    "ImportProblem",
    "InstantMemories",
    "Materialiser",
    "Naming",
    "Observed",
    "Planner",
    "Room",
    "Strategies",
    "Swept",
    "archive",
    "check_source_key",
    "clocks_seen",
    "compare_rows",
    "conflicts_of",
    "copied",
    "created",
    "dead_in",
    "engram_history",
    "engram_text",
    "find_exact",
    "find_row",
    "flush_index",
    "forget",
    "get",
    "held_in_records",
    "held_in_view",
    "is_applied",
    "list_engrams",
    "load_state",
    "node_text",
    "observe",
    "open_conflicts",
    "read_git",
    "read_markdown",
    "recall",
    "resolve",
    "restore",
    "rows_of",
    "rules_name",
    "said_again",
    "satisfies",
    "says_all",
    "select_scopes",
    "show",
    "state_at",
    "update",
    "weight_of",
]
