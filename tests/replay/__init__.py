"""The replay of somebody's real history of shared memory: ``python -m tests.replay PATH``.

Holds what turns the commits of a version-controlled memory file into replicas that write and sync
through the real ledger, store and materialiser, and what compares them.  Must never contain the
data, or a rule of merging of its own: the file's own states are the model that it checks against.
"""

from ._dag import Commit as Commit
from ._dag import Dag as Dag
from ._dag import Operation as Operation
from ._dag import read_dag as read_dag
from ._replay import Report as Report
from ._replay import replay as replay

__all__ = ["Commit", "Dag", "Operation", "Report", "read_dag", "replay"]
