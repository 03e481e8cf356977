"""The store: records, and what is derived from them, on disk or in memory.

It holds files, SQL and the order of commits, and no meaning: it must never validate a record,
decide who may read, or know the clock, the network or a document.
"""

from ._connection import sync_directory as sync_directory
from ._executors import ThreadExecutor as ThreadExecutor
from ._faults import FULL_BYTES as FULL_BYTES
from ._faults import OlderFormatError as OlderFormatError
from ._format_1 import OldEngram as OldEngram
from ._format_1 import OldScope as OldScope
from ._format_1 import OldStore as OldStore
from ._interface import Store as Store
from ._interface import Transaction as Transaction
from ._limits import COMMIT_WEIGHT_MAX as COMMIT_WEIGHT_MAX
from ._limits import LOG_SEQ_BITS as LOG_SEQ_BITS
from ._limits import QUEUE_WEIGHT_MAX as QUEUE_WEIGHT_MAX
from ._lock import HomeLock as HomeLock
from ._reader import Reader as Reader
from ._rows import ElementRow as ElementRow
from ._rows import EngramRow as EngramRow
from ._rows import Erasable as Erasable
from ._rows import LogRow as LogRow
from ._rows import MergedRuns as MergedRuns
from ._rows import PartRow as PartRow
from ._rows import PeerRow as PeerRow
from ._rows import ReceiptRow as ReceiptRow
from ._rows import RunRow as RunRow
from ._rows import ScopeRow as ScopeRow
from ._rows import Size as Size
from ._rows import TextRow as TextRow
from ._schema import SCHEMA_VERSION as SCHEMA_VERSION
from ._sql_transaction import RollbackBrokenError as RollbackBrokenError
from ._stores import MemoryStore as MemoryStore
from ._stores import SqliteStore as SqliteStore
from ._writer import Writer as Writer

__all__ = [
    "COMMIT_WEIGHT_MAX",
    "FULL_BYTES",
    "LOG_SEQ_BITS",
    "QUEUE_WEIGHT_MAX",
    "SCHEMA_VERSION",
    "ElementRow",
    "EngramRow",
    "Erasable",
    "HomeLock",
    "LogRow",
    "MemoryStore",
    "MergedRuns",
    "OldEngram",
    "OldScope",
    "OldStore",
    "OlderFormatError",
    "PartRow",
    "PeerRow",
    "Reader",
    "ReceiptRow",
    "RollbackBrokenError",
    "RunRow",
    "ScopeRow",
    "Size",
    "SqliteStore",
    "Store",
    "TextRow",
    "ThreadExecutor",
    "Transaction",
    "Writer",
    "sync_directory",
]
