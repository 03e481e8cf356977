"""Answers: recall, lists, histories and conflicts, from the rows of one state of the store."""

from .answers import Room as Room
from .caller_view import CallerView as CallerView
from .caller_view import observe as observe
from .past_states import state_at as state_at
from .planner import Planner as Planner
from .queries import engram_history as engram_history
from .queries import find_exact as find_exact
from .queries import find_row as find_row
from .queries import get as get
from .queries import list_engrams as list_engrams
from .queries import open_conflicts as open_conflicts
from .queries import resolve as resolve
from .recalling import recall as recall
from .siblings import conflicts_of as conflicts_of
from .views import show as show

__all__ = [
    "CallerView",
    "Planner",
    "Room",
    "conflicts_of",
    "engram_history",
    "find_exact",
    "find_row",
    "get",
    "list_engrams",
    "observe",
    "open_conflicts",
    "recall",
    "resolve",
    "show",
    "state_at",
]
