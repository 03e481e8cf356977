"""Invite, admit, join: how a node becomes a member of an agent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from engram_sync.api import Life, Scope
from engram_sync.errors import (
    DeniedError,
    PreconditionError,
    UsageError,
)
from engram_sync.ledger import Draft, keyed_id
from engram_sync.membership import (
    ADDRESSES_MAX,
    NOT_HERE,
    InviteToken,
    MemberRole,
    admit_draft,
    judge_join_untrusted,
    make_invite,
    revoke_drafts,
)
from engram_sync.memory.read import find_exact
from engram_sync.memory.state import Snapshot, load_state
from engram_sync.memory.write import copied, says_all
from engram_sync.model.ids import engram_text
from engram_sync.model.life import LIVES
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.core import Core
from engram_sync.node.network.connection import Connection
from engram_sync.node.network.pages import read_credentials
from engram_sync.node.writing.brought import note_brought
from engram_sync.node.writing.cut_logs import stands
from engram_sync.node.writing.write_path import Arrival, arrival_untrusted
from engram_sync.observe import printable
from engram_sync.store import EngramRow, Reader, ScopeRow, Transaction
from engram_wire import (
    LABEL_BYTES_MAX,
    Credential,
    Credentials,
    JoinRequest,
    JoinResponse,
    LogDomain,
    ProtocolError,
    SyncRequest,
)

SEED_BYTES = 32
PAGE_ENGRAMS = 256
META_BROUGHT = "brought "
"""Prefix of the meta key that says that an earlier agent's memories were re-created."""


def invite(
    core: Core,
    addresses: Sequence[str],
    *,
    ttl_s: float,
    role: str,
    uses: int,
    kind: Scope = Scope.AGENT,
) -> InviteToken:
    """Issue an invite into the current agent, or into another current scope that can be shared.

    Raises:
        DeniedError: This node does not lead its agent.
        UsageError: There is no such role, or the numbers make no sense.
    """
    roles = {r.name.lower(): r for r in MemberRole}
    if role not in roles:
        raise UsageError(f"{role!r} is no role", hint=f"use one of: {', '.join(roles)}")
    if not ttl_s > 0:
        raise UsageError("an invite that has expired already", hint="use a longer --ttl")
    scope = core.scope_for(kind)
    if core.path.role(scope, core.key.public) is not MemberRole.LEADER:
        raise DeniedError(
            "only a leader of the agent may invite", hint="run invite on the node that founded it"
        )
    return make_invite(
        scope,
        issuer=core.key.public,
        secret_key=core.key.secret,
        seed=core.environment.entropy(SEED_BYTES),
        role=roles[role],
        expires_ms=core.environment.clock.now_ms() + round(ttl_s * 1000),
        uses=uses,
        addresses=addresses[:ADDRESSES_MAX],
    )


# -- the inviting side -----------------------------------------------------------------------------


async def admit(core: Core, connection: Connection, request: JoinRequest) -> JoinResponse:
    """Decide about a join request and write the admission before answering."""
    session = connection.session.session_id
    assert session is not None

    def job(tx: Transaction) -> JoinResponse:
        scope = request.scope
        leads = (
            scope != core.facts.instance_scope
            and scope in core.scopes
            and core.path.charters.of(scope).role(core.key.public) is MemberRole.LEADER
        )
        if not leads:
            # Absent, private and led by others look alike.
            return JoinResponse(accepted=False, reason=NOT_HERE)
        row = _scope_row(tx, core, scope)
        verdict = judge_join_untrusted(
            core.path.charters.of(scope),
            request,
            key=connection.peer,
            session=session,
            # Where several agents meet, nobody has proven yet to be a part of one.
            agent=scope if row.kind == Scope.AGENT else connection.peer,
            now_ms=core.environment.clock.now_ms(),
        )
        if not verdict.accepted:
            return JoinResponse(accepted=False, reason=verdict.reason)
        if verdict.admit is not None:
            label, drafts = shown_label(request.label), list[Draft]()
            if core.path.charters.of(scope).has_left(connection.peer):
                # Or it would be given back what it had.
                ends = stands(core.path.ledger, core.path.charters, scope, connection.peer)
                drafts = revoke_drafts(connection.peer, ends, label)
            drafts.append(admit_draft(verdict.admit, label))
            core.path.write(tx, scope, drafts, LogDomain.MEMBERS)
        return JoinResponse(accepted=True, secret=row.secret)

    response = await core.write(job)
    if not response.accepted:
        return response
    return replace(response, credentials=await credentials_of(core, request.scope))


async def credentials_of(core: Core, scope: bytes) -> tuple[Credential, ...]:
    """The membership records that show who is a member of ``scope``; read beside the writer."""
    number, authorities = core.scopes[scope].number, core.path.authorities(scope)
    return await core.read(lambda reader: read_credentials(reader, number, authorities))


def shown_label(label: str) -> str:
    """A label that a peer chose, as it may be shown: escaped and cut."""
    text = printable(label)
    while len(text.encode()) > LABEL_BYTES_MAX:
        text = text[:-1]
    return text


async def present(core: Core, request: SyncRequest | Credentials) -> None:
    """Take the membership records that a peer shows in its favour.

    Raises:
        WireError: They are not valid, or not membership records.
    """
    arrivals = membership_arrivals(request.scope, request.credentials)
    if request.scope not in core.scopes or request.scope == core.facts.instance_scope:
        arrivals = []  # And all else as if: a stranger shall not tell absent from forbidden.
    intake = await core.write(lambda tx: core.path.ingest(tx, arrivals), weight=len(arrivals))
    if intake.error is not None:
        raise intake.error


def membership_arrivals(scope: bytes, credentials: Iterable[Credential]) -> list[Arrival]:
    """The frames of membership records that a join brought, ready to be ingested."""
    arrivals: list[Arrival] = []
    for credential in credentials:
        announcement = credential.announcement
        if announcement.domain != LogDomain.MEMBERS:
            raise ProtocolError("a credential that is no membership record")
        announced = {announcement.ref: announcement}
        arrivals.append(arrival_untrusted(scope, announced, credential.frame))
    return arrivals


# -- the joining side ------------------------------------------------------------------------------


def make_current(tx: Transaction, scope: bytes) -> str:
    """Make ``scope`` the current one of its kind, which is returned.

    The others keep what they hold.
    """
    # What is written from now on has not been brought anywhere.
    tx.delete_meta(META_BROUGHT + scope.hex())
    rows = tx.scopes()
    (kind,) = (row.kind for row in rows if row.id == scope)
    for row in rows:
        if row.kind == kind and row.current != (row.id == scope):
            tx.update_scope(row._replace(current=row.id == scope))
    return kind


# -- memories of earlier agents --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Earlier:
    """Agents this node belonged to before, and what it remembers from them."""

    scopes: tuple[ScopeRow, ...]
    memories: int


def earlier(reader: Reader) -> Earlier:
    """The earlier agents whose memories were not re-created in the current one."""
    rows = tuple(
        row
        for row in reader.scopes()
        if row.kind == Scope.AGENT
        and not row.current
        and reader.meta(META_BROUGHT + row.id.hex()) is None
    )
    return Earlier(rows, sum(row.live for row in rows))


async def bring(core: Core, materialising: Materialising) -> int:
    """Re-create what earlier agents remember in the current one; returns how many memories.

    Everything that is not deleted comes along, archived memories and open conflicts included.
    Each gets an id derived from its old one, so doing it again changes nothing.  What is there
    under its old id already, as both agents were one before a migration, stays as it is.
    """
    brought = 0
    for scope in (await core.read(earlier)).scopes:
        await materialising.materialise_all(scope.id)
        after: EngramRow | None = None
        while page := await core.read(partial(_page, scope.n, after)):
            brought += await core.write(partial(_recreate, core, scope, page), weight=len(page))
            after = page[-1]
        await core.write(partial(_mark_brought, scope.id))
    return brought


def _page(scope: int, after: EngramRow | None, reader: Reader) -> list[EngramRow]:
    return reader.engrams(scope, after=after, limit=PAGE_ENGRAMS, life=range(len(Life)))


def _mark_brought(scope: bytes, tx: Transaction) -> None:
    tx.put_meta(META_BROUGHT + scope.hex(), b"\x01")


def _recreate(core: Core, earlier: ScopeRow, page: Sequence[EngramRow], tx: Transaction) -> int:
    now = Snapshot(tx, core.path.logs)
    row = _scope_row(tx, core, core.facts.agent_scope)
    copies: dict[bytes, tuple[bytes, list[Draft]]] = {}
    for old in page:
        # A deletion beside an edit that its author had not seen is an open conflict.
        if LIVES[old.life] is Life.DELETED and not old.conflict:
            continue
        engram = keyed_id(row.secret, row.id, "bring", engram_text(old.engram).encode())
        if find_exact(now, row, engram) is not None:
            continue
        state = load_state(now, earlier, old)
        there = find_exact(now, row, old.engram)
        if there is None or not says_all(there, state):
            copies[engram] = old.engram, copied(engram, state)
    if copies:
        core.path.write(tx, row.id, [draft for _, drafts in copies.values() for draft in drafts])
    for engram, (original, _) in copies.items():
        note_brought(tx, (earlier.id, original), (row.id, engram))
    return len(copies)


def _scope_row(reader: Reader, core: Core, scope: bytes) -> ScopeRow:
    row = reader.scope(core.path.ledger.scope_number(scope))
    if row is None:
        raise PreconditionError(f"scope {scope.hex()[:16]} is not held here")
    return row
