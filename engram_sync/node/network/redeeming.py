"""Redeeming an invite: reach its issuer, ask, and take the answer."""

from collections.abc import Sequence
from functools import partial

import trio

from engram_sync.api import Scope
from engram_sync.errors import DegradedError, DeniedError, RemoteError
from engram_sync.membership import InviteToken, commitment_to
from engram_sync.node.core import Core
from engram_sync.node.limits import JOIN_S
from engram_sync.node.network.connection import Connection, ConnectionEnded
from engram_sync.node.network.joining import make_current, membership_arrivals
from engram_sync.node.network.network import Network
from engram_sync.node.writing.scopes import add_scope
from engram_sync.node.writing.write_path import Arrival
from engram_sync.observe import printable
from engram_sync.store import PeerRow, Transaction
from engram_sync.transport import Address
from engram_wire import CloseCode, JoinRequest, JoinResponse, WireError

SHARED_KINDS = frozenset({Scope.AGENT, Scope.COLLECTIVE, Scope.UNIVERSAL})
"""Kinds of scopes that others may be invited to."""
PAGE_FRAMES = 8
"""Of membership records in one job of the writer: some 2,000 admissions, a second of work."""
REDIALS_MAX = 3
"""A link may break while the answer is on its way; an issuer that hangs up on purpose does so each
time."""


async def redeem(
    core: Core, network: Network, token: InviteToken, deadline: trio.CancelScope
) -> None:
    """Reach the issuer, redeem the token, and make its agent the current one.

    Args:
        core: The joining node.
        network: Its connections.
        token: What to redeem.
        deadline: Put off while the issuer goes on answering: an agent may have any number of
            members.

    Raises:
        DeniedError: The issuer refused.
        DegradedError: It cannot be reached, or left before it answered.
        RemoteError: It accepted without showing that it could.
    """
    connection = await _reach(network, token)
    redials = REDIALS_MAX
    while (response := await _answer(core, network, connection, token, deadline)) is None:
        # Both sides had dialled, or discovery had.
        successor = network.connections.get(token.issuer)
        if successor is None:
            if not redials:
                raise DegradedError(
                    "the issuer closed the connection before it answered",
                    hint="join again with the same token",
                )
            redials -= 1
            successor = await _reach(network, token)
        connection = successor
    deadline.deadline = float("inf")
    await accept_join(core, token, response, connection.address)
    connection.perform(connection.exchange.open())


async def _answer(
    core: Core,
    network: Network,
    connection: Connection,
    token: InviteToken,
    deadline: trio.CancelScope,
) -> JoinResponse | None:
    """The issuer's answer; None when the connection ended first."""
    connection.ask_to_join(join_request(core, connection, token))
    pages = 0
    while connection.join_response is None:
        if connection.exchange.joining.pages > pages:
            pages = connection.exchange.joining.pages
            deadline.deadline = max(deadline.deadline, trio.current_time() + JOIN_S)
        if network.connections.get(connection.peer) is not connection:
            return None
        await core.wait_change()
    return connection.join_response


async def _reach(network: Network, token: InviteToken) -> Connection:
    reasons: list[str] = []
    for text in token.addresses:
        try:
            address = Address.parse(text)
            connection = await network.connect(address, via="token", expected=token.issuer)
        except ConnectionEnded as error:
            reasons.append(f"{text}: {error.reason}")
            continue
        except DegradedError as error:
            reasons.append(error.message)
            continue
        network.sight(text, via="token", key=token.issuer)
        network.reached(connection, via="token", address=text)
        return connection
    raise DegradedError(
        f"no address in the invite answers as its issuer ({'; '.join(reasons)})",
        hint="check that the inviting node is up and reachable, then join again",
    )


def join_request(core: Core, connection: Connection, token: InviteToken) -> JoinRequest:
    """The request that redeems ``token`` on an authenticated connection to its issuer."""
    session = connection.session.session_id
    assert session is not None
    return JoinRequest(
        scope=token.scope,
        agent=token.scope,
        grant=token.signed.encode(),
        proof=token.proof(key=core.key.public, session=session),
        label=core.facts.label,
    )


async def accept_join(core: Core, token: InviteToken, response: JoinResponse, address: str) -> None:
    """Take the answer to a join request: from here on the scope is the current one of its kind.

    Args:
        core: The joining node.
        token: What was redeemed.
        response: The issuer's answer.
        address: Where the issuer answered.  It is stored together with the membership: a node
            that is killed right after joining must still find the others.

    Raises:
        DeniedError: The issuer refused.
        RemoteError: It accepted without showing that it could.
    """
    if not response.accepted:
        reason = printable(response.reason or "no reason given")
        raise DeniedError(f"the invite was refused: {reason}", hint="ask for a new invite")
    secret = response.secret
    if secret is None:
        raise _unproven("it sent no secret of the scope")

    take = partial(_take, core, token.scope, secret)
    try:
        arrivals = membership_arrivals(token.scope, response.credentials)
        while len(arrivals) > PAGE_FRAMES:
            # What was taken stays, should this not come to its end; joining again goes on there.
            await core.write(partial(take, page=arrivals[:PAGE_FRAMES]))
            del arrivals[:PAGE_FRAMES]

        def settle(tx: Transaction) -> str:
            take(tx, page=arrivals)
            tx.put_peer(PeerRow(token.issuer, "", address, "token", None, 0, ""))
            return _enter(core, token.scope, secret, tx)

        kind = await core.write(settle)
    except WireError as error:
        raise _unproven(str(error)) from error
    core.facts.current[kind] = token.scope


def _take(
    core: Core, scope: bytes, secret: bytes, tx: Transaction, page: Sequence[Arrival]
) -> None:
    """Store some of the membership records that the issuer shows."""
    if scope not in core.path.ledger.scopes():
        # Of what kind it is follows from the charter, which has to be checked first.
        add_scope(tx, core.path, scope, Scope.AGENT, secret, current=False)
    intake = core.path.ingest(tx, page)
    if intake.error is not None:
        raise _unproven(str(intake.error))


def _enter(core: Core, scope: bytes, secret: bytes, tx: Transaction) -> str:
    """Make a scope the current one of its kind, once its membership says so; returns the kind."""
    membership = core.path.charters.of(scope)
    if membership.role(core.key.public) is None or membership.charter is None:
        raise _unproven("its membership records do not admit this node")
    if membership.charter.commitment not in (None, commitment_to(secret)):
        raise _unproven("its secret is not the one that the charter commits to")
    kind = membership.charter.kind
    if kind not in SHARED_KINDS:
        raise _unproven(f"the invite leads into a {printable(kind)!r} scope")
    row = tx.scope(core.path.ledger.scope_number(scope))
    assert row is not None, "held since its charter was taken"
    tx.update_scope(row._replace(kind=kind, secret=secret))
    make_current(tx, scope)
    return kind


def _unproven(why: str) -> RemoteError:
    return RemoteError(
        f"the issuer accepted the invite, but {why}",
        code=CloseCode.PROTOCOL,
        hint="ask for a new invite; nothing was changed here",
    )
