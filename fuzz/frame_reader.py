# Invariant: whatever bytes arrive, in whatever pieces, the reader yields the frames that a plain
# reading of the whole stream yields or raises WireError, and the pieces do not change which.

from collections.abc import Iterable

from engram_wire import HANDSHAKE_BYTES_MAX, WireError
from engram_wire._reader import FrameReader, with_length

from ._run import require


def seeds() -> Iterable[bytes]:
    small, large = with_length(b"abc"), with_length(bytes(HANDSHAKE_BYTES_MAX))
    yield small * 5
    yield small + large + small
    yield with_length(bytes(HANDSHAKE_BYTES_MAX + 1))
    yield bytes(4)
    yield b"\xff" * 8


def model(data: bytes) -> list[bytes | None]:
    """The frames of the whole stream, and None where it must be refused."""
    frames: list[bytes | None] = []
    while len(data) >= 4:
        size = int.from_bytes(data[:4], "big")
        if not 0 < size <= HANDSHAKE_BYTES_MAX:
            return [*frames, None]
        if len(data) < 4 + size:
            break
        frames.append(data[4 : 4 + size])
        data = data[4 + size :]
    return frames


def read(pieces: Iterable[bytes]) -> list[bytes | None]:
    reader = FrameReader()
    frames: list[bytes | None] = []
    for piece in pieces:
        reader.feed(piece)
        try:
            while (frame := reader.next_untrusted(HANDSHAKE_BYTES_MAX)) is not None:
                frames.append(frame)
        except WireError:
            return [*frames, None]
    return frames


def check(data: bytes) -> None:
    expected = model(data)
    require(read([data]) == expected, "whole input reads as the model says")
    step = 1 + len(data) % 13
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    require(read(pieces) == expected, f"pieces of {step} read as the model says")
