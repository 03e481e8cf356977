"""What callers want, as records to be authored: remember, update, forget, archive, restore.

A draft supersedes only what the caller's view contained.  Nothing here writes anything.
"""

from engram_crdt import Element
from engram_sync.conflicts import field_name, metadata_key
from engram_sync.errors import PreconditionError, UsageError
from engram_sync.log import Draft
from engram_sync.results import Life, NewMemory
from engram_sync.store import Reader
from engram_wire import RecordKind, Superseded

from . import _fields as fields
from ._authors import Authors
from ._draft_parts import DraftParts, sort_superseded
from ._fields import Put
from ._history import create_puts, undeleted
from ._limits import PAYLOAD_BYTES_MAX, PUTS_MAX
from ._observed import Observed, refuse_open_conflicts
from ._state import EngramState
from ._wishes import Changes


def remember(engram: bytes, memory: NewMemory) -> Draft:
    """The record that creates an engram.

    Raises:
        UsageError: A field is too large, malformed, or there are too many.
    """
    return Draft(RecordKind.CREATE, engram, fields.puts_of(memory), ())


def satisfies(reader: Reader, authors: Authors, state: EngramState, memory: NewMemory) -> None:
    """Accept that a memory with this source key exists, if it was created equal.

    Later updates, and even a delete, do not matter: whoever remembers the same thing again does
    not want the older text or a deleted memory back.

    Raises:
        PreconditionError: It was created with other values, or they are not held here.
        UsageError: The memory could not be stored in the first place.
    """
    wanted = sorted(fields.puts_of(memory))
    if any(sorted(puts) == wanted for puts in create_puts(reader, authors, state)):
        return
    text = Observed(state, state.clock, state.elements, by_version=False).text
    raise PreconditionError(
        f"another memory was remembered under the same key: {text}",
        hint=f"change it with `engram-sync update {text}`, or use another key",
    )


def update(
    reader: Reader, authors: Authors, observed: Observed, changes: Changes, own_log: bytes
) -> list[Draft]:
    """The records of an update; none when it would change nothing.

    An update that names a version showing a deletion *and* edits nobody deleted settles that
    conflict: the memory lives on, with everything the deletion took restated.

    Raises:
        UsageError: Nothing to change was given, or a field is too large or malformed.
        PreconditionError: The caller saw a deleted engram, or named no version while concurrent
            edits are open.
    """
    if observed.is_deleted():
        raise PreconditionError(
            f"memory {observed.text} is deleted",
            hint=f"bring it back with `engram-sync restore {observed.text}`, then update it",
        )
    refuse_open_conflicts(observed)
    scope = observed.state.scope.id
    parts = DraftParts(
        observed.state.engram,
        observed.elements,
        own_log,
        own_agent=lambda log: log == own_log or authors.is_own_agent(reader, scope, log),
    )
    _apply_changes(parts, observed, changes)
    if not parts:
        return []
    if not observed.tombstones():
        return [parts.draft(RecordKind.UPDATE)]
    kept = [put for put in _taken(reader, authors, observed) if not _changes_put(changes, put)]
    return [*_restoring(observed, kept, own_log), parts.draft(RecordKind.UPDATE)]


def forget(observed: Observed, reason: str, own_log: bytes) -> Draft:
    """The record that deletes what the caller saw; what it did not see stays and is reported.

    Raises:
        UsageError: The reason is too long.
        PreconditionError: It is deleted already, or concurrent edits are open and no version was
            named.
    """
    if observed.is_deleted():
        raise PreconditionError(f"memory {observed.text} is deleted already")
    refuse_open_conflicts(observed)
    names = [
        Superseded(0, None if log == own_log else log, clock)
        for log, clock in observed.clock.items()
    ]
    put = (fields.LIFE, fields.life_value(Life.DELETED, reason))
    return Draft(RecordKind.DELETE, observed.state.engram, (put,), sort_superseded(names))


def archive(observed: Observed, reason: str, own_log: bytes) -> Draft:
    """The record that takes an engram out of recall and keeps all it holds.

    Raises:
        UsageError: The reason is too long.
        PreconditionError: The caller saw it deleted, or archived already.
    """
    if observed.tombstones():
        raise PreconditionError(
            f"memory {observed.text} is deleted",
            hint=f"bring it back with `engram-sync restore {observed.text}`, then archive it",
        )
    if observed.is_archived():
        raise PreconditionError(f"memory {observed.text} is archived already")
    parts = DraftParts(observed.state.engram, observed.elements, own_log)
    parts.put(fields.LIFE, fields.life_value(Life.ARCHIVED, reason))
    return parts.draft(RecordKind.ARCHIVE)


def restore(reader: Reader, authors: Authors, observed: Observed, own_log: bytes) -> list[Draft]:
    """The records that make an archived or deleted engram active again.

    A delete supersedes every value its author saw, so undoing it restates those values, concurrent
    siblings included; whatever was written concurrently is live anyway and stays as it is.

    Raises:
        PreconditionError: It is neither archived nor deleted, or a value is not held here.
    """
    if not observed.tombstones() and not observed.is_archived():
        raise PreconditionError(f"memory {observed.text} is neither deleted nor archived")
    return _restoring(observed, _taken(reader, authors, observed), own_log)


def copied(engram: bytes, state: EngramState) -> list[Draft]:
    """The records that re-create an engram under another id, with everything that is live of it.

    Concurrent edits stay side by side, what is archived stays archived, and the value that is
    shown stays the one shown.  Values that are not held cannot be copied.
    """
    oldest_first = sorted(state.elements, key=lambda e: (e.hlc, e.dot))
    puts = [(e.collection, e.value) for e in reversed(oldest_first) if e.value is not None]
    parts = DraftParts(engram, (), b"")
    return _spread(engram, RecordKind.CREATE, parts, 0, list(dict.fromkeys(puts))[::-1])


def _apply_changes(parts: DraftParts, observed: Observed, changes: Changes) -> None:
    add, remove = set(changes.add_tags), set(changes.remove_tags)
    if add & remove:
        raise UsageError(f"tag {min(add & remove)!r} is both added and removed")
    given = (changes.content, changes.title, changes.category, changes.confidence)
    if not add and not remove and not changes.metadata and all(v is None for v in given):
        raise UsageError(
            "nothing to change was given",
            hint="give new content, a title, a category, tags, metadata or a confidence",
        )
    if changes.content is not None:
        parts.put(fields.CONTENT, fields.content_value(changes.content))
    if changes.title is not None:
        parts.put(fields.TITLE, fields.title_value(changes.title))
    if changes.category is not None:
        parts.put(fields.CATEGORY, fields.category_value(changes.category))
    if changes.confidence is not None:
        parts.put(fields.CONFIDENCE, fields.confidence_value(changes.confidence))
    for tag in sorted(add):
        parts.put(fields.TAGS, fields.tag_value(tag))
    gone = {fields.tag_value(tag) for tag in remove}
    parts.remove(e for e in observed.live(fields.TAGS) if e.value in gone)
    for key, value in sorted((changes.metadata or {}).items()):
        if value is not None:
            parts.put(fields.METADATA, fields.metadata_value(key, value))
        else:
            name = fields.metadata_key_value(key)
            entries = observed.live(fields.METADATA)
            parts.remove(e for e in entries if metadata_key(e.value) == name)


def _changes_put(changes: Changes, put: Put) -> bool:
    """Whether an update says anything else about what this put says."""
    collection, value = put
    if collection == fields.TAGS:
        return value in {fields.tag_value(t) for t in (*changes.add_tags, *changes.remove_tags)}
    if collection == fields.METADATA:
        names = {fields.metadata_key_value(key) for key in changes.metadata or {}}
        return metadata_key(value) in names
    new = {
        fields.CONTENT: changes.content,
        fields.TITLE: changes.title,
        fields.CATEGORY: changes.category,
        fields.CONFIDENCE: changes.confidence,
    }
    return new.get(collection) is not None


def _taken(reader: Reader, authors: Authors, observed: Observed) -> list[Put]:
    """What the observed deletes removed and nothing else did, each value once."""
    if not observed.tombstones():
        return []
    live = {(e.collection, e.value) for e in observed.elements}
    puts: dict[Put, None] = {}
    for element in undeleted(reader, authors, observed):
        puts.setdefault((element.collection, _held(observed, element)))
    return [put for put in puts if put not in live]


def _held(observed: Observed, element: Element) -> bytes:
    if element.value is None:
        what = field_name(element.collection)
        raise PreconditionError(
            f"the {what} of memory {observed.text} is not held here",
            hint="engram-sync sync, then try again",
        )
    return element.value


def _restoring(observed: Observed, taken: list[Put], own_log: bytes) -> list[Draft]:
    """One restore record, and updates for what it cannot hold."""
    parts = DraftParts(observed.state.engram, observed.elements, own_log)
    parts.put(fields.LIFE, fields.life_value(Life.ACTIVE, ""))
    return _spread(observed.state.engram, RecordKind.RESTORE, parts, 1, taken)


def _spread(
    engram: bytes, kind: RecordKind, parts: DraftParts, count: int, puts: list[Put]
) -> list[Draft]:
    """Restate values in the record begun, which has ``count`` puts, and in as many as it takes."""
    drafts: list[Draft] = []
    size = 0
    for collection, value in puts:
        if count == PUTS_MAX or size + len(value) > PAYLOAD_BYTES_MAX // 2 + 4096:
            drafts.append(parts.draft(kind))
            kind = RecordKind.UPDATE
            parts = DraftParts(engram, (), b"")
            count, size = 0, 0
        parts.restate(collection, value)
        count, size = count + 1, size + len(value)
    return [*drafts, parts.draft(kind)]
