"""A small node that keeps its memories in a dictionary: the same interface, none of the depth."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import trio

from engram_sync.api import (
    Check,
    Compaction,
    Conflict,
    Doctor,
    Engram,
    ErasureStatus,
    Event,
    HistoryEntry,
    Hit,
    Identity,
    JoinResult,
    Life,
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
from engram_sync.api import calls as c
from engram_sync.api.arguments import Belief, Edit, NewMemory
from engram_sync.errors import NotFoundError, PreconditionError

R = TypeVar("R")
NODE = "a" * 52
AGENT = "b" * 64
SAVING = Saving(3, 300, 1)
PROVENANCE = Provenance(NODE, "laptop", AGENT, 1_700_000_000_000)


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


class FakeNode(c.NodeApi):
    def __init__(self, home: Path) -> None:
        self._home = home
        self.engrams: dict[str, Engram] = {}
        self.network = "online"
        self.full = ""
        """Why nothing can be stored."""
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

    @property
    def unstored(self) -> str:
        return self.full

    async def perform(self, call: c.Call[R]) -> R:
        return cast(R, await getattr(self, f"_{call.name()}")(call))

    async def _identity(self, _: c.IdentityCall) -> Identity:
        return Identity(NODE, "laptop", "0" * 8, 1, AGENT, "agent", str(self._home))

    async def _relabel(self, call: c.RelabelCall) -> Identity:
        return Identity(NODE, call.label, "0" * 8, 1, AGENT, "agent", str(self._home))

    async def _remember(self, new: NewMemory) -> Engram:
        number = len(self.engrams) + 1
        engram = Engram(
            id=f"{number:08x}-0000-7000-8000-000000000000",
            version="v1.0",
            type=new.type,
            scope=new.scope or Scope.AGENT,
            content=new.content,
            title=new.title,
            category=new.category,
            tags=tuple(sorted(new.tags)),
            confidence=new.confidence,
            metadata=dict(new.metadata),
            belief=opinions(new.belief),
            events=tuple(
                Event(f"{'e' * 16}:{place}", value, 1, NODE, "laptop")
                for place, value in enumerate(new.events)
            ),
            life=Life.ACTIVE,
            reason="",
            created_at_ms=1,
            updated_at_ms=1,
            provenance=PROVENANCE,
            epistemic=new.epistemic,
            skill=() if new.skill is None else (refinement(0, new.skill, ()),),
            counters=dict(new.counters),
            collaborative=new.collaborative,
        )
        self.engrams[engram.id] = engram
        return engram

    async def _remember_many(self, call: c.RememberManyCall) -> list[str]:
        self.batches.append(len(call.memories))
        return [(await self._remember(memory)).id for memory in call.memories]

    async def _recall(self, call: c.RecallCall) -> list[Hit]:
        words = set(call.query.lower().split())
        return [
            Hit(engram, 0.5)
            for engram in self.engrams.values()
            if words & set(engram.content.lower().split())
            and set(call.tags) <= set(engram.tags)
            and call.epistemic in (None, engram.epistemic)
        ][: call.limit]

    async def _get(self, call: c.GetCall) -> Engram:
        if call.at_ms is not None:
            self.asked_at.append(call.at_ms)
        return self._found(call.ref)

    def _found(self, ref: c.Ref) -> Engram:
        prefix = c.id_of(ref)
        found = [engram for key, engram in self.engrams.items() if key.startswith(prefix)]
        if len(found) != 1:
            raise NotFoundError(f"no memory {prefix}", hint="see: engram-sync list")
        return found[0]

    async def _update(self, call: c.UpdateCall) -> Engram:
        old = self._found(call.ref)
        self._check(old, call.if_version)
        self.edits += call.edits
        added = (
            Event(f"{'e' * 16}:{place}", value, 2, NODE, "laptop")
            for place, value in enumerate(call.add_events, len(old.events))
        )
        amended = call.amend_events or {}
        gone = {*call.remove_events}
        events = (
            dataclasses.replace(event, value=amended[event.id], amended=True)
            if event.id in amended
            else event
            for event in old.events
            if event.id not in gone
        )
        heads = old.skill
        if call.refine is not None:
            parents = tuple(call.refine_parents or (head.id for head in heads))
            kept = tuple(head for head in heads if head.id not in parents)
            heads = (refinement(len(parents), call.refine, parents), *kept)
        counters = dict(old.counters)
        for name, by in (call.count or {}).items():
            counters[name] = counters.get(name, 0) + by
        return self._replace(
            dataclasses.replace(
                old,
                content=call.content or old.content,
                tags=tuple(sorted({*old.tags, *call.add_tags} - {*call.remove_tags})),
                epistemic=old.epistemic if call.epistemic is None else call.epistemic,
                belief=old.belief + opinions(call.believe),
                events=(*events, *added),
                skill=heads,
                counters=counters,
            )
        )

    async def _forget(self, call: c.ForgetCall) -> Engram:
        gone = self._live(call, Life.DELETED, call.reason)
        if not call.erase:
            return gone
        status = ErasureStatus(
            gone.id, AGENT, 1, NODE, 1, ("desk",), ("tablet",), copies=("c" * 36,)
        )
        if not self.all_confirm:
            self.erasures = (*self.erasures, status)
        return self._replace(dataclasses.replace(gone, content="", erased=True))

    async def _archive(self, call: c.ArchiveCall) -> Engram:
        return self._live(call, Life.ARCHIVED, call.reason)

    async def _restore(self, call: c.RestoreCall) -> Engram:
        return self._live(call, Life.ACTIVE, "")

    async def _history(self, call: c.HistoryCall) -> Page[HistoryEntry]:
        if call.at_ms is not None:
            self.asked_at.append(call.at_ms)
        fields: dict[str, object] = {"content": self._found(call.ref).content}
        entries = [HistoryEntry("create", NODE, "laptop", 1, fields, "c" * 64, 1, True)]
        return Page(entries, self.more)

    async def _conflicts(self, _: c.ConflictsCall) -> Page[Conflict]:
        return Page([conflict("value", "content", ("one", "two"))], self.more)

    async def _sync(self, call: c.SyncCall) -> SyncResult:
        self.entered.set()
        try:
            with trio.move_on_after(call.timeout_s):
                await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled.append("sync")
            raise
        peer = PeerSync(NODE, "desk", SyncState.CLEAN, 0, 0)
        return SyncResult(SyncState.CLEAN, 0, (), (peer,))

    async def _invite(self, call: c.InviteCall) -> str:
        return f"engram2.{call.role}-{call.ttl_s:g}-{call.uses}"

    async def _join(self, call: c.JoinCall) -> JoinResult:
        self.tokens.append(call.token)
        self.entered.set()
        try:
            await self.release.wait()
        except trio.Cancelled:
            self.cancelled.append("join")
            raise
        self.completed.append("join")
        return JoinResult(AGENT, NODE, "member", int(call.bring), 0)

    async def _peers(self, _: c.PeersCall) -> list[PeerStatus]:
        return [
            PeerStatus(NODE, "desk", "member", True, "mdns", "127.0.0.1:1", "synced", 1, 0),
        ]

    async def _status(self, _: c.StatusCall) -> Status:
        identity = await self.identity()
        return Status(
            identity, True, self.network, (), "ok", (), "alone", (), (), erasures=self.erasures
        )

    async def _doctor(self, _: c.DoctorCall) -> Doctor:
        return self.found

    async def _compact(self, call: c.CompactCall) -> Compaction:
        self.compacted.append((call.keep_days, call.dry_run))
        after = 9_000 if call.dry_run else 4_000
        return Compaction(SAVING, 9_000, after)

    async def _go_offline(self, _: c.GoOfflineCall) -> None:
        self.network = "offline"

    async def _go_online(self, _: c.GoOnlineCall) -> None:
        raise ValueError("the text of a memory")

    async def _list(self, call: c.ListCall) -> Page[Engram]:
        found = [
            engram
            for engram in self.engrams.values()
            if engram.life == call.life and call.epistemic in (None, engram.epistemic)
        ]
        return Page(found[: call.limit], self.more)

    def _check(self, engram: Engram, if_version: str | None) -> None:
        if if_version is not None and if_version != engram.version:
            raise PreconditionError("it has changed", hint=f"now: {engram.version}")

    def _replace(self, engram: Engram) -> Engram:
        number = int(engram.version.removeprefix("v1.")) + 1
        changed = dataclasses.replace(engram, version=f"v1.{number}")
        self.engrams[engram.id] = changed
        return changed

    def _live(
        self, call: c.ForgetCall | c.ArchiveCall | c.RestoreCall, life: Life, reason: str
    ) -> Engram:
        old = self._found(call.ref)
        self._check(old, call.if_version)
        return self._replace(dataclasses.replace(old, life=life, reason=reason))
