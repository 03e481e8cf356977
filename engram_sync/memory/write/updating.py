"""An update, as records to be authored.

A draft supersedes only what the caller's view contained.  Nothing here writes anything.
"""

from engram_crdt import Dot, Element
from engram_sync.api.arguments import MemoryUpdate
from engram_sync.errors import PreconditionError, UsageError
from engram_sync.ledger import Draft
from engram_sync.memory.read.caller_view import CallerView, refuse_open_conflicts
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import next_clock
from engram_sync.model import fields as fields
from engram_sync.model.counters import count
from engram_sync.model.draft_parts import DraftParts
from engram_sync.model.events import change_events
from engram_sync.model.fields import Put
from engram_sync.model.readings import metadata_key
from engram_sync.model.skills import refine
from engram_wire import RecordKind

from .lifecycle import Withdrawn, restoring, taken_from
from .texts import body_label, clear_text, edit_text, first_text


def update(
    snapshot: Snapshot,
    observed: CallerView,
    changes: MemoryUpdate,
    own_log: bytes,
) -> list[Draft]:
    """The records of an update; none when it would change nothing.

    An update that names a version showing a deletion *and* edits nobody deleted settles that
    conflict: the memory lives on, with everything the deletion took restated.

    Args:
        snapshot: What is read, by the strategies by which the caller reads: a field that they
            settle is no open conflict.
        observed: What the caller saw.
        changes: What it wants.
        own_log: Id of the log that will carry the records, and no other.

    Raises:
        UsageError: Nothing to change was given, or a field is too large or malformed.
        NotFoundError: The caller's view has no such event or head of a skill.
        PreconditionError: The caller saw a deleted engram, or named no version while concurrent
            edits are open.
    """
    if observed.is_deleted():
        raise PreconditionError(
            f"memory {observed.text} is deleted",
            hint=f"bring it back with `engram-sync restore {observed.text}`, then update it",
        )
    _refuse_nothing(changes)
    refuse_open_conflicts(observed, snapshot.strategies)
    return _Update(snapshot, observed, changes, own_log).drafts()


def _refuse_nothing(changes: MemoryUpdate) -> None:
    single = (
        changes.content,
        changes.title,
        changes.category,
        changes.epistemic,
        changes.confidence,
        changes.refine,
    )
    several = (
        changes.add_tags,
        changes.remove_tags,
        changes.metadata,
        changes.believe,
        changes.add_events,
        changes.amend_events,
        changes.remove_events,
        changes.count,
        changes.edits,
    )
    if all(value is None for value in single) and not any(several):
        raise UsageError(
            "nothing to change was given",
            hint="give new content, a title, a category, tags, metadata, a confidence, beliefs,"
            " events, a refinement, a count or edits",
        )


class _Update:
    """One update in the making."""

    def __init__(
        self, snapshot: Snapshot, seen: CallerView, changes: MemoryUpdate, own_log: bytes
    ) -> None:
        self._snapshot = snapshot
        self._seen = seen
        self._changes = changes
        self._own_log = own_log

    def drafts(self) -> list[Draft]:
        """The records, in order; none when nothing would change."""
        seen, changes, reader = self._seen, self._changes, self._snapshot.reader
        restored: list[Draft] = []
        kept: list[Put] = []
        if seen.tombstones():
            taken = taken_from(self._snapshot, seen, self._own_log)
            kept = [put for put in taken.puts if not _changes_put(changes, put)]
            wanted = Withdrawn(kept, [], []) if changes.content is not None else taken
            restored = restoring(reader, seen, wanted._replace(puts=kept), self._own_log)
        # What the restoring puts takes clocks of its own.
        clock = next_clock(reader, seen.state.engram, self._own_log)
        clock += sum(_clocks(d) for d in restored)
        parts = self._parts(clock)
        edits = self._texts(parts, clock)
        self._apply(parts)
        live = [*seen.state.elements, *(_as_live(put) for put in kept)]
        count(parts, live, changes.count or {}, self._own_log)
        drafts = parts.drafts(RecordKind.UPDATE) if parts else []
        return [*restored, *drafts, *edits] if drafts or edits else []

    def _parts(self, clock: int) -> DraftParts:
        reader, logs, _ = self._snapshot
        scope, own_log = self._seen.state.scope.id, self._own_log
        return DraftParts(
            self._seen.state.engram,
            self._seen.elements,
            own_log,
            own_agent=lambda log: log == own_log or logs.is_own_agent(reader, scope, log),
            clock=clock,
        )

    def _texts(self, parts: DraftParts, clock: int) -> list[Draft]:
        """Put the content, and return the edits of texts that go with it."""
        seen, changes, own_log = self._seen, self._changes, self._own_log
        if changes.content is not None and changes.edits:
            raise UsageError(
                "both new content and edits were given", hint="edit the text, or replace it"
            )
        if changes.edits:
            return edit_text(self._snapshot, seen, changes.edits, own_log)
        if changes.content is None:
            return []
        content = fields.content_value(changes.content)
        cleared = clear_text(self._snapshot, seen, own_log)
        if not seen.live(fields.BODY) and not cleared:
            parts.put(fields.CONTENT, content)
            return []
        # The first put of its record: its clock is the one that the edit below names.
        parts.replace(fields.BODY, body_label(changes.content), seen.live(fields.BODY))
        parts.remove(seen.live(fields.CONTENT))
        return [*cleared, *first_text(seen.state.engram, clock, changes.content)]

    def _apply(self, parts: DraftParts) -> None:
        seen, changes = self._seen, self._changes
        if changes.title is not None:
            parts.put(fields.TITLE, fields.title_value(changes.title))
        if changes.category is not None:
            parts.put(fields.CATEGORY, fields.category_value(changes.category))
        if changes.epistemic is not None:
            parts.put(fields.EPISTEMIC, fields.epistemic_value(changes.epistemic))
        if changes.confidence is not None:
            parts.put(fields.CONFIDENCE, fields.confidence_value(changes.confidence))
        self._apply_tags(parts)
        self._apply_metadata(parts)
        for value in fields.belief_values(changes.believe):
            parts.put(fields.BELIEF, value)
        change_events(
            parts,
            seen.elements,
            add=changes.add_events,
            amend=changes.amend_events or {},
            remove=changes.remove_events,
        )
        if changes.refine is not None:
            refine(parts, seen.elements, changes.refine, changes.refine_parents)
        elif changes.refine_parents is not None:
            raise UsageError("parents were given without a refinement")

    def _apply_tags(self, parts: DraftParts) -> None:
        add, remove = set(self._changes.add_tags), set(self._changes.remove_tags)
        if add & remove:
            raise UsageError(f"tag {min(add & remove)!r} is both added and removed")
        for tag in sorted(add):
            parts.put(fields.TAGS, fields.tag_value(tag))
        gone = {fields.tag_value(tag) for tag in remove}
        parts.remove(e for e in self._seen.live(fields.TAGS) if e.value in gone)

    def _apply_metadata(self, parts: DraftParts) -> None:
        for key, value in sorted((self._changes.metadata or {}).items()):
            if value is not None:
                parts.put(fields.METADATA, fields.metadata_value(key, value))
            else:
                name = fields.metadata_key_value(key)
                entries = self._seen.live(fields.METADATA)
                parts.remove(e for e in entries if metadata_key(e.value) == name)


def _as_live(put: Put) -> Element:
    """A value about to be restated, for who reads what will be live by then."""
    collection, value = put
    return Element(collection, Dot(b"", 0), 0, value, b"", 0)


def _clocks(draft: Draft) -> int:
    if draft.edit is not None:
        return sum(insert.length for insert in draft.edit.inserts)
    return len(draft.puts)


def _changes_put(changes: MemoryUpdate, put: Put) -> bool:
    """Whether an update says anything else about what this put says."""
    collection, value = put
    if collection == fields.TAGS:
        return value in {fields.tag_value(t) for t in (*changes.add_tags, *changes.remove_tags)}
    if collection == fields.METADATA:
        names = {fields.metadata_key_value(key) for key in changes.metadata or {}}
        return metadata_key(value) in names
    new: dict[str, object] = {
        fields.CONTENT: changes.content,
        fields.TITLE: changes.title,
        fields.CATEGORY: changes.category,
        fields.CONFIDENCE: changes.confidence,
        fields.EPISTEMIC: changes.epistemic,
        fields.SKILL: changes.refine,
    }
    return new.get(collection) is not None
