"""Sync on demand: reach everybody, wait until clocks and digests agree, and say how it went."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from engram_sync.api import PeerSync, Scope, SyncResult, SyncState
from engram_sync.memory.read import open_conflicts
from engram_sync.memory.state import Snapshot
from engram_sync.model.ids import node_text
from engram_sync.node.core import Core
from engram_sync.node.limits import SYNC_POLL_S
from engram_sync.node.network.connection import Connection
from engram_sync.node.network.hearing import new_nonce
from engram_sync.node.network.network import Network
from engram_sync.node.reporting import NO_MEMBER, why_not
from engram_sync.node.writing.outcome import JobOutcome
from engram_sync.observe import printable
from engram_sync.sync import Accord, Contact


@dataclass(slots=True)
class _Peer:
    """One peer's part of a sync."""

    key: bytes
    connection: Connection | None = None
    nonce: int = 0
    received_before: int = 0
    sent_before: int = 0
    answered: bool = False
    received: int = 0
    sent: int = 0

    def done(self) -> bool:
        """Whether it answered and agrees with us in every shared scope."""
        return self.answered and self.accord() is Accord.SYNCED

    def over(self) -> bool:
        """Whether waiting for it changes nothing."""
        return self.connection is None or (self.answered and self.accord() is not Accord.SYNCING)

    def accord(self) -> Accord:
        """How it and this node stand now."""
        return Accord.SYNCING if self.connection is None else self.connection.exchange.accord()


@dataclass(slots=True)
class Sync:
    """One call of ``sync``."""

    core: Core
    network: Network
    members: frozenset[bytes]
    peers: dict[bytes, _Peer] = field(default_factory=dict[bytes, _Peer])
    _failures: dict[str, int] = field(default_factory=dict[str, int])

    async def run(self, timeout_s: float) -> SyncResult:
        """Sync with every member that can be reached within ``timeout_s`` seconds."""
        before = await self._conflicts()
        changed: set[bytes] = set()

        def follow(outcome: JobOutcome) -> None:
            changed.update(outcome.changed)

        self.core.followers.append(follow)
        try:
            self._failures = {c.address: c.failures for c in self.network.table.contacts()}
            self.network.retry_all()
            with trio.move_on_after(timeout_s):
                while not self._finished():
                    with trio.move_on_after(SYNC_POLL_S) as poll:
                        await self.core.wait_change()
                    if poll.cancelled_caught:
                        self._ask_again()
        finally:
            self.core.followers.remove(follow)
        return await self._result(before, changed)

    async def _conflicts(self) -> set[str]:
        logs_at = self.core.path.logs_at
        found = await self.core.read(lambda r: open_conflicts(Snapshot(r, logs_at(r))))
        return {conflict.id for conflict in found}

    def _finished(self) -> bool:
        self._probe()
        waiting = [c for c in self.network.table.contacts() if self._unresolved(c)]
        return not waiting and all(peer.over() for peer in self.peers.values())

    def _unresolved(self, contact: Contact) -> bool:
        """Whether it is not known yet who, if anybody, is at an address."""
        if contact.key == self.core.key.public or contact.key in self.network.connections:
            return False
        return contact.failures <= self._failures.setdefault(contact.address, 0)

    def _probe(self) -> None:
        """Ask every connected member for its present state, once per connection."""
        for key in self.members:
            peer = self.peers.setdefault(key, _Peer(key))
            connection = self.network.connections.get(key)
            if connection is not peer.connection:
                peer.connection, peer.answered = connection, False
                if connection is not None:
                    peer.received_before = connection.exchange.received_records
                    peer.sent_before = connection.exchange.sent_records()
                    self._ask(peer, connection)
            if connection is not None:
                peer.answered = peer.answered or peer.nonce in connection.exchange.pongs
                peer.received = connection.exchange.received_records - peer.received_before
                peer.sent = connection.exchange.sent_records() - peer.sent_before

    def _ask(self, peer: _Peer, connection: Connection) -> None:
        peer.nonce = new_nonce(self.core)
        connection.perform(connection.exchange.probe(peer.nonce, trio.current_time()))

    def _ask_again(self) -> None:
        for peer in self.peers.values():
            if peer.connection is not None and not peer.done():
                self._ask(peer, peer.connection)

    async def _result(self, before: set[str], changed: set[bytes]) -> SyncResult:
        conflicts = await self._conflicts()
        merged = bool(conflicts - before)
        peers = tuple(self._peer_result(p, merged=merged) for _, p in sorted(self.peers.items()))
        state, detail = self._outcome(peers, merged=merged)
        return SyncResult(
            state=state,
            synced_count=len(changed),
            conflicts=tuple(sorted(conflicts)),
            peers=peers,
            detail=detail,
        )

    def _outcome(self, peers: Sequence[PeerSync], *, merged: bool) -> tuple[SyncState, str]:
        core, state, detail = self.core, SyncState.FAILED, list[str]()
        kinds = [kind for kind in Scope if core.facts.current.get(kind) in core.facts.shared()]
        views = {kind: core.scopes[core.facts.current[kind]] for kind in kinds}
        closed = [kind for kind, view in views.items() if view.needs]
        good = sum(peer.state in (SyncState.CLEAN, SyncState.MERGED) for peer in peers)
        if not peers and not closed:
            detail.append(f"no peers: nobody else belongs to this {' or '.join(kinds)}")
        elif not good:
            detail.append("no peer could be synced with")
        elif good < len(peers) or closed:
            state = SyncState.PARTIAL
            detail += [f"{good} of {len(peers)} peers agree"] if good < len(peers) else []
        else:
            state = SyncState.MERGED if merged else SyncState.CLEAN
        if closed:
            detail.append(f"this {' and '.join(closed)} is not shared, see status")
        if good and (owed := sum(view.owed for view in views.values())):
            detail.append(f"values that have not arrived, see status: {owed:,}")
        return state, "; ".join(detail)

    def _peer_result(self, peer: _Peer, *, merged: bool) -> PeerSync:
        if peer.done():
            state = SyncState.MERGED if merged and peer.received else SyncState.CLEAN
            detail = ""
        elif peer.connection is not None:
            state = SyncState.PARTIAL
            refused = next(iter(peer.connection.refusals.values()), "")
            detail = (
                why_not(peer.accord()) or refused or "connected, but not everything agreed in time"
            )
        else:
            state, detail = SyncState.FAILED, self._why_unreachable(peer.key)
        return PeerSync(
            node=node_text(peer.key),
            label=printable(self.core.label(peer.key)),
            state=state,
            received=peer.received,
            sent=peer.sent,
            detail=detail,
        )

    def _why_unreachable(self, key: bytes) -> str:
        memory, contact = self.network.memory.get(key), self.network.table.contact_of(key)
        if memory is not None and memory.stranger:
            return NO_MEMBER
        if contact is None:
            return "no address is known for it"
        return f"{contact.address}: {contact.last_error or 'no answer'}"
