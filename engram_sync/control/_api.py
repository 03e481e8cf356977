"""The methods that a Node and a ControlClient share, as one typed interface."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from engram_sync.api import (
    Compaction,
    Conflict,
    Doctor,
    Edit,
    Engram,
    HistoryEntry,
    Hit,
    Identity,
    JoinResult,
    NewMemory,
    Page,
    PeerStatus,
    Status,
    SyncResult,
)

Belief = Mapping[str, object]


class NodeApi(Protocol):
    """What an agent, the command line or a control connection may ask of a node.

    ``ref`` is an ``Engram``, a full id, or a unique prefix of at least 8 hex characters.  Every
    method raises ``EngramError`` and nothing else on purpose.
    """

    @property
    def home(self) -> Path:
        """The directory that holds the node's store and key."""
        ...

    @property
    def unstored(self) -> str:
        """Why nothing can be stored just now, in words; empty when it can."""
        ...

    async def identity(self) -> Identity: ...

    async def relabel(self, label: str) -> Identity: ...

    async def remember(
        self,
        content: str,
        *,
        type: str = ...,  # noqa: A002 - the word users know
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
    ) -> Engram: ...

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str]: ...

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
    ) -> Sequence[Hit]: ...

    async def get(self, ref: Engram | str, *, at_ms: int | None = None) -> Engram: ...

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
    ) -> Page[Engram]: ...

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
    ) -> Engram: ...

    async def forget(
        self,
        ref: Engram | str,
        *,
        reason: str = "",
        if_version: str | None = None,
        erase: bool = False,
    ) -> Engram: ...

    async def archive(
        self, ref: Engram | str, *, reason: str = "", if_version: str | None = None
    ) -> Engram: ...

    async def restore(self, ref: Engram | str, *, if_version: str | None = None) -> Engram: ...

    async def history(
        self,
        ref: Engram | str,
        *,
        at_ms: int | None = None,
        limit: int = ...,
        after: str | None = None,
    ) -> Page[HistoryEntry]: ...

    async def conflicts(self, *, limit: int = ..., after: str | None = None) -> Page[Conflict]: ...

    async def sync(self, *, timeout_s: float = 30.0) -> SyncResult: ...

    async def invite(self, *, ttl_s: float = 900.0, role: str = "member", uses: int = 1) -> str: ...

    async def join(self, token: str, *, bring: bool = False) -> JoinResult: ...

    async def peers(self) -> Sequence[PeerStatus]: ...

    async def status(self) -> Status: ...

    async def doctor(self) -> Doctor: ...

    async def compact(self, *, keep_days: float = 30.0, dry_run: bool = False) -> Compaction: ...

    async def go_offline(self) -> None: ...

    async def go_online(self) -> None: ...
