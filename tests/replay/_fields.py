"""An issue as an engram: which field goes where, and what a write has to say."""

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b
from typing import cast

from engram_crdt import Dot, Element
from engram_sync.api import Life
from engram_sync.ledger import Draft
from engram_sync.memory.state import EngramState
from engram_sync.model.draft_parts import DraftParts, in_order
from engram_wire import RecordKind, Superseded, cbor

from ._dag import Fields

_REGISTERS = {"title": "r/title", "description": "r/content", "issue_type": "r/category"}
_FIELD_OF = {collection: name for name, collection in _REGISTERS.items()}
_LIFE, _TAGS, _METADATA = "r/life", "s/tags", "m/meta"
_LABELS = "labels"
LIFECYCLE = "(deleted)"
"""What a delete beside a concurrent edit is counted as."""

Put = tuple[str, bytes]
Slot = tuple[str, str]
"""(collection, key): what holds one value unless there are siblings."""


@cache
def engram_of(issue: str) -> bytes:
    """The id of an issue's engram."""
    return blake2b(issue.encode(), digest_size=16, person=b"replay issue").digest()


def puts_of(fields: Fields) -> dict[Slot, Put]:
    """What an engram holds that says the same as the issue."""
    puts: dict[Slot, Put] = {}
    for name, value in fields.items():
        if name == _LABELS and isinstance(value, list):
            for label in map(str, cast(list[object], value)):
                puts[_TAGS, label] = (_TAGS, cbor.encode(label))
        elif name in _REGISTERS and isinstance(value, str) and value.strip():
            collection = _REGISTERS[name]
            puts[collection, ""] = (collection, cbor.encode(value))
        else:
            puts[_METADATA, name] = (_METADATA, cbor.encode([name, value]))
    return puts


def _slot(element: Element) -> Slot:
    assert element.value is not None, "the replay drops no payload"
    value = cbor.decode_untrusted(element.value)
    if element.collection == _METADATA:
        assert isinstance(value, list)
        return _METADATA, str(value[0])
    return element.collection, str(value) if element.collection == _TAGS else ""


def _by_slot(elements: Iterable[Element]) -> dict[Slot, list[Element]]:
    found: dict[Slot, list[Element]] = {}
    for element in elements:
        if element.collection != _LIFE:
            found.setdefault(_slot(element), []).append(element)
    return found


def _tombstones(elements: Iterable[Element]) -> list[Element]:
    dead = cbor.encode([str(Life.DELETED), ""])
    return [e for e in elements if e.collection == _LIFE and e.value == dead]


def shown(elements: Sequence[Element]) -> dict[Slot, set[bytes | None]] | None:
    """Every value of every slot; None when the engram is deleted and nothing lives beside that."""
    found = _by_slot(elements)
    if not found and _tombstones(elements):
        return None
    return {slot: {element.value for element in group} for slot, group in found.items()}


def siblings_of(elements: Sequence[Element]) -> dict[str, frozenset[Dot]]:
    """By field: the dots of its concurrent, unequal values."""
    found: dict[str, frozenset[Dot]] = {}
    for (collection, key), group in _by_slot(elements).items():
        if len({element.value for element in group}) > 1:
            name = _FIELD_OF.get(collection, key)
            found[name] = frozenset(element.dot for element in group)
    tombstones = _tombstones(elements)
    if tombstones and len(elements) > len(tombstones):
        found[LIFECYCLE] = frozenset(element.dot for element in elements)
    return found


def drafts_for(
    engram: bytes, state: EngramState | None, wanted: Fields | None, own_log: bytes
) -> list[Draft]:
    """The record that makes an engram say ``wanted``; none when it does already.

    It supersedes what it replaces, siblings included, and touches nothing else.

    Args:
        engram: The engram's id.
        state: What it is; None when there is none.
        wanted: What it is to say; None deletes it.
        own_log: The log that the record goes to.
    """
    elements = () if state is None else state.elements
    if wanted is None:
        return _deletion(state, own_log)
    live, puts = _by_slot(elements), puts_of(wanted)
    parts = DraftParts(engram, elements, own_log)
    kind = RecordKind.UPDATE if elements else RecordKind.CREATE
    if _tombstones(elements):
        kind = RecordKind.RESTORE
        parts.put(_LIFE, cbor.encode([str(Life.ACTIVE), ""]))
    for slot, (collection, value) in sorted(puts.items()):
        if {element.value for element in live.get(slot, ())} != {value}:
            parts.put(collection, value)
    parts.remove(e for slot, group in sorted(live.items()) if slot not in puts for e in group)
    return parts.drafts(kind) if parts else []


def _deletion(state: EngramState | None, own_log: bytes) -> list[Draft]:
    if state is None or shown(state.elements) is None:
        return []
    seen = [
        Superseded(0, None if log == own_log else log, clock) for log, clock in state.clock.items()
    ]
    put = (_LIFE, cbor.encode([str(Life.DELETED), ""]))
    return [Draft(RecordKind.DELETE, state.engram, (put,), in_order(seen))]
