"""Documents that merge: engrams as sets of dotted elements over Yjs.

Holds the model of one engram: changes, elements, what a put supersedes, how values are read,
clocks, digests, and the derivation of Yjs updates.

Must never contain I/O, a clock, randomness, or the wire format: values arrive encoded, records
arrive validated, and bytes of a foreign Yjs update do not arrive at all.
"""

from . import hlc as hlc
from ._clock import Order as Order
from ._clock import VectorClock as VectorClock
from ._collections import SupersedeRule as SupersedeRule
from ._collections import event_key as event_key
from ._collections import rule_of as rule_of
from ._collections import superseded_by_put as superseded_by_put
from ._derive import derive_update as derive_update
from ._derive import elements_of_one as elements_of_one
from ._digest import digest as digest
from ._document import EngramDocument as EngramDocument
from ._dots import Change as Change
from ._dots import Dot as Dot
from ._dots import Element as Element
from ._dots import TextEdit as TextEdit
from ._dots import TextInsert as TextInsert
from ._dots import TextSpan as TextSpan
from ._dots import client_id as client_id
from ._dots import clocks_of as clocks_of
from ._errors import DocumentError as DocumentError
from ._resolvers import by_key as by_key
from ._resolvers import events as events
from ._resolvers import in_collection as in_collection
from ._resolvers import latest as latest
from ._resolvers import siblings as siblings
from ._resolvers import tags as tags

__all__ = [
    "Change",
    "DocumentError",
    "Dot",
    "Element",
    "EngramDocument",
    "Order",
    "SupersedeRule",
    "TextEdit",
    "TextInsert",
    "TextSpan",
    "VectorClock",
    "by_key",
    "client_id",
    "clocks_of",
    "derive_update",
    "digest",
    "elements_of_one",
    "event_key",
    "events",
    "hlc",
    "in_collection",
    "latest",
    "rule_of",
    "siblings",
    "superseded_by_put",
    "tags",
]
