"""The columns of a record that have a structure of their own, encoded, parsed and validated.

Shape, ids and payload (``_superseded`` has the fourth): each has exactly one encoding, and the
functions that read one refuse every other spelling.
"""

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from . import _limits
from ._fields import blob_untrusted, bytes_untrusted, integer_untrusted, name_untrusted
from .cbor import (
    array_head,
    decode_untrusted,
    encode,
    encode_item_untrusted,
    is_list,
    load_untrusted,
)
from .errors import InvalidRecordError, LimitError, ProtocolError

NO_IDS: Final = b"\x80"
"""``Record.deps`` without dependencies."""

AUTH_UNCHANGED: Final = b"\xf6"
"""``Record.auth`` of a record that relies on what the previous record of its log relied on."""

_COLLECTION = re.compile(r"[a-z]/[a-z0-9_-]{1,62}\Z")


class RecordKind(IntEnum):
    """What a record does: the byte of its kind, with ``OPTIONAL`` in it for the optional ones."""

    CREATE = 0
    UPDATE = 1
    DELETE = 2
    ARCHIVE = 3
    RESTORE = 4
    RESOLVE = 5
    JOIN = 6
    ERASE = 7
    SEAL = 8
    EDIT = 9
    VOID = 10
    RATIFY = 11
    EXTENSION = 15
    CHARTER = 16
    ADMIT = 17
    SET_ROLE = 18
    REVOKE = 19
    LEAVE = 20
    EPOCH = 21
    MEMBERS_EXTENSION = 22
    LABEL = 23


KINDS: Final = frozenset(int(kind) for kind in RecordKind)
"""Kinds that this version knows."""

OPTIONAL: Final = 0x20
"""In the byte of a kind: who does not know it may go on without it.  As CBOR, a number below 0."""

_EXTENSIONS: Final = frozenset({RecordKind.EXTENSION, RecordKind.MEMBERS_EXTENSION})


def is_optional_kind(kind: int) -> bool:
    """Whether who does not know a kind may go on without it."""
    return bool(kind & OPTIONAL)


def is_membership_kind(kind: int) -> bool:
    """Whether records of a kind stand in membership logs; otherwise they stand in data logs."""
    return kind & ~OPTIONAL >= _limits.MEMBERSHIP_KIND_MIN


def is_extension_kind(kind: int) -> bool:
    """Whether records of a kind say by a name what they do."""
    return kind & ~OPTIONAL in _EXTENSIONS


INSERTED_TEXT: Final = "x/body"
"""The name of every put of an edit; it is no collection of the document, and no other kind may
name anything with this prefix."""

_WITHOUT_PUTS = frozenset(
    {RecordKind.JOIN, RecordKind.ERASE, RecordKind.SEAL, RecordKind.VOID, RecordKind.RATIFY}
)
"""Kinds that only name what exists."""


class Shape(NamedTuple):
    """A parsed ``Record.shape``."""

    kind: int
    collections: tuple[str, ...]
    """One name per put; empty for statements."""
    statement: list[object] | None
    """The array of a membership kind; None otherwise."""


# ---- shape ---------------------------------------------------------------------------------------


def shape_of(kind: int, collections: Sequence[str]) -> bytes:
    """The shape of a data record with one put per name.

    Raises:
        ValueError: not a kind of a data record, too many puts, or a name that is not allowed.
    """
    if not _is_kind(kind) or is_membership_kind(kind):
        raise ValueError(f"kind {kind} is not the kind of a data record")
    if problem := _problem_of_puts(kind, collections):
        raise ValueError(problem)
    return bytes((kind,)) + encode(collections)


def statement_shape(kind: int, statement: Sequence[object]) -> bytes:
    """The shape of a membership record.

    Raises:
        ValueError: not a kind of a membership record, or a statement that is not plain or too big.
    """
    if not _is_kind(kind) or not is_membership_kind(kind):
        raise ValueError(f"kind {kind} is not the kind of a membership record")
    shape = bytes((kind,)) + encode(list(statement))  # type: ignore[arg-type]  # encode checks it
    if len(shape) > _limits.SHAPE_BYTES_MAX:
        raise ValueError(f"statement of {len(shape)} bytes, at most {_limits.SHAPE_BYTES_MAX}")
    return shape


def _is_kind(byte: int) -> bool:
    return 0 <= byte & ~OPTIONAL <= _limits.KIND_MAX


def _problem_of_puts(kind: int, names: Sequence[object]) -> str | None:
    if len(names) > _limits.COLLECTIONS_MAX:
        return f"{len(names)} puts in one record, at most {_limits.COLLECTIONS_MAX}"
    edit = kind == RecordKind.EDIT
    for index, name in enumerate(names):
        if type(name) is not str or _COLLECTION.match(name) is None:
            return f"put {index} names no valid collection"
        if edit != (name == INSERTED_TEXT) or (not edit and name.startswith("x/")):
            return f"put {index} names inserted text outside an edit, or something else in one"
    return None


@lru_cache(maxsize=1024)
def _parse_data_shape_untrusted(shape: bytes) -> Shape:
    kind = shape[0]
    names = decode_list_untrusted(shape[1:], _limits.SHAPE_BYTES_MAX, "shape")
    if problem := _problem_of_puts(kind, names):
        raise InvalidRecordError(problem)
    if names and kind in _WITHOUT_PUTS:
        raise InvalidRecordError(f"{len(names)} puts in a record of kind {kind}, which has none")
    return Shape(kind, tuple(map(str, names)), None)


def parse_shape_untrusted(shape: bytes) -> Shape:
    """Parse and validate ``Record.shape``; one dictionary look-up for a data shape seen before.

    Raises:
        InvalidRecordError: not a kind, not a canonical array, or names that are not allowed.
        LimitError: more bytes than a shape may have.
    """
    if not shape or not _is_kind(shape[0]):
        raise InvalidRecordError(f"shape of {len(shape)} bytes starts with no kind")
    if len(shape) > _limits.SHAPE_BYTES_MAX:
        raise LimitError(f"shape of {len(shape)} bytes, at most {_limits.SHAPE_BYTES_MAX}")
    kind = shape[0]
    if not is_membership_kind(kind):
        return _parse_data_shape_untrusted(shape)
    # Not cached: the statement is a mutable list, and membership records are rare.
    statement = decode_list_untrusted(shape[1:], _limits.SHAPE_BYTES_MAX, "statement")
    if is_extension_kind(kind):
        extension_of_untrusted(statement)
    return Shape(kind, (), statement)


# ---- extensions ----------------------------------------------------------------------------------


class RecordExtension(NamedTuple):
    """What a record of an extension kind says: the statement, or the superseded column of data."""

    name: str
    body: object
    """Any CBOR; what it means goes by the name."""


def extension_of_untrusted(items: Sequence[object]) -> RecordExtension:
    """Read ``[name, body]``.

    Raises:
        InvalidRecordError: it is something else.
    """
    if len(items) != 2:
        raise InvalidRecordError("an extension is a name and a body")
    try:
        return RecordExtension(name_untrusted(items[0]), items[1])
    except ProtocolError as error:
        raise InvalidRecordError(f"an extension of no valid name: {error}") from None


def newer_kind(shape: bytes, superseded: bytes) -> str | None:
    """What a valid record needs that this version does not know and must not go on without.

    Args:
        shape: ``Record.shape``.
        superseded: ``Record.superseded``.

    Returns:
        In words; None when the record is understood, or may be left alone.
    """
    kind = shape[0]
    if is_optional_kind(kind) or (kind in KINDS and kind not in _EXTENSIONS):
        return None
    if kind not in _EXTENSIONS:
        return f"records of kind {kind}"
    column = shape[1:] if is_membership_kind(kind) else superseded
    items = decode_list_untrusted(column, _limits.SUPERSEDED_BYTES_MAX, "extension")
    return f"the extension {extension_of_untrusted(items).name!r}"


def decode_list_untrusted(data: bytes, bytes_max: int, what: str) -> list[object]:
    """The items of a column that is one canonical array.

    Raises:
        WireError: it is not, or has more bytes than ``bytes_max``.
    """
    value = decode_untrusted(data, bytes_max=bytes_max)
    if not is_list(value):
        raise InvalidRecordError(f"{what} is not an array")
    return value


# ---- ids -----------------------------------------------------------------------------------------


def encode_ids(ids: Iterable[bytes]) -> bytes:
    """The one encoding of a set of 32-byte ids: sorted, each once.

    Raises:
        ValueError: an id of another size.
    """
    ordered = sorted(set(ids))
    if any(len(item) != _limits.HASH_BYTES for item in ordered):
        raise ValueError(f"an id that is not {_limits.HASH_BYTES} bytes")
    return encode(ordered)


def decode_ids_untrusted(data: bytes, *, count_max: int = _limits.DEPS_MAX) -> tuple[bytes, ...]:
    """Decode what ``encode_ids`` writes: ``Record.deps``, or ``Record.auth`` when it has changed.

    Raises:
        InvalidRecordError: not canonical, not sorted, repeated, or not 32 bytes each.
        LimitError: more than ``count_max`` ids.
    """
    if data == NO_IDS:
        return ()
    if len(data) > 3 + 34 * count_max:
        raise LimitError(f"{len(data)} bytes of ids, at most {count_max} ids allowed")
    # Each id has a fixed size, so it is cut out where it must be, and encoding all of them again
    # shows whether they were there.  Only the last one can have come out shorter.
    first = 4 if data[:1] == b"\x98" else 3
    ids = [data[at : at + 32] for at in range(first, len(data), 34)]
    if (ids and len(ids[-1]) != _limits.HASH_BYTES) or encode(sorted(set(ids))) != data:
        raise InvalidRecordError(f"{len(data)} bytes are not sorted ids of 32 bytes")
    return tuple(ids)


def decode_auth_untrusted(data: bytes) -> tuple[bytes, ...] | None:
    """Decode ``Record.auth``: None when unchanged, else 1 to 8 membership heads.

    Raises:
        WireError: anything else.
    """
    if data == AUTH_UNCHANGED:
        return None
    heads = decode_ids_untrusted(data, count_max=_limits.AUTH_HEADS_MAX)
    if not heads:
        raise InvalidRecordError("auth names no membership head")
    return heads


# ---- payload -------------------------------------------------------------------------------------


def encode_payload(salt: bytes, values: Sequence[bytes]) -> bytes:
    """A payload from a 16-byte salt and values that are already canonical CBOR.

    Raises:
        ValueError: a salt of another size, or more values or bytes than one record may have.
    """
    if len(salt) != _limits.SALT_BYTES or len(values) > _limits.COLLECTIONS_MAX:
        raise ValueError(f"salt of {len(salt)} bytes, {len(values)} values; need 16, at most 64")
    payload = b"".join((b"\x82\x50", salt, array_head(len(values)), *values))
    if len(payload) > _limits.PAYLOAD_BYTES_MAX:
        raise ValueError(f"payload of {len(payload)} bytes, at most {_limits.PAYLOAD_BYTES_MAX}")
    return payload


def split_payload_untrusted(payload: bytes) -> list[bytes]:
    """The canonical CBOR of each value of a payload, in order.

    A payload that matches its hash and fails here counts as dropped, on every node alike.

    Raises:
        WireError: not a salt and at most 64 values in canonical form.
    """
    decoded = load_untrusted(payload, bytes_max=_limits.PAYLOAD_BYTES_MAX)
    if not is_list(decoded) or len(decoded) != 2:
        raise InvalidRecordError("payload is not a salt and values")
    salt, items = decoded
    if type(salt) is not bytes or len(salt) != _limits.SALT_BYTES:
        raise InvalidRecordError("payload has no salt of 16 bytes")
    if not is_list(items) or len(items) > _limits.COLLECTIONS_MAX:
        raise InvalidRecordError(f"payload holds no array of at most {_limits.COLLECTIONS_MAX}")
    values = [encode_item_untrusted(item) for item in items]
    # The values were encoded anew, so one comparison proves the whole payload canonical.
    if b"".join((b"\x82\x50", salt, array_head(len(values)), *values)) != payload:
        raise InvalidRecordError(f"payload of {len(payload)} bytes is not in canonical form")
    return values


class SealedPayload(NamedTuple):
    """A payload that only who has the key of its epoch can read."""

    epoch: int
    """From 1: the epoch statement whose key encrypts it."""
    nonce: bytes
    ciphertext: bytes


def encode_sealed_payload(sealed: SealedPayload) -> bytes:
    """The bytes of an encrypted payload.

    Raises:
        ValueError: a part has another size, or all of it is more than one record may have.
    """
    payload = encode(list(sealed))
    try:
        known = sealed_payload(payload)
    except LimitError:
        known = None
    if known is None:
        raise ValueError(f"no encrypted payload: epoch {sealed.epoch}, {len(payload)} bytes")
    return payload


def sealed_payload(payload: bytes) -> SealedPayload | None:
    """What ``encode_sealed_payload`` wrote; None for any other payload.

    Raises:
        LimitError: more bytes than a payload may have.
    """
    if payload[:1] != b"\x83":
        return None
    try:
        items = decode_list_untrusted(payload, _limits.PAYLOAD_BYTES_MAX, "payload")
        epoch, nonce, ciphertext = items
        return SealedPayload(
            integer_untrusted(epoch, 1, _limits.REQUEST_MAX, "epoch"),
            bytes_untrusted(nonce, _limits.SEALED_NONCE_BYTES, "nonce"),
            blob_untrusted(ciphertext, _limits.PAYLOAD_BYTES_MAX, "ciphertext"),
        )
    except ProtocolError:
        return None
