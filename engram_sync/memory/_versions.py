"""Version tokens: the name of exactly what a view contained.

A token lists, for each log that wrote to the engram, how many of its puts the view had seen, and
has a check over what of them was live: ``v2.`` + base64url of the canonical CBOR
``[check (4 bytes), [first 8 bytes of the log id, next clock], ...]``.  What a token names, its
clocks say; the check makes two views differ where one only lacks what the other shows.  Tokens
``v1.``, which earlier versions gave out and which have no check, are still understood.

A token holds no content, so it may be printed, stored and passed around.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from engram_crdt import Dot, Element
from engram_sync.errors import PreconditionError, UsageError
from engram_wire import WireError
from engram_wire.cbor import decode_untrusted, encode, is_list

from ._limits import VERSION_CHARS_MAX
from ._state import EngramState

_PREFIX = "v2."
_PREFIX_WITHOUT_CHECK = "v1."
_LOG_BYTES = 8  # 64 bits: no two logs of one engram share them by accident.
_CHECK_BYTES = 4  # It tells apart the few views of one engram that have equal clocks.


class Named(NamedTuple):
    """What a token names."""

    clock: dict[bytes, int]
    """Of each log, how many puts the view had seen."""
    check: bytes | None
    """The check over what was live; None in a token that has none."""


def version_token(clock: Mapping[bytes, int], check: bytes) -> str:
    """The token of a view that contained, of each log, every put below its clock."""
    entries = sorted((log[:_LOG_BYTES], clock[log]) for log in clock if clock[log])
    data = encode([check, *entries])
    return _PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")


def token_of(state: EngramState) -> str:
    """The token of a view of everything that a state holds."""
    return version_token(state.clock, view_check(state.elements, state.texts))


def view_check(elements: Iterable[Element], texts: Mapping[Dot, str]) -> bytes:
    """The check of a view: over the names of what is live and the lengths of its texts.

    Deleting from a text takes no clock and always makes it shorter, so a length will do.
    """
    parts = [e.dot.log + e.dot.clock.to_bytes(8, "big") for e in elements]
    parts += [
        dot.log + dot.clock.to_bytes(8, "big") + len(text).to_bytes(8, "big")
        for dot, text in sorted(texts.items())
    ]
    data = b"".join(parts)
    return blake2b(data, digest_size=_CHECK_BYTES, person=b"engram version").digest()


def resolve_version(token: str, clock: Mapping[bytes, int]) -> Named:
    """What a token names, in terms of the logs that this node knows for the engram.

    Raises:
        UsageError: ``token`` is not a version.
        PreconditionError: It names changes this node does not have.
    """
    check, entries = _parse(token)
    seen: dict[bytes, int] = {}
    for prefix, count in entries:
        logs = [log for log in clock if log.startswith(prefix)]
        if len(logs) != 1 or clock[logs[0]] < count:
            raise PreconditionError(
                "this version contains changes that this node does not have",
                hint="engram-sync sync, then try again; or leave the version out",
            )
        seen[logs[0]] = count
    return Named(seen, check)


def _parse(token: str) -> tuple[bytes | None, list[tuple[bytes, int]]]:
    text = token.strip()
    entries = _decode(token, text)
    if not is_list(entries):
        raise _not_a_version(token)
    check: object = None
    if text.startswith(_PREFIX):
        check, *entries = entries or [None]
        if type(check) is not bytes or len(check) != _CHECK_BYTES:
            raise _not_a_version(token)
    parsed: list[tuple[bytes, int]] = []
    for entry in entries:
        if not is_list(entry) or len(entry) != 2:
            raise _not_a_version(token)
        prefix, count = entry
        if type(prefix) is not bytes or len(prefix) != _LOG_BYTES:
            raise _not_a_version(token)
        if type(count) is not int or count < 1:
            raise _not_a_version(token)
        parsed.append((prefix, count))
    if [p for p, _ in parsed] != sorted({p for p, _ in parsed}):
        raise _not_a_version(token)
    return check if isinstance(check, bytes) else None, parsed


def _decode(token: str, text: str) -> object:
    prefix = next((p for p in (_PREFIX, _PREFIX_WITHOUT_CHECK) if text.startswith(p)), None)
    if prefix is None or len(text) > VERSION_CHARS_MAX or not text.isascii():
        raise _not_a_version(token)
    body = text.removeprefix(prefix)
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        return decode_untrusted(data)
    except (binascii.Error, ValueError, WireError):
        raise _not_a_version(token) from None


def _not_a_version(token: str) -> UsageError:
    shown = repr(token if len(token) <= 40 else token[:37] + "...")
    return UsageError(
        f"{shown} is not the version of a memory",
        hint="copy `version` from `engram-sync get ID --json`, or leave it out",
    )
