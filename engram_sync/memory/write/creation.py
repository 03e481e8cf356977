"""What a memory puts when it is written for the first time."""

from collections.abc import Sequence

from engram_sync.api.arguments import NewMemory
from engram_sync.errors import PreconditionError
from engram_sync.ledger import Draft
from engram_sync.memory.read.caller_view import CallerView
from engram_sync.memory.read.history import create_puts
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.model import fields as fields
from engram_sync.model import skills as skills
from engram_sync.model.counters import first_counts
from engram_sync.model.events import check_source_keys, first_values
from engram_sync.model.fields import Put, check_count
from engram_wire import RecordKind

from .texts import body_label, first_text


def created(engram: bytes, memory: NewMemory) -> list[Draft]:
    """The records that create an engram: one, and one more for a collaborative text.

    Raises:
        UsageError: A field is too large, malformed, or there are too many.
    """
    puts = puts_of(memory, engram)
    drafts = [Draft(RecordKind.CREATE, engram, puts, ())]
    if memory.collaborative:
        drafts += first_text(engram, 0, memory.content)
    return drafts


def satisfies(snapshot: Snapshot, state: EngramState, memory: NewMemory) -> None:
    """Accept that a memory with this source key exists, if it was created equal.

    Later updates, and even a delete, do not matter: whoever remembers the same thing again does
    not want the older text or a deleted memory back.

    Raises:
        PreconditionError: It was created with other values, or they are not held here.
        UsageError: The memory could not be stored in the first place.
    """
    wanted = sorted(puts_of(memory, state.engram))
    if any(sorted(puts) == wanted for puts in create_puts(snapshot, state)):
        return
    text = CallerView(state, state.clock, state.elements, by_version=False).text
    raise PreconditionError(
        f"another memory was remembered under the same key: {text}",
        hint=f"change it with `engram-sync update {text}`, or use another key",
    )


def puts_of(memory: NewMemory, engram: bytes = b"") -> tuple[Put, ...]:
    """The puts of a memory that is written for the first time, always in the same order.

    Empty title and category are not put; neither are metadata entries whose value is None.

    Args:
        memory: The memory.
        engram: Its id, from which its parts take their names; may be left out where only the
            limits matter.

    Raises:
        UsageError: A field is too large, malformed, or there are too many of them.
    """
    content = fields.content_value(memory.content)
    if memory.collaborative:
        first: Put = (fields.BODY, body_label(memory.content))
    else:
        first = (fields.CONTENT, content)
    puts: list[Put] = [
        first,
        (fields.TYPE, fields.type_value(memory.type)),
        (fields.CONFIDENCE, fields.confidence_value(memory.confidence)),
    ]
    if memory.title:
        puts.append((fields.TITLE, fields.title_value(memory.title)))
    if memory.category:
        puts.append((fields.CATEGORY, fields.category_value(memory.category)))
    if memory.epistemic:
        puts.append((fields.EPISTEMIC, fields.epistemic_value(memory.epistemic)))
    puts += [(fields.TAGS, fields.tag_value(tag)) for tag in sorted(set(memory.tags))]
    puts += [
        (fields.METADATA, fields.metadata_value(key, value))
        for key, value in sorted(memory.metadata.items())
        if value is not None
    ]
    puts += [(fields.BELIEF, value) for value in fields.belief_values(memory.belief)]
    puts += _events(memory.events, engram)
    if memory.skill is not None:
        puts.append((fields.SKILL, skills.first_value(memory.skill, engram)))
    puts += first_counts(memory.counters, None if memory.key is None else engram)
    return check_count(puts)


def _events(events: Sequence[object], engram: bytes) -> list[Put]:
    check_source_keys(events)
    return [(fields.EVENTS, value) for value in first_values(events, engram)]
