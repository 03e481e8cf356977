"""Version tokens: the name of exactly what a view contained.

A token lists, for each log that wrote to the engram, how many of its puts the view had seen:
``v1.`` + base64url of the canonical CBOR ``[[first 8 bytes of the log id, next clock], ...]``.
It holds no content, so it may be printed, stored and passed around.
"""

import base64
import binascii
from collections.abc import Mapping

from engram_sync.errors import PreconditionError, UsageError
from engram_wire import WireError
from engram_wire.cbor import decode_untrusted, encode, is_list

from ._limits import VERSION_CHARS_MAX

_PREFIX = "v1."
_LOG_BYTES = 8  # 64 bits: no two logs of one engram share them by accident.


def version_token(clock: Mapping[bytes, int]) -> str:
    """The token of a view that contained, of each log, every put below its clock."""
    entries = sorted((log[:_LOG_BYTES], clock[log]) for log in clock if clock[log])
    return _PREFIX + base64.urlsafe_b64encode(encode(entries)).decode().rstrip("=")


def resolve_version(token: str, clock: Mapping[bytes, int]) -> dict[bytes, int]:
    """What a token names, in terms of the logs that this node knows for the engram.

    Raises:
        UsageError: ``token`` is not a version.
        PreconditionError: It names changes this node does not have.
    """
    seen: dict[bytes, int] = {}
    for prefix, count in _parse(token):
        logs = [log for log in clock if log.startswith(prefix)]
        if len(logs) != 1 or clock[logs[0]] < count:
            raise PreconditionError(
                "this version contains changes that this node does not have",
                hint="engram-sync sync, then try again; or leave the version out",
            )
        seen[logs[0]] = count
    return seen


def _parse(token: str) -> list[tuple[bytes, int]]:
    entries = _decode(token)
    if not is_list(entries):
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
    return parsed


def _decode(token: str) -> object:
    text = token.strip()
    if not text.startswith(_PREFIX) or len(text) > VERSION_CHARS_MAX or not text.isascii():
        raise _not_a_version(token)
    body = text.removeprefix(_PREFIX)
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
