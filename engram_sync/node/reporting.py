"""What a node says about itself: status and peers, from what is true now."""

from collections import Counter
from collections.abc import Iterator
from heapq import nlargest
from itertools import islice
from typing import NamedTuple, Self

import trio

from engram_sync.api import Fork, Identity, LetGo, PeerStatus, ScopeStatus, Status, WriterStatus
from engram_sync.membership import Member
from engram_sync.model.ids import node_text
from engram_sync.node.background.clock_checks import clock_problems
from engram_sync.node.background.erasures import Waiting, erasures
from engram_sync.node.background.log_counts import open_log_problems
from engram_sync.node.background.missing import missing
from engram_sync.node.background.presence import room_problems
from engram_sync.node.core import Core
from engram_sync.node.limits import (
    FORKS_TOLD_MAX,
    LET_GO_TOLD_MAX,
    PEERS_TOLD_MAX,
    WRITERS_TOLD_MAX,
)
from engram_sync.node.network.controller import NetworkController
from engram_sync.node.network.hearing import hear
from engram_sync.node.network.joining import earlier
from engram_sync.observe import printable
from engram_sync.store import Reader, ScopeRow
from engram_sync.sync import Accord, ScopeView

NO_MEMBER = "it takes this node for no member of the agent"


def identity(core: Core) -> Identity:
    """Who this node is."""
    return Identity(
        node=core.key.node_id,
        label=core.facts.label,
        instance_id=core.facts.instance_id,
        created_at_ms=core.facts.created_at_ms,
        agent=core.facts.agent_scope.hex(),
        sharing_mode=core.config.sharing.mode,
        home=str(core.home),
    )


async def peers(core: Core, sharing: NetworkController) -> list[PeerStatus]:
    """Every other member of the current scopes, sorted by node id."""
    await hear(core, sharing.network)
    return _peers(core, sharing)


def _peers(core: Core, sharing: NetworkController) -> list[PeerStatus]:
    sharing.note_success()  # What is said now has to go together.
    found = [_peer(sharing, member) for member in core.company().values()]
    return sorted(found, key=lambda peer: peer.node)


def _peer(sharing: NetworkController, member: Member) -> PeerStatus:
    network, key = sharing.network, member.key
    connection = network.connections.get(key)
    memory = network.memory.get(key)
    contact = network.table.contact_of(key)
    via, address = "", ""
    if memory is not None:
        via, address = memory.via, memory.address
    if connection is not None:
        via, address = connection.via, connection.address
    if contact is not None and via in ("", "inbound"):
        via, address = contact.via, contact.address
    error = memory.last_error if memory else ""
    if connection is not None:
        refused = next(iter(connection.refusals.values()), "")
        error = why_not(connection.exchange.accord()) or refused or error
    elif memory is not None and memory.stranger:
        error = NO_MEMBER
    return PeerStatus(
        node=node_text(key),
        label=printable(member.label),
        role=member.role.name.lower(),
        connected=connection is not None,
        via=via,
        address=address,
        state=_peer_state(sharing, key),
        last_success_ms=memory.last_success_ms if memory else None,
        failures=memory.failures if memory else 0,
        last_error=printable(error),
    )


def _peer_state(sharing: NetworkController, key: bytes) -> str:
    connection = sharing.network.connections.get(key)
    memory = sharing.network.memory.get(key)
    if connection is not None:
        accord = connection.exchange.accord()
        if accord is Accord.SYNCING and connection.refusals:
            accord = Accord.REFUSED
        silent = accord is Accord.SYNCED and connection.exchange.silent(trio.current_time())
        return "silent" if silent else accord.value
    if memory is not None and memory.stranger:
        return "refused"
    if memory is None or memory.last_success_ms is None:
        return "never"
    return "unreachable" if memory.failures else "waiting"


def why_not(accord: Accord) -> str:
    """What keeps a connected peer from ever being synced; empty when nothing does."""
    if accord is Accord.REFUSED:
        return (
            "it does not serve a scope that both belong to: it has not finished joining, or takes"
            " this node for no member"
        )
    if accord is Accord.DIVERGED:
        return "it holds the same records and shows something else: run doctor on both"
    return ""


async def status(core: Core, sharing: NetworkController, *, running: bool) -> Status:
    """The truth about this node, now."""
    await hear(core, sharing.network)
    scopes, before, waiting, lacking, clocks, logs = await core.read(
        lambda reader: (
            [_Counted.of(reader, row) for row in reader.scopes()],
            earlier(reader).memories,
            erasures(core, reader),
            missing(core, reader),
            clock_problems(core, reader),
            open_log_problems(core, reader),
        )
    )
    known = _peers(core, sharing)
    problems = [
        *core.problems.values(),
        *sharing.network.problems.values(),
        *core.contradictions(),
        *clocks,
        *logs,
        *room_problems(core),
    ]
    network = "online" if sharing.online else "offline" if sharing.offline else "off"
    return Status(
        identity=identity(core),
        running=running,
        network=network,
        listen=tuple(str(address) for address in sharing.network.listening),
        health="degraded" if problems else "ok",
        problems=tuple(problems),
        sync=_sync_state(known),
        scopes=tuple(
            _scope(core, sharing, counted, core.scopes[counted.row.id])
            for counted in scopes
            # One that was stored a moment ago is not published yet; it is in the next answer.
            if counted.row.id in core.scopes
        ),
        peers=tuple(known[:PEERS_TOLD_MAX]),
        earlier_memories=before,
        forks=tuple(islice(_forks(core), FORKS_TOLD_MAX)),
        owed=sum(view.owed for view in core.scopes.values()),
        erasures=tuple(waiting.told),
        writers=tuple(_writers(core, sharing)),
        left_out=_left_out(core, known, waiting),
        missing=lacking,
        let_go=tuple(islice(_let_go(core), LET_GO_TOLD_MAX)),
    )


def _left_out(core: Core, known: list[PeerStatus], waiting: Waiting) -> dict[str, int]:
    """What is too much for one answer, by the name of its list."""
    found = {
        "peers": len(known) - PEERS_TOLD_MAX,
        "forks": sum(len(view.forks) for view in core.scopes.values()) - FORKS_TOLD_MAX,
        "erasures": waiting.number - len(waiting.told),
        "let_go": sum(1 for _ in _let_go(core)) - LET_GO_TOLD_MAX,
    }
    return {name: count for name, count in found.items() if count > 0}


def _writers(core: Core, sharing: NetworkController) -> Iterator[WriterStatus]:
    """Who brought in most since the node was opened."""
    waiting: Counter[bytes] = Counter()
    for connection in sharing.network.connections.values():
        waiting.update(connection.waiting_of())
    now = trio.current_time()
    accounts = [(key, a) for key, a in core.quotas.accounts.items() if a.records or a.work_s >= 1]
    most = nlargest(WRITERS_TOLD_MAX, accounts, key=lambda one: (one[1].record_bytes, one[0]))
    for key, account in most:
        yield WriterStatus(
            node=node_text(key),
            label=printable(core.label(key)),
            records=account.records,
            record_bytes=account.record_bytes,
            work_ms=round(account.work_s * 1000),
            waiting_bytes=waiting[key],
            delayed_s=round(max(0.0, core.quotas.of(key).ready_at - now), 3),
        )


def _sync_state(known: list[PeerStatus]) -> str:
    """One word for all peers; "synced" only when every member agrees now."""
    if not known:
        return "alone"
    states = {peer.state for peer in known}
    if states == {"synced"}:
        return "synced"
    if "syncing" in states:
        return "syncing"
    return "never" if states == {"never"} else "behind"


class _Counted(NamedTuple):
    """A scope as it is stored, with what is counted only for whoever asks."""

    row: ScopeRow
    lag: int
    conflicts: int
    cut_off: int

    @classmethod
    def of(cls, reader: Reader, row: ScopeRow) -> Self:
        lag = reader.records_after(row.n, row.materialised)
        return cls(row, lag, reader.conflicted_count(row.n), reader.beyond_cuts(row.n))


def _scope(
    core: Core, sharing: NetworkController, counted: _Counted, view: ScopeView
) -> ScopeStatus:
    row, lag, conflicts, cut_off = counted
    connections = sharing.network.connections.values()
    now, exchanges = trio.current_time(), [connection.exchange for connection in connections]
    synced = sum(e.synced(row.id) and not e.silent(now) for e in exchanges)
    others = view.readers - {core.key.public}
    return ScopeStatus(
        id=row.id.hex(),
        kind=row.kind,
        current=row.current,
        engrams=row.live,
        deleted=row.deleted,
        records=row.records,
        logs=len(view.clock),
        lag=lag,
        digest=view.state_digest.hex() if view.state_digest is not None and not lag else "",
        clock_digest=view.clock_digest.hex(),
        conflicts=conflicts,
        synced_peers=synced,
        peers=len(others),
        owed=view.owed,
        sealed=view.sealed[0],
        forks=len(view.forks),
        cut_off=cut_off,
    )


def _forks(core: Core) -> Iterator[Fork]:
    for scope, view in tuple(core.scopes.items()):
        for fork in view.forks:
            yield Fork(
                scope=scope.hex(),
                node=node_text(fork.author),
                label=printable(core.path.label(scope, fork.author)),
                log=fork.root.hex(),
                seq=fork.base,
                branches=tuple(branch.id.hex() for branch in fork.branches),
            )


def _let_go(core: Core) -> Iterator[LetGo]:
    for scope in tuple(core.scopes):
        for invite, keys in core.path.let_go(scope).items():
            for key, label in keys.items():
                yield LetGo(scope.hex(), node_text(key), printable(label), invite.hex())
