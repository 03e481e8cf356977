"""The calls of a node that concern memories, as an agent types them."""

from collections.abc import Iterable, Mapping, Sequence

from engram_sync.memory import Changes
from engram_sync.node._memories import Memories, Ref, filters_of
from engram_sync.results import Conflict, Engram, HistoryEntry, Hit, MemoryType, NewMemory


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
        belief: Mapping[str, object] | None = None,
        events: Iterable[object] = (),
        key: str | None = None,
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
            belief: subject, relation, object, and optionally polarity and confidence.
            events: What happened, in order.
            key: Source key: the same key names the same memory, so that a retry changes nothing.

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
            belief=None if belief is None else dict(belief),
            events=tuple(events),
            key=key,
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
    ) -> Sequence[Hit]:
        """The memories that best answer ``query``, best first."""
        filters = filters_of(tags=tuple(tags), type=type, scope=scope, since_ms=since_ms)
        return await self._memories.recall(query, limit, filters)

    async def get(self, ref: Ref) -> Engram:
        """One memory as it is now, deleted or not."""
        return await self._memories.get(ref)

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
    ) -> Sequence[Engram]:
        """The newest memories first; ``life=None`` means all of them, deleted ones too."""
        filters = filters_of(tags=tuple(tags), type=type, scope=scope, since_ms=since_ms, life=life)
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
        if_version: str | None = None,
    ) -> Engram:
        """Supersede what ``ref`` (or ``if_version``) showed, and nothing newer.

        Raises:
            PreconditionError: A bare id was given while concurrent edits are open.
        """
        changes = Changes(
            content=content,
            title=title,
            category=category,
            add_tags=tuple(add_tags),
            remove_tags=tuple(remove_tags),
            confidence=confidence,
            metadata=None if metadata is None else dict(metadata),
        )
        return await self._memories.update(ref, changes, if_version)

    async def forget(self, ref: Ref, *, reason: str = "", if_version: str | None = None) -> Engram:
        """Delete a memory; an edit concurrent with the delete survives and is reported."""
        return await self._memories.forget(ref, reason, if_version)

    async def archive(self, ref: Ref, *, reason: str = "", if_version: str | None = None) -> Engram:
        """Take a memory out of recall and keep it."""
        return await self._memories.archive(ref, reason, if_version)

    async def restore(self, ref: Ref, *, if_version: str | None = None) -> Engram:
        """Bring back an archived or deleted memory."""
        return await self._memories.restore(ref, if_version)

    async def history(self, ref: Ref) -> Sequence[HistoryEntry]:
        """Every record of a memory, oldest first."""
        return await self._memories.history(ref)

    async def conflicts(self) -> Sequence[Conflict]:
        """Concurrent edits that nobody has resolved."""
        return await self._memories.conflicts()
