"""The signed record log: author, validate, order, and name what is held.

Holds which logs exist, how far each one reaches and what lies in the past of each position; decides
whether a record is valid from its body and its causal past alone, so that every node decides alike.
Must never contain I/O, a clock, entropy, documents, or a membership rule: what a charter allows is
asked of ``Rules``, what is stored is asked of ``History``.
"""

from ._batches import AuthoredBatch as AuthoredBatch
from ._batches import Batch as Batch
from ._batches import Draft as Draft
from ._batches import Erasure as Erasure
from ._batches import IngestBatch as IngestBatch
from ._batches import Run as Run
from ._batches import Split as Split
from ._batches import Void as Void
from ._errors import GapError as GapError
from ._errors import MissingDependencyError as MissingDependencyError
from ._errors import SignedPosition as SignedPosition
from ._ids import keyed_id as keyed_id
from ._ids import uuid7 as uuid7
from ._ingest import Taking as Taking
from ._journal import UndoPoint as UndoPoint
from ._ledger import Ledger as Ledger
from ._limits import NO_ENGRAM as NO_ENGRAM
from ._logs import LogFork as LogFork
from ._logs import LogState as LogState
from ._past import Past as Past
from ._past import decode_past as decode_past
from ._past import encode_past as encode_past
from ._resolver import ReferenceResolver as ReferenceResolver
from ._resolver import ScopeNames as ScopeNames
from ._views import Archive as Archive
from ._views import History as History
from ._views import PlacedRecord as PlacedRecord
from ._views import Rules as Rules
from ._witness import Witness as Witness
from ._witness import continues as continues
from ._witness import decode_witnesses as decode_witnesses
from ._witness import encode_witnesses as encode_witnesses

__all__ = [
    "NO_ENGRAM",
    "Archive",
    "AuthoredBatch",
    "Batch",
    "Draft",
    "Erasure",
    "GapError",
    "History",
    "IngestBatch",
    "Ledger",
    "LogFork",
    "LogState",
    "MissingDependencyError",
    "Past",
    "PlacedRecord",
    "ReferenceResolver",
    "Rules",
    "Run",
    "ScopeNames",
    "SignedPosition",
    "Split",
    "Taking",
    "UndoPoint",
    "Void",
    "Witness",
    "continues",
    "decode_past",
    "decode_witnesses",
    "encode_past",
    "encode_witnesses",
    "keyed_id",
    "uuid7",
]
