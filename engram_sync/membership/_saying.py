"""What one membership record says, once it is parsed, and whether its author may say it."""

from typing import NamedTuple

from engram_sync.ledger import PlacedRecord
from engram_wire import InvalidRecordError, RecordKind, Shape

from ._charter import Admission, MemberRole, check_keys_untrusted
from ._invite import verify_proof_untrusted
from ._statements import Cutoffs, Epoch, Revoke, SetRole


class Saying(NamedTuple):
    """The content of one record."""

    key: bytes | None = None
    """Whose role it is about; None for nobody's."""
    role: int = 0
    """What it gives or leaves."""
    admit: Admission | None = None
    cutoffs: Cutoffs = ()
    epoch: Epoch | None = None
    leaves: bool = False
    label: bytes | None = None
    """Whom it names anew."""
    newer: str | None = None
    """What of it this version does not know how to do, in words."""


_LEADING = frozenset({RecordKind.ADMIT, RecordKind.SET_ROLE, RecordKind.REVOKE, RecordKind.EPOCH})


def said_untrusted(
    placed: PlacedRecord, shape: Shape, role: MemberRole | None, *, recovers: bool
) -> Saying:
    """Read a membership record that is no charter.

    Args:
        placed: The record.
        shape: Its shape.
        role: The role of its author, by what is in its past.
        recovers: Whether its author is the charter's recovery key.

    Raises:
        WireError: It is not well-formed, or says what its author may not say.
    """
    if shape.kind in _LEADING and role is not MemberRole.LEADER:
        appoints = recovers and shape.kind == RecordKind.ADMIT
        if not appoints or Admission.parse_untrusted(shape.statement).role is not MemberRole.LEADER:
            raise InvalidRecordError("a statement about members by somebody who does not lead")
    match shape.kind:
        case RecordKind.ADMIT:
            return _admission_untrusted(placed, Admission.parse_untrusted(shape.statement))
        case RecordKind.SET_ROLE:
            told = SetRole.parse_untrusted(shape.statement)
            newer = _RELAYS if told.role is MemberRole.RELAY else None
            return Saying(told.key, told.role, cutoffs=told.cutoffs, newer=newer)
        case RecordKind.REVOKE:
            ended = Revoke.parse_untrusted(shape.statement)
            return Saying(ended.key, cutoffs=ended.cutoffs)
        case RecordKind.EPOCH:
            return Saying(epoch=Epoch.parse_untrusted(shape.statement))
        case RecordKind.LEAVE | RecordKind.LABEL:
            if shape.statement != [placed.author]:
                what = "a leave" if shape.kind == RecordKind.LEAVE else "a label"
                raise InvalidRecordError(f"{what} for somebody else")
            if shape.kind == RecordKind.LEAVE:
                return Saying(leaves=True)
            return Saying(label=placed.author)
        case _:
            return Saying()


_RELAYS = "members that pass on what they cannot read"


def _admission_untrusted(placed: PlacedRecord, admit: Admission) -> Saying:
    check_keys_untrusted(admit.key)
    if admit.invite is not None and admit.proof is not None and admit.session is not None:
        verify_proof_untrusted(
            admit.invite, admit.proof, scope=placed.scope, key=admit.key, session=admit.session
        )
    newer = _RELAYS if admit.role is MemberRole.RELAY else None
    return Saying(admit.key, int(admit.role), admit=admit, newer=newer)
