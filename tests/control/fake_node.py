"""A small node that keeps its memories in a dictionary: the same interface, none of the depth."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import trio

from engram_sync.api import (
    Check,
    Compaction,
    Conflict,
    Doctor,
    Edit,
    Engram,
    ErasureStatus,
    Event,
    HistoryEntry,
    Hit,
    Identity,
    JoinResult,
    Life,
    NewMemory,
    Page,
    PeerStatus,
    PeerSync,
    Provenance,
    Refinement,
    Saving,
    Scope,
    Sibling,
    Status,
    SyncResult,
    SyncState,
)
from engram_sync.errors import NotFoundError, PreconditionError

NODE = "a" * 52
AGENT = "b" * 64
SAVING = Saving(3, 300, 1)
PROVENANCE = Provenance(NODE, "laptop", AGENT, 1_700_000_000_000)

Belief = Mapping[str, object]


def opinions(belief: Belief | Sequence[Belief] | None) -> tuple[dict[str, object], ...]:
    if belief is None:
        return ()
    several = [belief] if isinstance(belief, Mapping) else belief
    return tuple({"polarity": True, "confidence": 1.0} | dict(one) for one in several)


def refinement(number: int, skill: Mapping[str, object], parents: tuple[str, ...]) -> Refinement:
    return Refinement(f"{'f' * 16}:{number}", parents, dict(skill), 1, NODE, "laptop")


def conflict(kind: str, field: str, values: Sequence[str], key: tuple[str, ...] = ()) -> Conflict:
    siblings = tuple(
        Sibling(field, text, NODE, "laptop", 1, data=text, id=f"{'e' * 16}:{place}")
        for place, text in enumerate(values)
    )
    return Conflict("d" * 64, "e" * 64, "f" * 36, kind, field, siblings, "v1.9", key)


class FakeNode:
    def __init__(self, home: Path) -> None:
        self._home = home
        self.engrams: dict[str, Engram] = {}
        self.network = "online"
        self.unstored = ""
        self.batches: list[int] = []
        self.entered = trio.Event()
        """Set when ``sync`` or ``join`` began."""
        self.release = trio.Event()
        """Lets ``join`` go on."""
        self.cancelled: list[str] = []
        self.completed: list[str] = []
        self.tokens: list[str] = []
        self.edits: list[Edit] = []
        self.asked_at: list[int] = []
        self.all_confirm = False
        """Whether an erasure is confirmed by everybody at once."""
        self.erasures: tuple[ErasureStatus, ...] = ()
        self.more: str | None = None
        """What the pages of every answer say of the next one."""
        self.compacted: list[tuple[float, bool]] = []
        self.found = Doctor(True, (Check("store", ok=True, detail="9,000 bytes"),), SAVING, 9_000)

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
        belief: Belief | Sequence[Belief] | None = None,
        events: Iterable[object] = (),
        key: str | None = None,
        epistemic: str = "",
        skill: Mapping[str, object] | None = None,
        counters: Mapping[str, int] | None = None,
        collaborative: bool = False,
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
            belief=opinions(belief),
            events=tuple(
                Event(f"{'e' * 16}:{place}", value, 1, NODE, "laptop")
                for place, value in enumerate(events)
            ),
            life=Life.ACTIVE,
            reason="",
            created_at_ms=1,
            updated_at_ms=1,
            provenance=PROVENANCE,
            epistemic=epistemic,
            skill=() if skill is None else (refinement(0, skill, ()),),
            counters=dict(counters or {}),
            collaborative=collaborative,
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
        epistemic: str | None = None,
    ) -> list[Hit]:
        words = set(query.lower().split())
        return [
            Hit(engram, 0.5)
            for engram in self.engrams.values()
            if words & set(engram.content.lower().split())
            and set(tags) <= set(engram.tags)
            and epistemic in (None, engram.epistemic)
        ][:limit]

    async def get(self, ref: Engram | str, *, at_ms: int | None = None) -> Engram:
        if at_ms is not None:
            self.asked_at.append(at_ms)
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
        old = await self.get(ref)
        self._check(old, if_version)
        self.edits += edits
        added = (
            Event(f"{'e' * 16}:{place}", value, 2, NODE, "laptop")
            for place, value in enumerate(add_events, len(old.events))
        )
        amended = amend_events or {}
        gone = {*remove_events}
        events = (
            dataclasses.replace(event, value=amended[event.id], amended=True)
            if event.id in amended
            else event
            for event in old.events
            if event.id not in gone
        )
        heads = old.skill
        if refine is not None:
            parents = tuple(refine_parents or (head.id for head in heads))
            kept = tuple(head for head in heads if head.id not in parents)
            heads = (refinement(len(parents), refine, parents), *kept)
        counters = dict(old.counters)
        for name, by in (count or {}).items():
            counters[name] = counters.get(name, 0) + by
        return self._replace(
            dataclasses.replace(
                old,
                content=content or old.content,
                tags=tuple(sorted({*old.tags, *add_tags} - {*remove_tags})),
                epistemic=old.epistemic if epistemic is None else epistemic,
                belief=old.belief + opinions(believe),
                events=(*events, *added),
                skill=heads,
                counters=counters,
            )
        )

    async def forget(
        self,
        ref: Engram | str,
        *,
        reason: str = "",
        if_version: str | None = None,
        erase: bool = False,
    ) -> Engram:
        gone = await self._live(ref, Life.DELETED, reason, if_version)
        if not erase:
            return gone
        status = ErasureStatus(
            gone.id, AGENT, 1, NODE, 1, ("desk",), ("tablet",), copies=("c" * 36,)
        )
        if not self.all_confirm:
            self.erasures = (*self.erasures, status)
        return self._replace(dataclasses.replace(gone, content="", erased=True))

    async def archive(
        self, ref: Engram | str, *, reason: str = "", if_version: str | None = None
    ) -> Engram:
        return await self._live(ref, Life.ARCHIVED, reason, if_version)

    async def restore(self, ref: Engram | str, *, if_version: str | None = None) -> Engram:
        return await self._live(ref, Life.ACTIVE, "", if_version)

    async def history(
        self,
        ref: Engram | str,
        *,
        at_ms: int | None = None,
        limit: int = 1000,
        after: str | None = None,
    ) -> Page[HistoryEntry]:
        engram = await self.get(ref, at_ms=at_ms)
        fields: dict[str, object] = {"content": engram.content}
        entries = [HistoryEntry("create", NODE, "laptop", 1, fields, "c" * 64, 1, True)]
        return Page(entries, self.more)

    async def conflicts(self, *, limit: int = 1000, after: str | None = None) -> Page[Conflict]:
        return Page([conflict("value", "content", ("one", "two"))], self.more)

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
        return f"engram2.{role}-{ttl_s:g}-{uses}"

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
        return Status(
            identity, True, self.network, (), "ok", (), "alone", (), (), erasures=self.erasures
        )

    async def doctor(self) -> Doctor:
        return self.found

    async def compact(self, *, keep_days: float = 30.0, dry_run: bool = False) -> Compaction:
        self.compacted.append((keep_days, dry_run))
        after = 9_000 if dry_run else 4_000
        return Compaction(SAVING, 9_000, after)

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
        epistemic: str | None = None,
    ) -> Page[Engram]:
        found = [
            engram
            for engram in self.engrams.values()
            if engram.life == life and epistemic in (None, engram.epistemic)
        ]
        return Page(found[:limit], self.more)

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
