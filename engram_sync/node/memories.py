"""Remember, recall, update, forget: the calls of a node that concern memories."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from engram_sync.api import Conflict, Engram, HistoryEntry, Hit, MemoryType, Page, Scope
from engram_sync.api.arguments import Filters, NewMemory
from engram_sync.api.calls import (
    ArchiveCall,
    ConflictsCall,
    ForgetCall,
    GetCall,
    HistoryCall,
    ListCall,
    RecallCall,
    Ref,
    RestoreCall,
    UpdateCall,
    id_of,
)
from engram_sync.errors import DegradedError, NotFoundError, UsageError
from engram_sync.ledger import Draft, keyed_id, uuid7
from engram_sync.memory.read import (
    CallerView,
    Room,
    engram_history,
    find_exact,
    find_row,
    get,
    list_engrams,
    observe,
    open_conflicts,
    recall,
    resolve,
    show,
    state_at,
)
from engram_sync.memory.state import EngramState, Snapshot, Strategies
from engram_sync.memory.write import archive, created, forget, restore, satisfies, update
from engram_sync.model.fields import check_source_key
from engram_sync.model.ids import engram_text
from engram_sync.node.background.background import Background
from engram_sync.node.writing.brought import earlier_id
from engram_sync.node.writing.catching_up import CatchUp
from engram_sync.node.writing.erasing import erasing
from engram_sync.store import Reader, ScopeRow, Transaction

T = TypeVar("T")

DEFAULT_SCOPES: Mapping[str, Scope] = {
    MemoryType.INSTANT: Scope.INSTANCE,
    MemoryType.EPISODIC: Scope.INSTANCE,
    MemoryType.SEMANTIC: Scope.AGENT,
    MemoryType.PROCEDURAL: Scope.AGENT,
}
ID_ENTROPY_BYTES = 10
BATCH_RECORDS = 4_096
"""Memories of one ``remember_many`` that become durable in one commit."""


class Memories:
    """The memories of one open node.

    Args:
        background: The node's core, and what follows its writes.
        running: Whether instant memories make sense: the node outlives the call.
        strategies: How fields that hold several values are read.
    """

    def __init__(self, background: Background, *, running: bool, strategies: Strategies) -> None:
        self._core = background.core
        self._materialising = background.materialising
        self._indexing = background.indexing
        self._running = running
        self._strategies = strategies

    # -- writing -----------------------------------------------------------------------------

    async def remember(self, memory: NewMemory) -> Engram:
        """Write one memory and return it as every later reader sees it."""
        if memory.type == MemoryType.INSTANT:
            return self._remember_instant(memory)
        scope = self._scope_of(memory)

        def job(tx: Transaction, shown: CatchUp) -> Engram:
            row = self._row(tx, scope)
            engram = self._create(tx, shown, row, [memory])[0]
            return self._shown(tx, row, engram)

        return await self._materialising.write_shown(job)

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str]:
        """Write many memories; returns their ids in order.

        Each batch of 4,096 is atomic; an error names a memory of the first batch that was not
        written.
        """
        ids: list[str] = []
        for start in range(0, len(memories), BATCH_RECORDS):
            batch = memories[start : start + BATCH_RECORDS]
            if any(memory.type == MemoryType.INSTANT for memory in batch):
                raise UsageError("instant memories are remembered one by one")
            ids += await self._materialising.write_shown(
                partial(self._many, batch), weight=len(batch)
            )
        return ids

    def _many(self, batch: Sequence[NewMemory], tx: Transaction, shown: CatchUp) -> list[str]:
        by_scope: dict[bytes, list[int]] = {}
        for index, memory in enumerate(batch):
            by_scope.setdefault(self._scope_of(memory), []).append(index)
        ids = [b""] * len(batch)
        for scope, indexes in by_scope.items():
            row = self._row(tx, scope)
            created = self._create(tx, shown, row, [batch[i] for i in indexes])
            for index, engram in zip(indexes, created, strict=True):
                ids[index] = engram
        return [engram_text(engram) for engram in ids]

    def _create(
        self, tx: Transaction, shown: CatchUp, scope: ScopeRow, memories: Sequence[NewMemory]
    ) -> list[bytes]:
        core = self._core
        now_ms = core.environment.clock.now_ms()
        drafts: dict[bytes, list[Draft]] = {}
        first: dict[bytes, NewMemory] = {}
        ids: list[bytes] = []
        for memory in memories:
            engram = self._id_for(tx, shown, scope, memory, now_ms)
            ids.append(engram)
            if memory.key is not None:
                held = find_exact(self._at(tx), scope, engram)
                if held is not None:
                    # What it began with is not known of one from before a migration.
                    if engram != earlier_id(tx, scope.id, "remember", memory.key):
                        satisfies(self._at(tx), held, memory)
                    continue
                if first.setdefault(engram, memory) != memory:
                    raise UsageError(f"two different memories with the key {memory.key!r}")
            drafts[engram] = created(engram, memory)
        if drafts:
            core.path.write(tx, scope.id, [*chain.from_iterable(drafts.values())])
        return ids

    def _id_for(
        self, tx: Transaction, shown: CatchUp, scope: ScopeRow, memory: NewMemory, now_ms: int
    ) -> bytes:
        if memory.key is None:
            return uuid7(now_ms, self._core.environment.entropy(ID_ENTROPY_BYTES))
        check_source_key(memory.key)
        earlier = earlier_id(tx, scope.id, "remember", memory.key)
        engram = keyed_id(scope.secret, scope.id, "remember", memory.key.encode())
        for one in (earlier, engram):
            # The memory of that key may have arrived and wait to be materialised.
            if one is not None:
                shown.require(tx, scope.id, one)
        return earlier if earlier is not None and tx.engram(scope.n, earlier) else engram

    async def update(self, call: UpdateCall) -> Engram:
        """Supersede what the caller saw; what arrived since stays a sibling."""
        instant = self._core.instant.find(id_of(call.ref))
        if instant is not None:
            now_ms = self._core.environment.clock.now_ms()
            return self._core.instant.update(
                instant.id, call, now_ms=now_ms, if_version=call.if_version
            )
        return await self._change(call, lambda tx, seen, own: update(self._at(tx), seen, call, own))

    async def forget(self, call: ForgetCall) -> Engram:
        """Delete what the caller saw; a concurrent edit survives and is reported.

        With ``erase`` the values that the caller saw go for good, also of what is deleted already.
        """
        instant = self._core.instant.find(id_of(call.ref))
        if instant is not None:
            return self._core.instant.forget(instant.id, if_version=call.if_version)
        path, key, strategies = self._core.path, self._core.key.public, self._strategies

        def drafts_of(tx: Transaction, seen: CallerView, own: bytes) -> list[Draft]:
            gone = (
                []
                if call.erase and seen.is_deleted()
                else forget(seen, call.reason, own, strategies=strategies)
            )
            return [*gone, *erasing(tx, path, key, seen, own)] if call.erase else gone

        return await self._change(call, drafts_of)

    async def archive(self, call: ArchiveCall) -> Engram:
        """Take a memory out of recall and keep all it holds."""
        self._refuse_instant(call.ref, "archived")
        return await self._change(call, lambda _tx, seen, own: archive(seen, call.reason, own))

    async def restore(self, call: RestoreCall) -> Engram:
        """Bring back an archived or deleted memory with everything it held."""
        self._refuse_instant(call.ref, "restored")
        return await self._change(call, lambda tx, seen, own: restore(self._at(tx), seen, own))

    async def _change(
        self,
        call: UpdateCall | ForgetCall | ArchiveCall | RestoreCall,
        drafts_of: Callable[[Transaction, CallerView, bytes], list[Draft]],
    ) -> Engram:
        core, ref = self._core, id_of(call.ref)

        def job(tx: Transaction, shown: CatchUp) -> Engram:
            row, scope = find_row(tx, ref)
            # What had arrived and waits to be materialised belongs to the current state too.
            shown.require(tx, scope.id, row.engram)
            state = self._now(tx, scope, row.engram)
            seen = observe(self._at(tx), state, call.if_version)
            own = core.path.own_log(state.scope.id).id
            drafts = drafts_of(tx, seen, own)
            if drafts:
                core.path.write(tx, state.scope.id, drafts)
            return self._shown(tx, scope, row.engram)

        await self._materialising.wait_materialised()
        return await self._materialising.write_shown(job)

    # -- reading -----------------------------------------------------------------------------

    async def recall(self, call: RecallCall) -> list[Hit]:
        """The memories that best answer ``query``, best first."""
        core = self._core
        await self._materialising.wait_materialised()
        await self._indexing.flush()
        hits = await self._read(
            lambda snapshot: recall(
                snapshot, core.planner, call.query, limit=call.limit, filters=call
            )
        )
        instant = core.instant.recall(call.query, limit=call.limit, filters=call)
        both = [*hits, *instant]
        return sorted(both, key=lambda hit: -hit.score)[: call.limit] if instant else both

    async def get(self, call: GetCall) -> Engram:
        """One memory as it is now, or as this node would have shown it at some time."""
        ref, at_ms = id_of(call.ref), call.at_ms
        instant = self._core.instant.find(ref)
        if instant is not None:
            return instant
        if at_ms is not None:
            return await self._read(lambda snapshot: _shown_at(snapshot, ref, at_ms))
        return await self._read(lambda snapshot: get(snapshot, ref))

    async def newest(self, call: ListCall) -> Page[Engram]:
        """The newest memories first."""
        limit, filters, after = call.limit, call, call.after
        room = Room()
        found = await self._page(limit, filters, after, room)
        while found.next is not None and len(found) < limit and not room.full:
            # Few fit the filter: others had their turn, and the search goes on.
            more = await self._page(limit - len(found), filters, found.next, room)
            found = Page([*found, *more], more.next)
        if after is not None:
            return found
        instant = self._core.instant.list(limit=limit, filters=filters)
        if not instant:
            return found
        both = sorted([*instant, *found], key=lambda e: -e.updated_at_ms)
        stored = [engram.id for engram in found]
        shown = both[:limit]
        last = next((e.id for e in reversed(shown) if e.id in stored), None)
        # Instant memories are on the first page or on none: they come and go with the node.
        return Page(shown, last if found.next is not None or len(both) > limit else None)

    async def _page(
        self, limit: int, filters: Filters, after: str | None, room: Room
    ) -> Page[Engram]:
        return await self._read(
            lambda snapshot: list_engrams(
                snapshot, limit=limit, filters=filters, after=after, room=room
            )
        )

    async def history(self, call: HistoryCall) -> Page[HistoryEntry]:
        """The records of a memory, or those that had arrived by some time; oldest first."""
        ref = id_of(call.ref)
        return await self._read(
            lambda snapshot: engram_history(
                snapshot, ref, at_ms=call.at_ms, limit=call.limit, after=call.after
            )
        )

    async def conflicts(self, call: ConflictsCall) -> Page[Conflict]:
        """The conflicts that nobody has resolved."""
        return await self._read(
            lambda snapshot: open_conflicts(snapshot, limit=call.limit, after=call.after)
        )

    # -- parts -------------------------------------------------------------------------------

    async def _read(self, job: Callable[[Snapshot], T]) -> T:
        await self._materialising.wait_materialised()
        logs_at, strategies = self._core.path.logs_at, self._strategies
        return await self._core.read(lambda r: job(Snapshot(r, logs_at(r), strategies)))

    def _at(self, tx: Transaction) -> Snapshot:
        return Snapshot(tx, self._core.path.logs, self._strategies)

    def _remember_instant(self, memory: NewMemory) -> Engram:
        if not self._running:
            raise DegradedError(
                "an instant memory lives in a running node, and none runs for this home",
                hint="start one with `engram-sync up`, or choose another --type",
            )
        now_ms = self._core.environment.clock.now_ms()
        engram = uuid7(now_ms, self._core.environment.entropy(ID_ENTROPY_BYTES))
        return self._core.instant.remember(engram, memory, now_ms=now_ms)

    def _refuse_instant(self, ref: Ref, what: str) -> None:
        if self._core.instant.find(id_of(ref)) is not None:
            raise UsageError(f"an instant memory cannot be {what}; it goes when the node stops")

    def _scope_of(self, memory: NewMemory) -> bytes:
        if memory.type not in DEFAULT_SCOPES:
            raise UsageError(
                f"{memory.type!r} is no type of memory",
                hint=f"use one of: {', '.join(DEFAULT_SCOPES)}",
            )
        return self._core.scope_for(memory.scope or DEFAULT_SCOPES[memory.type])

    def _row(self, reader: Reader, scope: bytes) -> ScopeRow:
        row = reader.scope(self._core.path.ledger.scope_number(scope))
        assert row is not None
        return row

    def _now(self, tx: Transaction, scope: ScopeRow, engram: bytes) -> EngramState:
        recent = self._core.path.materialiser.recent
        state = find_exact(self._at(tx), scope, engram, recent)
        assert state is not None
        return state

    def _shown(self, tx: Transaction, scope: ScopeRow, engram: bytes) -> Engram:
        return show(self._at(tx), self._now(tx, scope, engram))


def _shown_at(snapshot: Snapshot, ref: str, at_ms: int) -> Engram:
    state = resolve(snapshot, ref)
    found = state_at(snapshot, state.scope, state.engram, at_ms)
    if found is None:
        text = engram_text(state.engram)
        raise NotFoundError(
            f"nothing of memory {text} could be shown here at that time",
            hint=f"see what there is with: engram-sync history {text}",
        )
    return show(snapshot, found)
