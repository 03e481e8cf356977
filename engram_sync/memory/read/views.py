"""Live elements as what people see."""

from collections.abc import Iterator, Mapping, Sequence

from engram_crdt import Element, latest
from engram_sync.api import Engram, Epistemic, Event, Provenance, Refinement, Reported
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.model import fields as fields
from engram_sync.model.conflicts import ConflictClass, find
from engram_sync.model.counters import sums
from engram_sync.model.events import ShownEvent, shown_events
from engram_sync.model.ids import engram_text
from engram_sync.model.life import life_now
from engram_sync.model.limits import PART_BYTES_MAX
from engram_sync.model.skills import shown_heads
from engram_sync.model.values import belief_of, distinct, plain, unique

from .answers import shortened, size_of
from .siblings import siblings_of
from .strategies import FieldReading, read_fields
from .versions import token_of


def show(snapshot: Snapshot, state: EngramState) -> Engram:
    """The engram as this node sees it now."""
    reader, logs, _ = snapshot
    by: dict[str, list[Element]] = {}
    for element in state.elements:
        by.setdefault(element.collection, []).append(element)
    read = read_fields(snapshot, state, by)
    newest = latest(by.get(fields.BODY) or by.get(fields.CONTENT) or list(state.elements))
    log = newest.dot.log if newest else snapshot.log_id(state.row.log)
    hlc = newest.hlc if newest else state.row.hlc
    source = logs.provenance(reader, state.scope.id, log, hlc)
    hearsay = source.trust < 1.0 or not logs.is_own_agent(reader, state.scope.id, log)
    life, reason = life_now(state.elements)
    siblings, unseen = siblings_of(snapshot, state)
    engram = Engram(
        id=engram_text(state.engram),
        version=token_of(state, logs.version_key),
        type=read.text(fields.TYPE),
        scope=state.scope.kind,
        content=read.content(),
        title=read.text(fields.TITLE),
        category=read.text(fields.CATEGORY),
        tags=tuple(sorted(str(plain(value)) for value in distinct(by.get(fields.TAGS, [])))),
        confidence=_confidence(read),
        metadata=read.metadata(),
        belief=tuple(belief_of(value) for value in unique(by.get(fields.BELIEF, []))),
        events=_events(snapshot, state, by),
        life=life,
        reason=reason,
        created_at_ms=state.created >> 16,
        updated_at_ms=state.row.hlc >> 16,
        provenance=source,
        siblings=siblings,
        epistemic=_epistemic(read, by),
        # Hearsay is what another agent wrote, or a node that is not fully trusted here.
        reported=_reported(source) if hearsay else None,
        skill=_skill(snapshot, state, read),
        counters=sums(state.elements),
        collaborative=fields.BODY in by,
        erased=state.erased,
        notes=(*read.notes, *_missing(state)),
        left_out={"siblings": unseen} if unseen else {},
    )
    return engram if size_of(state) <= PART_BYTES_MAX else shortened(engram)


def _missing(state: EngramState) -> Iterator[str]:
    """What is shown without some of its values says so, also where one cannot see a gap."""
    if state.missing:
        count = "some of its values are" if state.missing > 1 else "a part of its values is"
        yield f"{count} not held here: they have not arrived, or were let go by a compaction"


def _confidence(read: FieldReading) -> float:
    value = read.value(fields.CONFIDENCE)
    return value if isinstance(value, float) else 1.0


def _epistemic(read: FieldReading, by: Mapping[str, Sequence[Element]]) -> str:
    opinions = by.get(fields.BELIEF, ())
    if len(opinions) > 1 and any(f.kind is ConflictClass.BELIEF for f in find(opinions)):
        return Epistemic.CONTESTED
    return read.text(fields.EPISTEMIC)


def _reported(source: Provenance) -> Reported:
    return Reported(source.node, source.label, source.agent, source.trust)


def _events(
    snapshot: Snapshot, state: EngramState, by: Mapping[str, Sequence[Element]]
) -> tuple[Event, ...]:
    """Each event once, as last told; what is told in several ways is among the siblings."""
    shown: list[Event] = []
    for accounts in shown_events(by.get(fields.EVENTS, ())):
        element, account = _newest(accounts)
        node, label = snapshot.named_author(state.scope.id, element.dot.log)
        shown.append(
            Event(
                id=account.id.hex(),
                value=account.value,
                written_at_ms=account.hlc >> 16,
                node=node,
                label=label,
                amended=account.amendments > 0,
            )
        )
    return tuple(shown)


def _newest(accounts: Sequence[ShownEvent]) -> ShownEvent:
    return max(accounts, key=lambda one: (one.element.hlc, one.element.dot))


def _skill(snapshot: Snapshot, state: EngramState, read: FieldReading) -> tuple[Refinement, ...]:
    shown: list[Refinement] = []
    for element, version in shown_heads(read.heads()):
        node, label = snapshot.named_author(state.scope.id, element.dot.log)
        shown.append(
            Refinement(
                id=version.id.hex(),
                parents=tuple(parent.hex() for parent in version.parents),
                skill=version.skill,
                written_at_ms=element.hlc >> 16,
                node=node,
                label=label,
            )
        )
    return tuple(shown)
