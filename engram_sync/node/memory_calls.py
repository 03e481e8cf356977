"""The calls of a node that concern memories, as an agent types them."""

from collections.abc import Iterable, Mapping, Sequence

from engram_sync.api import (
    CONFLICTS,
    HISTORY_ENTRIES,
    Conflict,
    Edit,
    Engram,
    HistoryEntry,
    Hit,
    MemoryType,
    NewMemory,
    Page,
)
from engram_sync.memory.read import Filters
from engram_sync.memory.write import MemoryUpdate
from engram_sync.node.memories import Memories, Ref

Belief = Mapping[str, object]
"""subject, relation, object, and optionally polarity and confidence."""


class MemoryCalls:
    """What ``Node`` offers an agent for its memories.

    Args:
        memories: Performs the calls.
    """

    def __init__(self, memories: Memories) -> None:
        self._memories = memories

    async def remember(
        self,
        content: str,
        *,
        type: str = MemoryType.SEMANTIC,  # noqa: A002 - the word users know
        scope: str | None = None,
        title: str = "",
        category: str = "",
        tags: Iterable[str] = (),
        confidence: float = 1.0,
        metadata: Mapping[str, object] | None = None,
        belief: Belief | Sequence[Belief] | None = None,
        events: Iterable[object] = (),
        key: str | None = None,
        epistemic: str = "",
        skill: Mapping[str, object] | None = None,
        counters: Mapping[str, int] | None = None,
        collaborative: bool = False,
    ) -> Engram:
        """Write a memory; it is durable when this returns.

        Args:
            content: The memory itself, at most 256 KiB of UTF-8.
            type: instant, episodic, semantic or procedural; it decides the default scope.
            scope: instance or agent, if not the type's default.
            title: A short name.
            category: Free text for grouping.
            tags: Words to filter by.
            confidence: In [0, 1].
            metadata: Names to JSON values.
            belief: subject, relation, object, and optionally polarity and confidence; or several.
            events: What happened, in order: texts, or objects as JSON has them.
            key: Source key: the same key names the same memory, so that a retry changes nothing.
            epistemic: On what ground it stands: observed, inferred, consensus, contested or
                retracted; empty states nothing.
            skill: name, and steps (texts) or text: the first version of a skill.
            counters: Names to where each counter starts.
            collaborative: Make ``content`` a text that several can edit at once.

        Raises:
            UsageError: A value is malformed or too large.
            PreconditionError: ``key`` was used for other content.
        """
        memory = NewMemory(
            content=content,
            type=type,
            scope=scope,
            title=title,
            category=category,
            tags=tuple(tags),
            confidence=confidence,
            metadata=dict(metadata or {}),
            belief=plain_belief(belief),
            events=tuple(events),
            key=key,
            epistemic=epistemic,
            skill=None if skill is None else dict(skill),
            counters=dict(counters or {}),
            collaborative=collaborative,
        )
        return await self._memories.remember(memory)

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str]:
        """Write many memories in few commits; returns their ids in order."""
        return await self._memories.remember_many(memories)

    async def recall(
        self,
        query: str,
        *,
        limit: int = 10,
        tags: Iterable[str] = (),
        type: str | None = None,  # noqa: A002 - the word users know
        scope: str | None = None,
        since_ms: int | None = None,
        epistemic: str | None = None,
    ) -> Sequence[Hit]:
        """The memories that best answer ``query``, best first."""
        filters = Filters(
            tags=tuple(tags), type=type, scope=scope, since_ms=since_ms, epistemic=epistemic
        )
        return await self._memories.recall(query, limit, filters)

    async def get(self, ref: Ref, *, at_ms: int | None = None) -> Engram:
        """One memory as it is now, deleted or not.

        Args:
            ref: Which one.
            at_ms: Show it as this node would have shown it then: from what had arrived here.

        Raises:
            NotFoundError: There is none, or nothing of it had arrived by then.
        """
        return await self._memories.get(ref, at_ms)

    async def list(
        self,
        *,
        limit: int = 50,
        tags: Iterable[str] = (),
        type: str | None = None,  # noqa: A002 - the word users know
        scope: str | None = None,
        since_ms: int | None = None,
        life: str | None = "active",
        after: str | None = None,
        epistemic: str | None = None,
    ) -> Page[Engram]:
        """The newest memories first; ``life=None`` means all of them, deleted ones too.

        A page may hold fewer than ``limit`` where they are large: while its ``next`` is not None,
        pass that as ``after`` and go on.
        """
        filters = Filters(
            tags=tuple(tags),
            type=type,
            scope=scope,
            since_ms=since_ms,
            life=life or "all",
            epistemic=epistemic,
        )
        return await self._memories.newest(limit, filters, after)

    async def update(
        self,
        ref: Ref,
        *,
        content: str | None = None,
        title: str | None = None,
        category: str | None = None,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        confidence: float | None = None,
        metadata: Mapping[str, object] | None = None,
        epistemic: str | None = None,
        believe: Belief | Sequence[Belief] | None = None,
        add_events: Iterable[object] = (),
        amend_events: Mapping[str, object] | None = None,
        remove_events: Iterable[str] = (),
        refine: Mapping[str, object] | None = None,
        refine_parents: Iterable[str] | None = None,
        count: Mapping[str, int] | None = None,
        edits: Iterable[Edit] = (),
        if_version: str | None = None,
    ) -> Engram:
        """Supersede what ``ref`` (or ``if_version``) showed, and nothing newer.

        What is None or empty stays as it is.

        Args:
            ref: Which memory; an ``Engram`` stands for the version that it shows.
            content: The new text, also of a collaborative memory, where ``edits`` are gentler.
            title: A short name.
            category: Free text for grouping.
            add_tags: Words to filter by.
            remove_tags: Words no longer to filter by.
            confidence: In [0, 1].
            metadata: Entries to set; a value of None removes the entry.
            epistemic: On what ground it stands; empty takes back what was stated.
            believe: Opinions, each in place of one's own about the same subject and relation.
            add_events: What else happened.
            amend_events: By the id of an event: what it should say.
            remove_events: Ids of events to take out.
            refine: The next version of the skill, in full; the name may be left out.
            refine_parents: Ids of the refinements it was made from; None means every head shown.
            count: By the name of a counter: what to add to it.
            edits: ``Insert`` and ``Delete`` of a collaborative text, at positions in characters.
            if_version: The version that the caller looked at.

        Raises:
            NotFoundError: There is no such memory.
            UsageError: There is nothing to change, or a value is malformed or too large.
            PreconditionError: A bare id was given while concurrent edits are open, or it is
                deleted.
        """
        changes = MemoryUpdate(
            content=content,
            title=title,
            category=category,
            add_tags=tuple(add_tags),
            remove_tags=tuple(remove_tags),
            confidence=confidence,
            metadata=None if metadata is None else dict(metadata),
            epistemic=epistemic,
            believe=believe,
            add_events=tuple(add_events),
            amend_events=amend_events,
            remove_events=tuple(remove_events),
            refine=refine,
            refine_parents=None if refine_parents is None else tuple(refine_parents),
            count=count,
            edits=tuple(edits),
        )
        return await self._memories.update(ref, changes, if_version)

    async def forget(
        self, ref: Ref, *, reason: str = "", if_version: str | None = None, erase: bool = False
    ) -> Engram:
        """Delete a memory; an edit concurrent with the delete survives and is reported.

        Args:
            ref: Which one.
            reason: Kept in its history.
            if_version: Delete only what this version showed.
            erase: Also drop its values for good, here and on every node that learns of it.  Who
                has confirmed that stands in ``status``; backups and copies are not reached.

        Raises:
            DeniedError: Others wrote parts of it, and only they or a leader may erase those.
        """
        return await self._memories.forget(ref, reason, if_version, erase=erase)

    async def archive(self, ref: Ref, *, reason: str = "", if_version: str | None = None) -> Engram:
        """Take a memory out of recall and keep it."""
        return await self._memories.archive(ref, reason, if_version)

    async def restore(self, ref: Ref, *, if_version: str | None = None) -> Engram:
        """Bring back an archived or deleted memory."""
        return await self._memories.restore(ref, if_version)

    async def history(
        self,
        ref: Ref,
        *,
        at_ms: int | None = None,
        limit: int = HISTORY_ENTRIES,
        after: str | None = None,
    ) -> Page[HistoryEntry]:
        """The records of a memory, oldest first, a page at a time.

        Args:
            ref: Which one.
            at_ms: Only what had arrived here by then.
            limit: Entries at most; a page may hold fewer where they are large.
            after: ``next`` of the page before.
        """
        return await self._memories.history(ref, at_ms, limit, after)

    async def conflicts(
        self, *, limit: int = CONFLICTS, after: str | None = None
    ) -> Page[Conflict]:
        """Concurrent edits that nobody has resolved, a page at a time.

        Args:
            limit: Conflicts at most; a page may hold fewer where they are large.
            after: ``next`` of the page before.
        """
        return await self._memories.conflicts(limit, after)


def plain_belief(
    belief: Belief | Sequence[Belief] | None,
) -> dict[str, object] | list[dict[str, object]] | None:
    """One belief or several as values of their own."""
    if belief is None or isinstance(belief, Mapping):
        return None if belief is None else dict(belief)
    return [dict(one) for one in belief]
