"""Documents that merge: engrams as sets of dotted elements over Yjs.

Holds the model of one engram: changes, elements, collaborative texts, what a put supersedes, how
values are read and by which strategy, clocks, digests, and the derivation of Yjs updates.

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
from ._derive import removals_of as removals_of
from ._digest import DIGEST_MODULUS as DIGEST_MODULUS
from ._digest import digest as digest
from ._digest import element_hash as element_hash
from ._document import EngramDocument as EngramDocument
from ._dots import Change as Change
from ._dots import Dot as Dot
from ._dots import Element as Element
from ._dots import TextEdit as TextEdit
from ._dots import TextInsert as TextInsert
from ._dots import TextSpan as TextSpan
from ._dots import client_id as client_id
from ._dots import clocks_of as clocks_of
from ._engram_texts import EndOf as EndOf
from ._engram_texts import EngramTexts as EngramTexts
from ._engram_texts import TextChanges as TextChanges
from ._errors import DocumentError as DocumentError
from ._laws import CounterExample as CounterExample
from ._laws import Law as Law
from ._laws import Merge as Merge
from ._laws import check_merge as check_merge
from ._limits import CLOCK_MAX as CLOCK_MAX
from ._registry import StrategyRegistry as StrategyRegistry
from ._resolvers import Group as Group
from ._resolvers import SkillHead as SkillHead
from ._resolvers import accounts as accounts
from ._resolvers import beliefs as beliefs
from ._resolvers import by_key as by_key
from ._resolvers import counter_total as counter_total
from ._resolvers import events as events
from ._resolvers import heads as heads
from ._resolvers import in_collection as in_collection
from ._resolvers import latest as latest
from ._resolvers import refinements as refinements
from ._resolvers import siblings as siblings
from ._resolvers import tags as tags
from ._strategies import Context as Context
from ._strategies import Resolution as Resolution
from ._strategies import Resolver as Resolver

__all__ = [
    "CLOCK_MAX",
    "DIGEST_MODULUS",
    "Change",
    "Context",
    "CounterExample",
    "DocumentError",
    "Dot",
    "Element",
    "EndOf",
    "EngramDocument",
    "EngramTexts",
    "Group",
    "Law",
    "Merge",
    "Order",
    "Resolution",
    "Resolver",
    "SkillHead",
    "StrategyRegistry",
    "SupersedeRule",
    "TextChanges",
    "TextEdit",
    "TextInsert",
    "TextSpan",
    "VectorClock",
    "accounts",
    "beliefs",
    "by_key",
    "check_merge",
    "client_id",
    "clocks_of",
    "counter_total",
    "derive_update",
    "digest",
    "element_hash",
    "elements_of_one",
    "event_key",
    "events",
    "heads",
    "hlc",
    "in_collection",
    "latest",
    "refinements",
    "removals_of",
    "rule_of",
    "siblings",
    "superseded_by_put",
    "tags",
]
