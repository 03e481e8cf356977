"""The statements of a membership log: the charter that founds a scope, and admissions to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self, TypeGuard

from engram_sync.ledger import NO_ENGRAM, Draft
from engram_wire import (
    HASH_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    InvalidRecordError,
    RecordKind,
    SignatureError,
    cbor,
    check_key_untrusted,
    is_printable,
    keyed_hash,
)

from ._limits import (
    LEADERS_MAX,
    NONCE_BYTES,
    OPTIONAL_TERM,
    PROTOCOL,
    SCOPE_KIND_CHARS_MAX,
    TERMS_MAX,
    USES_MAX,
    VERSION_MAX,
)

PERSON_SCOPE: Final = b"engram scope"
PERSON_SECRET: Final = b"engram secret"
_VERSION = 2
_COMMITMENT, _MINIMUM = "commitment", "minimum"


def commitment_to(secret: bytes) -> bytes:
    """What a charter or an epoch says of the secret, so that nobody is given another one."""
    return keyed_hash(PERSON_SECRET, secret)


class MemberRole(IntEnum):
    """What a key may do in a scope; each role includes the ones below it."""

    RELAY = 0
    """Passes on what it cannot read.  For a later version: who meets it now must upgrade."""
    OBSERVER = 1
    """Reads."""
    MEMBER = 2
    """Writes memories."""
    LEADER = 3
    """Writes the membership log."""


@dataclass(frozen=True, slots=True)
class Charter:
    """What a scope is founded on.  Its hash is the scope's id, so it can never change."""

    kind: str
    """``agent``, ``collective`` ..."""
    founder: bytes
    """The key that signs it."""
    threshold: int
    """Leaders that must agree on a membership record; 1 in this version."""
    leaders: tuple[bytes, ...]
    """Keys that lead from the start, sorted; the founder is one of them."""
    recovery: bytes | None
    """A key kept offline that may appoint new leaders."""
    nonce: bytes
    """16 random bytes."""
    commitment: bytes | None = None
    """Of the secret of the first epoch."""
    minimum: int = PROTOCOL
    """Oldest version of the protocol whose nodes may take part."""

    def statement(self) -> list[object]:
        """The array that the charter's record carries."""
        leaders, terms = list(self.leaders), list[object]()
        if self.commitment is not None:
            terms += [_COMMITMENT, self.commitment]
        if self.minimum != PROTOCOL:
            terms += [_MINIMUM, self.minimum]
        head = [_VERSION, self.kind, self.founder, self.threshold, leaders]
        return [*head, self.recovery, self.nonce, terms]

    def scope_id(self) -> bytes:
        """The scope's id, 32 bytes."""
        return keyed_hash(PERSON_SCOPE, cbor.dump_canonical(self.statement()))

    @classmethod
    def parse_untrusted(cls, statement: Sequence[object] | None) -> Self:
        """Read the statement of a charter record.

        Raises:
            InvalidRecordError: It is none, or asks for something this version cannot enforce.
        """
        match statement:
            case [version, str() as kind, founder, threshold, leaders, recovery, nonce, terms]:
                pass
            case _:
                raise InvalidRecordError("not the statement of a charter")
        if not is_number(version, _VERSION):
            raise InvalidRecordError("the charter of another version")
        if not 0 < len(kind) <= SCOPE_KIND_CHARS_MAX or not is_printable(kind):
            raise InvalidRecordError(f"a scope kind of {len(kind)} characters")
        if not is_number(threshold, 1):
            raise InvalidRecordError("leaders that decide together need a newer version")
        if not is_bytes(founder, KEY_BYTES) or not is_bytes(nonce, NONCE_BYTES):
            raise InvalidRecordError("a charter without a founder's key or a nonce")
        if recovery is not None and not is_bytes(recovery, KEY_BYTES):
            raise InvalidRecordError("the recovery key of a charter is no key")
        keys = _keys_untrusted(leaders)
        if founder not in keys:
            raise InvalidRecordError("the founder of a charter is not among its leaders")
        return cls(kind, founder, 1, keys, recovery, nonce, *_terms_untrusted(terms))


def _terms_untrusted(value: object) -> tuple[bytes | None, int]:
    """Commitment and minimum version; a policy or another term cannot be enforced here."""
    if not cbor.is_list(value) or len(value) % 2 or len(value) > 2 * TERMS_MAX:
        raise InvalidRecordError(f"a charter has at most {TERMS_MAX} terms")
    names = [name for name in value[::2] if isinstance(name, str)]
    if len(names) * 2 != len(value) or names != sorted(set(names)):
        raise InvalidRecordError("the terms of a charter are not sorted by their names")
    terms = dict(zip(names, value[1::2], strict=True))
    commitment, minimum = terms.pop(_COMMITMENT, None), terms.pop(_MINIMUM, PROTOCOL)
    needed = [name for name in terms if not name.startswith(OPTIONAL_TERM)]
    if needed:
        raise InvalidRecordError(f"the charter's {needed[0]!r} needs a newer version")
    if commitment is not None and not is_bytes(commitment, HASH_BYTES):
        raise InvalidRecordError("the commitment of a charter is no hash")
    if type(minimum) is not int or not 1 <= minimum <= VERSION_MAX:
        raise InvalidRecordError("the minimum version of a charter is none")
    if minimum > PROTOCOL:
        raise InvalidRecordError(f"the charter needs version {minimum} of the protocol")
    return commitment, minimum


def _keys_untrusted(value: object) -> tuple[bytes, ...]:
    if not cbor.is_list(value) or not 0 < len(value) <= LEADERS_MAX:
        raise InvalidRecordError(f"a charter names 1 to {LEADERS_MAX} leaders")
    keys = tuple(key for key in value if is_bytes(key, KEY_BYTES))
    if len(keys) != len(value) or list(keys) != sorted(set(keys)):
        raise InvalidRecordError("the leaders of a charter are not sorted keys")
    return keys


def is_bytes(value: object, size: int) -> TypeGuard[bytes]:
    """Whether a value is exactly so many bytes."""
    return type(value) is bytes and len(value) == size


def is_number(value: object, number: int) -> bool:
    """Whether a value is that integer; ``True`` and 1.0 equal 1 and are spelled in another way."""
    return type(value) is int and value == number


def found(
    kind: str,
    founder: bytes,
    *,
    nonce: bytes,
    leaders: Sequence[bytes] = (),
    recovery: bytes | None = None,
    commitment: bytes | None = None,
) -> Charter:
    """A new charter.

    Args:
        kind: The scope's kind.
        founder: The key that will sign it; always a leader.
        nonce: 16 fresh bytes.
        leaders: Further leaders.
        recovery: A key kept offline.
        commitment: What ``commitment_to`` says of the scope's secret.

    Raises:
        InvalidRecordError: No node would accept it.
    """
    keys = tuple(sorted({founder, *leaders}))
    charter = Charter(kind, founder, 1, keys, recovery, nonce, commitment)
    return Charter.parse_untrusted(charter.statement())


@dataclass(frozen=True, slots=True)
class Admission:
    """A key's admission by a leader."""

    key: bytes
    role: MemberRole
    agent: bytes
    """Scope id of the agent the key writes for."""
    invite: bytes | None = None
    """Public key of the invite that was redeemed; None when a leader admits by hand."""
    uses: int = 0
    """How many keys that invite admits; 0 without one."""
    proof: bytes | None = None
    """The invite's signature, as ``make_proof`` makes it."""
    session: bytes | None = None
    """Id of the session in which the proof was given."""

    def statement(self) -> list[object]:
        """The array that the record carries."""
        return [
            self.key, int(self.role), self.agent, self.invite, self.uses, self.proof, self.session
        ]  # fmt: skip

    @classmethod
    def parse_untrusted(cls, statement: Sequence[object] | None) -> Self:
        """Read the statement of an admit record; the proof is not verified yet.

        Raises:
            InvalidRecordError: It is none.
        """
        match statement:
            case [key, int() as role, agent, invite, int() as uses, proof, session]:
                pass
            case _:
                raise InvalidRecordError("not the statement of an admission")
        if not is_bytes(key, KEY_BYTES) or not is_bytes(agent, HASH_BYTES):
            raise InvalidRecordError("an admission without a key or an agent")
        if type(role) is not int or role not in (0, 1, 2, 3):
            raise InvalidRecordError(f"an admission with role {role}")
        if invite is None and proof is None and session is None and is_number(uses, 0):
            return cls(key, MemberRole(role), agent)
        if type(uses) is not int or not 1 <= uses <= USES_MAX:
            raise InvalidRecordError(f"an admission by an invite for {uses} keys")
        if not is_bytes(invite, KEY_BYTES) or not is_bytes(session, HASH_BYTES):
            raise InvalidRecordError("an admission by an invite without its key or session")
        if not is_bytes(proof, SIGNATURE_BYTES):
            raise InvalidRecordError("an admission by an invite without a proof")
        return cls(key, MemberRole(role), agent, invite, uses, proof, session)


def charter_draft(charter: Charter, label: str) -> Draft:
    """The record that founds a scope: the first of the founder's membership log.

    Args:
        charter: The charter.
        label: What the founder's node is called; shown to people, never an identity.
    """
    return statement_draft(RecordKind.CHARTER, charter.statement(), label)


def admit_draft(admit: Admission, label: str) -> Draft:
    """The record of an admission.

    Args:
        admit: The admission.
        label: What the admitted node is called.
    """
    return statement_draft(RecordKind.ADMIT, admit.statement(), label)


def label_draft(key: bytes, label: str) -> Draft:
    """The record by which a member changes what it is called.

    Args:
        key: The member's own key.
        label: What it wants to be called; shown to people, never an identity.
    """
    return statement_draft(RecordKind.LABEL, [key], label)


def check_keys_untrusted(*keys: bytes) -> None:
    """Nobody is enrolled under a key of mixed order: the holder of one secret has eight of them.

    Raises:
        InvalidRecordError: One is no valid point.
    """
    for key in keys:
        try:
            check_key_untrusted(key)
        except SignatureError as error:
            raise InvalidRecordError("a member's key is no valid point") from error


def statement_draft(kind: RecordKind, statement: list[object], label: str) -> Draft:
    """The record of any statement, with what it calls whom it is about."""
    puts = (("label", cbor.encode(label)),)
    return Draft(kind, NO_ENGRAM, puts, statement=tuple(statement))
