"""Values that stand side by side, and the conflicts they make, in words."""

from collections.abc import Iterable, Sequence

from engram_crdt import Element
from engram_sync.api import Conflict, Sibling
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.model import fields as fields
from engram_sync.model.conflicts import (
    ConflictClass,
    Found,
    conflict_id,
    conflict_version,
    disagree,
    field_name,
    find,
    key_names,
)
from engram_sync.model.conflicts import collections_of as grouped
from engram_sync.model.ids import engram_text
from engram_sync.model.limits import KEY_BYTES_MAX, SIBLINGS_BYTES_MAX
from engram_sync.model.readings import account_of, life_of, metadata_key, version_of
from engram_sync.model.values import as_text, belief_of, json_text, plain

from .answers import first_of
from .strategies import unsettled
from .versions import token_of

assert KEY_BYTES_MAX < 256  # conflicts.metadata_key reads one length byte.

_MANY = frozenset({fields.BELIEF, fields.EVENTS, fields.SKILL})
_PARTS = frozenset(
    {ConflictClass.BELIEF, ConflictClass.EPISODIC, ConflictClass.SKILL, ConflictClass.TEXT}
)


def found_in(state: EngramState) -> list[Found]:
    """The open conflicts of an engram, whatever strategies say."""
    return find(state.elements, texts=state.texts, orphans=state.orphans)


def siblings_of(snapshot: Snapshot, state: EngramState) -> tuple[tuple[Sibling, ...], int]:
    """Every live value of each field that has more than one unequal value.

    Returns:
        As many as one answer holds, and how many more there are.

    Unequal opinions of one's own slot are no conflict, and neither are values that a strategy
    settles; they are listed all the same, because a concurrent edit never disappears.
    """
    own = list(state.live(fields.CONFIDENCE))
    if not state.row.conflict and len(own) < 2:
        return (), 0
    groups = grouped(state.elements)
    if own:
        groups[fields.CONFIDENCE, b""] = own
    unequal: list[tuple[str, bytes, Sequence[Element]]] = [
        (*name, group) for name, group in sorted(groups.items()) if disagree(group, state.texts)
    ]
    if state.orphans or sum(e.collection in _MANY for e in state.elements) > 1:
        parts = [found for found in found_in(state) if found.kind in _PARTS]
        unequal += [(found.collection, found.key, found.heads) for found in parts]
    return _within_one_answer(
        snapshot, state, [e for _, _, group in unequal for e in by_age(group)]
    )


def conflicts_of(snapshot: Snapshot, state: EngramState) -> list[Conflict]:
    """The open conflicts of one engram, the same on every replica that holds the same records.

    A field that strategies settle is no conflict to who reads by them.
    """
    version = token_of(state, snapshot.logs.version_key)
    found = found_in(state)
    if found:
        found = unsettled(snapshot.strategies, state, found)
    conflicts: list[Conflict] = []
    for one in found:
        siblings, left_out = _within_one_answer(snapshot, state, by_age(one.heads))
        conflicts.append(
            Conflict(
                id=conflict_id(state.scope.id, state.engram, one),
                version=conflict_version(one),
                engram=engram_text(state.engram),
                kind=str(one.kind),
                field=field_name(one.collection, one.key),
                siblings=siblings,
                engram_version=version,
                key=key_names(one),
                left_out=left_out,
            )
        )
    return conflicts


def _within_one_answer(
    snapshot: Snapshot, state: EngramState, elements: Sequence[Element]
) -> tuple[tuple[Sibling, ...], int]:
    """The first siblings, as many as one answer holds, and how many are left out."""
    # Each is told twice, as text and as data.
    sizes = (2 * _size(state, element) for element in elements)
    kept = first_of(elements, sizes, SIBLINGS_BYTES_MAX)
    shown = tuple(sibling(snapshot, state, element) for element in kept)
    return shown, len(elements) - len(kept)


def _size(state: EngramState, element: Element) -> int:
    if element.collection == fields.BODY:
        return len(state.texts.get(element.dot, ""))
    return len(element.value or b"")


def by_age(elements: Iterable[Element]) -> list[Element]:
    """Oldest first."""
    return sorted(elements, key=lambda e: (e.hlc, e.dot))


def sibling(snapshot: Snapshot, state: EngramState, element: Element) -> Sibling:
    """One live value, and who wrote it."""
    node, label = snapshot.named_author(state.scope.id, element.dot.log)
    entry_key = (
        (metadata_key(element.value) or b"") if element.collection == fields.METADATA else b""
    )
    shown, data, name = _said(state, element, entry_key)
    return Sibling(
        field=field_name(element.collection, entry_key),
        value=shown,
        node=node,
        label=label,
        written_at_ms=element.hlc >> 16,
        data=data,
        id=name,
    )


def _said(state: EngramState, element: Element, entry_key: bytes) -> tuple[str, object, str]:
    """A value as text and as JSON has it, and the id of what it is about."""
    collection, value = element.collection, element.value
    if value is None:
        return as_text(None), None, ""
    if collection == fields.METADATA:
        value = value[1 + len(entry_key) :]
    elif collection == fields.LIFE:
        return ": ".join(part for part in life_of(element) if part), list(life_of(element)), ""
    elif collection == fields.BODY:
        text = state.texts.get(element.dot)
        return as_text(None) if text is None else text, text, ""
    elif collection == fields.BELIEF:
        belief = belief_of(value)
        denied = "" if belief.get("polarity", True) else "not "
        return denied + str(belief.get("object", "")), belief, ""
    elif collection == fields.EVENTS and (account := account_of(element)) is not None:
        said = account.value
        return said if isinstance(said, str) else json_text(said), said, account.id.hex()
    elif collection == fields.SKILL and (version := version_of(element)) is not None:
        return json_text(version.skill), version.skill, version.id.hex()
    return as_text(value), plain(value), ""
