"""How the vectors write values down: JSON, with bytes in hexadecimal."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import nacl.bindings

from engram_wire import KeyPair

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
Row: TypeAlias = dict[str, Json]

NOW_MS = 1_760_000_000_000
CHANNEL = hashlib.sha256(b"certificate").digest()
INCARNATION = bytes(range(16))


def seed_of(name: str) -> bytes:
    """The published seed of a party's key."""
    return hashlib.sha256(name.encode()).digest()


def identity_of(seed: bytes) -> KeyPair:
    return KeyPair(*nacl.bindings.crypto_sign_seed_keypair(seed))


ALICE = identity_of(seed_of("alice"))
BOB = identity_of(seed_of("bob"))
MALLORY = identity_of(seed_of("mallory"))


def shown(value: object) -> Json:
    """``value`` as the vectors show it; equal values look equal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool | float | str) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if dataclasses.is_dataclass(value):
        return {f.name: shown(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value)
        return {name: shown(item) for name, item in pairs.items()}
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return [shown(item) for item in items]
    raise TypeError(f"no vector shows a {type(value).__name__}")


def name_of(value: object) -> str:
    """The name of a message."""
    return type(value).__name__


def blob(row: Mapping[str, Any], name: str) -> bytes:
    """The bytes under ``name``."""
    return bytes.fromhex(row[name])
