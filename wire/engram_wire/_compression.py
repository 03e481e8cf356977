"""Compression of single messages with Zstandard, when both sides offer it.

Each message is a frame of its own, without a dictionary and without what came before: what one
scope holds never shows in the size of another's messages.  The library is an optional one, looked
for on first use.
"""

import importlib
from functools import cache
from types import ModuleType
from typing import Final

from . import _limits
from ._message_types import MessageType
from .errors import LimitError, ProtocolError

ZSTD: Final = "zstd"
"""The name of the capability."""

COMPRESSIBLE: Final = frozenset({MessageType.SYNC_RESPONSE, MessageType.PAYLOAD_RESPONSE})
"""Messages that carry records of one scope each; all others are small."""

_LEVEL = 1
"""Frames of columns shrink to 0.38 of their size at this level, and hardly more at a higher one."""

_MAGIC = b"\x28\xb5\x2f\xfd"


@cache
def _library() -> ModuleType | None:
    try:
        return importlib.import_module("zstandard")
    except ImportError:
        return None


def available_capabilities() -> tuple[str, ...]:
    """What this installation can offer in a handshake: ``zstd`` when its library is there."""
    return (ZSTD,) if _library() is not None else ()


def compressed(payload: bytes) -> bytes | None:
    """``payload`` as one frame; None when that is not worth it, or the peer would refuse it."""
    library = _library()
    if library is None or len(payload) < _limits.COMPRESSED_BYTES_MIN:
        return None
    packed: bytes = library.ZstdCompressor(level=_LEVEL, write_dict_id=False).compress(payload)
    fits = len(payload) <= _limits.DECODE_RATIO_MAX * len(packed)
    return packed if fits and len(packed) < len(payload) else None


def expand_untrusted(packed: bytes) -> bytes:
    """What ``compressed`` was given.

    The size that a frame declares is checked before anything is allocated for it, and nothing more
    than that is ever written.

    Raises:
        LimitError: it declares more than a message may have, or more than ``DECODE_RATIO_MAX``
            bytes for each of its own.
        ProtocolError: not one whole frame that declares its size and needs no dictionary.
    """
    library = _library()
    if library is None:
        raise ProtocolError("a compressed message, and no library to read it")
    if packed[:4] != _MAGIC:
        raise ProtocolError(f"{len(packed)} bytes are no frame of Zstandard")
    try:
        head = library.get_frame_parameters(packed)
        size: int = head.content_size
        if size == library.CONTENTSIZE_UNKNOWN:
            raise ProtocolError("a compressed message without its size")
        most = min(_limits.PAYLOAD_OF_MESSAGE_BYTES_MAX, _limits.DECODE_RATIO_MAX * len(packed))
        if size > most or head.window_size > _limits.MESSAGE_BYTES_MAX:
            raise LimitError(f"{len(packed)} bytes that declare {size}, at most {most}")
        reader = library.ZstdDecompressor(max_window_size=_limits.MESSAGE_BYTES_MAX)
        data: bytes = reader.decompress(packed, max_output_size=size, allow_extra_data=False)
    except library.ZstdError as error:
        raise ProtocolError(f"{len(packed)} bytes are no whole frame: {error}") from None
    return data
