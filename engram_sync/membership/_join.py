"""The decision of a leader about a join request."""

from dataclasses import dataclass
from typing import Final

from engram_wire import JoinRequest, WireError

from ._charter import Admission, MemberRole
from ._invite import SignedGrant, verify_proof_untrusted
from ._membership import Membership

NOT_HERE: Final = "this node cannot admit you there"
"""What everybody is told who shows no invite of a leader; it gives away nothing about the scope."""


@dataclass(frozen=True, slots=True)
class JoinDecision:
    """What to do about a join request."""

    accepted: bool
    admit: Admission | None = None
    """The record to write; None when the key is admitted already, and when it is refused."""
    reason: str | None = None
    """For the person at the other end; None when accepted."""


def judge_join_untrusted(
    membership: Membership,
    request: JoinRequest,
    *,
    key: bytes,
    session: bytes,
    agent: bytes,
    now_ms: int,
) -> JoinDecision:
    """Decide whether ``key`` may join.

    A key that redeems its invite again is accepted without a new record, however late: its first
    answer may have been lost.  Only who holds an invite of a leader of this very scope is told
    more than ``NOT_HERE``, which is also the answer about a scope that does not exist.

    Args:
        membership: Of the requested scope.
        request: What the peer sent.
        key: The peer's proven key.
        session: Id of the session.
        agent: Scope id of the agent the key will write for.
        now_ms: Wall time.
    """
    try:
        signed = SignedGrant.decode_untrusted(request.grant)
        grant = signed.open_untrusted()
        verify_proof_untrusted(
            grant.invite, request.proof, scope=request.scope, key=key, session=session
        )
    except WireError:
        return _refused(NOT_HERE)
    if grant.scope != membership.scope or request.scope != membership.scope:
        return _refused(NOT_HERE)
    used = membership.used(grant.invite)
    role = membership.role(key)
    if role is not None and (key in used or role >= grant.role):
        return JoinDecision(accepted=True)
    if membership.role(signed.issuer) is not MemberRole.LEADER:
        return _refused(NOT_HERE)
    if now_ms > grant.expires_ms:
        return _refused("this invite has expired; ask for a new one")
    if len(used) >= grant.uses:
        return _refused("this invite was used already; ask for a new one")
    proof, uses = request.proof, grant.uses
    return JoinDecision(
        accepted=True, admit=Admission(key, grant.role, agent, grant.invite, uses, proof, session)
    )


def _refused(reason: str) -> JoinDecision:
    return JoinDecision(accepted=False, reason=reason)
