"""Writing references: from what logs are called here to what every reader understands."""

from collections.abc import Mapping
from dataclasses import replace

from engram_wire import Edit, EditInsert, RecordKind, Reference, Span, Superseded

from ._batches import Draft
from ._logs import LogState
from ._puts import PutIndex
from ._registry import Registry
from ._resolver import ReferenceResolver
from ._views import History

_OF_RECORDS = frozenset({RecordKind.ERASE, RecordKind.SEAL, RecordKind.VOID, RecordKind.RATIFY})
"""Kinds that name positions, which are the same in every branch."""


def written(
    registry: Registry,
    log: LogState,
    draft: Draft,
    history: History,
    seen: Mapping[int, int],
) -> Draft:
    """``draft`` for the next record of ``log``, in a scope where some log is forked.

    Args:
        registry: All logs.
        log: The log that the record goes to; not a forked one.
        draft: The change.
        history: What is stored.
        seen: How far the record will have seen each log: what it does not name counts for nothing.
    """
    if not draft.superseded and draft.edit is None:
        return draft

    def puts() -> PutIndex:
        return PutIndex(history, draft.engram)

    named = ReferenceResolver(registry, log, seen, puts)
    if draft.edit is not None:
        return replace(draft, edit=_edit(draft.edit, named))
    if draft.kind in _OF_RECORDS:
        items = tuple([item._replace(log=named.name(item.log)) for item in draft.superseded])
        items = _longest(items) if draft.kind == RecordKind.SEAL else items
        return replace(draft, superseded=items)
    if draft.kind == RecordKind.DELETE:
        return replace(draft, superseded=_until(draft.superseded, named))
    dots = [(dot.op, *named.reference(dot.log, dot.clock)) for dot in draft.superseded]
    return replace(draft, superseded=tuple([Superseded(*dot) for dot in dots]))


def _edit(edit: Edit, named: ReferenceResolver) -> Edit:
    def of(reference: Reference | None) -> Reference | None:
        return None if reference is None else Reference(*named.reference(*reference))

    return Edit(
        Reference(*named.reference(*edit.generation)),
        tuple([EditInsert(of(item.left), of(item.right), item.length) for item in edit.inserts]),
        tuple([Span(*named.reference(s.log, s.clock), s.length) for s in edit.deletes]),
    )


def _longest(items: tuple[Superseded, ...]) -> tuple[Superseded, ...]:
    """Each log once: the trunk of a branch goes by the branch's name where it has no other."""
    ends: dict[bytes | None, Superseded] = {}
    for item in items:
        if item.log not in ends or item.clock > ends[item.log].clock:
            ends[item.log] = item
    return tuple(ends.values())


def _until(items: tuple[Superseded, ...], named: ReferenceResolver) -> tuple[Superseded, ...]:
    """How much of each log a delete removes: never more than the draft says of any part of it."""
    limits = {item.log: item.clock for item in items}
    ends: dict[bytes | None, Superseded] = {}
    for item in items:
        name, clock = named.reference(item.log, item.clock)
        covered = () if name is None else named.until(name, clock)
        within = all(count <= limits.get(log, 0) for log, count in covered)
        if within and (name not in ends or clock > ends[name].clock):
            ends[name] = Superseded(0, name, clock)
    return tuple(ends.values())
