"""Collections: the name fixes what a put supersedes."""

from collections.abc import Callable, Collection, Iterable
from enum import Enum
from typing import assert_never

from ._dots import Dot, Element
from ._limits import COLLECTION_NAME
from ._scalars import leading_bytes, leading_items


class SupersedeRule(Enum):
    """What a put supersedes among what its author observed; the value is the name's prefix."""

    REGISTER = "r"
    """Every entry of the collection."""
    SET = "s"
    """Entries of equal value."""
    MAP = "m"
    """Entries of equal key; a value is [key, value]."""
    OWN_SLOT = "o"
    """Entries of the author's own agent."""
    BELIEF = "b"
    """Entries of the author's own agent about the same subject and relation; a value is
    [subject, relation, ...]."""
    EVENTS = "l"
    """Entries of equal event key: an amendment carries the key of what it amends, a new event a
    new one or none.  See ``event_key``."""
    HEADS = "k"
    """The heads that the author names, by default every one observed."""
    COUNTER = "c"
    """Entries of the author's own log; a value is the log's total so far."""


_RULES = {rule.value: rule for rule in SupersedeRule}


def rule_of(collection: str) -> SupersedeRule:
    """Return the rule of a collection.

    Raises:
        ValueError: The name is malformed or its prefix has no rule.
    """
    rule = _RULES.get(collection[:1])
    if rule is None or not COLLECTION_NAME.fullmatch(collection):
        raise ValueError(f"{collection!r} is no collection that this version can write")
    return rule


def superseded_by_put(
    collection: str,
    value: bytes,
    observed: Iterable[Element],
    *,
    same_author: Callable[[Dot], bool],
    own_log: bytes | None = None,
    heads: Collection[Dot] | None = None,
) -> list[Dot]:
    """Return the dots that a put supersedes.

    Args:
        collection: Where the put goes.
        value: Its encoded value.
        observed: Live elements that the author's view contained, of any collection.
        same_author: Tells whether the agent that puts also put the element with this dot.
        own_log: The log that puts; None for one that has no record yet.  Decides for counters.
        heads: For ``k/`` the heads that the new one continues; None for all observed.

    Returns:
        Dots of ``observed``, in its order.  An entry whose value is owed or has no key
        equals no other.

    Raises:
        ValueError: The collection has no rule, or the value lacks the key that its rule needs.
    """
    rule = rule_of(collection)
    peers = [element for element in observed if element.collection == collection]
    match rule:
        case SupersedeRule.REGISTER:
            pass
        case SupersedeRule.SET:
            peers = [peer for peer in peers if peer.value == value]
        case SupersedeRule.MAP:
            peers = _equal_lead(peers, value, 1)
        case SupersedeRule.OWN_SLOT:
            peers = [peer for peer in peers if same_author(peer.dot)]
        case SupersedeRule.BELIEF:
            peers = [peer for peer in _equal_lead(peers, value, 2) if same_author(peer.dot)]
        case SupersedeRule.EVENTS:
            key = leading_bytes(value)
            peers = [peer for peer in peers if event_key(peer) == key]
        case SupersedeRule.HEADS:
            peers = [peer for peer in peers if heads is None or peer.dot in heads]
        case SupersedeRule.COUNTER:
            peers = [peer for peer in peers if peer.dot.log == own_log]
        case _:
            assert_never(rule)
    return [peer.dot for peer in peers]


def event_key(element: Element) -> bytes:
    """Return what makes versions of one event recognisable, as encoded CBOR.

    The byte string that its value, an array, begins with; for any other value the byte string of
    its own dot, log id || clock (8 bytes), so that every event can be amended.  It is part of the
    value because the dot that an amendment supersedes is gone once it did.
    """
    key = None if element.value is None else leading_bytes(element.value)
    log, clock = element.dot
    return key or b"\x58\x28" + log + clock.to_bytes(8)


def _equal_lead(peers: list[Element], value: bytes, count: int) -> list[Element]:
    lead = leading_items(value, count)
    if lead is None:
        raise ValueError(f"a value of {len(value)} bytes does not begin with {count} scalars")
    return [
        peer
        for peer in peers
        if peer.value is not None and leading_items(peer.value, count) == lead
    ]
