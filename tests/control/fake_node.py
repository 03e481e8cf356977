"""A small node that keeps its memories in a dictionary: the same interface, none of the depth."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import trio

from engram_sync.errors import NotFoundError, PreconditionError
from engram_sync.results import (
    Conflict,
    Engram,
    HistoryEntry,
    Hit,
    Identity,
    JoinResult,
    Life,
    NewMemory,
    PeerStatus,
    PeerSync,
    Provenance,
    Scope,
    Sibling,
    Status,
    SyncResult,
    SyncState,
)

NODE = "a" * 52
AGENT = "b" * 64
PROVENANCE = Provenance(NODE, "laptop", AGENT, 1_700_000_000_000)


class FakeNode:
    def __init__(self, home: Path) -> None:
        self._home = home
        self.engrams: dict[str, Engram] = {}
        self.network = "online"
        self.batches: list[int] = []
        self.entered = trio.Event()
        """Set when ``sync`` or ``join`` began."""
        self.release = trio.Event()
        """Lets ``join`` go on."""
        self.cancelled: list[str] = []
        self.completed: list[str] = []
        self.tokens: list[str] = []

    @property
    def home(self) -> Path:
        return self._home

    async def identity(self) -> Identity:
        return Identity(NODE, "laptop", "0" * 8, 1, AGENT, "agent", str(self._home))

    async def relabel(self, label: str) -> Identity:
        return Identity(NODE, label, "0" * 8, 1, AGENT, "agent", str(self._home))

    async def remember(
        self,
        content: str,
        *,
        type: str = "semantic",  # noqa: A002
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
        number = len(self.engrams) + 1
        engram = Engram(
            id=f"{number:08x}-0000-7000-8000-000000000000",
            version="v1.0",
            type=type,
            scope=scope or Scope.AGENT,
            content=content,
            title=title,
            category=category,
            tags=tuple(sorted(tags)),
            confidence=confidence,
            metadata=dict(metadata or {}),
            belief=() if belief is None else (dict(belief),),
            events=tuple(events),
            life=Life.ACTIVE,
            reason="",
            created_at_ms=1,
            updated_at_ms=1,
            provenance=PROVENANCE,
        )
        self.engrams[engram.id] = engram
        return engram

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str]:
        self.batches.append(len(memories))
        return [(await self.remember(memory.content)).id for memory in memories]

    async def recall(
        self,
        query: str,
        *,
        limit: int = 10,
        tags: Iterable[str] = (),
        type: str | None = None,  # noqa: A002
        scope: str | None = None,
        since_ms: int | None = None,
    ) -> list[Hit]:
        words = set(query.lower().split())
        return [
            Hit(engram, 0.5)
            for engram in self.engrams.values()
            if words & set(engram.content.lower().split()) and set(tags) <= set(engram.tags)
        ][:limit]

    async def get(self, ref: Engram | str) -> Engram:
        if isinstance(ref, Engram):
            return ref
        found = [engram for key, engram in self.engrams.items() if key.startswith(ref)]
        if len(found) != 1:
            raise NotFoundError(f"no memory {ref}", hint="see: engram-sync list")
        return found[0]

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
        if_version: str | None = None,
    ) -> Engram:
        old = await self.get(ref)
        self._check(old, if_version)
        tags = sorted({*old.tags, *add_tags} - {*remove_tags})
        return self._replace(
            dataclasses.replace(old, content=content or old.content, tags=tuple(tags))
        )

    async def forget(
        self, ref: Engram | str, *, reason: str = "", if_version: str | None = None
    ) -> Engram:
        return await self._live(ref, Life.DELETED, reason, if_version)

    async def archive(
        self, ref: Engram | str, *, reason: str = "", if_version: str | None = None
    ) -> Engram:
        return await self._live(ref, Life.ARCHIVED, reason, if_version)

    async def restore(self, ref: Engram | str, *, if_version: str | None = None) -> Engram:
        return await self._live(ref, Life.ACTIVE, "", if_version)

    async def history(self, ref: Engram | str) -> list[HistoryEntry]:
        engram = await self.get(ref)
        fields: dict[str, object] = {"content": engram.content}
        return [HistoryEntry("create", NODE, "laptop", 1, fields, "c" * 64, 1, True)]

    async def conflicts(self) -> list[Conflict]:
        siblings = tuple(Sibling("content", text, NODE, "laptop", 1) for text in ("one", "two"))
        return [Conflict("d" * 64, "e" * 64, "f" * 36, "value", "content", siblings, "v1.9")]

    async def sync(self, *, timeout_s: float = 30.0) -> SyncResult:
        self.entered.set()
        try:
            with trio.move_on_after(timeout_s):
                await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled.append("sync")
            raise
        peer = PeerSync(NODE, "desk", SyncState.CLEAN, 0, 0)
        return SyncResult(SyncState.CLEAN, 0, (), (peer,))

    async def invite(self, *, ttl_s: float = 900.0, role: str = "member", uses: int = 1) -> str:
        return f"engram1.{role}-{ttl_s:g}-{uses}"

    async def join(self, token: str, *, bring: bool = False) -> JoinResult:
        self.tokens.append(token)
        self.entered.set()
        try:
            await self.release.wait()
        except trio.Cancelled:
            self.cancelled.append("join")
            raise
        self.completed.append("join")
        return JoinResult(AGENT, NODE, "member", int(bring), 0)

    async def peers(self) -> list[PeerStatus]:
        return [
            PeerStatus(NODE, "desk", "member", True, "mdns", "127.0.0.1:1", "synced", 1, 0),
        ]

    async def status(self) -> Status:
        identity = await self.identity()
        return Status(identity, True, self.network, (), "ok", (), "alone", (), ())

    async def go_offline(self) -> None:
        self.network = "offline"

    async def go_online(self) -> None:
        raise ValueError("the text of a memory")

    async def list(
        self,
        *,
        limit: int = 50,
        tags: Iterable[str] = (),
        type: str | None = None,  # noqa: A002
        scope: str | None = None,
        since_ms: int | None = None,
        life: str | None = "active",
        after: str | None = None,
    ) -> Sequence[Engram]:
        return [engram for engram in self.engrams.values() if engram.life == life][:limit]

    def _check(self, engram: Engram, if_version: str | None) -> None:
        if if_version is not None and if_version != engram.version:
            raise PreconditionError("it has changed", hint=f"now: {engram.version}")

    def _replace(self, engram: Engram) -> Engram:
        number = int(engram.version.removeprefix("v1.")) + 1
        changed = dataclasses.replace(engram, version=f"v1.{number}")
        self.engrams[engram.id] = changed
        return changed

    async def _live(
        self, ref: Engram | str, life: Life, reason: str, if_version: str | None
    ) -> Engram:
        old = await self.get(ref)
        self._check(old, if_version)
        return self._replace(dataclasses.replace(old, life=life, reason=reason))
