"""Keeps the rows of engrams, their index and their digests equal to what the records say.

Everything here runs inside a job of the store's writer, and can be done again from the records.
"""

from .compaction import Dead as Dead
from .compaction import dead_in as dead_in
from .compaction import rows_of as rows_of
from .index import flush_index as flush_index
from .materialiser import Materialiser as Materialiser
from .verification import compare_rows as compare_rows
from .waiting import weight_of as weight_of

__all__ = [
    "Dead",
    "Materialiser",
    "compare_rows",
    "dead_in",
    "flush_index",
    "rows_of",
    "weight_of",
]
