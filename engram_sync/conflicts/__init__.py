"""Conflicts: which concurrent edits disagree, and what each such disagreement is called.

Holds pure decisions over live elements.  Must never contain a write, a read of the store, a
clock, or the running of a handler: the node does those.
"""

from ._found import ConflictBits as ConflictBits
from ._found import ConflictClass as ConflictClass
from ._found import Found as Found
from ._found import bits as bits
from ._found import conflict_id as conflict_id
from ._found import conflict_version as conflict_version
from ._found import disagree as disagree
from ._found import field_name as field_name
from ._found import fields as fields
from ._found import find as find
from ._found import life_of as life_of
from ._found import metadata_key as metadata_key
from ._found import tombstones as tombstones

__all__ = [
    "ConflictBits",
    "ConflictClass",
    "Found",
    "bits",
    "conflict_id",
    "conflict_version",
    "disagree",
    "field_name",
    "fields",
    "find",
    "life_of",
    "metadata_key",
    "tombstones",
]
