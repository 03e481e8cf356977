"""The calls that concern memories, as requests to a running node."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from engram_sync.api import (
    CONFLICTS,
    HISTORY_ENTRIES,
    Conflict,
    Delete,
    Edit,
    Engram,
    HistoryEntry,
    Hit,
    Insert,
    MemoryType,
    NewMemory,
    Page,
)

from ._api import Belief
from ._limits import BATCH_BYTES_MAX, BATCH_MEMORIES_MAX

R = TypeVar("R")
T = TypeVar("T")


class MemoryRequests(ABC):
    """What ``Node`` offers for memories; whoever inherits from this carries the requests."""

    @abstractmethod
    async def _call(self, method: str, params: Mapping[str, object], result: type[R]) -> R:
        """What the node answers, read as ``result``."""

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
        memory = NewMemory(
            content=content,
            type=type,
            scope=scope,
            title=title,
            category=category,
            tags=tuple(tags),
            confidence=confidence,
            metadata=dict(metadata or {}),
            belief=_plain_belief(belief),
            events=tuple(events),
            key=key,
            epistemic=epistemic,
            skill=None if skill is None else dict(skill),
            counters=dict(counters or {}),
            collaborative=collaborative,
        )
        return await self._call("remember", {"memory": memory}, Engram)

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str]:
        ids: list[str] = []
        for batch in _batches(memories):
            ids += await self._call("remember_many", {"memories": batch}, list[str])
        return ids

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
    ) -> "list[Hit]":
        params = {
            "query": query,
            "limit": limit,
            "tags": tuple(tags),
            "type": type,
            "scope": scope,
            "since_ms": since_ms,
            "epistemic": epistemic,
        }
        return await self._call("recall", params, list[Hit])

    async def get(self, ref: Engram | str, *, at_ms: int | None = None) -> Engram:
        return await self._call("get", {"ref": _id_of(ref), "at_ms": at_ms}, Engram)

    async def update(
        self,
        ref: Engram | str,
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
        params = {
            **_versioned(ref, if_version),
            "content": content,
            "title": title,
            "category": category,
            "add_tags": tuple(add_tags),
            "remove_tags": tuple(remove_tags),
            "confidence": confidence,
            "metadata": None if metadata is None else dict(metadata),
            "epistemic": epistemic,
            "believe": _plain_belief(believe),
            "add_events": tuple(add_events),
            "amend_events": None if amend_events is None else dict(amend_events),
            "remove_events": tuple(remove_events),
            "refine": None if refine is None else dict(refine),
            "refine_parents": None if refine_parents is None else tuple(refine_parents),
            "count": None if count is None else dict(count),
            "edits": [_plain_edit(edit) for edit in edits],
        }
        return await self._call("update", params, Engram)

    async def forget(
        self,
        ref: Engram | str,
        *,
        reason: str = "",
        if_version: str | None = None,
        erase: bool = False,
    ) -> Engram:
        params = _versioned(ref, if_version) | {"reason": reason, "erase": erase}
        return await self._call("forget", params, Engram)

    async def archive(
        self, ref: Engram | str, *, reason: str = "", if_version: str | None = None
    ) -> Engram:
        return await self._call("archive", _versioned(ref, if_version) | {"reason": reason}, Engram)

    async def restore(self, ref: Engram | str, *, if_version: str | None = None) -> Engram:
        return await self._call("restore", _versioned(ref, if_version), Engram)

    async def history(
        self,
        ref: Engram | str,
        *,
        at_ms: int | None = None,
        limit: int = HISTORY_ENTRIES,
        after: str | None = None,
    ) -> Page[HistoryEntry]:
        params = {"ref": _id_of(ref), "at_ms": at_ms, "limit": limit, "after": after}
        return (await self._call("history", params, _Answer[HistoryEntry])).page()

    async def conflicts(
        self, *, limit: int = CONFLICTS, after: str | None = None
    ) -> Page[Conflict]:
        params = {"limit": limit, "after": after}
        return (await self._call("conflicts", params, _Answer[Conflict])).page()

    # Last, because inside the class body ``list`` then no longer names the built-in type.
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
        params = {
            "limit": limit,
            "tags": tuple(tags),
            "type": type,
            "scope": scope,
            "since_ms": since_ms,
            "life": life,
            "after": after,
            "epistemic": epistemic,
        }
        return (await self._call("list", params, _Answer[Engram])).page()


class _Answer(msgspec.Struct, Generic[T]):
    """A page as it travels."""

    items: list[T]
    next: str | None

    def page(self) -> Page[T]:
        """The page that the node answered with."""
        return Page(self.items, self.next)


def _plain_belief(
    belief: Belief | Sequence[Belief] | None,
) -> dict[str, object] | list[dict[str, object]] | None:
    if belief is None or isinstance(belief, Mapping):
        return None if belief is None else dict(belief)
    return [dict(one) for one in belief]


def _plain_edit(edit: Edit) -> tuple[str, int, str | int]:
    """An edit in the one form that JSON can tell apart."""
    if isinstance(edit, Insert):
        return ("insert", edit.position, edit.text)
    if isinstance(edit, Delete):
        return ("delete", edit.position, edit.length)
    return edit


def _id_of(ref: Engram | str) -> str:
    return ref.id if isinstance(ref, Engram) else ref


def _versioned(ref: Engram | str, if_version: str | None) -> dict[str, object]:
    """An ``Engram`` stands for the version that its holder saw."""
    if isinstance(ref, Engram):
        return {"ref": ref.id, "if_version": if_version or ref.version}
    return {"ref": ref, "if_version": if_version}


def _batches(memories: Sequence[NewMemory]) -> Iterable[Sequence[NewMemory]]:
    """Consecutive slices that fit into one request each."""
    start = size = 0
    for place, memory in enumerate(memories):
        weight = len(memory.content.encode("utf-8", "surrogatepass")) + 256
        if place > start and (
            size + weight > BATCH_BYTES_MAX or place - start >= BATCH_MEMORIES_MAX
        ):
            yield memories[start:place]
            start, size = place, 0
        size += weight
    if start < len(memories):
        yield memories[start:]
