"""Conflicts: which concurrent edits disagree, and what each such disagreement is called.

Holds pure decisions over live elements.  Must never contain a write, a read of the store, a
clock, or the running of a handler: the node does those.
"""

from ._claims import Claims as Claims
from ._claims import body_claims as body_claims
from ._claims import claims_of as claims_of
from ._claims import conflict_bits as conflict_bits
from ._claims import is_tombstone as is_tombstone
from ._claims import life_from as life_from
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
from ._found import key_names as key_names
from ._readings import BELIEF as BELIEF
from ._readings import BODY as BODY
from ._readings import EVENTS as EVENTS
from ._readings import LIFE as LIFE
from ._readings import METADATA as METADATA
from ._readings import PART_ID_BYTES as PART_ID_BYTES
from ._readings import SKILL as SKILL
from ._readings import SOURCE_KEY as SOURCE_KEY
from ._readings import Account as Account
from ._readings import Opinion as Opinion
from ._readings import Version as Version
from ._readings import account_of as account_of
from ._readings import account_parts as account_parts
from ._readings import encoded_account as encoded_account
from ._readings import encoded_version as encoded_version
from ._readings import life_of as life_of
from ._readings import metadata_key as metadata_key
from ._readings import opinion_of as opinion_of
from ._readings import part_id as part_id
from ._readings import tombstones as tombstones
from ._readings import version_of as version_of
from ._readings import version_parts as version_parts
from ._types import BeliefConflict as BeliefConflict
from ._types import ConflictType as ConflictType
from ._types import EpisodicConflict as EpisodicConflict
from ._types import LifecycleConflict as LifecycleConflict
from ._types import SkillConflict as SkillConflict
from ._types import ValueConflict as ValueConflict
from ._types import as_seen_by as as_seen_by
from ._types import decode_conflict_untrusted as decode_conflict_untrusted
from ._types import encode_conflict as encode_conflict
from ._types import from_plain as from_plain
from ._types import to_plain as to_plain

__all__ = [
    "BELIEF",
    "BODY",
    "EVENTS",
    "LIFE",
    "METADATA",
    "PART_ID_BYTES",
    "SKILL",
    "SOURCE_KEY",
    "Account",
    "BeliefConflict",
    "Claims",
    "ConflictBits",
    "ConflictClass",
    "ConflictType",
    "EpisodicConflict",
    "Found",
    "LifecycleConflict",
    "Opinion",
    "SkillConflict",
    "ValueConflict",
    "Version",
    "account_of",
    "account_parts",
    "as_seen_by",
    "bits",
    "body_claims",
    "claims_of",
    "conflict_bits",
    "conflict_id",
    "conflict_version",
    "decode_conflict_untrusted",
    "disagree",
    "encode_conflict",
    "encoded_account",
    "encoded_version",
    "field_name",
    "fields",
    "find",
    "from_plain",
    "is_tombstone",
    "key_names",
    "life_from",
    "life_of",
    "metadata_key",
    "opinion_of",
    "part_id",
    "to_plain",
    "tombstones",
    "version_of",
    "version_parts",
]
