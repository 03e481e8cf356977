"""The members of each scope as of its newest view: made in the writer's thread, asked in any."""

from typing import NamedTuple

from engram_sync.errors import DeniedError
from engram_sync.membership import Charters, Member, MemberRole, readers


class _Members(NamedTuple):
    version: int
    by_key: dict[bytes, Member]
    authorities: frozenset[bytes]
    readers: frozenset[bytes]
    let_go: dict[bytes, dict[bytes, str]]
    """By invite: who was admitted beyond its uses, and what it is called."""


class People:
    """Who is who in the scopes held here.

    Readers in other threads ask too, while a membership record is half applied in the writer's.  So
    this only looks at what the newest view of a scope was made of.

    Args:
        charters: The memberships; they belong to the writer's thread.
    """

    def __init__(self, charters: Charters) -> None:
        self._charters = charters
        self._members: dict[bytes, _Members] = {}

    def save(self) -> dict[bytes, _Members]:
        """What ``restore`` needs when the transaction fails."""
        return dict(self._members)

    def restore(self, saved: dict[bytes, _Members]) -> None:
        """Go back to what was saved."""
        self._members = saved

    def refresh(self, scope: bytes) -> frozenset[bytes]:
        """Look at the membership of ``scope`` anew; returns who may read the scope."""
        membership = self._charters.of(scope)
        known = self._members.get(scope)
        if known is None or known.version != membership.version:
            known = self._members[scope] = _Members(
                version=membership.version,
                by_key=membership.by_key(),
                authorities=membership.authorities(),
                readers=readers(membership),
                let_go=membership.let_go(),
            )
        return known.readers

    def label(self, scope: bytes, key: bytes) -> str:
        """What the charter of ``scope`` calls ``key``; empty when it says nothing."""
        member = self._member(scope, key)
        return "" if member is None else member.label

    def members(self, scope: bytes) -> tuple[Member, ...]:
        """The members of ``scope``, sorted by key."""
        known = self._members.get(scope)
        return () if known is None else tuple(sorted(known.by_key.values()))

    def authorities(self, scope: bytes) -> frozenset[bytes]:
        """Whose records decide about roles in ``scope``."""
        known = self._members.get(scope)
        return frozenset() if known is None else known.authorities

    def role(self, scope: bytes, key: bytes) -> MemberRole | None:
        """The role of ``key``; None for a stranger."""
        member = self._member(scope, key)
        return None if member is None else member.role

    def check_writes(self, scope: bytes, key: bytes) -> None:
        """Refuse to write to a scope that ``key`` has left, was put out of, or only reads.

        Asks the memberships themselves, so only the writer's thread may.  What a record relies on
        does not tell: a leave is in no leader's past.

        Raises:
            DeniedError: It may not write there.
        """
        role = self._charters.of(scope).role(key)
        if role is None or role < MemberRole.MEMBER:
            raise DeniedError(
                "this node may not write to the scope: it has left, was put out, or only reads",
                hint="ask one of its leaders for an invite with the role member, and join again",
            )

    def let_go(self, scope: bytes) -> dict[bytes, dict[bytes, str]]:
        """By invite: who was admitted beyond its uses, and what it is called."""
        known = self._members.get(scope)
        return {} if known is None else known.let_go

    def _member(self, scope: bytes, key: bytes) -> Member | None:
        known = self._members.get(scope)
        return None if known is None else known.by_key.get(key)
