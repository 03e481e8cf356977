"""Random histories of a few replicas, judged by the oracle.

Holds the replicas, the bad network between them and the checks.  Must never contain sockets,
files or records: replicas here are documents and nothing more.
"""

from ._history import Outcome as Outcome
from ._history import run_history as run_history
from ._replica import Replica as Replica

__all__ = ["Outcome", "Replica", "run_history"]
