"""Cuts a byte stream into length-prefixed frames, whatever pieces it arrives in."""

from ._limits import LENGTH_PREFIX_BYTES
from .errors import LimitError, ProtocolError


def with_length(frame: bytes) -> bytes:
    """``frame`` behind its length."""
    return len(frame).to_bytes(LENGTH_PREFIX_BYTES, "big") + frame


class FrameReader:
    """Holds what has arrived and is not yet a whole frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the stream."""
        self._buffer += data

    def drop(self) -> None:
        """Forget everything that has arrived."""
        self._buffer.clear()

    @property
    def begun(self) -> bool:
        """Whether part of a frame has arrived."""
        return bool(self._buffer)

    def next_untrusted(self, bytes_max: int) -> bytes | None:
        """The next whole frame without its length, or None until more has arrived.

        Args:
            bytes_max: The largest frame allowed now.  A longer one is refused as soon as its
                length is known, before any of it needs to be held.

        Raises:
            WireError: the length is zero or above ``bytes_max``.
        """
        if len(self._buffer) < LENGTH_PREFIX_BYTES:
            return None
        size = int.from_bytes(self._buffer[:LENGTH_PREFIX_BYTES], "big")
        if size > bytes_max:
            raise LimitError(f"a frame of {size} bytes, at most {bytes_max} allowed now")
        if size == 0:
            raise ProtocolError("a frame of 0 bytes")
        end = LENGTH_PREFIX_BYTES + size
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            frame = bytes(view[LENGTH_PREFIX_BYTES:end])
        del self._buffer[:end]
        return frame
