"""Instant memories: they live in the running node and are never written anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from engram_sync.api import Engram, Event, Hit, Life, MemoryType, Provenance, Refinement, Scope
from engram_sync.api.arguments import Filters, MemoryUpdate, NewMemory
from engram_sync.errors import NotFoundError, PreconditionError, UsageError
from engram_sync.memory.read.queries import allows, check_limit
from engram_sync.model.events import event_value
from engram_sync.model.fields import belief_values
from engram_sync.model.ids import engram_text, parse_ref
from engram_sync.model.limits import INSTANT_MEMORIES_MAX
from engram_sync.model.readings import part_id
from engram_sync.model.skills import skill_body
from engram_sync.model.values import belief_of, plain

from .read.planner import split_terms, words_of
from .write.creation import puts_of

_SATURATION = 1.2  # The usual k1 of BM25: a second mention counts for less than the first.


class InstantMemories:
    """The instant memories of one node, newest last; beyond a limit the oldest one goes.

    Args:
        node: Id of the node, for the provenance of what it shows.
        label: The node's display name.
    """

    def __init__(self, *, node: str, label: str) -> None:
        self._node = node
        self._label = label
        self._engrams: dict[str, Engram] = {}

    def remember(self, engram: bytes, memory: NewMemory, *, now_ms: int) -> Engram:
        """Keep a memory until the node stops.

        Raises:
            UsageError: A field is too large or malformed, or another scope was asked for.
        """
        if memory.scope not in (None, Scope.INSTANCE):
            raise UsageError(
                f"an instant memory never leaves its instance, so it has no scope {memory.scope}",
                hint="leave the scope out, or choose another type",
            )
        if memory.collaborative:
            raise UsageError("an instant memory has one writer, so it is no collaborative text")
        puts_of(
            msgspec.structs.replace(memory, type=MemoryType.SEMANTIC)
        )  # The same limits for all.
        shown = Engram(
            id=engram_text(engram),
            version="instant.1",
            type=MemoryType.INSTANT,
            scope=Scope.INSTANCE,
            content=memory.content,
            title=memory.title,
            category=memory.category,
            tags=tuple(sorted(set(memory.tags))),
            confidence=float(memory.confidence),
            metadata={k: v for k, v in sorted(memory.metadata.items()) if v is not None},
            belief=_beliefs(memory.belief),
            events=self._events(engram, memory.events, now_ms),
            life=Life.ACTIVE,
            reason="",
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            provenance=Provenance(self._node, self._label, "", now_ms),
            epistemic=str(memory.epistemic),
            skill=self._skill(engram, memory.skill, now_ms),
            counters=dict(sorted(memory.counters.items())),
        )
        self._engrams[shown.id] = shown
        if len(self._engrams) > INSTANT_MEMORIES_MAX:
            del self._engrams[next(iter(self._engrams))]
        return shown

    def _events(self, engram: bytes, events: Sequence[object], now_ms: int) -> tuple[Event, ...]:
        values = list(dict.fromkeys(event_value(event) for event in events))
        return tuple(
            Event(part_id(engram, v).hex(), plain(v), now_ms, self._node, self._label)
            for v in values
        )

    def _skill(
        self, engram: bytes, skill: Mapping[str, object] | None, now_ms: int
    ) -> tuple[Refinement, ...]:
        if skill is None:
            return ()
        name = part_id(engram, skill_body(skill)).hex()
        return (Refinement(name, (), dict(skill), now_ms, self._node, self._label),)

    def find(self, ref: str) -> Engram | None:
        """The memory a full id or a unique prefix means; None when it is no instant memory.

        Raises:
            UsageError: ``ref`` cannot be an id, or several begin with it.
        """
        digits = parse_ref(ref)
        found = [e for e in self._engrams.values() if e.id.replace("-", "").startswith(digits)]
        if len(found) > 1:
            raise UsageError(
                f"{ref!r} is the beginning of several ids", hint="give more characters"
            )
        return found[0] if found else None

    def update(
        self, ref: str, changes: MemoryUpdate, *, now_ms: int, if_version: str | None = None
    ) -> Engram:
        """Change a memory.

        Raises:
            NotFoundError: It is no instant memory.
            PreconditionError: It is not at ``if_version`` any more.
            UsageError: A field is too large or malformed.
        """
        old = self._at(ref, if_version)
        _refuse_parts(changes)
        metadata = {**old.metadata, **(changes.metadata or {})}
        tags = (set(old.tags) | set(changes.add_tags)) - set(changes.remove_tags)
        memory = NewMemory(
            content=old.content if changes.content is None else changes.content,
            title=old.title if changes.title is None else changes.title,
            category=old.category if changes.category is None else changes.category,
            tags=tuple(tags),
            confidence=old.confidence if changes.confidence is None else changes.confidence,
            metadata=metadata,
            epistemic=old.epistemic if changes.epistemic is None else changes.epistemic,
        )
        puts_of(memory)
        new = replace(
            old,
            version=f"instant.{int(old.version.rpartition('.')[2]) + 1}",
            content=memory.content,
            title=memory.title,
            category=memory.category,
            tags=tuple(sorted(tags)),
            confidence=float(memory.confidence),
            metadata={k: v for k, v in sorted(metadata.items()) if v is not None},
            epistemic=memory.epistemic,
            updated_at_ms=now_ms,
        )
        self._engrams[new.id] = new
        return new

    def forget(self, ref: str, *, if_version: str | None = None) -> Engram:
        """Drop a memory for good and return it as deleted; raises as ``update`` does."""
        old = self._at(ref, if_version)
        del self._engrams[old.id]
        return replace(old, life=Life.DELETED)

    def list(self, *, limit: int = 50, filters: Filters | None = None) -> Sequence[Engram]:
        """The newest memories first."""
        wanted = filters or Filters()
        check_limit(limit)
        found = [e for e in self._engrams.values() if _fits(e, wanted)]
        found.sort(key=lambda e: (-e.updated_at_ms, e.id))
        return found[:limit]

    def recall(
        self, query: str, *, limit: int = 10, filters: Filters | None = None
    ) -> Sequence[Hit]:
        """The memories that share words with a question, best first."""
        wanted = filters or Filters()
        check_limit(limit)
        terms = split_terms(query)
        if not terms:
            return [Hit(e, 0.0) for e in self.list(limit=limit, filters=wanted)]
        hits: list[Hit] = []
        for engram in self._engrams.values():
            strength = _strength(engram, terms)
            if strength and _fits(engram, wanted):
                hits.append(Hit(engram, strength / (1.0 + strength)))
        hits.sort(key=lambda h: (-h.score, -h.engram.updated_at_ms, h.engram.id))
        return hits[:limit]

    def _at(self, ref: str, if_version: str | None) -> Engram:
        engram = self.find(ref)
        if engram is None:
            raise NotFoundError(
                f"there is no instant memory {ref!r} here",
                hint="instant memories go when their node stops",
            )
        if if_version is not None and if_version != engram.version:
            raise PreconditionError(
                f"memory {engram.id} is at version {engram.version}, not {if_version}",
                hint=f"look at it again with `engram-sync get {engram.id}`",
            )
        return engram


def _beliefs(
    beliefs: Mapping[str, object] | Sequence[Mapping[str, object]] | None,
) -> tuple[dict[str, object], ...]:
    return tuple(belief_of(value) for value in belief_values(beliefs))


def _refuse_parts(changes: MemoryUpdate) -> None:
    """Refuse what brings several writers together: an instant memory has one."""
    parts = (
        changes.believe,
        changes.add_events,
        changes.amend_events,
        changes.remove_events,
        changes.refine,
        changes.count,
        changes.edits,
    )
    if any(parts):
        raise UsageError(
            "an instant memory takes no beliefs, events, refinements, counts or edits later on",
            hint="remember it anew with them, or as a memory of another type",
        )


def _fits(engram: Engram, filters: Filters) -> bool:
    if filters.scope not in (None, Scope.INSTANCE) or filters.life not in ("active", "all", None):
        return False
    return engram.updated_at_ms >= (filters.since_ms or 0) and allows(filters, engram)


def _strength(engram: Engram, terms: list[str]) -> float:
    words: dict[str, int] = {}
    for word in words_of(" ".join((engram.title, engram.content, *engram.tags))):
        words[word] = words.get(word, 0) + 1
    counts = [words.get(term, 0) for term in terms]
    return sum(count / (count + _SATURATION) for count in counts)
