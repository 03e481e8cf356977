"""The texts by which people and programs name engrams and nodes."""

import base64
from functools import lru_cache

from engram_sync.errors import UsageError

from .limits import REF_CHARS_MIN

_DIGITS = frozenset("0123456789abcdef")


def engram_text(engram: bytes) -> str:
    """The 16 bytes of an engram id as a UUID string."""
    h = engram.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


@lru_cache(maxsize=1024)
def node_text(key: bytes) -> str:
    """The 32 bytes of a node's public key as 52 lower-case base32 characters."""
    return base64.b32encode(key).decode().rstrip("=").lower()


def parse_ref(ref: str) -> str:
    """The hexadecimal digits of a full id or of a prefix of one.

    Raises:
        UsageError: ``ref`` is not hexadecimal, or shorter than 8 or longer than 32 digits.
    """
    digits = ref.strip().lower().replace("-", "")
    if not digits or not _DIGITS.issuperset(digits) or len(digits) > 32:
        raise UsageError(
            f"{_shown(ref)} is not the id of a memory",
            hint="give an id as `engram-sync list` shows it, or its first 8 characters",
        )
    if len(digits) < REF_CHARS_MIN:
        raise UsageError(
            f"{_shown(ref)} is too short for the id of a memory",
            hint=f"give at least {REF_CHARS_MIN} characters of the id",
        )
    return digits


def _shown(ref: str) -> str:
    return repr(ref if len(ref) <= 64 else ref[:61] + "...")
