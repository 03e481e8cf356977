"""Live elements as what people see: an engram, its siblings, its conflicts."""

from collections.abc import Sequence

from engram_crdt import Element, latest
from engram_sync.conflicts import (
    Found,
    conflict_id,
    conflict_version,
    disagree,
    field_name,
    find,
    life_of,
    metadata_key,
)
from engram_sync.conflicts import fields as grouped
from engram_sync.results import Conflict, Engram, Life, Sibling
from engram_sync.store import Reader

from . import _fields as fields
from ._authors import Authors
from ._ids import engram_text, node_text
from ._limits import KEY_BYTES_MAX
from ._state import LIVES, EngramState
from ._values import as_text, belief_of, entry_of, plain, text_of, unique
from ._versions import version_token

assert KEY_BYTES_MAX < 256  # conflicts.metadata_key reads one length byte.


def life_now(elements: Sequence[Element]) -> tuple[Life, str]:
    """State of life and its reason.

    Deleted wins over everything concurrent with it, so that a memory does not come back because
    somebody who had been away touched it; otherwise the newest entry counts.  An engram of which
    nothing at all is live is deleted, whatever took it away.
    """
    if not elements:
        return Life.DELETED, ""
    entries = [e for e in elements if e.collection == fields.LIFE and e.value is not None]
    deletes = [e for e in entries if life_of(e)[0] == Life.DELETED]
    newest = latest(deletes or entries)
    if newest is None:
        return Life.ACTIVE, ""
    state, reason = life_of(newest)
    return Life(state), reason


def show(reader: Reader, authors: Authors, state: EngramState) -> Engram:
    """The engram as this node sees it now."""
    by: dict[str, list[Element]] = {}
    for element in state.elements:
        by.setdefault(element.collection, []).append(element)
    metadata = sorted(by.get(fields.METADATA, []), key=lambda e: (e.hlc, e.dot))
    newest = latest(by.get(fields.CONTENT) or list(state.elements))
    log = newest.dot.log if newest else authors.log_id(reader, state.row.log)
    life, reason = life_now(state.elements)
    return Engram(
        id=engram_text(state.engram),
        version=version_token(state.clock),
        type=text_of(by.get(fields.TYPE, [])),
        scope=state.scope.kind,
        content=text_of(by.get(fields.CONTENT, [])),
        title=text_of(by.get(fields.TITLE, [])),
        category=text_of(by.get(fields.CATEGORY, [])),
        tags=tuple(sorted(str(plain(value)) for value in unique(by.get(fields.TAGS, [])))),
        confidence=_confidence(by.get(fields.CONFIDENCE, [])),
        metadata=dict(sorted(entry_of(e.value) for e in metadata if e.value is not None)),
        belief=tuple(belief_of(value) for value in unique(by.get(fields.BELIEF, []))),
        events=tuple(plain(value) for value in unique(by.get(fields.EVENTS, []))),
        life=life,
        reason=reason,
        created_at_ms=state.created >> 16,
        updated_at_ms=state.row.hlc >> 16,
        provenance=authors.provenance(
            reader, state.scope.id, log, newest.hlc if newest else state.row.hlc
        ),
        siblings=siblings_of(reader, authors, state),
    )


def siblings_of(reader: Reader, authors: Authors, state: EngramState) -> tuple[Sibling, ...]:
    """Every live value of each field that has more than one unequal value.

    Unequal opinions of one's own slot are no conflict; they are listed all the same, because a
    concurrent edit never disappears.
    """
    groups = grouped(state.elements)
    own = state.live(fields.CONFIDENCE)
    if own:
        groups[fields.CONFIDENCE, b""] = own
    return tuple(
        _sibling(reader, authors, state, element)
        for _, group in sorted(groups.items())
        if disagree(group)
        for element in sorted(group, key=lambda e: (e.hlc, e.dot))
    )


def conflicts_of(reader: Reader, authors: Authors, state: EngramState) -> list[Conflict]:
    """The open conflicts of one engram, the same on every replica that holds the same records."""
    version = version_token(state.clock)
    return [
        Conflict(
            id=conflict_id(state.scope.id, state.engram, found),
            version=conflict_version(found),
            engram=engram_text(state.engram),
            kind=str(found.kind),
            field=field_name(found.collection, found.key),
            siblings=tuple(_sibling(reader, authors, state, e) for e in _by_age(found)),
            engram_version=version,
        )
        for found in find(state.elements)
    ]


def life_number(elements: Sequence[Element]) -> int:
    """The state of life as rows store it."""
    return LIVES.index(life_now(elements)[0])


def _by_age(found: Found) -> list[Element]:
    return sorted(found.heads, key=lambda e: (e.hlc, e.dot))


def _sibling(reader: Reader, authors: Authors, state: EngramState, element: Element) -> Sibling:
    key = authors.author(reader, element.dot.log)
    value = element.value
    entry_key = b""
    if element.collection == fields.METADATA:
        entry_key = metadata_key(value) or b""
        value = None if value is None else value[1 + len(entry_key) :]
    shown = as_text(value)
    if element.collection == fields.LIFE and value is not None:
        shown = ": ".join(part for part in life_of(element) if part)
    return Sibling(
        field=field_name(element.collection, entry_key),
        value=shown,
        node=node_text(key),
        label=authors.label(state.scope.id, key),
        written_at_ms=element.hlc >> 16,
    )


def _confidence(elements: list[Element]) -> float:
    newest = latest([e for e in elements if e.value is not None])
    value = plain(newest.value) if newest and newest.value is not None else None
    return value if isinstance(value, float) else 1.0
