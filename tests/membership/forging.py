"""Membership logs that no honest leader would write."""

from engram_sync.membership import Admission, MemberRole
from engram_wire import LogDomain, statement_shape
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica

SESSION = b"s" * 32


def rejected(ann: Replica, forger: Forger, *signed: int) -> int:
    """Where the membership log of ``forger`` ended at ``ann``."""
    heads = ann.charters.of(forger.scope).heads
    batch = ann.ledger.ingest_untrusted(
        forger.announcement, forger.scope, forger.frame(1, *signed), history=ann.shelf
    )
    assert batch.rejection is not None
    if not batch.runs:
        assert ann.charters.of(forger.scope).heads == heads
    return batch.rejection.seq


def members_forger(who: Replica, scope: bytes) -> Forger:
    return Forger(who, scope, LogDomain.MEMBERS)


def admit_shape(key: bytes, role: int = 2, invite: Admission | None = None) -> bytes:
    return statement_shape(17, (invite or Admission(key, MemberRole(role), key)).statement())
