"""The statements that take away: roles, cut-offs and secrets.

Each says what its author wants; what comes of several of them is computed in ``_roles``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from engram_sync.ledger import Draft
from engram_wire import HASH_BYTES, KEY_BYTES, SEQ_MAX, InvalidRecordError, RecordKind, cbor

from ._charter import MemberRole, is_bytes, statement_draft
from ._limits import BOX_BYTES, BOXES_MAX, CUTOFFS_MAX, EPOCH_MAX


class Cutoff(NamedTuple):
    """How far a log of somebody counts who may not write any more."""

    log: bytes
    """The name of its family, whatever the branches of that are called."""
    seq: int
    """The last position that counts."""
    head: bytes
    """The id of the record there, which tells the branches of a family apart; the name of the log
    where nothing counts."""


Cutoffs = tuple[Cutoff, ...]
"""Sorted, each once."""


@dataclass(frozen=True, slots=True)
class SetRole:
    """Another role for a member."""

    key: bytes
    role: MemberRole
    cutoffs: Cutoffs = ()
    """Where its logs end, when it may not write any more; further statements name further logs."""

    def statement(self) -> list[object]:
        """The array that the record carries."""
        return [self.key, int(self.role), _flat(self.cutoffs)]

    @classmethod
    def parse_untrusted(cls, statement: Sequence[object] | None) -> Self:
        """Read the statement of a set-role record.

        Raises:
            InvalidRecordError: It is none.
        """
        match statement:
            case [key, int() as role, cutoffs] if is_bytes(key, KEY_BYTES):
                pass
            case _:
                raise InvalidRecordError("not the statement of a role")
        if type(role) is not int or role not in (0, 1, 2, 3):
            raise InvalidRecordError(f"a member with role {role}")
        found = _cutoffs_untrusted(cutoffs)
        if found and role >= MemberRole.MEMBER:
            raise InvalidRecordError("cut-offs of somebody who goes on writing")
        return cls(key, MemberRole(role), found)


@dataclass(frozen=True, slots=True)
class Revoke:
    """A member's end in the scope."""

    key: bytes
    cutoffs: Cutoffs = ()
    """As in ``SetRole``."""

    def statement(self) -> list[object]:
        """The array that the record carries."""
        return [self.key, _flat(self.cutoffs)]

    @classmethod
    def parse_untrusted(cls, statement: Sequence[object] | None) -> Self:
        """Read the statement of a revoke record.

        Raises:
            InvalidRecordError: It is none.
        """
        match statement:
            case [key, cutoffs] if is_bytes(key, KEY_BYTES):
                return cls(key, _cutoffs_untrusted(cutoffs))
            case _:
                raise InvalidRecordError("not the statement of a revocation")


@dataclass(frozen=True, slots=True)
class Epoch:
    """A new secret of the scope, for whoever is a member from here on."""

    number: int
    """One more than the largest that the record has seen; the same to add boxes to it."""
    commitment: bytes
    """What ``commitment_to`` says of the secret."""
    boxes: tuple[tuple[bytes, bytes], ...]
    """(key, box) each, sorted by key: the secret in a sealed box for that member."""

    def statement(self) -> list[object]:
        """The array that the record carries."""
        return [self.number, self.commitment, [item for pair in self.boxes for item in pair]]

    @classmethod
    def parse_untrusted(cls, statement: Sequence[object] | None) -> Self:
        """Read the statement of an epoch record.

        Raises:
            InvalidRecordError: It is none.
        """
        match statement:
            case [int() as number, commitment, boxes] if is_bytes(commitment, HASH_BYTES):
                pass
            case _:
                raise InvalidRecordError("not the statement of an epoch")
        if type(number) is not int or not 1 <= number <= EPOCH_MAX:
            raise InvalidRecordError(f"an epoch of number {number}")
        if not cbor.is_list(boxes) or len(boxes) % 2 or len(boxes) > 2 * BOXES_MAX:
            raise InvalidRecordError(f"an epoch has at most {BOXES_MAX} boxes")
        pairs: list[tuple[bytes, bytes]] = []
        for key, box in zip(boxes[::2], boxes[1::2], strict=True):
            if not is_bytes(key, KEY_BYTES) or not is_bytes(box, BOX_BYTES):
                raise InvalidRecordError("an epoch with a box for nobody, or of another size")
            pairs.append((key, box))
        if [key for key, _ in pairs] != sorted({key for key, _ in pairs}):
            raise InvalidRecordError("the boxes of an epoch are not sorted by their keys")
        return cls(number, commitment, tuple(pairs))


def _flat(cutoffs: Cutoffs) -> list[object]:
    return [item for pair in cutoffs for item in pair]


def _cutoffs_untrusted(value: object) -> Cutoffs:
    if not cbor.is_list(value) or len(value) % 3 or len(value) > 3 * CUTOFFS_MAX:
        raise InvalidRecordError(f"a statement has at most {CUTOFFS_MAX} cut-offs")
    found: list[Cutoff] = []
    for log, seq, head in zip(value[::3], value[1::3], value[2::3], strict=True):
        if not is_bytes(log, HASH_BYTES) or not is_bytes(head, HASH_BYTES):
            raise InvalidRecordError("a cut-off of no log, or at no record")
        if type(seq) is not int or not 0 <= seq <= SEQ_MAX:
            raise InvalidRecordError("a cut-off at no position")
        found.append(Cutoff(log, seq, head))
    if found != sorted(set(found)):
        raise InvalidRecordError("cut-offs are not sorted")
    return tuple(found)


def set_role_draft(statement: SetRole, label: str) -> Draft:
    """The record that gives a member another role.

    Args:
        statement: Who, which, and where its logs end.
        label: What the member is called.
    """
    return statement_draft(RecordKind.SET_ROLE, statement.statement(), label)


def revoke_draft(statement: Revoke, label: str) -> Draft:
    """The record that puts a member out.

    Args:
        statement: Who, and where its logs end.
        label: What it was called.
    """
    return statement_draft(RecordKind.REVOKE, statement.statement(), label)


def revoke_drafts(key: bytes, cutoffs: Iterable[Cutoff], label: str) -> list[Draft]:
    """The records that put a member out, as many as it takes.

    Args:
        key: Who.
        cutoffs: Where its logs end.
        label: What it was called.
    """
    named = sorted(cutoffs)
    pages = [named[at : at + CUTOFFS_MAX] for at in range(0, max(len(named), 1), CUTOFFS_MAX)]
    return [revoke_draft(Revoke(key, tuple(page)), label) for page in pages]


def leave_draft(key: bytes, label: str) -> Draft:
    """The record by which a member leaves.

    Args:
        key: The member's own key.
        label: What it was called.
    """
    return statement_draft(RecordKind.LEAVE, [key], label)


def epoch_draft(statement: Epoch) -> Draft:
    """The record that begins an epoch, or gives more members its secret."""
    return statement_draft(RecordKind.EPOCH, statement.statement(), "")
