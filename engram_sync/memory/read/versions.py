"""Version tokens: the name of exactly what a view contained.

``v3.`` + base64url of 16 bytes of the engram's state digest, 6 bytes of the number of its newest
change, counted in its scope, and 8 bytes that only the node can make which gave the token out.  So
a token has 43 characters whatever the history.  On any node it names the current state, as long as
that is the current state.  The node that gave it out also knows what of its view is still live
later on: what is live and had appeared by that change.

A token holds no content, so it may be printed, stored and passed around.
"""

import base64
import binascii
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

from engram_crdt import digest
from engram_sync.errors import UsageError
from engram_sync.memory.state.engram_state import EngramState
from engram_sync.model.limits import VERSION_CHARS_MAX

_PREFIX = "v3."
_STATE_BYTES = 16  # Nobody finds two states of one engram that share these by accident.
_CHANGE_BYTES = 6
_CHECK_BYTES = 8  # Whoever forges a token deceives nobody but itself: it may name any view.


class VersionParts(NamedTuple):
    """What a token says; none of it is proven."""

    state: bytes
    """The beginning of the digest of the state that was shown."""
    change: int
    """Number of the engram's newest change then, counted by the node that gave it out."""
    check: bytes


def state_name(state: EngramState) -> bytes:
    """What names the state of an engram in tokens: the beginning of its digest."""
    row = state.row
    if row.digest is not None:
        return row.digest[:_STATE_BYTES]
    return digest(row.engram, state.elements).to_bytes(32, "big")[:_STATE_BYTES]


def token_of(state: EngramState, key: bytes) -> str:
    """The token of a view of everything that a state holds.

    Args:
        state: The state.
        key: What this node proves its own tokens by.
    """
    name, change = state_name(state), state.row.changed
    data = name + change.to_bytes(_CHANGE_BYTES, "big")
    data += _check(key, state, data)
    return _PREFIX + base64.urlsafe_b64encode(data).decode()


def is_ours(named: VersionParts, state: EngramState, key: bytes) -> bool:
    """Whether this node gave out the token, of the same engram."""
    data = named.state + named.change.to_bytes(_CHANGE_BYTES, "big")
    return compare_digest(named.check, _check(key, state, data))


def _check(key: bytes, state: EngramState, data: bytes) -> bytes:
    return blake2b(
        state.scope.id + state.engram + data,
        key=key,
        digest_size=_CHECK_BYTES,
        person=b"engram version",
    ).digest()


def parse_version(token: str) -> VersionParts:
    """What a token says.

    Raises:
        UsageError: ``token`` is not a version.
    """
    text = token.strip()
    body = text.removeprefix(_PREFIX)
    if body == text or len(text) > VERSION_CHARS_MAX or not text.isascii():
        raise _not_a_version(token)
    try:
        data = base64.b64decode(body, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _not_a_version(token) from None
    if len(data) != _STATE_BYTES + _CHANGE_BYTES + _CHECK_BYTES:
        raise _not_a_version(token)
    change = int.from_bytes(data[_STATE_BYTES:-_CHECK_BYTES], "big")
    return VersionParts(data[:_STATE_BYTES], change, data[-_CHECK_BYTES:])


def _not_a_version(token: str) -> UsageError:
    shown = repr(token if len(token) <= 40 else token[:37] + "...")
    return UsageError(
        f"{shown} is not the version of a memory",
        hint="copy `version` from `engram-sync get ID --json`, or `engram_version` from"
        " `engram-sync conflicts --json`, or leave it out",
    )
