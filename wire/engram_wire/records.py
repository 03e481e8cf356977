"""One author's change to one engram: its bytes, its hash chain and its signature.

A record is a body (structure, always kept and hashed) and a payload (values, detachable).  Nothing
here knows a document, a membership rule or a second log; that is decided where records are joined
to what is already held.
"""

from enum import IntEnum
from hashlib import blake2b
from typing import Final, NamedTuple

import nacl.bindings
from nacl.exceptions import BadSignatureError

from . import _limits
from ._edits import Edit as Edit
from ._edits import EditInsert as EditInsert
from ._edits import Reference as Reference
from ._edits import Span as Span
from ._edits import decode_edit_untrusted as decode_edit_untrusted
from ._edits import encode_edit as encode_edit
from ._record_parts import AUTH_UNCHANGED as AUTH_UNCHANGED
from ._record_parts import INSERTED_TEXT as INSERTED_TEXT
from ._record_parts import NO_IDS as NO_IDS
from ._record_parts import OPTIONAL as OPTIONAL
from ._record_parts import RecordExtension as RecordExtension
from ._record_parts import RecordKind as RecordKind
from ._record_parts import SealedPayload as SealedPayload
from ._record_parts import Shape as Shape
from ._record_parts import decode_auth_untrusted as decode_auth_untrusted
from ._record_parts import decode_ids_untrusted as decode_ids_untrusted
from ._record_parts import encode_ids as encode_ids
from ._record_parts import encode_payload as encode_payload
from ._record_parts import encode_sealed_payload as encode_sealed_payload
from ._record_parts import extension_of_untrusted as extension_of_untrusted
from ._record_parts import is_extension_kind as is_extension_kind
from ._record_parts import is_membership_kind as is_membership_kind
from ._record_parts import is_optional_kind as is_optional_kind
from ._record_parts import newer_kind as newer_kind
from ._record_parts import parse_shape_untrusted as parse_shape_untrusted
from ._record_parts import sealed_payload as sealed_payload
from ._record_parts import shape_of as shape_of
from ._record_parts import split_payload_untrusted as split_payload_untrusted
from ._record_parts import statement_shape as statement_shape
from ._superseded import NO_SUPERSEDED as NO_SUPERSEDED
from ._superseded import Superseded as Superseded
from ._superseded import clocks_taken as clocks_taken
from ._superseded import decode_superseded_untrusted as decode_superseded_untrusted
from ._superseded import encode_superseded as encode_superseded
from .cbor import encode
from .errors import SignatureError

PERSON_PAYLOAD: Final = b"engram payload"
PERSON_RECORD: Final = b"engram record"
PERSON_LOG: Final = b"engram log"
PERSON_BRANCH: Final = b"engram branch"

DOMAIN_RECORD: Final = b"engram-sync/record/2\0"
DOMAIN_LOG: Final = "engram-sync/log/2"


class LogDomain(IntEnum):
    """What the records of a log are about."""

    DATA = 0
    MEMBERS = 1


class Record(NamedTuple):
    """One record; every field but ``payload`` is covered by the chain."""

    seq: int
    """Position in its log, from 1."""
    engram: bytes
    """Id of the engram, 16 bytes."""
    hlc: int
    """Hybrid logical clock: milliseconds << 16 | counter."""
    shape: bytes
    """The kind byte and the CBOR array of collection names, or of the statement."""
    superseded: bytes
    """CBOR array as ``encode_superseded`` writes it."""
    payload: bytes | None
    """CBOR array as ``encode_payload`` writes it; None when it is not held."""
    payload_hash: bytes
    """``payload_hash(payload)``, 32 bytes; known whether or not the payload is held."""
    deps: bytes
    """CBOR array of ids, as ``encode_ids`` writes it; ``NO_IDS`` for none."""
    auth: bytes
    """CBOR array of membership heads, or ``AUTH_UNCHANGED``."""
    marked: bool = False
    """Whether its author signed here, so that others may name the position.  It is part of the
    body, so that who holds the record without that signature knows it too."""


# ---- hashes, chain and signature -----------------------------------------------------------------


def keyed_hash(person: bytes, data: bytes) -> bytes:
    """BLAKE2b-256 of ``data``, separated from every other use by ``person`` (at most 16 bytes)."""
    return blake2b(data, digest_size=32, person=person).digest()


def payload_hash(payload: bytes) -> bytes:
    """What the body's chain commits to in place of the payload."""
    return blake2b(payload, digest_size=32, person=PERSON_PAYLOAD).digest()


def log_id(domain: int, scope: bytes, author: bytes, incarnation: bytes) -> bytes:
    """``id_0`` of a log: its name, and what its first record chains to.

    Raises:
        ValueError: an argument has another size than the protocol gives it.
    """
    sizes = (len(scope), len(author), len(incarnation))
    if sizes != (_limits.HASH_BYTES, _limits.KEY_BYTES, _limits.INCARNATION_BYTES):
        raise ValueError(f"scope, author and incarnation of {sizes} bytes, need (32, 32, 16)")
    return keyed_hash(PERSON_LOG, encode([DOMAIN_LOG, domain, scope, author, incarnation]))


def branch_id(first: bytes) -> bytes:
    """The name of a branch of a forked log.

    Args:
        first: The id of the branch's first record, the one at which it left the others.
    """
    return keyed_hash(PERSON_BRANCH, first)


def body_of(record: Record) -> bytes:
    """The canonical CBOR array of eight that the chain hashes."""
    shape = record.shape
    return b"".join(
        (
            b"\x88",
            shape[:1],
            b"\x50",
            record.engram,
            b"\x1b",
            record.hlc.to_bytes(8, "big"),
            record.deps,
            record.auth,
            shape[1:],
            record.superseded,
            b"\x01" if record.marked else b"\x00",
        )
    )


def record_bytes(record: Record) -> int:
    """Payload and body bytes of ``record``, as the limits count them."""
    columns = len(record.deps) + len(record.auth) + len(record.shape) - 1 + len(record.superseded)
    return _limits.BODY_FIXED_BYTES + columns + len(record.payload or b"")


def extend(head: bytes, record: Record) -> bytes:
    """``id_n`` from ``id_{n-1}`` and record n."""
    data = b"".join((head, record.seq.to_bytes(8, "big"), record.payload_hash, body_of(record)))
    return blake2b(data, digest_size=32, person=PERSON_RECORD).digest()


def sign_head(secret_key: bytes, head: bytes) -> bytes:
    """The author's signature over a position of its log and everything before it, 64 bytes."""
    return nacl.bindings.crypto_sign(DOMAIN_RECORD + head, secret_key)[:64]


def check_key_untrusted(key: bytes) -> None:
    """Refuse what is no point of the prime-order group, before a key is enrolled anywhere.

    libsodium verifies under a key of mixed order, of which the holder of one secret has eight.

    Raises:
        SignatureError: ``key`` is not a valid Ed25519 public key.
    """
    valid = nacl.bindings.crypto_core_ed25519_is_valid_point
    if len(key) != _limits.KEY_BYTES or not valid(key):
        raise SignatureError("not a valid Ed25519 key")


def verify_signature_untrusted(key: bytes, message: bytes, signature: bytes, what: str) -> None:
    """Check an Ed25519 signature with libsodium, which refuses small-order keys and S >= L.

    Raises:
        SignatureError: ``what`` does not verify.
    """
    if len(key) != _limits.KEY_BYTES or len(signature) != _limits.SIGNATURE_BYTES:
        raise SignatureError(f"{what}: key of {len(key)}, signature of {len(signature)} bytes")
    try:
        nacl.bindings.crypto_sign_open(signature + message, key)
    except BadSignatureError:
        raise SignatureError(f"{what} does not verify") from None


def verify_head_untrusted(author: bytes, head: bytes, signature: bytes) -> None:
    """Check ``sign_head``.

    Raises:
        SignatureError: it is not the author's signature over that head.
    """
    verify_signature_untrusted(author, DOMAIN_RECORD + head, signature, "record signature")
